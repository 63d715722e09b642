"""Task diversity twice: linear attention exactly, and transformers on modular arithmetic."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lsa_theory import checks
from lsa_theory.diversity import average_task_risks, limit_task_risks
from lsa_theory.plots.modular_ceilings import ceilings
from lsa_theory.plots.runs import at, data, level, mean, stopped
from lsa_theory.plots.style import COLOURS, COLUMN, FAINT, INK, LINES, styled

RANGE = (0.1, 4.0)  # of the ratio of tasks
TICKS = (0.1, 0.2, 0.5, 1, 2, 4)
LISTS = 16  # of tasks that the points at finite size are a mean over


def joint(
    runs: Sequence[Any], *, dimension: int = 24, label_ratio: float = 0.25, noise: float = 0.1
) -> Figure:
    r"""The error on new tasks against how many tasks a model was trained on, for both.

    Above, linear attention: its risk relative to that of predicting 0 over :math:`K/d`, exact in
    the limit and averaged over lists of tasks at finite size. Below, transformers: the share of
    wrong answers over :math:`K/p^2`. On either side tasks are counted in units of what makes up
    their space: `d` directions, :math:`p^2` pairs.

    Parameters
    ----------
    runs
        Of one `p` or of several, with different numbers of tasks.
    dimension
        `d` of the points at finite size.
    label_ratio
        :math:`\tau = (1 + \sigma^2)\, d / N`, in prompts with label noise :math:`\sigma^2 d`.
    noise
        :math:`\sigma^2`.
    """
    if not runs:
        checks.refuse("joint", "runs", "no runs", "one run at least")
    with styled():
        figure = Figure(figsize=(COLUMN, 4.6))
        upper, lower = figure.subplots(2, 1, sharex=True)
        _linear(upper, dimension, label_ratio, noise)
        _modular(lower, runs)
        upper.set(xscale="log", xlim=RANGE)
        lower.set_xticks(TICKS, [f"{tick:g}" for tick in TICKS])
        lower.xaxis.set_minor_locator(ticker.NullLocator())
        lower.set_xlabel("tasks: $K/d$ above, $K/p^2$ below")
        for axes in (upper, lower):
            axes.axvline(1, color=FAINT, linewidth=0.8, zorder=0.5)
            handles, _ = axes.get_legend_handles_labels()
            axes.legend(
                loc="lower left",
                bbox_to_anchor=(-0.12, 1),
                ncols=2,
                borderaxespad=0.2,
                columnspacing=1.0,
                fontsize=7 if len(handles) < 7 else 6,
            )
        figure.align_ylabels()
    return figure


def _linear(axes: Axes, d: int, label_ratio: float, noise: float) -> None:
    ratios = np.geomspace(*RANGE, 241)
    limit = limit_task_risks(ratios, label_ratio)
    axes.plot(ratios, limit.out_of_distribution, color=COLOURS[1], label="new tasks, limit")
    axes.plot(
        ratios,
        limit.in_distribution,
        color=COLOURS[0],
        linestyle=LINES[1],
        label="old tasks, limit",
    )
    length = max(round((1 + noise) * d / label_ratio), 1)
    counts = np.unique((d * np.geomspace(*RANGE, 9)).round().astype(int).clip(1))
    found = [
        average_task_risks(int(k), d, length, noise_variance=noise * d, count=LISTS) for k in counts
    ]
    for side, colour, marker in (
        ("out_of_distribution", COLOURS[1], "o"),
        ("in_distribution", COLOURS[0], "s"),
    ):
        errors = [risks.errors[side == "out_of_distribution"] / d for risks in found]
        means = [getattr(risks, side) / d for risks in found]
        label = f"$d = {d}$, $N = {length}$" if side == "out_of_distribution" else None
        style: dict[str, Any] = {"color": colour, "marker": marker, "linestyle": "none"}
        axes.errorbar(counts / d, means, errors, label=label, elinewidth=0.8, **style)
    level(axes, 1.0, "predicting 0")
    axes.set(ylabel="linear attention:\nrisk / risk of predicting 0", ylim=(0, None))


def _modular(axes: Axes, runs: Sequence[Any]) -> None:
    primes = sorted({data(run, "p") for run in runs})
    for k, p in enumerate(primes):
        chosen = [run for run in runs if data(run, "p") == p]
        named = f", $p = {p}$" if len(primes) > 1 else ""
        _of_one_prime(axes, sorted(chosen, key=lambda run: data(run, "task_count")), k, named)
        level(axes, 1 - 1 / p, f"chance{named}")
    axes.axvspan(1, RANGE[1], color=FAINT, alpha=0.12, linewidth=0)
    axes.text(np.sqrt(RANGE[1]), 0.6, "no more\ntasks exist", ha="center", va="center", color=INK)
    axes.set(ylabel="transformer:\nshare of wrong answers", ylim=(0, 1.02))


def _of_one_prime(axes: Axes, runs: Sequence[Any], k: int, named: str) -> None:
    x = np.array([data(run, "task_count") / data(run, "p") ** 2 for run in runs])
    wrong = [1 - run.values["accuracy"][..., -1] for run in runs]  # (S, T, 4)
    validated = all("validation" in run.values for run in runs)
    early = [
        at(v[..., 2], stopped(run)) if validated else v[..., 2].min(axis=1)
        for v, run in zip(wrong, runs, strict=True)
    ]
    least = "best validation" if validated else "best step"
    sides = {
        f"new tasks, end{named}": ([v[:, -1, 2] for v in wrong], COLOURS[1], "o", LINES[0]),
        f"new, {least}{named}": (early, COLOURS[1], "D", LINES[1]),
        f"old tasks, end{named}": ([v[:, -1, 0] for v in wrong], COLOURS[0], "s", LINES[1]),
    }
    for label, (each, colour, marker, line) in sides.items():
        style: dict[str, Any] = {"color": colour, "marker": marker}
        for place, values in zip(x, each, strict=True):
            spread = np.full(len(values), place)
            axes.plot(spread, values, **style, linestyle="none", markersize=2, alpha=0.4)
        face = "white" if k or marker == "D" else colour
        middle = [mean(values) for values in each]
        axes.plot(x, middle, linestyle=line, label=label, markerfacecolor=face, **style)
    known = [ceilings("joint", run, "inputs")[1][-1] for run in runs if run.analysis]
    if known:
        level(axes, 1 - float(np.mean(known)), f"ratio matching{named}", 3)
