r"""Without a task mean, no parameter outside the block helps.

The prediction is a sum of a part that is odd in the task and the label noise, which is that of the
matrix :math:`s U + v p^\top` on the block, and a part that is even. If both signs of
:math:`(w, \varepsilon)` are equally likely the even part has nothing to do with the target, which
is odd, and only adds to the error. A task mean breaks this symmetry, and then a move off the block
lowers the loss to first order.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import sympy

from derivations import general_prior
from derivations.algebra import LENGTH, Words, gradient, slope, substituted, symbols
from derivations.chain import ANY, SCALARS, Chain, Identity, step
from derivations.population_loss import S, averaged, e, expected_loss, prediction, w, x
from derivations.setting import (
    GENERAL,
    LAMBDA,
    PARAMETERS,
    QUERY,
    ZERO_MEAN,
    B,
    I,
    U,
    mu,
    n,
    p,
    s,
    s_symbol,
    v,
    whole_loss,
)
from lsa_theory.attention import Parameters
from lsa_theory.minimum import block_minimum, global_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss

EFFECTIVE = s * U + v.outer(p)
EVEN = v @ (S + x.outer(x) / n) @ U @ x + s * ((w + e) @ S @ (w + e)) * (p @ x)
ODD = (w + e) @ S @ EFFECTIVE @ x
TARGET = w @ x
EVEN_ERROR = r"\tfrac12 E\, \hat y_{\mathrm{even}}^2"
BLOCK = {"v": 0 * v, "p": 0 * p}


def mirrored(words: Words) -> Words:
    """With the other sign of the task and of the noise."""
    return substituted(words, {"w": -w, "e": -e})


@cache
def even_error() -> Words:
    """Half of the mean square of the even part, for tasks of zero mean."""
    return averaged(EVEN * EVEN, mu=0 * mu) / 2


def loss_of_the_matrix(layer: Parameters, prompts: GaussianPrompts) -> Words:
    return population_loss(layer.gain, prompts)


@step(ANY)
def two_parts() -> Iterator[Identity]:
    r"""On every prompt the prediction is :math:`\hat y = h^\top (s U + v p^\top)\, x_q
    + \hat y_{\mathrm{even}}` with :math:`\hat y_{\mathrm{even}} = v^\top (S + \tfrac1N x_q
    x_q^\top) U x_q + s q\, p^\top x_q`; the first part changes its sign with the task and the
    noise, the second does not."""
    yield Identity(prediction(w + e), ODD + EVEN, r"\hat y")
    yield Identity(mirrored(EVEN), EVEN, r"\hat y_{\mathrm{even}}(-w, -\varepsilon)")
    yield Identity(mirrored(ODD), -ODD, r"\hat y_{\mathrm{odd}}(-w, -\varepsilon)")


@step(ANY)
def no_cross_terms() -> Iterator[Identity]:
    r"""The product of the even part and of the odd part's error changes its sign too: its mean is
    0 for every law that is symmetric about 0, and for Gaussian tasks of zero mean in particular."""
    product = EVEN * (ODD - TARGET)
    label = r"\hat y_{\mathrm{even}} (\hat y_{\mathrm{odd}} - \langle w, x_q \rangle)"
    yield Identity(mirrored(product), -product, label + r" \big|_{-w, -\varepsilon}")
    yield Identity(averaged(product, mu=0 * mu), 0, f"E[{label}]")


@step(ANY)
def the_split(formula: Any = loss_of_the_matrix) -> Identity:
    r"""So the loss is that of :math:`s U + v p^\top` on the block, and half of a mean square:
    :math:`L(v, s, U, p) = L(s U + v p^\top) + \frac12 E\, \hat y_{\mathrm{even}}^2`."""
    loss = substituted(expected_loss(), {"mu": 0 * mu})
    stated = formula(PARAMETERS, ZERO_MEAN) + even_error()
    return Identity(loss - stated, 0, rf"L(v, s, U, p) - L(s U + v p^\top) - {EVEN_ERROR}")


@step(ANY)
def above_the_minimum() -> Identity:
    r"""With :math:`D = s U + v p^\top - B_*` and the excess on the block, a sum of squares,
    :math:`L - \min L = \frac12 E\, \hat y_{\mathrm{even}}^2
    + \frac12 \operatorname{tr}(D^\top C D \Lambda_q)`: nothing outside the block is below its
    minimum."""
    gap = EFFECTIVE - general_prior.BEST
    curved = (gap.T @ general_prior.SUMMARY @ gap @ QUERY).trace() / 2
    excess = population_loss(PARAMETERS, ZERO_MEAN) - global_minimum(ZERO_MEAN).loss
    label = rf"L - \min L - {EVEN_ERROR} - \tfrac12 \operatorname{{tr}}(D^\top C D \Lambda_q)"
    return general_prior.same(excess - even_error() - curved, 0 * s, label)


@step(ANY)
def a_matrix_of_rank_one() -> Iterator[Identity]:
    r"""Without the block's own parameters, :math:`s = 0` and :math:`U = 0`, the even part is 0 and
    the layer is the matrix :math:`v p^\top` on the block. All of its minors
    :math:`(a^\top M b)(c^\top M f) - (a^\top M f)(c^\top M b)` are 0: it is the minimiser's
    only if that has rank one."""
    alone = {"U": 0 * U, s_symbol: 0}
    yield Identity(substituted(EVEN, alone), 0, r"\hat y_{\mathrm{even}}")
    a, b, c, f = symbols("a b c f")
    matrix = substituted(EFFECTIVE, alone)
    minor = (a @ matrix @ b) * (c @ matrix @ f) - (a @ matrix @ f) * (c @ matrix @ b)
    yield Identity(minor, 0, r"(a^\top M b)(c^\top M f) - (a^\top M f)(c^\top M b)")


@step(ANY)
def with_a_task_mean() -> Iterator[Identity]:
    r"""With a task mean :math:`\mu` the loss has a slope in `v` on the block. At :math:`B = s U` it
    is :math:`s\, \partial L / \partial v = \big[ (1 + \frac1N) \Lambda B \Lambda_q B^\top \Lambda
    + \frac1N \operatorname{tr}(B \Lambda_q B^\top \Lambda) \Lambda - \Lambda B \Lambda_q
    + \frac1N (\Lambda_q (B + B^\top) \Lambda_q + \operatorname{tr}(B \Lambda_q) \Lambda_q)
    (B^\top \Lambda - I) \big]\, \mu`, which is 0 without one."""
    spread = LAMBDA @ B @ QUERY @ B.T @ LAMBDA
    sixth = QUERY @ (B + B.T) @ QUERY + (B @ QUERY).trace() * QUERY
    stated = (
        (n + 1) * spread / n
        + (B @ QUERY @ B.T @ LAMBDA).trace() * LAMBDA / n
        - LAMBDA @ B @ QUERY
        + sixth @ (B.T @ LAMBDA - I) / n
    ) @ mu
    found = s * substituted(gradient(whole_loss(), "v"), BLOCK)
    yield Identity(found, substituted(stated, {"B": s * U}), r"s\, \partial L / \partial v")


@step(SCALARS)
def a_way_down() -> Identity:
    r"""In one dimension, at the block's minimum :math:`s U = b`, this slope is
    :math:`-\frac{\mu b}{s} \lambda_q \big[ \lambda \sigma^2
    + \frac3N \lambda_q (2 \lambda W + \sigma^2) \big] \big/ \big[ (N + 2) \lambda W + \sigma^2
    \big]` with :math:`W = \omega + \mu^2`: with a mean it is not 0, and a step of `v` in
    the direction of :math:`\mu / s` lowers the loss below all of the block's."""
    context, prior, query, variance = positive = sympy.symbols(
        "lambda omega lambda_q sigma^2", positive=True
    )
    mean, last, move = sympy.symbols("mu s v", real=True)
    features, tasks, queries = (np.array([[entry]], dtype=object) for entry in positive[:3])
    law = GaussianPrompts(
        features,
        LENGTH,
        noise_variance=variance,
        task_covariance=tasks,
        task_mean=np.array([mean], dtype=object),
        query_covariance=queries,
    )
    (gain,) = block_minimum(law).gain.ravel()
    column = np.array([move], dtype=object)
    layer = Parameters(column, last, np.array([[gain / last]], dtype=object), 0 * column)
    found = slope(sympy.expand(population_loss(layer, law)), move).subs(move, 0)
    weight = prior + mean**2
    rest = context * variance + 3 * query * (2 * context * weight + variance) / LENGTH
    stated = -mean * gain / last * query * rest / ((LENGTH + 2) * context * weight + variance)
    return Identity(found, stated, r"\partial L / \partial v")


@step(ANY)
def the_split_with_a_task_mean() -> Identity:
    r"""For tasks of any mean
    :math:`L(v, s, U, p) = L(s U + v p^\top) + \frac12 E\, \hat y_{\mathrm{even}}^2`."""
    stated = loss_of_the_matrix(PARAMETERS, GENERAL) + averaged(EVEN * EVEN) / 2
    return Identity(
        expected_loss() - stated, 0, rf"L(v, s, U, p) - L(s U + v p^\top) - {EVEN_ERROR}"
    )


@step(ANY)
def v_and_p_forgotten() -> Identity:
    r"""The odd part is that of the matrix :math:`s U`."""
    stated = population_loss(s * U, ZERO_MEAN) + even_error()
    loss = substituted(expected_loss(), {"mu": 0 * mu})
    return Identity(loss - stated, 0, rf"L(v, s, U, p) - L(s U) - {EVEN_ERROR}")


chain = Chain(
    (
        two_parts,
        no_cross_terms,
        the_split,
        above_the_minimum,
        a_matrix_of_rank_one,
        with_a_task_mean,
        a_way_down,
    ),
    wrong=(the_split_with_a_task_mean, v_and_p_forgotten),
)
residuals = chain.residuals
