"""A function of numbers, traced once and mapped over all axes.

Maps are nested, one an axis, so what does not depend on an axis is computed once along it, and a
sum over features is taken before axes are crossed. The grid is cut into equal tiles, counted from
its first cell, and one program is compiled for a tile. A cell is always computed in its own tile,
at its own place, so its bits do not depend on how the grid is cut into shards.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.extras import required
from lsa_theory.sweeps import results
from lsa_theory.sweeps.executors import Results
from lsa_theory.sweeps.shards import Shard, boxes

CELLS = 2**13  # of a tile: its intermediate matrices fit in memory, calls cost little beside it

Program = tuple[tuple[str, ...], Callable[..., tuple[Any, ...]]]  # names of results, tile by tile


def on_tiles(
    axes: Mapping[str, Array], shard: Shard, tile: tuple[int, ...], program: Program
) -> Results:
    """The results on a shard, put together from those on the tiles that it meets."""
    jax = required("sweep", "jax", "sweep")
    names, compiled = program
    found = {name: np.empty(shard.shape) for name in names}
    with jax.enable_x64(True):
        for box in _tiles(shard, tile):
            sides = [_side(*each) for each in zip(axes.values(), box.start, tile, strict=True)]
            here, there = _overlap(shard, box)
            for name, values in zip(names, compiled(*sides), strict=True):
                found[name][here] = np.asarray(values)[there]
    return found


def _tiles(shard: Shard, tile: tuple[int, ...]) -> list[Shard]:
    """The tiles that a shard meets, in the grid's coordinates."""
    first = [start // side * side for start, side in zip(shard.start, tile, strict=True)]
    reach = tuple(stop - start for stop, start in zip(shard.stop, first, strict=True))
    return [
        Shard(
            box.index,
            tuple(a + b for a, b in zip(first, box.start, strict=True)),
            tuple(a + b for a, b in zip(first, box.stop, strict=True)),
        )
        for box in boxes(reach, tile)
    ]


def _side(values: Array, start: int, length: int) -> Array:
    """A tile's own stretch of an axis; beyond the axis's end its last value."""
    part = np.asarray(values[start : start + length], dtype=np.float64)
    return np.pad(part, (0, length - len(part)), mode="edge")


def _overlap(shard: Shard, box: Shard) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
    """What shard and tile share, counted from the first cell of either."""
    here, there = [], []
    for a, b, c, d in zip(shard.start, shard.stop, box.start, box.stop, strict=True):
        first, last = max(a, c), min(b, d)
        here.append(slice(first - a, last - a))
        there.append(slice(first - c, last - c))
    return tuple(here), tuple(there)


def program(
    function: Callable[..., Any],
    axes: tuple[str, ...],
    settings: Mapping[str, Any],
    tile: tuple[int, ...],
) -> Program:
    """The function mapped over all axes and compiled for one tile."""
    jax = required("sweep", "jax", "sweep")
    names: list[str] = []

    def traced(*point: Any) -> tuple[Any, ...]:
        returned = function(**dict(zip(axes, point, strict=True)), **settings)
        found = results.named("sweep", returned, axes)
        names[:] = found
        return tuple(_number(jax, name, value) for name, value in found.items())

    mapped = traced
    for place in reversed(range(len(axes))):  # the last axis innermost
        over = [0 if axis == place else None for axis in range(len(axes))]
        mapped = jax.vmap(mapped, in_axes=over)
    try:
        with jax.enable_x64(True):
            sides = [jax.ShapeDtypeStruct((side,), np.float64) for side in tile]
            compiled = jax.jit(mapped).lower(*sides).compile()
    except (jax.errors.JAXTypeError, jax.errors.JAXIndexError) as error:
        _refuse_untraceable(jax, function, error)
    except Exception as error:
        error.add_note("sweep: while JAX traced the function; how='each' calls it with numbers")
        raise
    return tuple(names), compiled


def _number(jax: Any, name: str, value: Any) -> Any:
    if not checks.is_tracer(value):
        return results.arrays("sweep", {name: value}, (), ())[name]
    if value.shape or value.dtype.kind not in results.REAL:
        phrase = f"{name} of shape {value.shape} and dtype {value.dtype} returned"
        checks.refuse("sweep", "function", phrase, "a function to real numbers")
    return value.astype(np.float64)


def _refuse_untraceable(jax: Any, function: Callable[..., Any], error: Exception) -> None:
    reasons = {
        jax.errors.TracerBoolConversionError: "decides by an argument's value (if, max, and)",
        jax.errors.TracerArrayConversionError: "hands an argument to NumPy or SciPy",
        jax.errors.TracerIntegerConversionError: "counts or indexes with an argument",
        jax.errors.ConcretizationTypeError: "makes a Python number of an argument",
    }
    reason = next((text for kind, text in reasons.items() if isinstance(error, kind)), "does not")
    name = getattr(function, "__name__", type(function).__name__)
    rule = f"traceable by JAX where how='vectorised', but it {reason}: use how='each'"
    checks.refuse("sweep", "function", name, rule)
