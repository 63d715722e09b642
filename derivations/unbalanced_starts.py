r"""The limit from any balance, and a wider condition under which it is reached.

The flow on the block conserves :math:`c = s^2 - \|U\|_F^2`, of either sign. Where it ends at a
minimum :math:`sU = B`, both together are a quadratic equation for :math:`s^2` with one positive
root. It ends there if :math:`s` keeps away from 0, for which either of two things is enough: a
positive balance, or a loss below that of the zero predictor. Any zero-mean prior, label noise and
query law; :math:`C`, :math:`R` and :math:`G` are those of `saddle`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy

from derivations.algebra import (
    LENGTH,
    Words,
    derivative,
    reduced,
    scalar,
    slope,
    substituted,
    symbols,
)
from derivations.chain import ANY, AT_2, SCALARS, Chain, Identity, step
from derivations.saddle import FLOW, LOSS, PLATEAU, SLOPE_S, SLOPE_U, C, G, R, quadratic
from derivations.setting import QUERY, B, U, s, s_symbol
from lsa_theory.basin import least_scale
from lsa_theory.minimum import Minimum, squared_scale
from lsa_theory.prompts import GaussianPrompts

K, M, H, ERROR = symbols("K M H E")
PULL = (R @ U.T).trace()
BALANCE = s * s - (U @ U.T).trace()
OPTIMAL = {("C", "B", "Lambda_q"): R}  # what makes a gain B a minimiser


def squared_norm(matrix: Words) -> Words:
    return (matrix @ matrix.T).trace()


SQUARED_SLOPE = squared_norm(SLOPE_U) + SLOPE_S * SLOPE_S


@step(ANY)
def the_flow() -> Iterator[Identity]:
    r"""Along the flow equations the balance does not change, and the loss falls by the squared
    gradient."""
    yield Identity(derivative(BALANCE, FLOW), 0, r"\frac{d}{dt}(s^2 - \|U\|_F^2)")
    yield Identity(derivative(LOSS, FLOW), -SQUARED_SLOPE, r"\dot L = -\|\nabla L\|^2")


@step(ANY)
def the_quadratic() -> Iterator[Identity]:
    r"""The gain has :math:`\|sU\|_F^2 = s^2 (s^2 - c)`. At the end it is :math:`B`:
    :math:`x = s^2` solves :math:`x^2 - c x - \|B\|_F^2 = 0`."""
    yield Identity(squared_norm(s * U), s * s * (s * s - BALANCE), r"\|sU\|_F^2 = s^2 (s^2 - c)")


# --- its positive root ---

x, m, q = sympy.symbols("x m q", positive=True)
size = sympy.Symbol("c", positive=True)  # of the balance
BALANCES = (size, sympy.Integer(0), -size)


def positive_root(balance: sympy.Expr, product: sympy.Expr) -> sympy.Expr:
    return (balance + sympy.sqrt(balance**2 + 4 * product)) / 2


@step(SCALARS)
def the_root() -> Iterator[Identity]:
    r"""With :math:`r = \frac12 \big( c + \sqrt{c^2 + 4 q^2} \big) > 0` it factors as
    :math:`x^2 - c x - q^2 = (x - r)(x + q^2 / r)`: where :math:`x > 0` and :math:`q \ne 0`,
    :math:`r` is the one root, and the left side is :math:`\ge 0` for :math:`x \ge r` alone."""
    balance = sympy.Symbol("c", real=True)
    r = positive_root(balance, q**2)
    yield Identity((x - r) * (x + r - balance), x**2 - balance * x - q**2)
    yield Identity(r * (r - balance), q**2, "r (r - c)")


@step(SCALARS)
def the_root_in_the_library() -> Iterator[Identity]:
    r"""As the library has it, free of cancellation: for :math:`c < 0` as
    :math:`2 q^2 / \big( \sqrt{c^2 + 4 q^2} - c \big)`."""
    for balance in BALANCES:
        found = squared_scale(balance, q**2)
        label = rf"\mathrm{{squared\_scale}}({balance}, q^2) - r"
        yield Identity(found - positive_root(balance, q**2), 0, label)


@step(AT_2)
def the_library(formula: Any = Minimum.layer) -> Iterator[Identity]:
    r"""The library's layer of a given balance, positive, negative or 0, and of either sign, has
    this gain, this balance and this sign."""
    first, mixed, second = sympy.symbols("b_11 b_12 b_22", positive=True)
    gain = np.array([[first, mixed], [mixed, second]], dtype=object)
    minimum = Minimum(gain, sympy.Integer(0), GaussianPrompts(gain, LENGTH))
    for balance in BALANCES:
        for sign in (1, -1):
            layer = formula(minimum, balance, sign)
            yield Identity(layer.gain, gain, "sU")
            yield Identity(layer.balance, balance, r"s^2 - \|U\|_F^2")
            yield Identity(sympy.sign(layer.s), sign, r"\operatorname{sign} s")


# --- what keeps s away from 0 ---


@step(ANY)
def a_positive_balance() -> Identity:
    r"""Since :math:`s^2 - c = \|U\|_F^2 \ge 0`, at all times :math:`s^2 \ge c`."""
    return Identity(s * s - BALANCE, squared_norm(U), "s^2 - c")


@step(ANY)
def a_low_loss() -> Iterator[Identity]:
    r"""With :math:`L_0 = \frac12 \operatorname{tr}(\Omega\Lambda_q)`, the loss of the zero
    predictor, and :math:`C = H H^\top`, :math:`\Lambda_q = M M^\top`,
    :math:`s \operatorname{tr}(R U^\top) - (L_0 - L) = \frac12 \|H^\top sU M\|_F^2 \ge 0`. The
    loss never rises: if :math:`\delta = L_0 - L(0) > 0`, then for ever
    :math:`\delta \le s \operatorname{tr}(R U^\top)`."""
    left = s * PULL - (PLATEAU - LOSS)
    roots = {"C": H @ H.T, "Lambda_q": M @ M.T}
    label = r"s \operatorname{tr}(R U^\top) - (L_0 - L)"
    yield Identity(left, (C @ U @ QUERY @ U.T).trace() * s * s / 2, label)
    right = squared_norm(H.T @ (s * U) @ M)
    label = r"s^2 \operatorname{tr}(C U \Lambda_q U^\top)"
    yield Identity(substituted(2 * left, roots), right, label)


@step(ANY)
def cauchy_schwarz() -> Iterator[Identity]:
    r"""For :math:`W = \|R\|_F^2\, U - \operatorname{tr}(R U^\top) R`,
    :math:`\|R\|_F^2 \|U\|_F^2 - \operatorname{tr}(R U^\top)^2 = \|W\|_F^2 / \|R\|_F^2 \ge 0`. So
    :math:`\delta^2 \le s^2 \operatorname{tr}(R U^\top)^2 \le \|R\|_F^2\, s^2 (s^2 - c)`."""
    size = squared_norm(R)
    rest = size * U - PULL * R
    label = r"\|R\|_F^2 \, \big( \|R\|_F^2 \|U\|_F^2 - \operatorname{tr}(R U^\top)^2 \big)"
    yield Identity(size * (size * squared_norm(U) - PULL * PULL), squared_norm(rest), label)


@step(SCALARS)
def the_bound() -> Identity:
    r"""With :math:`m = \delta / \|R\|_F > 0` this says that :math:`x = s^2` has
    :math:`x (x - c) - m^2 \ge 0`, the quadratic above. Its second factor is positive, so
    :math:`x \ge r = \frac12 \big( c + \sqrt{c^2 + 4 m^2} \big)`: the library's bound
    `squared_scale(c, m²)`, for :math:`m = 0` that of a positive balance."""
    r = sympy.Symbol("r", positive=True)
    return Identity(x * (x - (r - m**2 / r)) - m**2, (x - r) * (x + m**2 / r), "x (x - c) - m^2")


@step(SCALARS)
def the_bound_in_the_library() -> Iterator[Identity]:
    r"""It takes the root of :math:`r`, from :math:`\delta > 0` and :math:`\|R\|_F`; where
    :math:`\delta \le 0`, for a positive balance, that of :math:`c`."""
    norm, below = sympy.symbols(r"\|R\|_F delta", positive=True)
    for balance in BALANCES:
        found = least_scale(balance, below, norm)
        stated = positive_root(balance, (below / norm) ** 2)
        yield Identity(found**2 - stated, 0, rf"\underline s({balance}, \delta)^2 - r")
    yield Identity(least_scale(size, -below, norm), sympy.sqrt(size), r"\underline s(c, -\delta)")


@step(ANY)
def no_scale_at_the_start() -> Identity:
    r"""From :math:`s = 0` the loss is :math:`L_0` and falls at the rate
    :math:`\operatorname{tr}(R U^\top)^2`: if that is not 0, it is below :math:`L_0` at any later
    time, from which on the bound holds."""
    label = r"-\dot L(s = 0)"
    return Identity(substituted(SQUARED_SLOPE, {s_symbol: 0}), PULL * PULL, label)


# --- and then the flow ends at the minimum ---


@step(ANY)
def the_excess() -> Iterator[Identity]:
    r"""Let :math:`C B \Lambda_q = R` (see `general_prior`) and :math:`E = sU - B`. Then
    :math:`G = C E \Lambda_q`, and the loss exceeds that at the gain :math:`B` by
    :math:`\frac12 \operatorname{tr}(C E \Lambda_q E^\top) \ge 0`."""
    error = s * U - B
    yield Identity(reduced(C @ error @ QUERY, OPTIMAL), G, r"C E \Lambda_q")
    excess = (C @ error @ QUERY @ error.T).trace() / 2
    label = r"\tfrac12 \operatorname{tr}(C E \Lambda_q E^\top)"
    yield Identity(reduced(excess, OPTIMAL), reduced(LOSS - quadratic(B), OPTIMAL), label)


@step(ANY)
def the_slope_in_u_alone() -> Identity:
    r""":math:`\|\nabla L\|^2 - s^2 \|G\|_F^2 = \operatorname{tr}(G U^\top)^2 \ge 0`."""
    label = r"\|\nabla L\|^2 - s^2 \|G\|_F^2"
    return Identity(SQUARED_SLOPE - s * s * squared_norm(G), SLOPE_S * SLOPE_S, label)


@step(ANY)
def two_factors() -> Iterator[Identity]:
    r"""Let :math:`\ell_C` and :math:`\ell_q` be the smallest *positive* eigenvalues of
    :math:`C` and :math:`\Lambda_q`, so that :math:`C^2 = \ell_C C + K K^\top` and
    :math:`\Lambda_q^2 = \ell_q \Lambda_q + M M^\top`. Then, with :math:`C = H H^\top`,
    :math:`\|C E \Lambda_q\|_F^2 - \ell_C \ell_q \operatorname{tr}(C E \Lambda_q E^\top)
    = \|K^\top E \Lambda_q\|_F^2 + \ell_C\, \|H^\top E M\|_F^2 \ge 0`, and so
    :math:`\|\nabla L\|^2 \ge 2 s^2 \ell_C \ell_q\, (L - \min L)`."""
    least_c, least_q = scalar("ell_C"), scalar("ell_q")
    parts = {("C", "C"): least_c * C + K @ K.T, ("Lambda_q",) * 2: least_q * QUERY + M @ M.T}
    left = (
        squared_norm(C @ ERROR @ QUERY) - least_c * least_q * (C @ ERROR @ QUERY @ ERROR.T).trace()
    )
    half = (C @ ERROR @ M @ (ERROR @ M).T).trace()
    right = squared_norm(K.T @ ERROR @ QUERY) + least_c * half
    label = r"\|C E \Lambda_q\|_F^2 - \ell_C \ell_q \operatorname{tr}(C E \Lambda_q E^\top)"
    yield Identity(reduced(left, parts), reduced(right, parts), label)
    label = r"\operatorname{tr}(C E M (E M)^\top)"
    yield Identity(substituted(half, {"C": H @ H.T}), squared_norm(H.T @ ERROR @ M), label)


@step(SCALARS)
def a_path_of_finite_length() -> Identity:
    r"""Let :math:`y^2 = L - \min L` and :math:`g = \|\nabla L\|`, with
    :math:`g^2 \ge 2 \mu y^2`, :math:`\mu = \ell_C \ell_q \min s^2 > 0`. Then
    :math:`-\dot y = g^2 / (2y)` is at least :math:`\sqrt{\mu/2}\, g`: the path is no longer than
    :math:`\sqrt{2/\mu}\; y(0)` and converges, at :math:`G = 0` and with the sign of :math:`s`
    that it had."""
    g, y, mu = sympy.symbols("g y mu", positive=True)
    fall = g**2 / slope(y**2, y)
    right = g * (g - sympy.sqrt(2 * mu) * y) / (2 * y)
    return Identity(fall - sympy.sqrt(mu / 2) * g, right, r"-\dot y - \sqrt{\mu/2}\, g")


@step(ANY)
def sum_conserved() -> Identity:
    r"""As if :math:`s^2 + \|U\|_F^2` were conserved."""
    return Identity(derivative(s * s + (U @ U.T).trace(), FLOW), 0)


@step(SCALARS)
def discriminant_without_its_four() -> Identity:
    r""":math:`s^2 = \frac12 \big( c + \sqrt{c^2 + q^2} \big)`."""
    r = positive_root(size, q**2 / 4)
    return Identity(r * (r - size), q**2)


@step(ANY)
def half_of_the_friction_forgotten() -> Identity:
    r"""As if :math:`L_0 - L = s \operatorname{tr}(R U^\top)
    - s^2 \operatorname{tr}(C U \Lambda_q U^\top)`."""
    return Identity(s * PULL - (PLATEAU - LOSS), (C @ U @ QUERY @ U.T).trace() * s * s)


chain = Chain(
    (
        the_flow,
        the_quadratic,
        the_root,
        the_root_in_the_library,
        the_library,
        a_positive_balance,
        a_low_loss,
        cauchy_schwarz,
        the_bound,
        the_bound_in_the_library,
        no_scale_at_the_start,
        the_excess,
        the_slope_in_u_alone,
        two_factors,
        a_path_of_finite_length,
    ),
    wrong=(sum_conserved, discriminant_without_its_four, half_of_the_friction_forgotten),
)
residuals = chain.residuals
