"""Anchors of training: its limits and final rates, the theorem on its course, its saddles.

`s` and `U` enter the loss through `B = s U` alone, so all that training does on the block follows
from the Bowl: its slope at 0, its Hessian, and values.
"""

from __future__ import annotations

from fractions import Fraction
from math import isqrt
from typing import Any

import numpy as np
import sympy

from tests.anchors_shared import Bowl, Case, Topic, fractions, law_of, on_block
from validation.harness.oracle import loss

SCALAR: Case = {"context": [[2]], "context_length": 1}
NOISY: Case = {"context": [["1/2"]], "context_length": 3, "noise": 2}
SKEW: Case = {"context": [[1, 0], [1, 2]], "context_length": 2}
FLAT: Case = {"context": [[1, 0], [0, 0]], "context_length": 3}
OWN = SKEW | {"noise": 1, "task": [[1, 0], [2, 1]], "query": [[2, 0], [-1, "1/2"]]}
WIDE: Case = {"context": [[1, 0, 0], [2, 1, 0], [0, -1, 1]], "context_length": 1}


def case(law: Case, **more: Any) -> Case:
    """All numbers and arrays as fractions, but for the length and what is true or false."""
    inputs = law | more
    kept = {k: v for k, v in inputs.items() if k == "context_length" or isinstance(v, bool)}
    return {k: fractions(v) for k, v in inputs.items()} | kept


# --- the layers at the minimum, and how fast they are reached ----------------------------------


def limit_cases() -> list[Case]:
    own = NOISY | {"task": [[3]], "query": [[1]]}
    laws = [(SCALAR, "1/2"), (own, 3), (SKEW, "3/4"), (OWN, "1/5")]
    return [case(law, scale=scale) for law, scale in laws]


def limits(case: Case) -> Case:
    """With `s` given, the balance that it is the limit of; `s^4 = ‖sU‖²` where that is 0."""
    gain, s = Bowl(law_of(case)).gain, case["scale"]
    u = gain / s
    return {"balance": s * s - (u * u).sum(), "u": u, "balanced_fourth_power": (gain * gain).sum()}


def rate_cases() -> list[Case]:
    noisy, nothing = SKEW | {"noise": 1}, SCALAR | {"context": [[0]]}
    three = {"context": [1, 2, "3/2"], "context_length": 1}  # signs between modes count from 3 on
    laws = [(SCALAR, "1/2"), (NOISY, 3), (SKEW, "3/4"), (noisy, 2), (FLAT, 1), (SKEW, "1/8")]
    return [case(law, scale=scale) for law, scale in [*laws, (nothing, 1), (three, "1/4")]]


def rates(case: Case) -> Case:
    """Near the limit `B' = -(s² + U ⊗ U) H (B - B_∞)`: the characteristic polynomial of that, whose
    roots are half of the rates of the loss."""
    bowl, s = Bowl(law_of(case)), case["scale"]
    u = bowl.gain.ravel() / s
    speed = np.eye(len(u), dtype=int) * s * s + np.outer(u, u)
    polynomial = sympy.Matrix(speed @ bowl.hessian).charpoly().all_coeffs()
    return {"balance": s * s - u @ u, "polynomial": fractions(polynomial)}


# --- Theorem 4.1 -------------------------------------------------------------------------------


def guarantee_cases() -> list[Case]:
    """Λ = (Q a)(Q a)^T with Q, if any, orthogonal; Θ along its largest eigenvector, or not."""
    four, turn = {"context": [1, 2, "1/2", "3/2"], "context_length": 1}, [["3/5", "-4/5"]]
    turn = {"turn": [*turn, ["4/5", "3/5"]]}
    halves = [["1/2", "1/2", 0, 0], ["1/2", "-1/2", 0, 0], [0, 0, "1/2", "1/2"]]
    halves = [*halves, [0, 0, "1/2", "-1/2"]]
    top, oblique = [[0], [1], [0], [0]], [["3/5"], [0], [0], ["4/5"]]
    plane = {"context": [["3/5", "-8/5"], ["4/5", "6/5"]], "context_length": 3}
    return [
        case({"context": [2], "context_length": 1}, theta=[[1]], scale="1/4"),
        case({"context": ["1/2"], "context_length": 5}, theta=[[1]], scale="4/3"),
        case(four, theta=top, scale="1/6"),
        case(four, theta=oblique, scale="1/5"),
        case(four, theta=halves, scale="1/4"),
        case(four, theta=halves, scale="2/5"),  # the sharp form's alone
        case(four, theta=top, scale="1/2"),  # of neither
        case(plane | turn, theta=[["3/5"], ["4/5"]], scale="1/3"),
        case(plane | turn, theta=[["-4/5"], ["3/5"]], scale="2/5"),  # the largest eigenvector
    ]


