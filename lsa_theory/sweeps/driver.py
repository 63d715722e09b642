"""`sweep`: a function over a grid."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from contextlib import closing
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.extras import required
from lsa_theory.sweeps.axes import Axis, checked_axes
from lsa_theory.sweeps.evaluation import CALL, WAYS, Evaluation
from lsa_theory.sweeps.executors import Executor, InProcess, Results
from lsa_theory.sweeps.shards import Shard, block_shape, boxes, tile_shape
from lsa_theory.sweeps.vectorised import CELLS


def sweep(
    function: Callable[..., Any],
    axes: Mapping[str, Any],
    *,
    settings: Mapping[str, Any] | None = None,
    how: str = "vectorised",
    seed: int | None = None,
    store: Any = None,
    cells_per_shard: int = 2**18,
    scheduler: Any = None,
    progress: bool | None = None,
) -> Any:
    """A function of several arguments on the grid that the axes span, as an `xarray.Dataset`."""
    xarray = required(CALL, "xarray", "sweep")
    grid = checked_axes(CALL, axes)
    evaluation = _evaluation(function, grid, settings, how, seed, cells_per_shard)
    shards = list(boxes(evaluation.shape, evaluation.block))
    found: dict[str, Array] = {}
    executor: Executor = InProcess()
    with closing(executor.run(evaluation, shards)) as done:  # type: ignore[type-var]
        for shard, results in done:
            _put(found, evaluation.shape, shard, results)
    return _dataset(xarray, evaluation, grid, found)


def _evaluation(
    function: Any,
    grid: Mapping[str, Axis],
    settings: Any,
    how: str,
    seed: Any,
    cells_per_shard: Any,
) -> Evaluation:
    if not callable(function):
        checks.refuse(CALL, "function", function, "callable")
    if not isinstance(how, str) or how not in WAYS:
        checks.refuse(CALL, "how", how, f"one of {', '.join(WAYS)}")
    settings = {} if settings is None else settings
    if not isinstance(settings, Mapping) or not all(isinstance(name, str) for name in settings):
        checks.refuse(CALL, "settings", settings, "a mapping from arguments' names to values")
    if clash := set(settings) & {*grid, "seed"}:
        phrase = f"a setting {min(clash)!r}"
        checks.refuse(CALL, "settings", phrase, "of other names than the axes' and seed")
    if seed is not None:
        seed = _checked_seed(how, seed, grid)
    cells = checks.integer(CALL, "cells_per_shard", cells_per_shard)
    axes = {name: axis.values for name, axis in grid.items()}
    shape = tuple(map(len, axes.values()))
    tile = tile_shape(shape, CELLS)
    block = block_shape(shape, cells, tile if how == "vectorised" else (1,) * len(shape))
    evaluation = Evaluation(function, axes, dict(settings), block, tile, how, seed)
    _check_arguments(evaluation)
    return evaluation


def _checked_seed(how: str, seed: Any, grid: Mapping[str, Axis]) -> int:
    if how == "vectorised":
        checks.refuse(CALL, "seed", seed, "None where how='vectorised', which draws nothing")
    if "seed" in grid:
        checks.refuse(CALL, "seed", seed, "None beside an axis named seed")
    return checks.integer(CALL, "seed", seed, minimum=0)


def _check_arguments(evaluation: Evaluation) -> None:
    try:
        signature = inspect.signature(evaluation.function)
    except (TypeError, ValueError):  # some callables do not tell
        return
    given = {**evaluation.axes, **evaluation.settings}
    if evaluation.seed is not None:
        given["seed"] = evaluation.seed
    try:
        signature.bind(**given)
    except TypeError as error:
        rule = f"a function of {', '.join(given)} by name ({error})"
        checks.refuse(CALL, "function", evaluation.name, rule)


def _put(found: dict[str, Array], shape: tuple[int, ...], shard: Shard, results: Results) -> None:
    if not found:
        found.update({name: np.empty(shape) for name in results})
    if found.keys() != results.keys():
        phrase = f"results {', '.join(results)} in shard {shard.index}"
        rule = f"a function whose results have the same names everywhere ({', '.join(found)})"
        checks.refuse(CALL, "function", phrase, rule)
    for name, values in results.items():
        found[name][shard.slices] = values


def _dataset(
    xarray: Any, evaluation: Evaluation, grid: Mapping[str, Axis], found: Mapping[str, Array]
) -> Any:
    from lsa_theory import __version__

    attributes = {
        "function": f"{evaluation.function.__module__}.{evaluation.function.__qualname__}",
        "how": evaluation.how,
        "lsa_theory_version": __version__,
    }
    return xarray.Dataset(
        {name: (tuple(grid), values) for name, values in found.items()},
        {name: (name, axis.values, axis.attributes(name)) for name, axis in grid.items()},
        attributes,
    )
