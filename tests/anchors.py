"""Exact values of the formulas at fixed cases, from the network's definition alone.

    python -m tests.anchors    # writes tests/anchors.json anew

Nothing here calls a formula of the library: `oracle.loss` takes the mean of a polynomial in
standard Gaussians, and a minimum is where differences of that loss, exact for a quadratic, vanish.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from fractions import Fraction
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np

from lsa_theory import LinearSelfAttention
from lsa_theory.linalg import solve
from validation.harness.oracle import RationalLaw, loss

TABLE = Path(__file__).with_suffix(".json")
ARGUMENTS = ("context", "task", "mean", "query")
VALUES = [Fraction(n, m) for m in (1, 2) for n in (-2, -1, 1, 3)]
SIZES = [(1, 1), (1, 3), (2, 1), (2, 2), (2, 3), (3, 1)]
SEED = 20240802


def spelt(value: Any) -> Any:
    """Arrays of fractions as nested lists of strings; `read` is the inverse."""
    if isinstance(value, (np.ndarray, list)):
        return [spelt(entry) for entry in value]
    return value if value is None else str(value)


def read(value: Any) -> Any:
    if isinstance(value, list):
        nested = [read(entry) for entry in value]
        array = np.empty(np.shape(np.array(value)), dtype=object)
        array[...] = nested
        return array
    return value if value is None else Fraction(value)


# --- the cases ---------------------------------------------------------------------------------


def cases() -> list[dict[str, Any]]:
    """Laws with every argument given, with none but the covariance, and layers without a zero."""
    rng = np.random.default_rng(SEED)
    found = []
    for d, n in SIZES:
        for plain in (True, False):
            context, task, query = (np.tril(_drawn(rng, d, d)) for _ in range(3))  # no zero pivot
            law = {"context": context, "task": None, "query": None, "mean": None}
            law |= {"noise": Fraction(0)}
            if not plain:
                law |= {"task": task, "query": query, "mean": _drawn(rng, d)}
                law |= {"noise": _drawn(rng, 1)[0]}
            layer = {"pv": _drawn(rng, d + 1, d + 1), "kq": _drawn(rng, d + 1, d + 1)}
            inputs = {"context_length": n} | {k: spelt(v) for k, v in (law | layer).items()}
            found.append(inputs | {"gain": spelt(_drawn(rng, d, d))})
    return found


def _drawn(rng: np.random.Generator, *shape: int) -> Any:
    return np.array(VALUES, dtype=object)[rng.integers(len(VALUES), size=shape)]


def law_of(case: dict[str, Any], **changes: Any) -> RationalLaw:
    factors = {name: read(case[name]) for name in ARGUMENTS}
    noise = Fraction(case["noise"])
    return RationalLaw(
        **(factors | {"context_length": case["context_length"], "noise": noise} | changes)
    )


def layer_of(case: dict[str, Any]) -> LinearSelfAttention:
    return LinearSelfAttention(read(case["pv"]), read(case["kq"]))


# --- the values --------------------------------------------------------------------------------


def values(case: dict[str, Any]) -> dict[str, Any]:
    """Of each formula at the case, by the oracle."""
    law, d = law_of(case), len(case["context"])
    gain, least = minimum(law, d)
    centred, centred_least = minimum(law_of(case, mean=None), d)
    return {
        "population_loss": spelt(loss(layer_of(case), law)),
        "block_loss": spelt(loss(on_block(read(case["gain"])), law)),
        "block_minimum": {"gain": spelt(gain), "loss": spelt(least)},
        "global_minimum": {"gain": spelt(centred), "loss": spelt(centred_least)},
        "one_task_loss": spelt(loss(on_block(read(case["gain"])), one_task(case))),
    }


def one_task(case: dict[str, Any]) -> RationalLaw:
    """The task is the first row of the layer, always: Theorem 4.2 for a linear target."""
    d = len(case["context"])
    nothing = np.full((d, d), Fraction(0))
    return law_of(case, task=nothing, mean=read(case["pv"])[0, :d], query=None)


def on_block(gain: Any) -> LinearSelfAttention:
    return LinearSelfAttention.from_block(gain, Fraction(1))


def minimum(law: RationalLaw, d: int) -> tuple[Any, Fraction]:
    """The gain on the block where the gradient of the loss vanishes, and the loss there."""

    def value(gain: Any) -> Fraction:
        return loss(on_block(gain), law)

    units = [unit.reshape(d, d) for unit in np.eye(d * d, dtype=int) * Fraction(1)]
    slope, hessian = quadratic(value, units)
    flat = solve(hessian, -slope[:, None])[:, 0]
    gain = flat.reshape(d, d)
    return gain, value(gain)


def quadratic(value: Callable[[Any], Fraction], units: list[Any]) -> tuple[Any, Any]:
    """The gradient at 0 and the Hessian of a quadratic, by differences, which are exact for it."""
    size, zero = len(units), value(0 * units[0])
    slope, hessian = np.empty(size, dtype=object), np.empty((size, size), dtype=object)
    plus, minus = [value(unit) for unit in units], [value(-unit) for unit in units]
    for i in range(size):
        slope[i], hessian[i, i] = (plus[i] - minus[i]) / 2, plus[i] + minus[i] - 2 * zero
    for i, j in combinations(range(size), 2):
        both = value(units[i] + units[j])
        hessian[i, j] = hessian[j, i] = both - plus[i] - plus[j] + zero
    return slope, hessian


def main() -> None:
    table = [{"inputs": case, "values": values(case)} for case in cases()]
    TABLE.write_text(json.dumps(table, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
