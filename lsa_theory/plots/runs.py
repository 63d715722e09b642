"""What all figures of recorded runs share: the mean over seeds, every seed, levels, labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.plots.style import FAINT, LINES

LABELS = {  # of what runs differ in
    ("experiment", "data", "p"): "$p = {}$",
    ("experiment", "data", "task_count"): "{} tasks",
    ("experiment", "data", "rule"): "{}",
    ("experiment", "data", "fraction"): r"$\alpha = {:g}$",
    ("experiment", "data", "examples"): "{} examples",
    ("experiment", "data", "class_count"): "$K = {}$",
    ("experiment", "data", "noise"): r"$\epsilon = {:g}$",
    ("experiment", "architecture", "depth"): "depth {}",
    ("experiment", "architecture", "width"): "width {}",
    ("optimisation", "l2"): "L2 {:g}",
    ("optimisation", "weight_decay"): "decay {:g}",
}


def setting(run: Any, *names: str) -> Any:
    """One of the settings of a run; None if it has no such."""
    found = run.settings
    for name in names:
        found = found.get(name) if isinstance(found, dict) else None
    return found


def data(run: Any, name: str) -> Any:
    """A setting of the data's law."""
    return setting(run, "experiment", "data", name)


def array(call: str, run: Any, name: str) -> Array:
    """Of the analysis at the end of a run."""
    if name not in run.analysis:
        checks.refuse(call, "runs", f"{run.name!r}", f"finished, with an analysis of its {name}")
    return run.analysis[name]


def one(call: str, runs: Sequence[Any]) -> Sequence[Any]:
    """A single run."""
    if len(runs) != 1:
        checks.refuse(call, "runs", f"{len(runs)} runs", "one run")
    return runs


def labels(runs: Sequence[Any]) -> list[str]:
    """What tells each run from the others, or its name."""
    told = [names for names in LABELS if len({str(setting(run, *names)) for run in runs}) > 1]
    found = [
        ", ".join(LABELS[names].format(setting(run, *names)) for names in told) for run in runs
    ]
    unclear = len(set(found)) < len(found)
    return [run.name if unclear else label for run, label in zip(runs, found, strict=True)]


def mean(values: Shaped[Array, "s ..."]) -> Array:
    """Over seeds, of those that have a value."""
    seen = np.isfinite(values)
    count = seen.sum(0)
    return np.where(count, np.where(seen, values, 0).sum(0) / np.maximum(count, 1), np.nan)


def weighted(values: Shaped[Array, "s t n"], weights: Shaped[Array, " n"]) -> Array:
    """The weighted mean over the last axis, of what has a value."""
    seen = np.where(np.isfinite(values), weights, 0)
    with np.errstate(invalid="ignore"):
        return (np.nan_to_num(values) * seen).sum(-1) / seen.sum(-1)


def course(
    axes: Axes, x: Shaped[Array, " t"], values: Shaped[Array, "s t"], label: str = "", **style: Any
) -> None:
    """The mean over seeds as a line, every seed as a thin one."""
    if not np.isfinite(values).any():
        return
    thin: dict[str, Any] = {
        "color": style.get("color"),
        "linewidth": 0.5,
        "alpha": 0.4,
        "zorder": 1.5,
    }
    axes.plot(x, values.T, linestyle=style.get("linestyle", "-"), **thin)
    axes.plot(x, mean(values), label=label, **style)


def level(axes: Axes, value: float, label: str, line: int = 2) -> None:
    """A horizontal line to compare with."""
    axes.axhline(value, color=FAINT, linewidth=0.9, linestyle=LINES[line], label=label, zorder=1)


def stopped(run: Any) -> Shaped[Array, " s"] | None:
    """For each seed the index of the evaluation with the best validation; None without one."""
    validation = run.values.get("validation")
    return None if validation is None else np.asarray(validation).argmax(axis=1)


def at(values: Shaped[Array, "s t *more"], index: Shaped[Array, " s"]) -> Array:
    """The value of each seed at an evaluation of its own."""
    return values[np.arange(len(values)), index]
