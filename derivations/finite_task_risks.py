r"""Finitely many pre-training tasks, and what the layer makes of new ones.

Trained on a list of `K` tasks the layer is at the minimum for tasks of second moment
:math:`\Omega_K = \frac1K \sum_k w_k w_k^\top`, whatever else is true of the list. Shown new tasks
it pays the risk of a wrong prior. For white covariates both risks are sums over the spectrum of
:math:`\Omega_K`.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import sympy

from derivations import general_prior
from derivations.algebra import (
    Words,
    functions_of_covariance,
    reduced,
    substituted,
    symbols,
    symmetric,
)
from derivations.chain import ANY, SCALARS, Chain, Identity, step
from derivations.setting import GENERAL, LAMBDA, OMEGA, ZERO_MEAN, B, I, n, noise
from lsa_theory.diversity import spectral_risks
from lsa_theory.risk import risk

w, other = symbols("w w_2")
# for white covariates Ω_K and the gain commute
POOL, GAIN = functions_of_covariance("Omega_K B_K")
r, c, tau, share = sympy.symbols("r c tau epsilon", positive=True)  # ε = 1/N
beta = r / ((1 + share) * r + tau)


@step(ANY)
def a_list_is_its_second_moment() -> Iterator[Identity]:
    r"""The risk of any gain is affine in the second moment of the tasks: averaged over a list it is
    that of :math:`\Omega_K`. Shown for a list of two."""
    one, two = (
        risk(B, GENERAL.replace(task_covariance=0 * OMEGA, task_mean=task)) for task in (w, other)
    )
    moment = (w.outer(w) + other.outer(other)) / 2
    listed = risk(B, ZERO_MEAN.replace(task_covariance=moment))
    yield Identity((one + two) / 2, listed, r"\tfrac12 \sum_k \mathrm{risk}_k")


@step(ANY)
def in_distribution() -> Iterator[Identity]:
    r"""So the minimum is :math:`B = [(1 + \frac1N) \Omega_K \Lambda + \tau I]^{-1} \Omega_K`,
    :math:`\tau = (\operatorname{tr} \Lambda \Omega_K + \sigma^2) / N`, and its risk on the list
    :math:`\operatorname{tr} \Lambda \Omega_K - \operatorname{tr} \Lambda \Omega_K \Lambda B`."""
    best = general_prior.BEST
    law = ZERO_MEAN.replace(query_covariance=LAMBDA)
    stated = (LAMBDA @ OMEGA).trace() - (LAMBDA @ OMEGA @ LAMBDA @ best).trace()
    # the last factor B of the square, as the equation of the minimum has it
    found = risk(best, law)
    square = best.T @ general_prior.SUMMARY @ best @ LAMBDA
    cross = (best.T @ LAMBDA @ OMEGA @ LAMBDA).trace()
    whole = square.trace() - 2 * cross + (LAMBDA @ OMEGA).trace()
    yield Identity(found, whole, r"\mathrm{risk}(B)")
    gradient = reduced(general_prior.SUMMARY @ best - LAMBDA @ OMEGA, general_prior.RELATIONS)
    yield Identity(gradient, 0 * gradient, r"C B - \Lambda \Omega_K")
    at_minimum = (best.T @ LAMBDA @ OMEGA @ LAMBDA).trace() - 2 * cross + (LAMBDA @ OMEGA).trace()
    yield Identity(at_minimum, stated, r"\mathrm{risk}(B)")


@step(ANY)
def white_covariates() -> Iterator[Identity]:
    r"""For :math:`\Lambda = I` gain and :math:`\Omega_K` commute. In distribution the risk at the
    minimum is :math:`\operatorname{tr} \Omega_K (I - B)`; on new tasks of moment :math:`\Omega` it
    is :math:`\operatorname{tr} \Omega (I - B)^2 + \frac1N \operatorname{tr} \Omega B^2
    + \tau_\Omega \operatorname{tr} B^2`, :math:`\tau_\Omega = (\operatorname{tr} \Omega
    + \sigma^2) / N`."""
    law = ZERO_MEAN.replace(covariance=I, query_covariance=I)
    found = risk(GAIN, law)
    missed = (OMEGA @ (I - GAIN) @ (I - GAIN)).trace()
    spread = (OMEGA @ GAIN @ GAIN).trace() + (OMEGA.trace() + noise) * (GAIN @ GAIN).trace()
    yield Identity(symmetrised(found), symmetrised(missed + spread / n), r"\text{out}")


def symmetrised(words: Words) -> Words:
    """With Ω its own transpose."""
    (even,) = symmetric("Omega_S")
    return substituted(words, {"Omega": even})


@step(SCALARS)
def of_one_eigenvalue() -> Iterator[Identity]:
    r"""An eigenvalue `r` of :math:`\Omega_K` becomes :math:`\beta = r / ((1 + \frac1N) r + \tau)`
    of the gain, a ridge :math:`\eta = \tau / (1 + \frac1N)` on `R`. With
    :math:`\epsilon = \frac1N` the two sums over the spectrum, as the library takes them, are
    :math:`r (1 - \beta)` and :math:`c\, (1 - \beta)^2 + \epsilon\, c\, \beta^2 + \tau \beta^2`,
    where `c` is what :math:`\Omega` has in the same direction."""
    ridge = tau / (1 + share)
    yield Identity(beta, r / (r + ridge) / (1 + share), r"\beta")
    means = SimpleNamespace(
        share=r / (r + ridge),
        square=(r / (r + ridge)) ** 2,
        tested=c / (r + ridge),
        tested_square=c / (r + ridge) ** 2,
    )
    inside, _ = spectral_risks(means, r, tau, share)
    yield Identity(inside, r * (1 - beta), r"\text{in}")
    _, outside = spectral_risks(means, c, tau, share)
    stated = c * (1 - beta) ** 2 + share * c * beta**2 + tau * beta**2
    yield Identity(outside, stated, r"\text{out}")


@step(SCALARS)
def memorised() -> Iterator[Identity]:
    r"""A direction that no task of the list has, :math:`r = 0`, is answered by 0: new tasks lose
    all of it. Of fewer tasks than dimensions these are :math:`d - K`: with long contexts,
    :math:`\tau \to 0` and :math:`\epsilon \to 0`, the others lose nothing, and what is left of
    new tasks is :math:`1 - K/d`."""
    lost = c * (1 - beta) ** 2 + share * c * beta**2 + tau * beta**2
    yield Identity(lost.subs(r, 0), c, r"\text{out} \,\big|_{r = 0}")
    yield Identity(lost.subs({tau: 0, share: 0}), 0, r"\lim \text{out}")


@step(SCALARS)
def one_coincidence_forgotten() -> Identity:
    r""":math:`\beta = r / (r + \tau)`."""
    return Identity(beta, r / (r + tau), r"\beta")


@step(ANY)
def spread_of_the_pool() -> Identity:
    r"""New tasks with the spread of the pool's: :math:`\frac1N \operatorname{tr} \Omega_K B^2`."""
    law = ZERO_MEAN.replace(covariance=I, query_covariance=I)
    missed = (OMEGA @ (I - GAIN) @ (I - GAIN)).trace()
    spread = (POOL @ GAIN @ GAIN).trace() + (OMEGA.trace() + noise) * (GAIN @ GAIN).trace()
    return Identity(symmetrised(risk(GAIN, law)), symmetrised(missed + spread / n), r"\text{out}")


chain = Chain(
    (
        a_list_is_its_second_moment,
        in_distribution,
        white_covariates,
        of_one_eigenvalue,
        memorised,
    ),
    wrong=(one_coincidence_forgotten, spread_of_the_pool),
)
residuals = chain.residuals
