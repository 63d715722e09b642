r"""A covariance of its own for every prompt: one gain for all of them.

Prompts have features :math:`x \sim N(0, \Lambda_\tau)` with :math:`\Lambda_\tau` drawn anew. Given
it the loss on the block is that of a fixed covariance, a quadratic in the gain :math:`B = sU` with
:math:`\Gamma_\tau = (1 + \frac1N) \Lambda_\tau + \frac1N \operatorname{tr}(\Lambda_\tau) I`, and
its mean over draws is a quadratic too. (Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.5.)
Where a step shows a single draw, it is written :math:`\Lambda` without :math:`\tau`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

import numpy as np
import sympy

from derivations.algebra import (
    DIMENSION,
    LENGTH,
    Words,
    functions_of_covariance,
    gradient,
    mean,
    reduced,
    scalar,
    substituted,
    symbols,
)
from derivations.chain import ANY, SCALARS, Chain, Identity, step
from derivations.setting import (
    GAMMA,
    GAMMA_DEFINED,
    GAMMA_INVERSE,
    INVERSES,
    LAMBDA,
    B,
    I,
    U,
    block_loss,
    n,
    s,
    s_symbol,
)

AT_3 = "generic symbols at d = 3"
D, S = symbols("D S")
(COMMUTING,) = functions_of_covariance("B_Lambda")
PULL = GAMMA @ LAMBDA @ B @ LAMBDA - LAMBDA @ LAMBDA  # the slope of one draw's loss in B
SLOPE_U = substituted(PULL, {"B": s * U})

# of one draw with independent eigenvalues: the first, and the sum of the others
first, others = sympy.symbols("lambda T", positive=True)
SAMPLES = sympy.Symbol("K", integer=True, positive=True)  # of a Wishart law


def loss_of(gain: Words) -> Words:
    """Of one draw."""
    return substituted(block_loss(), {s_symbol: 1, "U": gain})


@step(ANY)
def the_stationary_equation() -> Iterator[Identity]:
    r"""The slope of one draw's loss in :math:`U` is :math:`s (\Gamma\Lambda B \Lambda -
    \Lambda^2)`, and :math:`s\, \partial L/\partial s` its product with :math:`U`. So the mean loss
    is stationary, off :math:`s = 0`, if and only if
    :math:`E[\Gamma_\tau \Lambda_\tau B \Lambda_\tau] = E[\Lambda_\tau^2]`."""
    loss = block_loss()
    yield Identity(gradient(loss, "U"), s * SLOPE_U, r"\partial L/\partial U")
    product = s * (U.T @ SLOPE_U).trace()
    yield Identity(s * gradient(loss, s_symbol), product, r"s\, \partial L/\partial s")


@step(ANY)
def a_solution_is_a_minimum() -> Identity:
    r"""From :math:`B` to :math:`B + D` one draw's loss changes by
    :math:`\operatorname{tr}(D^\top (\Gamma\Lambda B\Lambda - \Lambda^2))`, whose mean vanishes at a
    solution, and by :math:`\frac12 \operatorname{tr}(\Gamma\Lambda D \Lambda D^\top)`, half of a
    squared norm: positive if :math:`\Lambda` has an inverse with positive probability, and then the
    solution is one only."""
    norm = (GAMMA @ LAMBDA @ D @ LAMBDA @ D.T).trace() / 2
    return Identity(loss_of(B + D) - loss_of(B), (D.T @ PULL).trace() + norm, "L(B + D) - L(B)")


@step(ANY)
def the_balanced_scale() -> Iterator[Identity]:
    r"""The mean flow conserves :math:`c = s^2 - \|U\|_F^2`, since every draw does. At :math:`c = 0`
    the gain fixes the layer: :math:`\|B\|_F^2 = s^4`, hence :math:`s = \|B\|_F^{1/2}` and
    :math:`U = B / s`."""
    balance = s * s - (U @ U.T).trace()
    loss = block_loss()
    changes = -2 * s * gradient(loss, s_symbol) + 2 * (U.T @ gradient(loss, "U")).trace()
    yield Identity(changes, 0 * s, r"\frac{d}{dt} \left( s^2 - \|U\|_F^2 \right)")
    size = (s * U @ (s * U).T).trace()
    yield Identity(s**4 - s * s * balance, size, r"s^4 - s^2 c = \|B\|_F^2")


@step(ANY)
def the_same_draw_every_time() -> Identity:
    r"""If :math:`\Lambda_\tau` is always the same, :math:`\Gamma^{-1}` is the solution."""
    pull = substituted(PULL, {"B": GAMMA_INVERSE})
    return Identity(
        reduced(pull, INVERSES), 0 * B, r"\Gamma \Lambda \Gamma^{-1} \Lambda - \Lambda^2"
    )


@step(ANY)
def draws_that_commute() -> Identity:
    r"""A gain :math:`B_\Lambda` that commutes with all draws can be taken out of the mean: it
    solves the equation if :math:`E[\Gamma_\tau \Lambda_\tau^2]\, B_\Lambda = E[\Lambda_\tau^2]`."""
    pull = GAMMA @ LAMBDA @ COMMUTING @ LAMBDA
    return Identity(pull, GAMMA @ LAMBDA @ LAMBDA @ COMMUTING, r"\Gamma \Lambda B_\Lambda \Lambda")


@step(AT_3)
def diagonal_draws() -> Identity:
    r"""For diagonal draws the equation is one for each entry,
    :math:`E[\gamma_i \lambda_i \lambda_j]\, B_{ij} = E[\lambda_i^2]\, \delta_{ij}`, with positive
    factors: :math:`B` is diagonal, :math:`B = (E[\Gamma_\tau \Lambda_\tau^2])^{-1}
    E[\Lambda_\tau^2]`."""
    x = sympy.symbols("lambda_1:4", positive=True)
    g = [((LENGTH + 1) * each + sum(x)) / LENGTH for each in x]
    b = np.array(sympy.symbols("B_1:4_1:4"), dtype=object).reshape(3, 3)
    context = np.diag(x)
    factors = np.array([[g[i] * x[i] * x[j] for j in range(3)] for i in range(3)])
    label = r"\Gamma \Lambda B \Lambda"
    return Identity(np.diag(g) @ context @ b @ context, factors * b, label)


def over_exponentials(polynomial: sympy.Expr) -> sympy.Expr:
    """The mean of a polynomial in Exp(1) eigenvalues, of degree one in the sum of the others."""
    terms = sympy.Poly(polynomial, first, others).terms()
    assert all(power <= 1 for (_, power), _ in terms)
    return sum(c * moment(k) * (DIMENSION - 1) ** power for (k, power), c in terms)


@cache
def moment(k: int) -> sympy.Expr:
    return sympy.integrate(first**k * sympy.exp(-first), (first, 0, sympy.oo))


CUBED = ((LENGTH + 1) * first + first + others) / LENGTH * first**2  # γ_1 λ_1²
EXPONENTIAL_GAIN = 2 / (6 * (1 + 1 / LENGTH) + (2 * DIMENSION + 4) / LENGTH)


@step(SCALARS)
def exponential_eigenvalues() -> Iterator[Identity]:
    r"""For independent eigenvalues of density :math:`e^{-\lambda}`, :math:`E \lambda^k = k!`, and
    :math:`\gamma_1 = \frac1N [(N + 1) \lambda_1 + \lambda_1 + \sum_{j > 1} \lambda_j]`."""
    for k in (1, 2, 3):
        yield Identity(moment(k), sympy.factorial(k), rf"E \lambda^{k}")
    found = over_exponentials(sympy.expand(CUBED))
    yield Identity(found, 2 / EXPONENTIAL_GAIN, r"E \gamma_1 \lambda_1^2")
    label = r"E \lambda_1^2 / E \gamma_1 \lambda_1^2"
    yield Identity(moment(2) / found, EXPONENTIAL_GAIN, label)


# --- a law whose draws do not commute ---


def over_law(words: Words) -> Words:
    """Over a Wishart law: the draw is the sample covariance of `K` Gaussians."""
    return substituted(mean(words), {LENGTH: SAMPLES})


@cache
def wishart_pull() -> Words:
    r"""`E[Γ_τ Λ_τ B Λ_τ]`."""
    return ((n + 1) * over_law(S @ S @ B @ S) + over_law(S.trace() * (S @ B @ S))) / n


def at_white(words: Words) -> Words:
    return substituted(words, {"Lambda": I, "B": I})


@step(ANY)
def wishart_draws() -> Iterator[Identity]:
    r"""Let :math:`K \Lambda_\tau` be Wishart with :math:`K` degrees of freedom and mean
    :math:`K \Lambda`. The stationary equation is a sum of words in :math:`\Lambda` and
    :math:`B`, and as :math:`K \to \infty` that of the mean covariance."""
    k = scalar(SAMPLES)
    square = LAMBDA @ LAMBDA + (LAMBDA @ LAMBDA + LAMBDA.trace() * LAMBDA) / k
    yield Identity(over_law(S @ S), square, r"E \Lambda_\tau^2")
    last = {key: sympy.limit(c, SAMPLES, sympy.oo) for key, c in wishart_pull().terms.items()}
    stated = GAMMA_DEFINED @ LAMBDA @ B @ LAMBDA
    label = r"\lim_{K \to \infty} E[\Gamma_\tau \Lambda_\tau B \Lambda_\tau]"
    yield Identity(Words(2, last), stated, label)


@step(ANY)
def white_wishart_draws() -> Iterator[Identity]:
    r"""For :math:`\Lambda = I` a multiple of the identity solves it. With
    :math:`E[\Lambda_\tau^2] = E_2 I`, :math:`E[\Lambda_\tau^3] = E_3 I` and
    :math:`E[\operatorname{tr}(\Lambda_\tau) \Lambda_\tau^2] = E_{12} I` it is
    :math:`B = \frac{N E_2}{(N + 1) E_3 + E_{12}} I`."""
    d, k = DIMENSION, SAMPLES
    second = 1 + (d + 1) / k
    third = 1 + 3 * (d + 1) / k + (d**2 + 3 * d + 4) / k**2
    mixed = (d + 4 / k) * second
    yield Identity(at_white(over_law(S @ S)), second * I, "E_2 I")
    yield Identity(at_white(over_law(S @ S @ S)), third * I, "E_3 I")
    yield Identity(at_white(over_law(S.trace() * S @ S)), mixed * I, "E_{12} I")
    total = ((LENGTH + 1) * third + mixed) / LENGTH
    yield Identity(at_white(wishart_pull()), total * I, r"E[\Gamma_\tau \Lambda_\tau^2]")


@step(SCALARS)
def moments_of_one_draw_for_all() -> Identity:
    r"""The solution at the mean covariance, :math:`\gamma = 1 + (1 + d) / N` for eigenvalues of
    mean 1, in the place of that of the mean equation."""
    gain = LENGTH / (LENGTH + 1 + DIMENSION)
    return Identity(gain * over_exponentials(sympy.expand(CUBED)), moment(2))


@step(SCALARS)
def factors_averaged_one_by_one() -> Identity:
    r""":math:`E[\gamma]\, E[\lambda^2]` for :math:`E[\gamma \lambda^2]`."""
    split = over_exponentials(sympy.expand(CUBED / first**2)) * moment(2)
    return Identity(split, over_exponentials(sympy.expand(CUBED)))


chain = Chain(
    (
        the_stationary_equation,
        a_solution_is_a_minimum,
        the_balanced_scale,
        the_same_draw_every_time,
        draws_that_commute,
        diagonal_draws,
        exponential_eigenvalues,
        wishart_draws,
        white_wishart_draws,
    ),
    wrong=(moments_of_one_draw_for_all, factors_averaged_one_by_one),
)
residuals = chain.residuals
