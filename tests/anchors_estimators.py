"""Anchors of other estimators and of shifts: from samples as polynomials in Gaussians."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from sympy import QQ
from sympy.polys.rings import ring

from tests.anchors_shared import Bowl, Case, Topic, fractions, law_of, rational
from validation.common.bartlett import InverseLaw
from validation.harness.oracle import expectation, product_expectation

SKEW = {"context": [[1, 0], [1, 2]], "query": [[2, 0], [1, 1]], "noise": "1/2"}
PRIOR = {"task": [[1, 1], [0, "1/2"]], "mean": [1, -1]}


def case(law: Case) -> Case:
    counts = {k: law[k] for k in ("context_length", "steps", "d") if k in law}
    return {k: fractions(v) for k, v in law.items()} | counts


def second(factor: Any, mean: Any = None) -> Any:
    square = factor @ factor.T
    return square if mean is None else square + np.outer(mean, mean)


# --- least squares -----------------------------------------------------------------------------


def determined_cases() -> list[Case]:
    line = {"context": [["3/2"]], "query": [[2]], "noise": "1/3"}
    flat = {"context": [1, "3/2"], "query": [2, "1/2"], "noise": 2}
    lengths = [(line, n) for n in (2, 3, 8)] + [(SKEW | PRIOR, n) for n in (3, 4, 9)]
    lengths += [(flat, 5), (flat | {"noise": 0}, 2)]
    return [case(law | {"context_length": n}) for law, n in lengths]


def determined(case: Case) -> Case:
    """`σ² E tr(Λ_q (X^T X)^{-1})`, None where it is infinite."""
    context, query = (np.diag(x) if x.ndim == 1 else x for x in map(case.get, ("context", "query")))
    law, noise = InverseLaw(context, case["context_length"]), case["noise"]
    trace = (second(query) @ law.inverse).trace()
    if noise and not law.exists(trace):
        return {"variance": None}
    return {"variance": noise**2 * law.mean(trace) / case["context_length"] if noise else noise}


def fewer_cases() -> list[Case]:
    """A single sample, or one less than features, of white ones."""
    plane = {"query": [[2, 0], [1, 1]], "task": [[1, 1], [0, 2]], "mean": [1, 0], "d": 2}
    space = {"query": [[1, 0, 0], [1, 2, 0], [0, 1, 1]], "task": [[1, 0, 2], [0, 1, 0], [1, 1, 1]]}
    space |= {"mean": [0, 1, -1], "d": 3, "noise": 3}
    four = {"query": np.diag([1, 2, 3, 1]), "task": np.diag([2, 1, 1, 3]), "mean": [1, 0, 0, 1]}
    four |= {"d": 4, "noise": 2}
    sizes = [(plane | {"noise": 0}, 1), (space, 1), (space, 2), (four, 1), (four, 2), (four, 3)]
    return [case(law | {"scale": 2, "context_length": n}) for law, n in sizes]


def fewer(case: Case) -> Case:
    """The row space, or what is left of it, is the line of a Gaussian vector `z`; a polynomial in
    `z / |z|` has the mean of the homogeneous one in `z` over that of a power of `|z|`. Of noise
    there is `σ² E tr(Λ_q X^+ X^{+T})`: the mean is a multiple of `tr Λ_q`, and at `Λ_q = I` it is
    that of `tr (X X^T)^{-1}`, the sample covariance of the `d` columns but for a factor."""
    d, length, query = case["d"], case["context_length"], second(case["query"])
    values: Case = {"variance": case["noise"]}
    if case["noise"]:
        law = InverseLaw(np.eye(length, dtype=int) * case["scale"], d)
        trace = law.inverse.trace()
        share = case["noise"] ** 2 * query.trace() / d
        values = {"variance": share * law.mean(trace) / d if law.exists(trace) else None}
    if length in (1, d - 1):
        z = np.array(ring([f"z{k}" for k in range(d)], QQ)[1:], dtype=object)
        square, line = z @ z, np.outer(z, z)
        missed = np.eye(d, dtype=int) * square - line if length == 1 else line
        moment = rational(second(case["task"], case["mean"]))
        trace = (missed @ rational(query) @ missed @ moment).trace()
        values["bias"] = expectation(trace) / expectation(square**2)
    return values


# --- gradient descent in context ---------------------------------------------------------------


def descent_cases() -> list[Case]:
    steps = {"steps": 2, "context_length": 2}
    line = {"context": [["3/2"]], "query": [[2]], "task": [[2]], "mean": ["1/2"], "noise": "1/3"}
    laws = [line | {"step": [["1/3"]], "steps": 3}, SKEW | PRIOR | {"steps": 1}, SKEW | PRIOR]
    plane = {"step": [["1/3", "1/2"], ["-1/4", "1/5"]]}
    return [case(plane | steps | law) for law in laws]


def descent(case: Case) -> Case:
    """`w_{k+1} = w_k + P (h - S w_k)`, whole prompts; the labels' noise is all of the variance."""
    total = descent_risk(case, case["noise"])
    bias = descent_risk(case, Fraction(0))
    return {"bias": bias, "variance": total - bias}


