r"""On the block every stationary point is a global minimum or a strict saddle.

For zero-mean tasks the loss on the block :math:`v = p = 0` is a quadratic in the gain :math:`sU`
with two constants, :math:`C = E[h h^\top]` and :math:`R = \Lambda\Omega\Lambda_q`. Its gradient
gives the flow equations. Where :math:`s \ne 0` the gradient vanishes at the minimisers of that
quadratic alone. Where :math:`s = 0` and :math:`\operatorname{tr}(R U^\top) = 0` the start is stuck,
and there is a direction along which the loss falls: to second order, at a rate that is known. So
no other local minimum exists on the block.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import sympy

from derivations.algebra import (
    LENGTH,
    Words,
    derivative,
    evaluated,
    gradient,
    reduced,
    scalar,
    substituted,
    symbols,
    symmetric,
)
from derivations.chain import ANY, SCALARS, Chain, Identity, step
from derivations.setting import (
    GAMMA,
    GAMMA_DEFINED,
    GAMMA_INVERSE,
    INVERSES,
    LAMBDA,
    OMEGA,
    PAPER,
    PARAMETERS,
    QUERY,
    ZERO_MEAN,
    B,
    I,
    U,
    block_loss,
    p,
    s,
    s_symbol,
    v,
)
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.minimum import summary_moment
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss
from lsa_theory.saddle import escape_rate

(C,) = symmetric("C")
R, D, V, H, M = symbols("R D V H M")
INVERSE = symbols("Lambda^-1")[0]

PLATEAU = (OMEGA @ QUERY).trace() / 2  # the loss of the zero predictor
CONSTANTS = {"C": summary_moment(ZERO_MEAN), "R": LAMBDA @ OMEGA @ QUERY}
PAPER_CONSTANTS = {"C": GAMMA @ LAMBDA, "R": LAMBDA @ LAMBDA, "Lambda_q": LAMBDA, "Omega": I}


def quadratic(gain: Words) -> Words:
    """The loss on the block, for zero-mean tasks, at a gain."""
    return PLATEAU - (R @ gain.T).trace() + (C @ gain @ QUERY @ gain.T).trace() / 2


LOSS = quadratic(s * U)
G = s * (C @ U @ QUERY) - R  # its slope in the gain
SLOPE_U, SLOPE_S = s * G, (G @ U.T).trace()
FLOW = {"U": -SLOPE_U, s_symbol: -SLOPE_S}


@cache
def all_parameters() -> Words:
    return population_loss(PARAMETERS, ZERO_MEAN)


def on_block(words: Words) -> Words:
    return substituted(words, {"v": 0 * v, "p": 0 * p})


@step(ANY)
def the_block() -> Iterator[Identity]:
    r"""For any covariances and label noise, tasks of mean zero, and :math:`v = p = 0` the loss is
    :math:`L = \frac12 \operatorname{tr}(\Omega\Lambda_q) - s \operatorname{tr}(R U^\top)
    + \frac12 s^2 \operatorname{tr}(C U \Lambda_q U^\top)`. It has no slope in :math:`v` or
    :math:`p` there: the flow stays on the block."""
    yield Identity(on_block(all_parameters()), substituted(LOSS, CONSTANTS), "L(0, s, U, 0)")
    for name in ("v", "p"):
        slope = on_block(gradient(all_parameters(), name))
        yield Identity(slope, 0, rf"\partial L / \partial {name}")


@step(ANY)
def the_flow_equations() -> Iterator[Identity]:
    r"""With :math:`G = C\, sU \Lambda_q - R` the slopes are
    :math:`\partial L/\partial U = s G` and :math:`\partial L/\partial s =
    \operatorname{tr}(G U^\top)`, so that along gradient flow
    :math:`\dot U = -s^2 C U \Lambda_q + s \Lambda\Omega\Lambda_q` and
    :math:`\dot s = \operatorname{tr}(R U^\top) - s \operatorname{tr}(C U \Lambda_q U^\top)`."""
    yield Identity(gradient(LOSS, "U"), SLOPE_U, r"\partial L / \partial U")
    yield Identity(gradient(LOSS, s_symbol), SLOPE_S, r"\partial L / \partial s")


@step(ANY)
def the_law_of_the_theorem() -> Iterator[Identity]:
    r"""For :math:`\Omega = I`, :math:`\sigma = 0`, :math:`\Lambda_q = \Lambda` the constants are
    :math:`C = \Gamma\Lambda` and :math:`R = \Lambda^2`, hence
    :math:`G = \Gamma\Lambda\, (sU - \Gamma^{-1})\, \Lambda`."""
    yield Identity(summary_moment(PAPER), GAMMA_DEFINED @ LAMBDA, r"C")
    yield Identity(substituted(LOSS, PAPER_CONSTANTS), block_loss(), "L")
    stated = GAMMA @ LAMBDA @ (s * U - GAMMA_INVERSE) @ LAMBDA
    yield Identity(substituted(G, PAPER_CONSTANTS), reduced(stated, INVERSES), "G")


@step(ANY)
def stationary_with_a_scale() -> Iterator[Identity]:
    r"""Where :math:`s \ne 0` a vanishing slope in :math:`U` says :math:`G = 0`. For the theorem's
    law :math:`\Gamma` has an inverse, so that :math:`s \Lambda U \Lambda = \Gamma^{-1} \Lambda^2`,
    and where :math:`\Lambda \succ 0` the gain is :math:`sU = \Gamma^{-1}`."""
    freed = GAMMA_INVERSE @ substituted(G, PAPER_CONSTANTS)
    stated = s * (LAMBDA @ U @ LAMBDA) - GAMMA_INVERSE @ LAMBDA @ LAMBDA
    yield Identity(reduced(freed, INVERSES), stated, r"\Gamma^{-1} G")
    freed = reduced(INVERSE @ freed @ INVERSE, INVERSES)
    yield Identity(freed, s * U - GAMMA_INVERSE, r"\Lambda^{-1} \Gamma^{-1} G \Lambda^{-1}")


@step(ANY)
def they_are_global_minima() -> Iterator[Identity]:
    r"""The loss at a gain :math:`B + D` is that at :math:`B` plus
    :math:`\operatorname{tr}(G D^\top) + \frac12 \operatorname{tr}(C D \Lambda_q D^\top)`. With
    :math:`C = H H^\top`, :math:`\Lambda_q = M M^\top` the last term is
    :math:`\frac12 \|H^\top D M\|_F^2 \ge 0`: where :math:`G = 0` no other gain has a lower loss."""
    at = C @ B @ QUERY - R
    change = (at @ D.T).trace() + (C @ D @ QUERY @ D.T).trace() / 2
    yield Identity(quadratic(B + D) - quadratic(B), change, "L(B + D) - L(B)")
    roots = {"C": H @ H.T, "Lambda_q": M @ M.T}
    square = ((H.T @ D @ M) @ (H.T @ D @ M).T).trace()
    label = r"\operatorname{tr}(C D \Lambda_q D^\top)"
    yield Identity(substituted((C @ D @ QUERY @ D.T).trace(), roots), square, label)


@step(ANY)
def stationary_without_a_scale() -> Iterator[Identity]:
    r"""Where :math:`s = 0` the slope in :math:`U` vanishes and that in :math:`s` is
    :math:`-\operatorname{tr}(R U^\top)`: stuck are the starts where this is 0. Their loss is that
    of the zero predictor, for the theorem's law by
    :math:`\frac12 \operatorname{tr}(\Gamma^{-1} \Lambda^2)` more than the least."""
    stuck = {s_symbol: 0}
    yield Identity(substituted(SLOPE_U, stuck), 0, r"\partial L / \partial U")
    yield Identity(substituted(SLOPE_S, stuck), -(R @ U.T).trace(), r"\partial L / \partial s")
    yield Identity(substituted(LOSS, stuck), PLATEAU, "L(s = 0)")
    least = substituted(quadratic(GAMMA_INVERSE), PAPER_CONSTANTS)
    height = reduced(substituted(PLATEAU, PAPER_CONSTANTS) - least, INVERSES)
    excess = (GAMMA_INVERSE @ LAMBDA @ LAMBDA).trace() / 2
    yield Identity(height, excess, r"\tfrac12 \operatorname{tr} \Lambda - \min L")


# --- to second order around a stuck start ---

rho_symbol, move_symbol = sympy.Symbol("rho", positive=True), sympy.Symbol("delta", real=True)
rho, move = scalar(rho_symbol), scalar(move_symbol)
STIFFNESS = (C @ U @ QUERY @ U.T).trace()  # a
SQUARED_PULL = (R @ R.T).trace()  # κ²
CHARACTERISTIC = rho * rho + STIFFNESS * rho - SQUARED_PULL
WAY_OUT = {s_symbol: rho, "U": R}


def around(words: Words, direction: Any) -> Words:
    """The rate of change along a direction, at `s = 0`."""
    return substituted(derivative(words, direction), {s_symbol: 0})


@step(ANY)
def the_hessian() -> Iterator[Identity]:
    r"""At :math:`s = 0` the Hessian takes a move :math:`(\delta, V)` of :math:`(s, U)` to
    :math:`(a \delta - \operatorname{tr}(R V^\top),\, -\delta R)` with
    :math:`a = \operatorname{tr}(C U \Lambda_q U^\top) \ge 0`. It is 0 on all :math:`V` orthogonal
    to :math:`R`, and two dimensions are left."""
    direction = {s_symbol: move, "U": V}
    found = STIFFNESS * move - (R @ V.T).trace()
    yield Identity(around(SLOPE_S, direction), found, r"\partial_s")
    yield Identity(around(SLOPE_U, direction), -move * R, r"\partial_U")


@step(ANY)
def the_way_out() -> Iterator[Identity]:
    r"""If :math:`\rho^2 + a\rho = \kappa^2` with :math:`\kappa = \|R\|_F` the Hessian takes
    :math:`(\rho, R)` to :math:`-\rho\,(\rho, R)`: the disturbance grows like
    :math:`e^{\rho t}`."""
    label = r"\partial_s + \rho^2"
    yield Identity(around(SLOPE_S, WAY_OUT) + rho * rho, CHARACTERISTIC, label)
    yield Identity(around(SLOPE_U, WAY_OUT) + rho * R, 0, r"\partial_U + \rho R")


@step(ANY)
def the_loss_falls() -> Identity:
    r"""Along it the loss changes, to second order, by
    :math:`-\frac12 \rho\, (\rho^2 + \kappa^2) t^2`: negative for :math:`\rho > 0`, at the origin
    and at every other stuck start. Such a :math:`\rho` exists where :math:`R \ne 0`: then none of
    them is a local minimum."""
    second = around(derivative(LOSS, WAY_OUT), WAY_OUT)
    fall = rho * (rho * rho + SQUARED_PULL)
    return Identity(second + fall, rho * CHARACTERISTIC, r"L'' + \rho (\rho^2 + \kappa^2)")


@step(SCALARS)
def the_rate() -> Iterator[Identity]:
    r"""Where :math:`R \ne 0` one root is positive and one negative,
    :math:`x^2 + a x - \kappa^2 = (x - \rho)(x + \kappa^2 / \rho)` with
    :math:`\rho = \frac12 \big( \sqrt{a^2 + 4 \kappa^2} - a \big)`: one way out and one way in."""
    a, x = sympy.symbols("a x", nonnegative=True)
    kappa = sympy.Symbol("kappa", positive=True)
    root = (sympy.sqrt(a**2 + 4 * kappa**2) - a) / 2
    yield Identity((x - root) * (x + root + a), x**2 + a * x - kappa**2)
    yield Identity(root * (root + a), kappa**2, r"\rho\,(\rho + a)")


@step("symbols at d = 2, Λ = λ diag(1, 2)")
def the_library(formula: Any = escape_rate) -> Iterator[Identity]:
    r"""The library's rate is this root with the theorem's :math:`a` and :math:`\kappa^2`, for
    :math:`\Lambda = \lambda \operatorname{diag}(1, 2)` and any :math:`U` with positive entries off
    the diagonal and no others; and it is positive."""
    scale, first, second = sympy.symbols("lambda u_12 u_21", positive=True)
    zero = sympy.Integer(0)
    covariance = np.array([[scale, zero], [zero, 2 * scale]], dtype=object)
    stuck = np.array([[zero, first], [second, zero]], dtype=object)
    found = formula(LinearSelfAttention.from_block(stuck, 0), GaussianPrompts(covariance, LENGTH))
    a, squared = (
        evaluated(
            substituted(substituted(words, PAPER_CONSTANTS), {"Gamma": GAMMA_DEFINED}),
            {"Lambda": covariance, "U": stuck},
            {"N": LENGTH},
        )
        for words in (STIFFNESS, SQUARED_PULL)
    )
    yield Identity(found * (found + a), squared, r"\rho\,(\rho + a)")
    yield Identity(sympy.sign(found), 1, r"\operatorname{sign} \rho")


@step(ANY)
def stiffness_forgotten() -> Identity:
    r"""The Hessian at :math:`U = 0`, used at every stuck start: :math:`a = 0`."""
    return Identity(around(SLOPE_S, {s_symbol: move, "U": V}), -(R @ V.T).trace())


@step(ANY)
def query_forgotten() -> Identity:
    r"""The slope as if the query were white, :math:`s\,(C\, sU - R)`."""
    return Identity(gradient(LOSS, "U"), s * (s * (C @ U) - R))


chain = Chain(
    (
        the_block,
        the_flow_equations,
        the_law_of_the_theorem,
        stationary_with_a_scale,
        they_are_global_minima,
        stationary_without_a_scale,
        the_hessian,
        the_way_out,
        the_loss_falls,
        the_rate,
        the_library,
    ),
    wrong=(stiffness_forgotten, query_forgotten),
)
residuals = chain.residuals
