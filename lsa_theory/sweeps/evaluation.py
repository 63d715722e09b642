"""A function on one shard of a grid, in the three ways that a function can be written."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from threading import RLock
from typing import Any

import numpy as np

import lsa_theory
from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.sweeps import results
from lsa_theory.sweeps.executors import Results
from lsa_theory.sweeps.fingerprint import description
from lsa_theory.sweeps.seeds import seeds_of
from lsa_theory.sweeps.shards import Shard
from lsa_theory.sweeps.vectorised import Program, on_tiles, program

CALL = "sweep"

_compiling = RLock()  # a function may sweep over another


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A function with all that it is called with: of a shard it makes the shard's results.

    Attributes
    ----------
    function, settings
        Called as `function(**point, **settings)`.
    axes
        Name to values, in the order of the grid's dimensions.
    block
        The shape of the largest shard.
    tile
        The shape that a vectorised function is compiled for.
    how
        One of `WAYS`.
    seed
        None, or what every cell's own seed is derived from.
    """

    function: Callable[..., Any]
    axes: Mapping[str, Array]
    settings: Mapping[str, Any]
    block: tuple[int, ...]
    tile: tuple[int, ...]
    how: str
    seed: int | None = None

    def __call__(self, shard: Shard) -> Results:
        """The variables on the shard's cells, in the shard's shape."""
        return WAYS[self.how](self, shard)

    @property
    def program(self) -> Program:
        """The compiled function, of a vectorised sweep; the threads of a process share it."""
        with _compiling:
            if "_program" not in vars(self):
                made = program(self.function, tuple(self.axes), self.settings, self.tile)
                object.__setattr__(self, "_program", made)
            return vars(self)["_program"]

    def __getstate__(self) -> dict[str, Any]:
        """What travels to another process: a program is compiled where it runs."""
        return {name: value for name, value in vars(self).items() if name != "_program"}

    @property
    def shape(self) -> tuple[int, ...]:
        """Of the grid."""
        return tuple(map(len, self.axes.values()))

    @property
    def name(self) -> str:
        """How the function is called in messages."""
        return getattr(self.function, "__name__", type(self.function).__name__)

    def attributes(self) -> dict[str, Any]:
        """What a dataset says of the sweep that it is of."""
        settings = description("settings", self.settings, strict=False)
        name = getattr(self.function, "__qualname__", self.name)
        module = getattr(self.function, "__module__", type(self.function).__module__)
        attributes = {
            "function": f"{module}.{name}",
            "settings": json.dumps(settings),
            "how": self.how,
            "lsa_theory_version": lsa_theory.__version__,
        }
        return attributes if self.seed is None else {**attributes, "seed": self.seed}


def _vectorised(evaluation: Evaluation, shard: Shard) -> Results:
    """One program for every tile, compiled when the first is wanted."""
    return on_tiles(evaluation.axes, shard, evaluation.tile, evaluation.program)


def _batched(evaluation: Evaluation, shard: Shard) -> Results:
    """One call with a flat array an axis, filled up to the size of the largest shard."""
    cells = _flat(evaluation, shard)
    spare = math.prod(evaluation.block) - shard.cells
    point = {name: np.pad(values, (0, spare), mode="edge") for name, values in cells.items()}
    try:
        returned = evaluation.function(**point, **evaluation.settings)
        found = results.arrays(CALL, returned, evaluation.axes, (shard.cells + spare,))
    except Exception as error:
        ends = (
            _described({name: cells[name][k].item() for name in evaluation.axes}) for k in (0, -1)
        )
        error.add_note(f"sweep: {evaluation.name} on the cells from {' to '.join(ends)}")
        raise
    return {name: array[: shard.cells].reshape(shard.shape) for name, array in found.items()}


def _each(evaluation: Evaluation, shard: Shard) -> Results:
    """One call a cell, with Python's own numbers."""
    cells = {name: values.tolist() for name, values in _flat(evaluation, shard).items()}
    points = [dict(zip(cells, values, strict=True)) for values in zip(*cells.values(), strict=True)]
    found = [_at(evaluation, point) for point in points]
    for point, one in zip(points, found, strict=True):
        if one.keys() != found[0].keys():
            phrase = f"results {', '.join(one)} at {_described(point)}"
            rule = (
                f"a function whose results have the same names everywhere ({', '.join(found[0])})"
            )
            checks.refuse(CALL, "function", phrase, rule)
    return {name: np.array([one[name] for one in found]).reshape(shard.shape) for name in found[0]}


def _at(evaluation: Evaluation, point: Mapping[str, Any]) -> Results:
    try:
        returned = evaluation.function(**point, **evaluation.settings)
        return results.arrays(CALL, returned, evaluation.axes, ())
    except Exception as error:
        error.add_note(f"sweep: {evaluation.name} at {_described(point)}")
        raise


def _described(point: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={checks.described(value)}" for name, value in point.items())


def _flat(evaluation: Evaluation, shard: Shard) -> dict[str, Array]:
    """Each axis's value in each cell of the shard, and the cells' seeds."""
    sides = [
        values[part] for values, part in zip(evaluation.axes.values(), shard.slices, strict=True)
    ]
    mesh = np.meshgrid(*sides, indexing="ij")
    cells = {name: grid.ravel() for name, grid in zip(evaluation.axes, mesh, strict=True)}
    if evaluation.seed is not None:
        cells["seed"] = seeds_of(evaluation.seed, evaluation.shape, shard)
    return cells


WAYS: dict[str, Callable[[Evaluation, Shard], Results]] = {
    "vectorised": _vectorised,
    "batched": _batched,
    "each": _each,
}
