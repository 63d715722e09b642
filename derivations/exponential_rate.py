r"""The loss falls exponentially: at a guaranteed rate from the start on, at another one in the end.

Grönwall's lemma turns the inequality of `pl_inequality` into a bound for all times. How fast the
loss falls in the end follows from the flow of :math:`X = C^{1/2} (sU - \Gamma^{-1}) \Lambda^{1/2}`,
with :math:`C = \Gamma\Lambda`, which is linear with coefficients that converge: on :math:`s^2` and
on :math:`W = C^{1/2} U \Lambda^{1/2}`, and on nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy

from derivations.algebra import (
    Words,
    derivative,
    reduced,
    scalar,
    symbols,
    symmetric,
)
from derivations.chain import ANY, AT_2, SCALARS, Chain, Identity, step
from derivations.flow_limit import (
    C_ROOT,
    EXCESS_ROOT,
    FLOW,
    LEAST,
    ROOT,
    same,
    squared_norm,
    squared_slope,
)
from derivations.setting import GAMMA, LAMBDA, I, U, block_loss, s, s_symbol
from lsa_theory.final_rate import inverse_on_diagonal, rate_of, slow_modes

X = EXCESS_ROOT
W = C_ROOT @ U @ ROOT
EXCESS = block_loss() - LEAST
rate_symbol = sympy.Symbol("mu", positive=True)
growth_symbol = sympy.Symbol(r"e^{\mu t}", positive=True)
u, b, z = symbols("u b z")
(S_M,) = symmetric("S_M")


def inner(left: Words, right: Words) -> Words:
    return (left @ right.T).trace()


def pair(name: str) -> Any:
    return np.array(sympy.symbols(f"{name}_1:3", positive=True), dtype=object)


def operator(matrix: Words) -> Words:
    """`A` of a matrix."""
    return s * s * GAMMA @ LAMBDA @ matrix @ LAMBDA + inner(W, matrix) * W


@step(ANY)
def gronwall() -> Identity:
    r"""As :math:`\dot L = -\|\nabla L\|^2`, the product :math:`e^{\mu t} (L - \min L)` changes at
    the rate :math:`-e^{\mu t} \big[ \|\nabla L\|^2 - \mu (L - \min L) \big] \le 0`: hence
    :math:`L(t) - \min L \le e^{-\mu t} (L(0) - \min L)`."""
    growth, rate = scalar(growth_symbol), scalar(rate_symbol)
    found = derivative(growth * EXCESS, {**FLOW, growth_symbol: rate * growth})
    label = r"\frac{d}{dt} \left[ e^{\mu t} (L - \min L) \right]"
    return same(found, -growth * (squared_slope() - rate * EXCESS), label)


@step(ANY)
def a_linear_flow() -> Identity:
    r"""Along the whole course and without approximation :math:`\dot X = -A X` with
    :math:`A X = s^2 C X \Lambda + \langle W, X \rangle W`, where
    :math:`\langle W, X \rangle = \operatorname{tr}(W X^\top)`. The second term is what the change
    of :math:`s` does."""
    return same(derivative(X, FLOW), -operator(X), r"\dot X = -A X")


@step(ANY)
def the_excess_falls() -> Identity:
    r""":math:`A` is symmetric and :math:`\|\nabla L\|^2 = \langle X, A X \rangle`, with
    :math:`L - \min L = \frac12 \|X\|_F^2`. Where :math:`A` no longer changes, the part of
    :math:`X` along an eigenvector decays at the rate of its eigenvalue, and the excess ends as
    :math:`e^{-\rho t}` with :math:`\rho = 2 \lambda_{\min}(A_\infty)`."""
    return same(squared_slope(), inner(X, operator(X)), r"\|\nabla L\|^2 = \langle X, A X \rangle")


@step(AT_2)
def in_the_eigenbasis() -> Iterator[Identity]:
    r"""In the eigenbasis of :math:`\Lambda`, with :math:`m_{ij} = \gamma_i \lambda_i \lambda_j`,
    :math:`X` has the entries :math:`\sqrt{m_{ij}}\, (sU - \Gamma^{-1})_{ij}` and
    :math:`C X \Lambda` the entries :math:`m_{ij} X_{ij}`: in :math:`A`, :math:`s^2` stands beside
    a diagonal matrix. At the limit :math:`U = \Gamma^{-1} / s` and :math:`W` are diagonal too, and
    an entry of :math:`X` off the diagonal decays at the rate :math:`s^2 m_{ij}`."""
    values, gammas = pair("lambda"), pair("gamma")
    m = np.outer(gammas * values, values)
    roots = np.array([[sympy.sqrt(entry) for entry in row] for row in m])
    left, right = (np.diag([sympy.sqrt(x) for x in row]) for row in (gammas * values, values))
    error = np.array(sympy.symbols("E_11 E_12 E_21 E_22")).reshape(2, 2)
    yield Identity(left @ error @ right, roots * error, r"C^{1/2} E \Lambda^{1/2}")
    yield Identity(left @ left @ error @ right @ right, m * error, r"C E \Lambda")


@step(SCALARS)
def the_slowest_off_the_diagonal() -> Iterator[Identity]:
    r"""Let :math:`\lambda_1` and :math:`\lambda_2 = \lambda_1 + \delta` be the two smallest
    eigenvalues. Of two directions :math:`i \ne j` one has the eigenvalue :math:`\lambda_1 + a`, the
    other :math:`\lambda_2 + b`, with :math:`a, b \ge 0`, and :math:`\gamma` grows with
    :math:`\lambda` at the slope :math:`k = 1 + \frac1N`. So no :math:`m_{ij}` is less than
    :math:`m_{12} = \gamma_1 \lambda_1 \lambda_2`."""
    first, gap, a, b, k, gamma = sympy.symbols("lambda_1 delta a b k gamma_1", nonnegative=True)
    second = first + gap
    product = (first + a) * (second + b)
    more = a * (second + b) + first * b
    yield Identity(
        (gamma + k * a) * product - gamma * first * second,
        gamma * more + k * a * product,
        r"m_{ij} - m_{12}",
    )
    yield Identity(
        (gamma + k * (gap + b)) * product - gamma * first * second,
        gamma * more + k * (gap + b) * product,
        r"m_{ji} - m_{12}",
    )


@step(ANY)
def the_inverse_on_the_diagonal() -> Identity:
    r"""On the diagonal entries :math:`A_\infty = M^{1/2} (s^2 I + u u^\top) M^{1/2}` with
    :math:`M = \operatorname{diag}(m_{ii})`, :math:`u_i = 1/(\gamma_i s)`, and the middle has the
    inverse :math:`\frac{1}{s^2} \big[ I - u u^\top / (s^2 + \|u\|^2) \big]`."""
    norm = sympy.Symbol(r"\|u\|^2", positive=True)
    inverse = I - u.outer(u) / (s_symbol**2 + norm)
    found = reduced((s * s * I + u.outer(u)) @ inverse, {("u'", "u"): norm})
    label = r"(s^2 I + u u^\top) \big[ I - u u^\top / (s^2 + \|u\|^2) \big]"
    return Identity(found, s * s * I, label)


@step(AT_2)
def the_library() -> Identity:
    r"""So :math:`1 / \lambda_{\min}(A_\infty)` is the larger of :math:`1 / (s^2 m_{12})` and of the
    largest eigenvalue of the inverse on the diagonal. The matrix whose largest eigenvalue the
    library takes is this inverse."""
    values, roots = pair("lambda"), pair("r")
    weights = roots * values / (roots**2 * s_symbol)  # √m_i u_i, with γ_i = r_i²
    matrix = s_symbol**2 * np.diag(roots**2 * values**2) + np.outer(weights, weights)
    inverse = inverse_on_diagonal(values, roots, s_symbol)
    return Identity(matrix @ inverse, np.eye(2, dtype=int), r"A_\infty A_\infty^{-1}")


@step(AT_2)
def the_rate_in_the_library() -> Iterator[Identity]:
    r"""From the largest eigenvalue :math:`1/x` of this inverse, the library takes for
    :math:`\lambda_{\min}(A_\infty)` the smaller of :math:`x` and of
    :math:`s^2 m_{12} = s^2 \gamma_1 \lambda_1 \lambda_2`, and twice that for :math:`\rho`."""
    values, gammas = pair("lambda"), pair("gamma")
    slow, more = sympy.symbols("x t", positive=True)
    between = s_symbol**2 * np.outer(gammas * values, values)[0, 1]
    found = slow_modes(1 / slow, s_symbol**2, gammas, values)
    yield Identity(np.array(found), np.array([slow, between]), "(x, s^2 m_{12})")
    for modes in ([slow, slow + more], [slow + more, slow]):
        yield Identity(rate_of(modes), 2 * slow, r"\rho")


@step(ANY)
def a_moving_scale_only_hastens() -> Identity:
    r"""With :math:`m_1` the least of the :math:`m_{ii}`, :math:`M - m_1 I = S_M^2` and
    :math:`b = M^{1/2} u`, :math:`z^\top (s^2 M + b b^\top) z \ge s^2 m_1 \|z\|^2` for every
    :math:`z`: :math:`\rho` is at least :math:`2 s^2 m_1 = 2 s^2 \gamma_1 \lambda_1^2`."""
    least = sympy.Symbol("m_1", positive=True)
    above = (s * s * (least * I + S_M @ S_M) + b.outer(b)) - s * s * least * I
    missing = s * s * ((S_M @ z) @ (S_M @ z)) + (b @ z) * (b @ z)
    label = r"z^\top (s^2 M + b b^\top) z - s^2 m_1 \|z\|^2"
    return Identity(z @ above @ z, missing, label)


@step(SCALARS)
def by_a_factor_of_two_at_most() -> Identity:
    r"""Along the first coordinate :math:`A_\infty` has the entry
    :math:`m_1 (s^2 + u_1^2)`, which its least eigenvalue does not exceed. At a balance
    :math:`c \ge 0`, :math:`s^2 = c + u_1^2 + r^2` where :math:`r^2` is the sum of the other
    squares: the entry is at most :math:`2 s^2 m_1`, and :math:`\rho` at most twice the bound."""
    m, c, first, r = sympy.symbols("m_1 c u_1 r", nonnegative=True)
    squared = c + first**2 + r**2
    label = r"2 s^2 m_1 - m_1 (s^2 + u_1^2)"
    return Identity(2 * squared * m - m * (squared + first**2), m * (c + r**2), label)


@step(ANY)
def the_scale_held_fixed() -> Identity:
    r"""The flow without its rank-one term, :math:`\dot X = -s^2 C X \Lambda`."""
    return same(derivative(X, FLOW), -s * s * GAMMA @ LAMBDA @ X @ LAMBDA)


@step(ANY)
def no_half_in_the_excess() -> Identity:
    r"""Grönwall's lemma for :math:`\|X\|_F^2` in the place of its half."""
    growth, rate = scalar(growth_symbol), scalar(rate_symbol)
    found = derivative(growth * squared_norm(X), {**FLOW, growth_symbol: rate * growth})
    return same(found, -growth * (squared_slope() - rate * squared_norm(X)))


chain = Chain(
    (
        gronwall,
        a_linear_flow,
        the_excess_falls,
        in_the_eigenbasis,
        the_slowest_off_the_diagonal,
        the_inverse_on_the_diagonal,
        the_library,
        the_rate_in_the_library,
        a_moving_scale_only_hastens,
        by_a_factor_of_two_at_most,
    ),
    wrong=(the_scale_held_fixed, no_half_in_the_excess),
)
residuals = chain.residuals
