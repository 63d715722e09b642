r"""Gradient descent on the context, step by step, and what one layer of it is.

From zero weights, `k` steps with a preconditioner :math:`P_0` reach :math:`\hat w = A(S)\, h` with
:math:`A = \sum_{j < k} (I - P_0 S)^j P_0`. The error given the context has the bias
:math:`K = A S - I = -(I - P_0 S)^k` and what label noise adds through `A`; both are polynomials in
the sample covariance, and their means are sums of words. One step is a layer of linear attention.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from math import comb
from typing import Any

import numpy as np
import sympy

from derivations.algebra import (
    LENGTH,
    Words,
    evaluated,
    mean,
    scalar,
    substituted,
    symbols,
    symmetric,
)
from derivations.chain import ANY, SCALARS, Chain, Identity, step
from derivations.least_squares_risk import over_noise
from derivations.population_loss import S, e, w
from derivations.setting import LAMBDA, OMEGA, QUERY, I, mu, noise, noise_symbol
from derivations.shifted_risk import M, M_symbol
from lsa_theory.estimators import GradientDescent
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk

(STEP, g) = symbols("P_0 g")
TEST = GaussianPrompts(
    LAMBDA, M, noise_variance=noise, task_covariance=OMEGA, task_mean=mu, query_covariance=QUERY
)
(W,) = symmetric("W")
SECOND_MOMENT = OMEGA + mu.outer(mu)
MISSED = I - STEP @ S
STEPS = (1, 2, 3)


@cache
def reached(steps: int) -> Words:
    """`A(S)`, from the recursion."""
    found = 0 * I
    for _ in range(steps):
        found = found + STEP - STEP @ S @ found
    return found


def over_contexts(words: Words) -> Words:
    return substituted(mean(words), {LENGTH: M_symbol})


def squared_bias(steps: int) -> Words:
    """Given the context."""
    missed = reached(steps) @ S - I
    return (missed.T @ QUERY @ missed @ W).trace()


def added_by_noise(steps: int) -> Words:
    answer = reached(steps) @ g
    return (QUERY @ over_noise(answer.outer(answer), S)).trace()


@cache
def bias(steps: int) -> Words:
    return over_contexts(squared_bias(steps))


@cache
def variance(steps: int) -> Words:
    return over_contexts(added_by_noise(steps))


@step(ANY)
def the_iteration() -> Iterator[Identity]:
    r"""Each step adds :math:`P_0 (h - S \hat w)`. With :math:`h = S w + g` the error after `k`
    steps is :math:`-(I - P_0 S)^k w + A g`, where `A` follows the same recursion."""
    found = 0 * w
    for steps in STEPS:
        found = found + STEP @ (S @ w + g - S @ found)
        missed = MISSED**steps
        error = reached(steps) @ g - missed @ w
        yield Identity(found - w - error, 0 * w, rf"k = {steps}: \; \hat w - w - [\ldots]")
        yield Identity(reached(steps) @ S - I + missed, 0 * I, r"A S - I + (I - P_0 S)^k")


@step(ANY)
def sums_of_words() -> Iterator[Identity]:
    r"""The bias is the mean of :math:`\operatorname{tr}(K^\top \Lambda_q K W)`, and with
    :math:`E[g g^\top \mid S] = \frac{\sigma^2}M S` the variance that of
    :math:`\frac{\sigma^2}M \operatorname{tr}(\Lambda_q A S A^\top)`: by the binomial theorem
    :math:`\sum_{ij} (-1)^{i + j} \binom ki \binom kj \operatorname{tr}\big( (S P_0^\top)^i
    \Lambda_q (P_0 S)^j W \big)`, and the same for `A`, word by word."""
    for steps in STEPS:
        square, added = 0 * scalar(1), 0 * scalar(1)
        for i in range(steps + 1):
            for j in range(steps + 1):
                weight = (-1) ** (i + j) * comb(steps, i) * comb(steps, j)
                left, right = power(S @ STEP.T, i), power(STEP @ S, j)
                square = square + weight * (left @ QUERY @ right @ W).trace()
                if i and j:
                    word = QUERY @ right @ STEP.T @ power(S @ STEP.T, i - 1)
                    added = added + weight * noise * word.trace() / M
        yield Identity(square - squared_bias(steps), 0, rf"k = {steps}: \; \text{{bias}}")
        yield Identity(added - added_by_noise(steps), 0, r"\text{variance}")


def power(words: Words, exponent: int) -> Words:
    return words**exponent if exponent else I


@step(ANY)
def one_step_is_a_layer() -> Iterator[Identity]:
    r"""After one step :math:`\hat w = P_0 h`, which a layer of linear attention answers whose gain
    is :math:`P_0^\top`. Bias and variance add up to the library's risk of that gain, run on
    words."""
    yield Identity(reached(1) @ g, STEP @ g, "A g")
    answer = (S @ (w + e)) @ STEP.T
    yield Identity(answer, STEP @ S @ (w + e), r"h^\top P_0^\top")
    found = substituted(bias(1), {"W": SECOND_MOMENT}) + variance(1)
    yield Identity(found, risk(STEP.T, TEST), r"\text{bias} + \text{variance}")


@step(SCALARS)
def the_library(formula: Any = GradientDescent) -> Iterator[Identity]:
    r"""The library's bias and variance, of one feature and two or three labelled pairs."""
    names = "Lambda Omega Lambda_q P_0"
    values = dict(zip(names.split(), sympy.symbols("lambda omega q p", positive=True), strict=True))
    arrays = {name: np.array([[value]]) for name, value in values.items()}
    arrays["W"] = arrays["Omega"]
    for steps in STEPS:
        length = 2 + steps % 2
        law = GaussianPrompts(
            arrays["Lambda"],
            length,
            noise_variance=noise_symbol,
            task_covariance=arrays["Omega"],
            query_covariance=arrays["Lambda_q"],
        )
        found = formula(arrays["P_0"], steps).risk(law)
        known = {"M": length, "sigma^2": noise_symbol}
        stated = [evaluated(words, arrays, known) for words in (bias(steps), variance(steps))]
        at = rf"\big|_{{k = {steps}}}"
        yield Identity(found.bias - stated[0], 0, rf"\text{{bias}} \,{at}")
        yield Identity(found.variance - stated[1], 0, rf"\text{{variance}} \,{at}")


@step(ANY)
def sample_replaced_by_its_mean() -> Identity:
    r"""Two steps on the population: :math:`K = -(I - P_0 \Lambda)^2`."""
    missed = (I - STEP @ LAMBDA) ** 2
    return Identity(bias(2), (missed.T @ QUERY @ missed @ W).trace(), r"\text{bias}")


@step(ANY)
def the_gain_untransposed() -> Identity:
    r"""One step as a layer of gain :math:`P_0`."""
    found = substituted(bias(1), {"W": SECOND_MOMENT}) + variance(1)
    return Identity(found, risk(STEP, TEST), r"\text{bias} + \text{variance}")


chain = Chain(
    (the_iteration, sums_of_words, one_step_is_a_layer, the_library),
    wrong=(sample_replaced_by_its_mean, the_gain_untransposed),
)
residuals = chain.residuals
