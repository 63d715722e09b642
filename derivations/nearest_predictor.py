r"""Which of two Bayes predictors the trained layer is near.

With white covariates and the summary :math:`h = S w + \epsilon` of a context the layer has the
weights :math:`B h`, and ridge regression :math:`F h` with :math:`F = (S + \gamma)^{-1}`,
:math:`\gamma = \sigma^2 / N`; one that knows the list has the task itself. `R` is the second moment
of the list, :math:`\langle R \rangle = 1`, and :math:`B = R (R + \tau)^{-1}` for a long context.
"""

from __future__ import annotations

from collections.abc import Iterator

import sympy

from derivations.algebra import Words, mean, reduced, scalar, substituted, symbols, symmetric
from derivations.chain import ANY, SCALARS, Chain, Identity, step
from derivations.population_loss import S as SAMPLE
from derivations.setting import I, n
from lsa_theory.nearest import distances

S, F, B, R = symmetric("S_x F_S B_R R_K")
(G,) = symbols("G")
gamma = scalar("gamma")
RIDGE = {("F_S", "S_x"): I - gamma * F}  # (S + γ) F = I
phi, tau, m, g, beta, seen, s, a = sympy.symbols("phi tau m gamma beta omega s a", positive=True)


def square(of: Words, minus: Words) -> Words:
    """Of the difference of weights `of h` and `minus w`, over tasks of the list and label noise."""
    missed = of @ S - minus
    return (R @ missed.T @ missed).trace() + gamma * (of.T @ of @ S).trace()


def crossed() -> Words:
    """The product of what the layer and what ridge misses, which share a context."""
    missed = (R @ (S @ B - I) @ (F @ S - I)).trace()
    return missed + gamma * (B @ F @ S).trace()


@step(ANY)
def three_squares() -> Identity:
    r"""Both see the same context, so the distance of layer and ridge is the sum of their risks less
    twice a cross term: :math:`E \|B h - F h\|^2 = E \|B h - w\|^2 + E \|F h - w\|^2 - 2 c`."""
    whole = square(B - F, 0 * I)
    return Identity(whole, square(B, I) + square(F, I) - 2 * crossed(), r"E \|B h - F h\|^2")


@step(ANY)
def the_cross_term() -> Identity:
    r"""With :math:`F S = I - \gamma F` that term is :math:`c = \gamma \operatorname{tr} [R F - R S
    B F + B (I - \gamma F)]`."""
    stated = (R @ F).trace() - (R @ S @ B @ F).trace() + (B - gamma * (B @ F)).trace()
    return Identity(reduced(crossed(), RIDGE), gamma * stated, "c")


@step(ANY)
def contexts_turn() -> Identity:
    r"""A context knows no direction: averaged over rotations of `S` a product
    :math:`S B f(S)` becomes :math:`\langle S \rangle \langle f \rangle (B - \langle B \rangle) +
    \langle S f \rangle \langle B \rangle`, to leading order in `d`. For :math:`f = S` Wishart's
    moment says so, with :math:`\langle S^2 \rangle = 1 + \frac{d}{N}`; of lower order is the
    transpose."""
    found = substituted(mean(SAMPLE @ G @ SAMPLE), {"Lambda": I})
    turned = G + G.trace() * I / n  # 1 (B − ⟨B⟩) + (1 + d/N) ⟨B⟩
    return Identity(found, turned + G.T / n, "E[S B S]")


@step(SCALARS)
def in_the_limit() -> Iterator[Identity]:
    r"""So with :math:`m = \langle F \rangle`, :math:`\langle S F \rangle = 1 - \gamma m`,
    :math:`\langle R B \rangle = \omega` and :math:`\langle B \rangle = \beta` the cross term is
    :math:`\gamma m\, [1 - \omega + \beta]` per dimension. Ridge misses
    :math:`\frac{\gamma^2 + \gamma s}{(s + \gamma)^2} = \frac{\gamma}{s + \gamma}` of each
    direction, :math:`\gamma m` in all, and the distance to it is that to the task, plus
    :math:`\gamma m\, [2 (\omega - \beta) - 1]`."""
    turned = m * (seen - beta) + (1 - g * m) * beta
    cross = g * (m - turned + beta * (1 - g * m))
    yield Identity(cross, g * m * (1 - seen + beta), "c")
    yield Identity((g**2 + g * s) / (s + g) ** 2, g / (s + g))
    yield Identity(g * m - 2 * cross, g * m * (2 * (seen - beta) - 1))


@step(SCALARS)
def by_one_mean() -> Iterator[Identity]:
    r"""As :math:`\omega = \langle R \rangle - \tau \beta` and :math:`\beta = \phi`, this is
    :math:`\gamma m\, [1 - 2 (1 + \tau) \phi]`; and the distance to the task is
    :math:`\langle R (1 - B) \rangle = \tau \phi`: the library's."""
    missed = (g * m * (2 * (seen - beta) - 1)).subs({seen: 1 - tau * phi, beta: phi})
    near, farther = distances(phi, tau, g * m)
    yield Identity(near, tau * phi, r"\text{to the list}")
    yield Identity(farther, tau * phi + missed, r"\text{to ridge}")


@step(SCALARS)
def as_near_to_both() -> Iterator[Identity]:
    r"""They are equal at :math:`\phi = \frac{1}{2 (1 + \tau)}`. For the Marchenko–Pastur law
    :math:`\phi = \frac{1}{1 + a}` with :math:`\tau = a (1 - \frac{\phi}{r})`: there
    :math:`a = 1 + 2 \tau`, and :math:`r = \frac{1 + 2 \tau}{2 (1 + \tau)^2}`."""
    near, farther = distances(1 / (2 * (1 + tau)), tau, g * m)
    yield Identity(near, farther, r"\text{to the list}")
    ratio = (1 + 2 * tau) / (2 * (1 + tau) ** 2)
    there = {phi: 1 / (1 + a), a: 1 + 2 * tau}
    found = (a * (1 - phi / ratio)).subs(phi, 1 / (1 + a)).subs(a, there[a])
    yield Identity(found, tau, r"a (1 - \phi / r)")


@step(SCALARS)
def noise_of_ones_own() -> Identity:
    r"""As if layer and ridge had label noise of their own: :math:`\gamma \beta (1 - \gamma m)` is
    dropped from the cross term."""
    turned = m * (seen - beta) + (1 - g * m) * beta
    return Identity(g * (m - turned), g * m * (1 - seen + beta), "c")


chain = Chain(
    (three_squares, the_cross_term, contexts_turn, in_the_limit, by_one_mean, as_near_to_both),
    wrong=(noise_of_ones_own,),
)
residuals = chain.residuals
