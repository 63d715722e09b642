"""Which shifts a trained layer tolerates: a panel for each family of shifts."""

from __future__ import annotations

from typing import Any

import numpy as np
from matplotlib import ticker
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lsa_theory.plots.style import COLOURS, FAINT, INK, LINES, styled

WIDTH, COLUMNS = 7.0, 4  # inches, and panels side by side
LEAST, MOST = 0.01, 20.0  # the vertical axis is linear below the first, and ends at the second
TICKS = (0, 0.01, 0.1, 1, 10)
HEADS = {
    False: "Not tolerated: a risk remains as $N, M \\to \\infty$",
    True: "Tolerated: the risk vanishes as $N, M \\to \\infty$",
}


def tolerance_figure(tolerance: Any) -> Figure:
    """The risk of a trained layer against the parameter of each family of shifts.

    Parameters
    ----------
    tolerance
        From `lsa_theory.shift.tolerance`.

    Returns
    -------
    What is not tolerated above what is; risks relative to the zero predictor's, on an axis that
    reaches down to 0.
    """
    pairs = list(zip(tolerance.families, tolerance.rows, strict=True))
    parts = {k: [pair for pair in pairs if pair[1].tolerated is k] for k in HEADS}
    parts = {k: part for k, part in parts.items() if part}
    heights = [-(-len(part) // COLUMNS) for part in parts.values()]
    with styled():
        figure = Figure(figsize=(WIDTH, 1.62 * sum(heights) + 0.42))
        blocks = figure.subfigures(len(parts), 1, height_ratios=heights, squeeze=False)[:, 0]
        for block, (tolerated, part), height in zip(blocks, parts.items(), heights, strict=True):
            panels = _panels(block, HEADS[tolerated], len(part), height)
            for axes, (family, row) in zip(panels, part, strict=True):
                _panel(axes, family, row, tolerance.curve(family))
        handles, labels = panels[0].get_legend_handles_labels()
        labels = [label.replace("{n}", str(tolerance.train.context_length)) for label in labels]
        figure.legend(handles, labels, loc="outside lower left", ncols=6, columnspacing=1.1)
    return figure


def _panels(block: Any, head: str, count: int, rows: int) -> list[Axes]:
    block.suptitle(head, x=0.008, ha="left", fontsize=8.5, weight="bold")
    grid = block.subplots(rows, COLUMNS, sharey=True, squeeze=False)
    for axes in grid.ravel()[count:]:
        axes.remove()
    for axes in grid[:, 0]:
        axes.set(ylabel="relative risk")
    return list(grid.ravel()[:count])


def _panel(axes: Axes, family: Any, row: Any, curve: Any) -> None:
    curves = {
        "attention, $N = {n}$": (curve.attention, COLOURS[0], LINES[0]),
        "attention, $N, M \\to \\infty$": (curve.limit, COLOURS[0], LINES[1]),
        "least squares": (curve.least_squares, COLOURS[1], LINES[3]),
    }
    for label, (values, colour, line) in curves.items():
        axes.plot(curve.values, values, color=colour, linestyle=line, label=label)
    axes.axhline(1, color=FAINT, linewidth=0.8, linestyle=LINES[2], label="predicting 0")
    axes.axvline(family.neutral, color=FAINT, linewidth=0.8, zorder=0.5, label="no shift")
    levels = np.interp(row.crossings, curve.values, curve.attention)
    axes.plot(row.crossings, levels, "o", color=INK, zorder=5, label="the lead changes")
    axes.set_title(f"{family.name} ${family.symbol}$", fontsize=8)
    axes.set_yscale("symlog", linthresh=LEAST, linscale=0.5)
    axes.set(ylim=(-LEAST / 4, MOST), yticks=TICKS, yticklabels=[f"{tick:g}" for tick in TICKS])
    axes.yaxis.set_minor_locator(ticker.NullLocator())
    if family.kind == "length":
        axes.set_xscale("log")
    axes.set_xlim(curve.values[0], curve.values[-1])
