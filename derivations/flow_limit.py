r"""Gradient flow on the block has one limit, and its scale is a fourth root.

On the block :math:`v = p = 0` the loss is a quadratic in the gain :math:`sU`, of which
:math:`\Gamma^{-1}` is the minimiser. The flow conserves :math:`s^2 - \|U\|_F^2`, which is 0 at the
starts of Theorem 4.1, and this picks one layer among all those with that gain. The path is bounded
and the loss is a polynomial, so that it converges to a stationary point (Łojasiewicz): to a
minimum, unless :math:`s = 0` there, as the derivation `saddle` shows. That is ruled out by the one
of `scale_lower_bound`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import sympy

from derivations import saddle
from derivations.algebra import (
    LENGTH,
    Words,
    derivative,
    functions_of_covariance,
    gradient,
    reduced,
    substituted,
)
from derivations.chain import ANY, AT_2, SCALARS, Chain, Identity, step
from derivations.setting import (
    GAMMA,
    GAMMA_DEFINED,
    GAMMA_INVERSE,
    INVERSES,
    LAMBDA,
    PAPER,
    I,
    U,
    block_loss,
    n,
    s,
    s_symbol,
)
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.gamma import gamma
from lsa_theory.minimum import global_minimum
from lsa_theory.prompts import GaussianPrompts

# the roots of C = ΓΛ and of Λ
C_ROOT, ROOT = functions_of_covariance("C^1/2 Lambda^1/2")
RELATIONS = INVERSES | {("Lambda^1/2",) * 2: LAMBDA, ("C^1/2",) * 2: GAMMA @ LAMBDA}

ERROR = s * U - GAMMA_INVERSE  # E
EXCESS_ROOT = C_ROOT @ ERROR @ ROOT  # X
PULL = GAMMA @ LAMBDA @ ERROR @ LAMBDA
SLOPE_U, SLOPE_S = s * PULL, (U.T @ PULL).trace()
FLOW = {"U": -SLOPE_U, s_symbol: -SLOPE_S}
LEAST = (LAMBDA.trace() - (GAMMA_INVERSE @ LAMBDA @ LAMBDA).trace()) / 2
BALANCE = s * s - (U @ U.T).trace()


def simplified(words: Words) -> Words:
    """By what functions of Λ have to do with each other."""
    return reduced(words, RELATIONS)


def same(left: Words, right: Words, label: str = "") -> Identity:
    return Identity(simplified(left), simplified(right), label)


def squared_norm(matrix: Words) -> Words:
    return (matrix @ matrix.T).trace()


@cache
def squared_slope() -> Words:
    return simplified(squared_norm(SLOPE_U) + SLOPE_S * SLOPE_S)


@step(ANY)
def the_gradient() -> Iterator[Identity]:
    r"""With :math:`E = sU - \Gamma^{-1}`, the slopes on the block are
    :math:`\partial L/\partial U = s\, \Gamma\Lambda E \Lambda` and
    :math:`\partial L/\partial s = \operatorname{tr}(U^\top \Gamma\Lambda E \Lambda)`; this is what
    the flow equations of `saddle` are for the law of the theorem."""
    yield Identity(gamma(PAPER), GAMMA_DEFINED, r"\Gamma")
    slopes = [substituted(slope, saddle.PAPER_CONSTANTS) for slope in saddle.FLOW.values()]
    yield same(-slopes[0], SLOPE_U, r"\partial L/\partial U = s\,\Gamma\Lambda E\Lambda")
    label = r"\partial L/\partial s = \operatorname{tr}(U^\top \Gamma\Lambda E\Lambda)"
    yield same(-slopes[1], SLOPE_S, label)


@step(ANY)
def the_flow() -> Iterator[Identity]:
    r"""Along :math:`\dot U = -\partial L/\partial U`, :math:`\dot s = -\partial L/\partial s` the
    loss falls by the squared gradient and :math:`s^2 - \|U\|_F^2` does not change."""
    falls = derivative(block_loss(), FLOW)
    yield same(falls, -squared_slope(), r"\dot L = -\|\nabla L\|^2")
    changes = derivative(BALANCE, FLOW)
    yield same(changes, 0 * s, r"\frac{d}{dt} \left( s^2 - \|U\|_F^2 \right)")


@step(ANY)
def the_minimum() -> Iterator[Identity]:
    r"""The excess over :math:`\frac12 \operatorname{tr}(\Lambda - \Gamma^{-1} \Lambda^2)` is
    :math:`\frac12 \operatorname{tr}(\Gamma\Lambda E \Lambda E^\top)`, half of a squared norm. So
    this is the least loss, attained where :math:`sU = \Gamma^{-1}` and, as :math:`\Lambda` has an
    inverse, nowhere else."""
    excess = (ERROR.T @ PULL).trace() / 2
    label = r"L - \min L = \tfrac12 \operatorname{tr}(\Gamma\Lambda E\Lambda E^\top)"
    yield same(block_loss() - LEAST, excess, label)
    label = r"\operatorname{tr}(\Gamma\Lambda E\Lambda E^\top) = \|C^{1/2} E \Lambda^{1/2}\|_F^2"
    yield same(2 * excess, squared_norm(EXCESS_ROOT), label)


@step(ANY)
def the_balance_bounds_both_factors() -> Iterator[Identity]:
    r"""With :math:`c = s^2 - \|U\|_F^2`, the gain has :math:`\|sU\|_F^2 = s^2 (s^2 - c)`. The loss
    bounds the gain, the gain therefore :math:`s`, and :math:`s` bounds :math:`U`: the path is
    bounded. At the minimum :math:`s^2 (s^2 - c) = \operatorname{tr}(\Gamma^{-2})`."""
    yield Identity(squared_norm(s * U), s * s * (s * s - BALANCE), r"\|sU\|_F^2 = s^2 (s^2 - c)")
    at_the_end = substituted(s * s * (s * s - BALANCE), {"U": GAMMA_INVERSE / s_symbol})
    yield Identity(at_the_end, (GAMMA_INVERSE @ GAMMA_INVERSE).trace(), r"s^2 (s^2 - c)")


@step(SCALARS)
def the_scale() -> Identity:
    r"""At balance :math:`c = 0` and with :math:`q = \operatorname{tr}(\Gamma^{-2})^{1/4}`, the
    end has :math:`s^4 = q^4`. Of the factors only the first vanishes at an :math:`s > 0`: one
    layer is left, :math:`s = q`, :math:`U = \Gamma^{-1} / q`."""
    q = sympy.Symbol("q", positive=True)
    return Identity(s_symbol**4 - q**4, (s_symbol - q) * (s_symbol + q) * (s_symbol**2 + q**2))


def trained_layer(prompts: GaussianPrompts) -> LinearSelfAttention:
    return global_minimum(prompts).layer()


@step(AT_2)
def the_library(formula: Any = trained_layer) -> Iterator[Identity]:
    r"""In the eigenbasis of :math:`\Lambda` the library's layer is this one: its gain is
    :math:`\Gamma^{-1}`, its scale is positive with :math:`s^4 = \operatorname{tr}(\Gamma^{-2})`,
    and all other entries of its two matrices are 0."""
    first, second = sympy.symbols("lambda_1 lambda_2", positive=True)
    covariance = np.array([[first, 0], [0, second]], dtype=object)
    law = GaussianPrompts(covariance, LENGTH)
    layer, inverses = formula(law), [1 / entry for entry in gamma(law).diagonal()]
    yield Identity(layer.gain, np.diag(inverses), "sU")
    yield Identity(layer.s**4, sum(entry**2 for entry in inverses), "s^4")
    yield Identity(sympy.sign(layer.s), 1, r"\operatorname{sign} s")
    others = [layer.pv[:2].ravel(), layer.v, layer.p, layer.kq[:, 2]]
    yield Identity(sum(entry**2 for part in others for entry in part), 0, r"\|\text{others}\|^2")


@step(ANY)
def wrong_pull() -> Identity:
    r"""The slope without the product rule's second factor,
    :math:`\partial L/\partial U = \Gamma\Lambda E \Lambda`: the flow would not conserve the
    balance."""
    return same(gradient(block_loss(), "U"), PULL)


@step(ANY)
def one_pair_less() -> Identity:
    r""":math:`N` for :math:`N + 1`, :math:`\Gamma = \Lambda + \frac1N \operatorname{tr}(\Lambda)
    I`."""
    return Identity(gamma(PAPER), LAMBDA + LAMBDA.trace() * I / n)


chain = Chain(
    (
        the_gradient,
        the_flow,
        the_minimum,
        the_balance_bounds_both_factors,
        the_scale,
        the_library,
    ),
    wrong=(wrong_pull, one_pair_less),
)
residuals = chain.residuals
