r"""The loss over all parameters, from the network's definition.

Label noise is a feature that the layer does not see: with :math:`\tilde x = (x, \varepsilon)`,
:math:`\tilde w = (w, 1)`, labels are :math:`y = \langle \tilde w, \tilde x \rangle` without noise,
and the covariance of the features is :math:`\Lambda + \sigma^2 e e^\top`. So the prediction is a
polynomial in one sample covariance, the task and the query, and its mean is a sum of words.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np
import sympy

from derivations.algebra import Words, mean, substituted, symbols, without
from derivations.chain import ANY, AT_2, Chain, Identity, step
from derivations.setting import (
    GAMMA_DEFINED,
    GENERAL,
    LAMBDA,
    PAPER,
    PARAMETERS,
    B,
    I,
    U,
    block_loss,
    mu,
    n,
    noise,
    noise_symbol,
    p,
    s,
    v,
)
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.risk import population_loss

S, x, w, e = symbols("S x_q w e")


def prediction(task: Words) -> Words:
    """The network's output, its labels without noise."""
    return (
        (v @ S @ U @ x + (v @ x) * (x @ U @ x) / n)
        + (v @ S @ task) * (p @ x)
        + s * (task @ S @ U @ x)
        + s * (task @ S @ task) * (p @ x)
    )


def averaged(words: Words, **values: Words) -> Words:
    """Over contexts, queries and tasks, the noise a feature `e` of its own; letters of the law may
    be given other values."""
    known = {"Lambda": LAMBDA + noise * e.outer(e), **values}
    return without(substituted(mean(words), known), e)


@cache
def expected_loss() -> Words:
    """Half of the mean squared error."""
    error = prediction(w + e) - w @ x
    return averaged(error * error) / 2


@step(AT_2)
def the_network() -> Identity:
    r"""The last entry of :math:`f(E) = E + W^{PV} E\, E^\top W^{KQ} E / N`, with all entries of
    both matrices, depends on :math:`v, s, U, p` alone:
    :math:`v^\top (S + x_q x_q^\top / N) U x_q + (v^\top h)(p^\top x_q) + s h^\top U x_q
    + s q\, p^\top x_q` with :math:`S = \frac1N \sum x x^\top`, :math:`h = \frac1N \sum y x`,
    :math:`q = \frac1N \sum y^2`. (Two pairs.)"""
    draw = _symbols_of
    layer = LinearSelfAttention(draw("a", 3, 3), draw("b", 3, 3))
    features, labels, query = draw("x", 2, 2), draw("y", 2), draw("z", 2)
    sample, summary = features.T @ features / 2, features.T @ labels / 2
    square = labels @ labels / 2
    own = (layer.v @ query) * (query @ (layer.u @ query)) / 2
    output = (
        layer.v @ (sample @ (layer.u @ query))
        + own
        + (layer.v @ summary) * (layer.p @ query)
        + layer.s * (summary @ (layer.u @ query))
        + layer.s * square * (layer.p @ query)
    )
    return Identity(layer.predict(features, labels, query), output, r"\hat y")


def _symbols_of(name: str, *shape: int) -> Any:
    entries = [sympy.Symbol(f"{name}{k}") for k in range(int(np.prod(shape)))]
    return np.array(entries, dtype=object).reshape(shape)


@step(ANY)
def the_mean(formula: Any = population_loss) -> Identity:
    r"""Averaged over contexts, queries and tasks, half of the squared error of that polynomial is
    the library's loss, term by term: any covariances, task mean and label noise."""
    return Identity(expected_loss(), formula(PARAMETERS, GENERAL), "L")


@step(ANY)
def on_the_block() -> Iterator[Identity]:
    r"""At :math:`v = p = 0`, with :math:`B = sU` and tasks :math:`N(0, I)`, noise-free, three words
    remain, in which :math:`\Gamma = (1 + \frac1N) \Lambda + \frac1N \operatorname{tr}(\Lambda) I`
    collects the first two."""
    stated = substituted(block_loss(), {"Gamma": GAMMA_DEFINED})
    yield Identity(population_loss(s * U, PAPER), stated, "L")
    paper = {"v": 0 * v, "p": 0 * p, "mu": 0 * mu, "Omega": I, "Lambda_q": LAMBDA}
    yield Identity(
        substituted(expected_loss(), {**paper, noise_symbol: 0}), stated, "L(0, s, U, 0)"
    )


@step(ANY)
def transposed_pairing_dropped() -> Identity:
    r"""A sample that meets itself pairs in two ways; one of them forgotten,
    :math:`E[S B S] = \Lambda B \Lambda + \frac1N \operatorname{tr}(B \Lambda) \Lambda`."""
    return Identity(mean(S @ B @ S), LAMBDA @ B @ LAMBDA + (B @ LAMBDA).trace() * LAMBDA / n)


chain = Chain((the_network, the_mean, on_the_block), wrong=(transposed_pairing_dropped,))
residuals = chain.residuals
