r"""Where least squares overtakes the trained layer, and what one rescaling repairs.

On any test law the risk of the gain `c B` is a parabola in `c`: rescaling `s`, and nothing else of
the layer, has one best factor in closed form. Least squares knows no shift but pays for noise.
Under scaled covariates, :math:`\Lambda_c = c I`, the difference of the two risks is a cubic in `c`
over `c`: its roots are the crossings.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from derivations import least_squares_risk, shift_limits
from derivations.algebra import DIMENSION, LENGTH, Words, scalar, substituted
from derivations.chain import ANY, SCALARS, Chain, Identity, step
from derivations.setting import QUERY, B, I, n, noise, noise_symbol
from derivations.shifted_risk import (
    CONSTANT,
    CURVATURE,
    LAMBDA_C,
    MISSED,
    SECOND_MOMENT,
    TEST,
    M,
    M_symbol,
)
from lsa_theory.minimum import block_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk

c_symbol, b_symbol = sympy.Symbol("c", positive=True), sympy.Symbol("b", positive=True)
c, b, d = scalar(c_symbol), scalar(b_symbol), scalar(DIMENSION)

ZERO = risk(0 * B, TEST)  # e
CROSS = (B.T @ LAMBDA_C @ SECOND_MOMENT @ QUERY).trace()  # b
SQUARE = risk(B, TEST) + 2 * CROSS - ZERO  # a


@step(ANY)
def a_parabola() -> Iterator[Identity]:
    r"""With the gain `c B` the risk is :math:`a c^2 - 2 b c + e`: `e` is the risk of the zero
    predictor, :math:`b = \operatorname{tr}(B^\top \Lambda_c W \Lambda_q)`, and
    :math:`a = E \|B^\top h\|^2_{\Lambda_q}` is positive."""
    yield Identity(risk(c * B, TEST), SQUARE * c * c - 2 * CROSS * c + ZERO, r"\mathrm{risk}(c B)")
    yield Identity(ZERO, (QUERY @ SECOND_MOMENT).trace(), "e")
    kept = B.T @ LAMBDA_C
    bias = ((MISSED.T @ QUERY @ MISSED) @ SECOND_MOMENT).trace()
    spread = (CURVATURE @ SECOND_MOMENT).trace() + CONSTANT - bias
    stated = (kept.T @ QUERY @ kept @ SECOND_MOMENT).trace() + spread
    yield Identity(SQUARE, stated, r"E \|B^\top h\|^2_{\Lambda_q}")


@step(ANY)
def from_two_risks() -> Iterator[Identity]:
    r"""Three values fix a parabola: the risks of 0, `B` and `2 B` give
    :math:`a = \frac12 [\mathrm{risk}(2 B) - 2\, \mathrm{risk}(B) + e]` and
    :math:`b = \frac12 [a + e - \mathrm{risk}(B)]`."""
    whole, doubled = risk(B, TEST), risk(2 * B, TEST)
    yield Identity((doubled - 2 * whole + ZERO) / 2, SQUARE, "a")
    yield Identity((SQUARE + ZERO - whole) / 2, CROSS, "b")


@step(SCALARS)
def one_factor_repairs() -> Iterator[Identity]:
    r"""The square completed: the risk above :math:`e - b^2 / a` is :math:`a (c - b / a)^2`, never
    negative, and 0 at the factor :math:`c^* = b / a` alone."""
    square, cross, zero = sympy.symbols("a b e", positive=True)
    parabola = square * c_symbol**2 - 2 * cross * c_symbol + zero
    least = zero - cross**2 / square
    stated = square * (c_symbol - cross / square) ** 2
    yield Identity(parabola - least, stated, r"\mathrm{risk}(c B) - (e - b^2 / a)")


WHITE_TRAIN = GaussianPrompts(I, n, noise_variance=noise, task_covariance=I)
WHITE = GaussianPrompts(c * I, M, noise_variance=noise, task_covariance=I, query_covariance=I)
LAYER = risk(b * I, WHITE)
SQUARES = substituted(least_squares_risk.DETERMINED, {"Lambda^-1": I / c, "Lambda_q": I})


@step(ANY)
def the_trained_gain() -> Identity:
    r"""White features, tasks :math:`N(0, I)`: the layer is trained to :math:`b I` with
    :math:`b = \frac{N}{N + 1 + d + \sigma^2}`."""
    stated = n * I / (n + 1 + d + noise)
    return Identity(block_minimum(WHITE_TRAIN).gain, stated, "B")


@step(ANY)
def layer_and_least_squares() -> Iterator[Identity]:
    r"""On contexts of covariance :math:`c I` the layer's risk is
    :math:`d\, \big[ (b c - 1)^2 + \frac{b^2}M ((d + 1) c^2 + \sigma^2 c) \big]`, that of least
    squares :math:`\frac{\sigma^2 d}{c (M - d - 1)}`."""
    layer = (b * c - 1) * (b * c - 1) + b * b * ((d + 1) * c * c + noise * c) / M
    yield Identity(LAYER, d * layer, r"\mathrm{risk}")
    yield Identity(SQUARES, noise * d / (c * (M - d - 1)), r"\mathrm{risk}_{\mathrm{LS}}")


def cubic() -> Any:
    """The coefficients, from the highest power."""
    square = b * b * (1 + (d + 1) / M)
    return square, b * b * noise / M - 2 * b, 1 + 0 * d, -noise / (M - d - 1)


@step(ANY)
def the_crossings() -> Iterator[Identity]:
    r"""The difference times :math:`c / d` is the cubic
    :math:`b^2 (1 + \frac{d + 1}M) c^3 + (\frac{b^2 \sigma^2}M - 2 b) c^2 + c
    - \frac{\sigma^2}{M - d - 1}`, negative at 0: least squares overtakes at its least positive
    root, and there are one or three, with their multiplicities."""
    stated = Words(0, {})
    for coefficient in cubic():
        stated = stated * c + coefficient
    yield Identity((LAYER - SQUARES) * c / d, stated, r"\tfrac cd \Delta(c)")


@step(ANY)
def never_ahead_without_noise() -> Iterator[Identity]:
    r"""Without noise least squares has no risk and the cubic over `c` is a sum of squares,
    :math:`(b c - 1)^2 + \frac{d + 1}M (b c)^2 > 0`: the layer is behind at every scale."""
    silent = {noise_symbol: 0}
    yield Identity(substituted(SQUARES, silent), 0, r"\mathrm{risk}_{\mathrm{LS}}")
    squares = (b * c - 1) * (b * c - 1) + (d + 1) * (b * c) * (b * c) / M
    yield Identity(substituted(LAYER / d, silent), squares, r"\tfrac1d \Delta(c)")


@step(SCALARS)
def in_long_contexts() -> Iterator[Identity]:
    r"""As both contexts grow, :math:`b \to 1`, the noise costs least squares nothing more, and the
    layer is left with :math:`(c - 1)^2` of the signal, of any covariance: with
    :math:`\epsilon = \frac1N = \frac1M` that is the value at :math:`\epsilon = 0`. Rescaled by
    :math:`c^* = \frac1c` it would be left with nothing."""
    epsilon = sympy.Symbol("epsilon", positive=True)
    gain = sympy.cancel(1 / (1 + epsilon * (1 + DIMENSION + noise_symbol)))
    (layer,), (squares,) = LAYER.terms.values(), SQUARES.terms.values()
    long = {M_symbol: 1 / epsilon, LENGTH: 1 / epsilon, b_symbol: gain}
    left = [sympy.cancel(x.subs(long)).subs(epsilon, 0) for x in (layer / DIMENSION, squares)]
    yield Identity(left[0], (c_symbol - 1) ** 2, r"\lim \tfrac1d \mathrm{risk}")
    yield Identity(left[1], 0, r"\lim \mathrm{risk}_{\mathrm{LS}}")
    signal = risk(0 * B, shift_limits.SHIFTED)
    found = substituted(shift_limits.LIMIT, {"Lambda_c": c * shift_limits.LAMBDA})
    yield shift_limits.same(found, (c - 1) * (c - 1) * signal, r"\lim \mathrm{risk}")


@step(ANY)
def one_pairing_forgotten() -> Identity:
    r"""`d` for :math:`d + 1` in the layer's variance."""
    layer = (b * c - 1) * (b * c - 1) + b * b * (d * c * c + noise * c) / M
    return Identity(LAYER, d * layer, r"\mathrm{risk}")


@step(ANY)
def noise_left_out_of_the_parabola() -> Identity:
    r""":math:`a` without what label noise adds."""
    silent = substituted(SQUARE, {noise_symbol: 0})
    return Identity(risk(c * B, TEST), silent * c * c - 2 * CROSS * c + ZERO, r"\mathrm{risk}(c B)")


chain = Chain(
    (
        a_parabola,
        from_two_risks,
        one_factor_repairs,
        the_trained_gain,
        layer_and_least_squares,
        the_crossings,
        never_ahead_without_noise,
        in_long_contexts,
    ),
    wrong=(one_pairing_forgotten, noise_left_out_of_the_parabola),
)
residuals = chain.residuals
