r"""The error of any weights on prompts of any length.

The layer answers :math:`\hat y = x_q^\top W z` with :math:`W = [G \,|\, g]` from
:math:`z = (\frac d\ell \sum y_i x_i, \frac1\ell \sum y_i^2)`. Its error is a quadratic in `W`, so
the second moments of `z` given the task say everything; then the task is averaged.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np
import sympy

from derivations.algebra import (
    DIMENSION,
    LENGTH,
    Words,
    evaluated,
    mean,
    scalar,
    substituted,
    symbols,
    symmetric,
)
from derivations.chain import ANY, AT_2, SCALARS, Chain, Identity, step
from derivations.setting import I, n, noise, noise_symbol
from lsa_theory.finite_data import weight_error

S, G, w, g = symbols("S G w g")
(TASK,) = symmetric("W")  # w w^T
d = scalar(DIMENSION)
t_symbol = sympy.Symbol("t", positive=True)  # the variance of a label, ‖w‖²/d + ρ
t = scalar(t_symbol)


@step(ANY)
def what_the_pairs_show() -> Iterator[Identity]:
    r"""Given its task, the first part of `z` is :math:`d\, (S w + \frac1\ell \sum \varepsilon_i
    x_i)`. Its mean is `w`, and its second moment :math:`(1 + \frac1\ell)\, w w^\top
    + \frac{d t}\ell I`, with :math:`t = \|w\|^2 / d + \rho` the variance of a label."""
    white = {"Lambda": I / d}
    yield Identity(substituted(d * mean(S) @ w, white), w, "E[z_1]")
    shown = d * d * (mean(S @ TASK @ S) + noise * mean(S) / n)
    stated = (n + 1) * TASK / n + d / n * (TASK.trace() / d + noise) * I
    yield Identity(substituted(shown, white), stated, r"E[z_1 z_1^\top]")


@step(SCALARS)
def what_the_labels_show() -> Iterator[Identity]:
    r"""A label is Gaussian of variance `t`, and :math:`E[x_i \mid y_i] = \frac{y_i}{t d} w`. Of
    independent pairs one in :math:`\ell` coincides with another: the last entry
    :math:`z_2 = \frac1\ell \sum y_i^2` has the mean `t` and the mean square
    :math:`t^2 (1 + \frac2\ell)`, and :math:`E[z_1 z_2] = t (1 + \frac2\ell)\, w`."""
    second, fourth = t_symbol, 3 * t_symbol**2
    square = (LENGTH * fourth + LENGTH * (LENGTH - 1) * second**2) / LENGTH**2
    yield Identity(square, t_symbol**2 * (1 + 2 / LENGTH), "E[z_2^2]")
    # d E[y x] = w E[y²]/t = w, and d E[y³ x] = w E[y⁴]/t
    crossed = (LENGTH * fourth / t_symbol + LENGTH * (LENGTH - 1) * second) / LENGTH**2
    yield Identity(crossed, t_symbol * (1 + 2 / LENGTH), r"E[z_1 z_2] / w")


PAIRS = (n + 1) / n * w.outer(w) + d * t / n * I
LABELS = t * t * (n + 2) / n
CROSSED = t * (n + 2) / n * w
MISSED = G @ w - w
GIVEN = (
    (MISSED.T @ MISSED)
    + ((G @ w).T @ (G @ w) + t * d * (G @ G.T).trace()) / n
    + 2 * t * ((n + 2) / n * (g.T @ G @ w) - g.T @ w)
    + t * t * (n + 2) / n * (g.T @ g)
) / d


@step(ANY)
def the_error_given_the_task() -> Identity:
    r"""The query is independent, so that the error is :math:`\rho + \frac1d E \|W z - w\|^2`: with
    these moments, and squares completed, the statement's, before it is averaged over tasks."""
    square = (G @ PAIRS @ G.T).trace() + 2 * (g.T @ G @ CROSSED) + LABELS * (g.T @ g)
    found = square - 2 * (w.T @ (G @ w + t * g)) + w.T @ w
    return Identity(found / d, GIVEN, r"\tfrac1d E[\|W z - w\|^2 \mid w]")


def given_task(weights: Any, task: Any) -> Any:
    """The step before, in entries."""
    variance = (task @ task) / len(task) + noise_symbol
    arrays = {"G": weights[:, :-1], "g": weights[:, -1], "w": task}
    known = {"N": LENGTH, "t": variance, "sigma^2": noise_symbol}
    return noise_symbol + np.asarray(evaluated(GIVEN, arrays, known)).item()


def gaussian_mean(expression: sympy.Expr, variables: Any, variances: Any) -> sympy.Expr:
    """Of a polynomial in independent Gaussians: `z^{2k}` becomes `(2k − 1)!!` times a power."""
    total = sympy.Integer(0)
    for powers, value in sympy.Poly(expression, *variables).terms():
        if not any(power % 2 for power in powers):
            factors = (
                v ** (k // 2) * prod(range(1, k, 2)) for v, k in zip(variances, powers, strict=True)
            )
            total += value * prod(factors)
    return total


WEIGHTS = np.array(sympy.symbols("W0:6")).reshape(2, 3)


@step(AT_2)
def the_library(formula: Any = weight_error) -> Iterator[Identity]:
    r"""The library's error: averaged over a list of two tasks, and over fresh tasks, where
    :math:`E t^2 = (E t)^2 + \frac2{d^2} \operatorname{tr} C^2` and :math:`E[t w] = 0`."""
    tasks = np.array(
        [[sympy.Symbol("v1"), sympy.Integer(2)], [sympy.Integer(-1), sympy.Integer(3)]]
    )
    found = formula(WEIGHTS, LENGTH, noise_variance=noise_symbol, tasks=tasks)
    stated = sum(given_task(WEIGHTS, task) for task in tasks) / 2
    yield Identity(found, stated, r"\text{error on the list}")
    variances = np.array(sympy.symbols("c1 c2", positive=True))
    task = np.array(sympy.symbols("w1 w2", real=True))
    found = formula(WEIGHTS, LENGTH, noise_variance=noise_symbol, task_covariance=variances)
    stated = gaussian_mean(sympy.expand(given_task(WEIGHTS, task)), task, variances)
    yield Identity(found, stated, r"\text{error on fresh tasks}")


@step(SCALARS)
def labels_known_in_the_mean() -> Identity:
    r""":math:`E[z_2^2] = t^2`, as if :math:`z_2` were its mean."""
    fourth = 3 * t_symbol**2
    square = (LENGTH * fourth + LENGTH * (LENGTH - 1) * t_symbol**2) / LENGTH**2
    return Identity(square, t_symbol**2, "E[z_2^2]")


@step(ANY)
def pairs_without_coincidence() -> Identity:
    r""":math:`E[z_1 z_1^\top] = w w^\top + \frac{d t}\ell I`."""
    shown: Words = d * d * (mean(S @ TASK @ S) + noise * mean(S) / n)
    stated = TASK + d / n * (TASK.trace() / d + noise) * I
    return Identity(substituted(shown, {"Lambda": I / d}), stated, r"E[z_1 z_1^\top]")


chain = Chain(
    (what_the_pairs_show, what_the_labels_show, the_error_given_the_task, the_library),
    wrong=(labels_known_in_the_mean, pairs_without_coincidence),
)
residuals = chain.residuals
