"""Anchors of prediction on targets that need not be linear, from polynomials in Gaussians.

The moments of a pair, and the error of a prediction on a whole prompt of M pairs, with neither
Theorem 4.2 nor the split into a bias and a variance: that is read off two lengths.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import QQ
from sympy.polys.rings import ring

from tests.anchors_shared import Bowl, Case, Topic, fractions, rational
from validation.harness.oracle import RationalLaw, expectation, product_expectation

LENGTHS = (1, 2)
NAMES = ("context", "task", "noise")
TRAINED = 3  # the context length in training


def cases() -> list[Case]:
    """The function is `Σ_k function[k] z^k`."""
    linear, square = [0, 1], [0, 0, 1]
    rows: list[dict[str, Any]] = [
        {"function": linear, "context": [["3/2"]], "task": [2], "noise": "1/2"},
        {"function": square, "context": [["3/2"]], "task": [2], "noise": "1/2"},
        {"function": linear, "context": [[1, 0], [1, 2]], "task": [1, "-1/2"], "noise": 1},
        {"function": square, "context": [[1, 0], [1, 2]], "task": [1, "-1/2"], "noise": 1},
        {"function": [1, "1/2", -1, "1/3"], "context": [[1, 0], ["1/2", 1]], "task": [1, "1/2"]},
        {"function": [2, 1, 1], "context": [[1, 0], ["1/2", 1]], "task": [0, 0]},  # a constant
    ]
    gains = [[["1/4"]], [["1/4"]], *[[["1/3", "1/2"], ["-1/4", "1/5"]]] * 4]
    full = [{"noise": 0, "gain": gain} | row for row, gain in zip(rows, gains, strict=True)]
    return [{name: fractions(entry) for name, entry in row.items()} for row in full]


def values(case: Case) -> Case:
    """Of a pair, then of prompts with the gain of the case and with the one that training gives."""
    d = len(case["context"])
    x, y = next(pairs(case, 1))
    xy = fractions([expectation(entry * y) for entry in x])
    power = expectation(y * y)
    second = [[expectation(left * right * y * y) for left in x] for right in x]
    covariance = case["context"] @ case["context"].T
    solution = sympy.Matrix(covariance).LUsolve(sympy.Matrix(xy))
    best = fractions(solution.tolist()).reshape(d)
    trained = Bowl(RationalLaw(case["context"], TRAINED)).gain
    return {
        "coefficients": best,
        "label_covariance": fractions(second) - np.outer(xy, xy),
        "linear_error": power - best @ xy,
        "errors": fractions([error(case, case["gain"], m) for m in LENGTHS]),
        "trained_errors": fractions([error(case, trained, m) for m in LENGTHS]),
    }


def error(case: Case, gain: Any, length: int) -> Fraction:
    """`E (h^T gain x_q - y_q)²`."""
    *context, (x_query, y_query) = pairs(case, length + 1)
    h = sum(x * y for x, y in context) * QQ(1, length)
    missed = h @ rational(gain) @ x_query - y_query
    return product_expectation(missed, missed)


def pairs(case: Case, count: int) -> Iterator[tuple[Any, Any]]:
    """Independent draws of (x, y), as polynomials in standard Gaussians."""
    factor, task, function = (rational(case[k]) for k in ("context", "task", "function"))
    d = len(task)
    symbols = np.array(ring([f"z{k}" for k in range(count * (d + 1))], QQ)[1:], dtype=object)
    for *z, noise in symbols.reshape(count, d + 1):
        x = factor @ np.array(z, dtype=object)
        label = 0 * noise
        for coefficient in reversed(function):
            label = label * (task @ x) + coefficient
        yield x, label + rational(case["noise"])[()] * noise


# --- tanh --------------------------------------------------------------------------------------


def tanh_cases() -> list[Case]:
    """In one dimension, where `Σ` is a number."""
    shapes = [("1/2", 1, 1), (1, "3/2", 0), (2, -1, "1/3")]
    return [dict(zip(NAMES, map(fractions, shape), strict=True)) for shape in shapes]


@mpmath.workdps(30)
def tanh_values(case: Case) -> Case:
    """By adaptive quadrature: `a = E xy / λ`, `Var(xy)`, `E(y - a x)²`."""
    factor, w, noise = (mpmath.mpf(case[k].numerator) / case[k].denominator for k in NAMES)

    def mean(function: Any) -> Any:
        points = [-16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16]
        return mpmath.quad(lambda z: function(factor * z) * mpmath.npdf(z), points)

    def label(x: Any) -> Any:
        return mpmath.tanh(w * x)

    cross = mean(lambda x: x * label(x))
    best = cross / factor**2
    found = {
        "coefficient": best,
        "label_covariance": mean(lambda x: x**2 * (label(x) ** 2 + noise**2)) - cross**2,
        "linear_error": mean(lambda x: (label(x) - best * x) ** 2 + noise**2),
    }
    return {name: mpmath.nstr(value, 20) for name, value in found.items()}


TOPICS = {"targets": Topic(cases, values), "tanh": Topic(tanh_cases, tanh_values)}
