"""Anchors of expectations of words: `S` from its samples, `S^{-1}` from Bartlett's triangle."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sympy import QQ
from sympy.polys.rings import ring

from tests.anchors_shared import Case, Topic, fractions, rational
from validation.common.bartlett import InverseLaw
from validation.harness.oracle import expectation

Word = Callable[..., Any]
WORDS: dict[str, Word] = {
    "S": lambda s, b, w, q: s,
    "S^2": lambda s, b, w, q: s @ s,
    "S^3": lambda s, b, w, q: s @ s @ s,
    "S B S": lambda s, b, w, q: s @ b @ s,
    "tr(S B) S": lambda s, b, w, q: s * (s @ b).trace(),
    "tr(S)^2": lambda s, b, w, q: s.trace() ** 2,
    "tr(S B S B')": lambda s, b, w, q: (s @ b @ s @ b.T).trace(),
    "tr(S B) tr(S) S B'": lambda s, b, w, q: s @ b.T * (s @ b).trace() * s.trace(),
    "tr(S B) tr(S)^2": lambda s, b, w, q: (s @ b).trace() * s.trace() ** 2,
    "S B S^2 B' S": lambda s, b, w, q: s @ b @ s @ s @ b.T @ s,
    "tr(S^3 B) tr(S^2)": lambda s, b, w, q: (s @ s @ s @ b).trace() * (s @ s).trace(),
    "tr(S^3) tr(S B S B)": lambda s, b, w, q: (s @ s @ s).trace() * (s @ b @ s @ b).trace(),
    "w' S B w": lambda s, b, w, q: w @ s @ b @ w,
    "w' B w w' S w w' w": lambda s, b, w, q: (w @ b @ w) * (w @ s @ w) * (w @ w),
    "S w w' B w w'": lambda s, b, w, q: np.outer(s @ w, w) * (w @ b @ w),
    "x_q' B x_q w' S B w": lambda s, b, w, q: (q @ b @ q) * (w @ s @ b @ w),
    "S w w' S": lambda s, b, w, q: np.outer(s @ w, w @ s),
    "x_q' B S w w' S B' x_q": lambda s, b, w, q: (q @ b @ s @ w) ** 2,
}
INVERSE_WORDS: dict[str, Word] = {
    "S^-1": lambda p, b: p,
    "(S^-1)^2": lambda p, b: p @ p,
    "S^-1 B S^-1": lambda p, b: p @ b @ p,
    "tr(S^-1 B) S^-1": lambda p, b: p * (p @ b).trace(),
    "tr(S^-1 B S^-1)": lambda p, b: (p @ b @ p).trace(),
}


def cases() -> list[Case]:
    """By the factors of Λ, Ω and Λ_q."""
    line = {"context": [["3/2"]], "task": [[2]], "mean": ["1/2"], "query": [["1/3"]]}
    plane = {"context": [[1, 0], [1, 2]], "task": [[1, 1], [0, "1/2"]], "mean": [1, -1]}
    rows = [(3, line | {"B": [[-2]]}), (2, plane | {"query": [[2, 0], [1, 1]]})]
    rows[1][1]["B"] = [[1, "1/2"], [-1, 2]]
    return [{"context_length": n} | {k: fractions(x) for k, x in row.items()} for n, row in rows]


def values(case: Case) -> Case:
    """Means of polynomials in the entries of the samples, the task and the query."""
    n, names = case["context_length"], ("context", "task", "mean", "query", "B")
    factor, task, mean, query, b = (rational(case[name]) for name in names)
    d = len(factor)
    symbols = ring([f"z{k}" for k in range(d * (n + 2))], QQ)[1:]
    z = np.array(symbols, dtype=object).reshape(n + 2, d)
    x = factor @ z[:n].T
    drawn = (x @ x.T * QQ(1, n), b, task @ z[n] + mean, query @ z[n + 1])
    return {word: means(function(*drawn)) for word, function in WORDS.items()}


def means(polynomials: Any) -> Any:
    return np.vectorize(expectation, otypes=[object])(polynomials)[()]


def inverse_cases() -> list[Case]:
    """At limits of existence, just above them, and beyond."""
    plane, b = fractions([[1, 0], [1, 2]]), fractions([[1, "1/2"], [-1, 2]])
    line, number = fractions([["3/2"]]), fractions([[-2]])
    rows = [(n, line, number) for n in (2, 3, 5, 9)] + [(n, plane, b) for n in (3, 4, 6, 11)]
    return [{"context_length": n, "context": factor, "B": b} for n, factor, b in rows]


def inverse_values(case: Case) -> Case:
    """None where there is no expectation."""
    law = InverseLaw(case["context"], case["context_length"])
    words = {word: f(law.inverse, case["B"]) for word, f in INVERSE_WORDS.items()}
    return {word: law.mean(found) if law.exists(found) else None for word, found in words.items()}


TOPICS = {
    "words": Topic(cases, values),
    "inverse words": Topic(inverse_cases, inverse_values),
}
