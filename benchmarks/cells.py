"""Cells of the diagrams of attention against least squares: a vectorised sweep of a million, of
d = 50 features, beside a Python loop over the same function.

CPU times of a sweep hold everything, compilation too, which is measured alone on a grid of one
tile. The loop runs over a few hundred cells of the same grid. Features that are turned have dense
matrices, and a decomposition for each angle: their cost is stated by itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import product
from typing import Any

import numpy as np

from benchmarks.row import Row, advantage, cost
from benchmarks.timing import cpu_time
from lsa_theory import GaussianPrompts, block_minimum, risk, shift
from lsa_theory.estimators import LeastSquares
from lsa_theory.phase.noise import noise_risks
from lsa_theory.phase.scale import scale_risks
from lsa_theory.sweeps import sweep

DIMENSION, LENGTH = 50, 500
SIDE, LOOP = 1000, 15  # values of an axis: of the sweep, of the loop
TURNS = 200  # values of an axis where each angle has matrices of its own
REPEATS = 3
SPECTRA = {"white": np.ones(DIMENSION), "λ ∝ 1/k": 1 / np.arange(1.0, DIMENSION + 1)}
FUNCTIONS = {"noise": (noise_risks, "training_noise"), "scale": (scale_risks, "noise")}


def rows() -> Iterator[Row]:
    for shown, eigenvalues in SPECTRA.items():
        for name, (function, level) in FUNCTIONS.items():
            settings = {"eigenvalues": eigenvalues.tolist(), "train_length": LENGTH, level: 0.2}
            yield from million(f"10⁶ cells, {name}, {shown}", function, name, settings)
    yield rotations()


def million(
    what: str, function: Callable[..., Any], name: str, settings: dict[str, Any]
) -> Iterator[Row]:
    whole, first = (
        best(lambda side=side: sweep(function, axes(name, side), settings=settings))
        for side in (SIDE, 2)
    )
    points = [dict(zip(axes(name, 0), p, strict=True)) for p in product(*axes(name, LOOP).values())]
    loop = best(lambda: [function(**number(point), **settings) for point in points])
    beside = loop / len(points) * SIDE**2
    yield cost(what, whole, 1.0, compile_seconds=first, note="compiled within")
    yield advantage(what, whole, "Python loop", beside, 200, note=f"loop over {len(points)} cells")


def axes(name: str, side: int) -> dict[str, np.ndarray]:
    """Lengths of the test prompt from `d/4` to `40 d`, and noise or scale."""
    lengths = np.arange(DIMENSION // 4, 40 * DIMENSION)
    chosen = lengths[np.linspace(0, len(lengths) - 1, side).astype(int)]
    return {"context_length": chosen, name: np.linspace(0.05, 5.0, side)}


def number(point: dict[str, Any]) -> dict[str, Any]:
    """As Python has it."""
    return {key: value.item() for key, value in point.items()}


def rotations() -> Row:
    """Features whose first and last eigenvector are turned, for lengths on both sides of d."""
    train = GaussianPrompts(SPECTRA["λ ∝ 1/k"], LENGTH, noise_variance=1.0)
    gain, family = block_minimum(train).gain, shift.rotated(train)

    def risks(context_length: Any, angle: Any) -> dict[str, Any]:
        law = family(angle).replace(context_length=context_length)
        return {"attention": risk(gain, law), "least_squares": sum(LeastSquares().known(law))}

    whole, first = (
        best(lambda side=side: sweep(risks, axes("angle", side))) for side in (TURNS, 2)
    )
    points = [
        dict(zip(axes("angle", 0), p, strict=True)) for p in product(*axes("angle", 8).values())
    ]
    loop = best(lambda: [risks(**number(point)) for point in points]) / len(points)
    cell = (whole - first) / TURNS**2
    note = f"{TURNS}² cells of dense rotations"
    return advantage(
        "a rotated cell", cell, "Python loop", loop, 10, compile_seconds=first, note=note
    )


def best(call: Callable[[], object]) -> float:
    return min(cpu_time(call) for _ in range(REPEATS))
