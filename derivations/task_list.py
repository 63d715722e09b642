r"""The predictor that knows the list of tasks.

Prompts have tasks even on a list :math:`w_1, \dots, w_K` and Gaussian label noise. What is known of
the task after a context is a probability for each of the list; the mean under it is the answer of
least squared error. Tasks :math:`N(0, I)` in the place of the list make it ridge regression.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import sympy

from derivations.algebra import reduced, scalar, symbols, symmetric
from derivations.chain import ANY, SCALARS, Chain, Identity, step
from derivations.setting import I

y, u = sympy.symbols("y u", real=True)
variance = sympy.Symbol("sigma^2", positive=True)
answers = sympy.symbols("a_1:3", real=True)  # of two tasks
weights = sympy.symbols("w_1:4", real=True)
first, second = sympy.symbols("p_1:3", positive=True)
chances = (first, second, 1 - first - second)
MEAN = sum(p * w for p, w in zip(chances, weights, strict=True))

P, F = symmetric("P_x F_x")  # X^T X and its inverse after a penalty
(z,) = symbols("z")
noise = scalar("sigma^2")


def density(answer: Any) -> Any:
    """Of a label, for a task that answers so."""
    return sympy.exp(-((y - answer) ** 2) / (2 * variance)) / sympy.sqrt(2 * sympy.pi * variance)


def expected(of: Any) -> Any:
    """Over the tasks of the list."""
    return sum(p * of(w) for p, w in zip(chances, weights, strict=True))


def ratio(exponent: Any) -> Identity:
    first, second = answers
    found = sympy.simplify(sympy.log(density(first) / density(second)))
    gap = (y - first) ** 2 - (y - second) ** 2
    return Identity(sympy.expand_log(found, force=True), exponent * gap, r"\ln \frac{p_1}{p_2}")


@step(SCALARS)
def a_pair() -> Identity:
    r"""A pair multiplies the odds of two tasks by the ratio of the label's densities,
    :math:`\exp -\frac{1}{2 \sigma^2} [(y - a_1)^2 - (y - a_2)^2]` with their answers :math:`a_k =
    \langle w_k, x \rangle`; pairs are independent, so the exponents add up."""
    return ratio(-1 / (2 * variance))


@step(SCALARS)
def the_mean_is_best() -> Identity:
    r"""Of all answers `u` the mean :math:`\hat w = \sum p_k w_k` has the least squared error:
    :math:`\sum p_k (u - w_k)^2 = \sum p_k (\hat w - w_k)^2 + (u - \hat w)^2`. (Three tasks.)"""
    left = expected(lambda w: (u - w) ** 2)
    return Identity(left, expected(lambda w: (MEAN - w) ** 2) + (u - MEAN) ** 2)


@step(SCALARS)
def what_it_misses() -> Identity:
    r"""So its risk is what its own square lacks: :math:`E (\hat w - w)^2 = E w^2 - E \hat w^2`."""
    left = expected(lambda w: (MEAN - w) ** 2)
    return Identity(left, expected(lambda w: w**2) - MEAN**2, r"\sum p_k (\hat w - w_k)^2")


@step(ANY)
def endless_tasks() -> Iterator[Identity]:
    r"""For tasks :math:`N(0, I)` the posterior is Gaussian, its mean its maximum: the slope of
    :math:`-\frac{1}{2 \sigma^2} \|y - X w\|^2 - \frac12 \|w\|^2` vanishes at :math:`(X^\top X +
    \sigma^2)^{-1} X^\top y`, which is ridge with penalty :math:`\sigma^2`."""
    ridge = F @ z  # z = X^T y
    relation = {("P_x", "F_x"): I - noise * F}
    yield Identity(reduced(z - P @ ridge - noise * ridge, relation), 0 * z, r"X^\top (y - X w)")


@step(SCALARS)
def a_two_forgotten() -> Identity:
    r""":math:`\sigma^2` for :math:`2 \sigma^2`."""
    return ratio(-1 / variance)


chain = Chain((a_pair, the_mean_is_best, what_it_misses, endless_tasks), wrong=(a_two_forgotten,))
residuals = chain.residuals