def guarantees(case: Case) -> Case:
    """Both forms, by the squares of what they bound s² and the rate by."""
    bowl, s = Bowl(law_of(case)), case["scale"]
    d = bowl.dimension
    turn = case.get("turn", np.eye(d, dtype=int) * Fraction(1))
    both = np.kron(turn, turn)
    start = s * case["theta"] @ case["theta"].T
    square = -bowl.slope.reshape(d, d)  # Λ²
    gamma = 1 / (turn.T @ bowl.gain @ turn).diagonal()
    curvatures = (both.T @ bowl.hessian @ both).diagonal()  # of Γ ⊗ Λ in eigenvalues, all products
    seen = (square * start).sum() / s  # ‖ΛΘ‖_F²
    norm_squared = (turn.T @ square @ turn).diagonal().max()  # ‖Λ‖²
    small = s * s * gamma.max()

    def form(root: Any, size_squared: Any, curvature: Any) -> Case:
        """`root` is √d or 1, `size_squared` that of √d ‖Λ‖² or ‖Λ²‖_F."""
        found = (s * s * seen * (2 - root * small) / 2) ** 2 / size_squared
        return {"scale_fourth": found, "rate_squared": 4 * found * curvature**2}

    found = {
        "initial_loss": loss(on_block(start, s), law_of(case)),
        "least_loss": bowl.least,
        "paper_holds": d * small**2 < 4,
        "sharp_holds": small < 2,
    }
    if found["sharp_holds"]:
        found["sharp"] = form(1, bowl.slope @ bowl.slope, curvatures.min())
    if found["paper_holds"] and isqrt(d) ** 2 == d:  # else 2 - √d ... is no root of a rational
        found["paper"] = form(isqrt(d), d * norm_squared**2, 1 / (1 / curvatures).sum())
    return found


# --- from where the flow is known to converge --------------------------------------------------


def verdict_cases() -> list[Case]:
    """The verdicts by hand."""
    one, nothing = [[1, 0], [0, 1]], [[0, 0], [0, 0]]
    quarter, minus = [["1/4", 0], [0, "1/4"]], [[-2, 0], ["1/2", -2]]
    dull = SKEW | {"task": nothing, "noise": 1}
    return [
        case(SKEW, scale=1, u=nothing, holds=True, stuck=False),
        case(SKEW, scale="1/8", u=quarter, holds=True, stuck=False),
        case(OWN, scale="1/4", u=[["1/8", 0], ["1/16", "1/8"]], holds=True, stuck=False),
        case(OWN, scale="-1/8", u=[["-1/8", "1/64"], [0, "-1/8"]], holds=True, stuck=False),
        case(SKEW, scale=3, u=minus, holds=True, stuck=False),  # by its balance alone
        case(SKEW, scale=1, u=minus, holds=False, stuck=False),
        case(SKEW, scale=0, u=one, holds=True, stuck=False),
        case(SKEW, scale=0, u=[[0, 1], [-1, 0]], holds=False, stuck=True),
        case(dull, scale=0, u=one, holds=True, stuck=False),  # the gain 0 is the best
        case(FLAT, scale="1/4", u=[["1/4", 1], [1, 1]], holds=True, stuck=False),
        case(FLAT, scale=0, u=[[0, 1], [1, 1]], holds=False, stuck=True),
    ]


def verdicts(case: Case) -> Case:
    """`s² >= z` with `z² = c z + (drop / ‖R‖)²`: `drop` below the zero predictor's loss, which is
    at most `s tr(R U^T)`, with -R the slope."""
    bowl, s, u = Bowl(law_of(case)), case["scale"], case["u"]
    drop = max(bowl.top - bowl.at(s * u), Fraction(0))
    product = drop**2 / (bowl.slope @ bowl.slope) if drop else drop
    return {"balance": s * s - (u * u).sum(), "product_squared": product}


def escape_cases() -> list[Case]:
    """Asymmetric `U` without the part along the slope."""
    found = []
    for law in (SKEW, OWN, WIDE, OWN | {"context_length": 5}):
        slope = Bowl(law_of(case(law))).slope
        u = fractions([(-1) ** k * Fraction(k + 1, 4) for k in range(len(slope))])
        u = u - (u @ slope) / (slope @ slope) * slope
        d = len(law["context"])
        found.append(case(law, u=u.reshape(d, d)))
    return found


def escapes(case: Case) -> Case:
    """The Hessian over (s, U) at s = 0 is `[[a, g^T], [g, 0]]`, `g` the slope and `a` the second
    derivative of the loss along U: its eigenvalues -ρ have `ρ² + a ρ - ‖g‖² = 0`."""
    bowl, u = Bowl(law_of(case)), case["u"]
    second = bowl.at(u) + bowl.at(-u) - 2 * bowl.top
    return {"polynomial": fractions([1, second, -bowl.slope @ bowl.slope])}


TOPICS = {
    "limits": Topic(limit_cases, limits),
    "rates": Topic(rate_cases, rates),
    "guarantees": Topic(guarantee_cases, guarantees),
    "verdicts": Topic(verdict_cases, verdicts),
    "escapes": Topic(escape_cases, escapes),
}
