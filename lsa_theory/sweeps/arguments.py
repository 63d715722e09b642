"""The arguments of a sweep, checked before anything is computed."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

from lsa_theory import checks
from lsa_theory.sweeps.axes import Axis
from lsa_theory.sweeps.evaluation import CALL, WAYS, Evaluation
from lsa_theory.sweeps.shards import block_shape, tile_shape
from lsa_theory.sweeps.vectorised import CELLS

SHARD = {"vectorised": 2**18, "batched": 2**10, "each": 2**6}  # cells, unless the caller says


def checked_evaluation(
    function: Any,
    grid: Mapping[str, Axis],
    settings: Any,
    how: Any,
    seed: Any,
    cells_per_shard: Any,
) -> Evaluation:
    """The function with all that it is called with, on a grid of checked axes."""
    if not callable(function):
        checks.refuse(CALL, "function", function, "callable")
    if not isinstance(how, str) or how not in WAYS:
        checks.refuse(CALL, "how", checks.described(how), f"one of {', '.join(WAYS)}")
    cells = SHARD[how] if cells_per_shard is None else cells_per_shard
    cells = checks.integer(CALL, "cells_per_shard", cells)
    fixed = _settings(settings, grid)
    seed = None if seed is None else _seed(how, seed, grid)
    axes = {name: axis.values for name, axis in grid.items()}
    shape = tuple(map(len, axes.values()))
    tile = tile_shape(shape, CELLS) if how == "vectorised" else (1,) * len(shape)
    block = block_shape(shape, cells, tile)
    evaluation = Evaluation(function, axes, fixed, block, tile, how, seed)
    _check_signature(evaluation)
    return evaluation


def _settings(settings: Any, grid: Mapping[str, Axis]) -> dict[str, Any]:
    settings = {} if settings is None else settings
    if not isinstance(settings, Mapping) or not all(isinstance(name, str) for name in settings):
        checks.refuse(CALL, "settings", settings, "a mapping of arguments' names to values")
    if clash := set(settings) & {*grid, "seed"}:
        phrase = f"a setting {min(clash)!r}"
        checks.refuse(CALL, "settings", phrase, "named otherwise than the axes and than seed")
    return dict(settings)


def _seed(how: str, seed: Any, grid: Mapping[str, Axis]) -> int:
    if how == "vectorised":
        checks.refuse(CALL, "seed", seed, "None where how='vectorised', which draws nothing")
    if "seed" in grid:
        checks.refuse(CALL, "seed", seed, "None beside an axis named seed")
    return checks.integer(CALL, "seed", seed, minimum=0)


def _check_signature(evaluation: Evaluation) -> None:
    """Refuse a function that does not take the arguments, by name, before it is called."""
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
