"""Cuts through the diagram of random covariances: the risks as contexts grow, and their limit."""

from __future__ import annotations

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lsa_theory.plots.style import COLOURS, FAINT, INK, LINES, styled

WIDTH = 7.0  # inches
LENGTHS = (2, 10, 100)  # M / d, on the right
LEAST = 1e-3  # of the vertical axes


def brittleness_curves(diagram: Any, spreads: tuple[float, ...] = (0.0, 0.2, 0.5, 1.0)) -> Figure:
    """Relative risks against the length of the prompt, left, and against the spread, right.

    Parameters
    ----------
    diagram
        From `lsa_theory.phase.brittleness`.
    spreads
        A curve for each, at the nearest value of the sweep.
    """
    with styled():
        figure = Figure(figsize=(WIDTH, 2.9))
        left, right = figure.subplots(1, 2, sharey=True)
        _by_length(left, diagram.data, spreads)
        _by_spread(right, diagram.data)
        for axes in (left, right):
            axes.set(yscale="log", ylim=(LEAST, 1.5))
            axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderaxespad=0.2)
        left.set_ylabel("risk / risk of predicting 0")
    return figure


def _by_length(axes: Axes, data: Any, spreads: tuple[float, ...]) -> None:
    ratio = data.length_ratio
    for k, one in enumerate(spreads):
        cut = data.sel(spread=one, method="nearest")
        colour = COLOURS[k % len(COLOURS)]
        axes.plot(
            ratio, cut.attention, color=colour, label=f"attention, spread {float(cut.spread):g}"
        )
        if cut.limit > 0:
            axes.axhline(float(cut.limit), color=colour, linestyle=LINES[2], linewidth=1)
    least = data.least_squares.isel(spread=0)
    axes.plot(ratio, least, color=INK, linestyle=LINES[1], label="least squares")
    axes.plot([], [], color=FAINT, linestyle=LINES[2], label="limits")
    axes.set(xscale="log", xlim=(ratio[0], ratio[-1]), xlabel="length of the prompt, $M / d$")


def _by_spread(axes: Axes, data: Any) -> None:
    by_length = data.swap_dims(context_length="length_ratio")
    for k, ratio in enumerate(LENGTHS):
        cut = by_length.sel(length_ratio=ratio, method="nearest")
        label = rf"attention, $M = {ratio}\,d$"
        axes.plot(data.spread, cut.attention, color=COLOURS[k], label=label)
    seen = data.limit > 0
    axes.plot(
        data.spread[seen],
        data.limit[seen],
        color=INK,
        linestyle=LINES[2],
        label=r"attention, $M \to \infty$",
    )
    symbol = data.spread.attrs["symbol"]
    axes.set(
        xlim=(data.spread[0], data.spread[-1]), xlabel=f"spread of the eigenvalues, ${symbol}$"
    )