def descent_risk(case: Case, noise: Fraction) -> Fraction:
    names = ("context", "query", "task", "mean", "step")
    factor, query, task, mean, step = (rational(case[name]) for name in names)
    d, n = len(factor), case["context_length"]
    symbols = np.array(ring([f"z{k}" for k in range(n * (d + 1) + 2 * d)], QQ)[1:], dtype=object)
    z, spread = symbols[: n * d].reshape(n, d), symbols[n * d : n * (d + 1)]
    x, w = z @ factor.T, task @ symbols[-2 * d : -d] + mean
    y = x @ w + spread * rational(noise)[()]
    sample, h = x.T @ x * QQ(1, n), x.T @ y * QQ(1, n)
    found = step @ h
    for _ in range(case["steps"] - 1):
        found = found + step @ (h - sample @ found)
    missed = (found - w) @ query @ symbols[-d:]
    return product_expectation(missed, missed)


# --- shifts ------------------------------------------------------------------------------------


def shift_cases() -> list[Case]:
    train = {"context": [[1, 0], [1, 2]], "context_length": 3, "noise": "1/2"}
    tests = [
        {"context": [[2, 0], [2, 4]], "context_length": 2, "noise": 0},
        SKEW | PRIOR | {"context": [[2, 0], [-1, 1]], "context_length": 2},
    ]
    return [{"train": case(train), "test": case(test)} for test in tests]


def shifts(case: Case) -> Case:
    """Risks are twice the losses of the test law: quadratic in a factor on the gain, linear in the
    noise's variance and in one over the length."""
    train, test = Bowl(law_of(case["train"])), Bowl(law_of(case["test"]))
    silent = Bowl(law_of(case["test"], noise=Fraction(0)))
    gain, zero = train.gain, test.top
    once, twice = test.at(gain), test.at(2 * gain)
    square = (twice - 2 * once + zero) / 2
    cross = (square + zero - once) / 2
    least = zero - cross**2 / square
    first = sympy.Matrix(second(case["train"]["context"])).inv()  # of long contexts: Λ^{-1}
    ideal = fractions(first.tolist())
    short, longer = (Bowl(law_of(case["test"], context_length=n)).at(ideal) for n in (1, 2))
    return {
        "bias": 2 * silent.at(gain),
        "variance": 2 * (once - silent.at(gain)),
        "retrained": 2 * test.least,
        "rescaled": 2 * least,
        "factor": cross / square,
        "zero": 2 * zero,
        "limit_risk": 2 * (2 * longer - short),
        "limit_trace": (ideal @ second(case["test"]["context"])).trace(),
        "share": (once - least) / (once - test.least),
    }


TOPICS = {
    "determined": Topic(determined_cases, determined),
    "fewer samples": Topic(fewer_cases, fewer),
    "descent": Topic(descent_cases, descent),
    "shifts": Topic(shift_cases, shifts),
}
