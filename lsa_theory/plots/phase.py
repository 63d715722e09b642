"""A phase diagram as a figure."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib import patheffects, ticker
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.markers import MarkerStyle
from matplotlib.patches import Rectangle

from lsa_theory._typing import Array, Shaped
from lsa_theory.plots.style import COLUMN, DIVERGING, FAINT, INK, LINES, SEQUENTIAL, styled
from lsa_theory.plots.text import LINE, place, size, words, wrapped

SMALL, LABEL, TITLE = 6.0, 7.0, 8.5  # points
ASPECT = 0.92  # height of the axes to their width, about
AXES = 0.66  # share of the figure's width
DOT = 24  # square points of a sampled point


def phase_figure(diagram: Any, *, width: float | None = None) -> Figure:
    """See `lsa_theory.phase.PhaseDiagram.figure`."""
    width = COLUMN if width is None else width
    with styled(**{"axes.grid": False}):
        values = diagram.data[diagram.variable]
        x, y = (values[name] for name in (diagram.x, diagram.y))
        values = values.transpose(y.dims[0], x.dims[0])
        legend = _boundary_labels(diagram)
        notes = _notes(diagram, np.asarray(values), width)
        title = wrapped(words(diagram.title), TITLE, width - 0.1)
        lines = len(title.split("\n")) * 0.16 + len(notes.split("\n")) * 0.105 + 0.45
        figure = Figure(figsize=(width, width * AXES * ASPECT + lines + 0.14 * bool(legend)))
        figure.suptitle(title, x=0.01, ha="left", fontsize=TITLE)
        figure.supxlabel(notes, x=0.01, ha="left", fontsize=SMALL, color=FAINT, linespacing=1.3)
        axes = figure.subplots()
        norm, ends = _norm(diagram.colours, np.asarray(values))
        mesh = _cells(axes, diagram, x, y, np.asarray(values), norm)
        _axis_labels(axes, diagram, x, y)
        _curves(axes, diagram, legend)
        _points(axes, diagram, norm, mesh.cmap)
        _bar(figure, axes, mesh, diagram.colours, ends)
        _names(axes, diagram, x, y, np.isfinite(np.asarray(values)), width)
    return figure


# --- colours ---


def _norm(colours: Any, values: Shaped[Array, "h w"]) -> tuple[Normalize, str]:
    """The scale, and at which ends values lie beyond it."""
    finite = values[np.isfinite(values)]
    least, most = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    low, high = colours.low, colours.high
    if colours.kind == "ratio":
        reach = max(abs(least), abs(most), 1e-6)
        low, high = (-reach if low is None else low), (reach if high is None else high)
    low, high = (least if low is None else low), (most if high is None else high)
    high = high if high > low else low + 1
    below = (values < low).any()
    above = (values > high).any()
    ends = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}
    return Normalize(low, high), ends[int(below), int(above)]


def _bar(figure: Figure, axes: Axes, mesh: Any, colours: Any, ends: str) -> None:
    bar = figure.colorbar(mesh, ax=axes, extend=ends, extendfrac=0.04, pad=0.02, aspect=22)
    bar.set_label(colours.label, fontsize=LABEL + 0.5)
    bar.outline.set_linewidth(0.5)
    if colours.kind != "amount":
        low, high = mesh.norm.vmin, mesh.norm.vmax
        exponents, labels = _decades(low, high)
        bar.set_ticks(exponents, labels=labels)
        bar.ax.minorticks_off()


def _decades(low: float, high: float) -> tuple[list[float], list[str]]:
    """Places of round numbers on a logarithmic scale, in decades, and what is written there."""
    steps = (
        (1.0,)
        if high - low > 2.6
        else (1.0, 2.0, 5.0)
        if high - low > 0.7
        else (1, 1.5, 2, 3, 5, 7)
    )
    numbers = [
        (k, step) for k in range(int(np.floor(low)), int(np.ceil(high)) + 1) for step in steps
    ]
    found = [(k + np.log10(step), k, step) for k, step in numbers]
    kept = [item for item in found if low - 1e-9 <= item[0] <= high + 1e-9]
    if len(kept) > 9:
        kept = [item for item in kept if item[1] % 2 == 0 and item[2] == 1]
    return [item[0] for item in kept], [_number(k, step) for _, k, step in kept]


def _number(exponent: int, digit: float) -> str:
    if -3 <= exponent <= 3:
        return f"{digit * 10.0**exponent:g}"
    return f"$10^{{{exponent}}}$" if digit == 1 else rf"${digit:g}\cdot 10^{{{exponent}}}$"


# --- what is drawn ---


def edges(centres: Shaped[Array, " n"], logarithmic: bool) -> Shaped[Array, " n+1"]:
    """Between cells halfway, as far outside as inside."""
    centres = np.log(centres) if logarithmic else np.asarray(centres, dtype=float)
    if len(centres) == 1:
        return (np.exp if logarithmic else np.asarray)(centres[0] + np.array([-0.5, 0.5]))
    inner = (centres[1:] + centres[:-1]) / 2
    found = np.concatenate([[2 * centres[0] - inner[0]], inner, [2 * centres[-1] - inner[-1]]])
    return np.exp(found) if logarithmic else found


def _cells(axes: Axes, diagram: Any, x: Any, y: Any, values: Array, norm: Normalize) -> Any:
    colours = mpl.colormaps[DIVERGING if diagram.colours.kind == "ratio" else SEQUENTIAL]
    across, up = (edges(np.asarray(c), c.name in diagram.logarithmic) for c in (x, y))
    for name, scale in ((diagram.x, axes.set_xscale), (diagram.y, axes.set_yscale)):
        if name in diagram.logarithmic:
            scale("log")
    finite = np.ma.masked_invalid(values)
    mesh = axes.pcolormesh(across, up, finite, cmap=colours, norm=norm, rasterized=True)
    for mask, face in (
        (values == -np.inf, colours(0.0)),
        (values == np.inf, colours(1.0)),
        (np.isnan(values), "#ffffff"),
    ):
        _hatched(axes, mask, across, up, face)
    axes.set(xlim=across[[0, -1]], ylim=up[[0, -1]])
    return mesh


def _hatched(axes: Axes, mask: Array, x: Array, y: Array, face: Any) -> None:
    """Rectangles over the cells of a mask, as few as go without overlap."""
    runs: dict[tuple[int, int], list[list[int]]] = {}
    for column in range(mask.shape[1]):
        steps = np.flatnonzero(np.diff(np.pad(mask[:, column].astype(int), 1)))
        for low, high in steps.reshape(-1, 2):
            spans = runs.setdefault((int(low), int(high)), [])
            if spans and spans[-1][1] == column:
                spans[-1][1] = column + 1
            else:
                spans.append([column, column + 1])
    boxes = [
        Rectangle((x[a], y[low]), x[b] - x[a], y[high] - y[low])
        for (low, high), spans in runs.items()
        for a, b in spans
    ]
    if boxes:
        line = "white" if np.mean(mpl.colors.to_rgb(face)) < 0.7 else FAINT
        style = {"facecolor": face, "edgecolor": line, "linewidth": 0, "hatch": "//////"}
        axes.add_collection(PatchCollection(boxes, **style))


def _axis_labels(axes: Axes, diagram: Any, x: Any, y: Any) -> None:
    for coordinate, axis, put in (
        (x, axes.xaxis, axes.set_xlabel),
        (y, axes.yaxis, axes.set_ylabel),
    ):
        put(axis_label(coordinate.attrs))
        if coordinate.attrs.get("units") == "degrees":
            axis.set_major_locator(ticker.MultipleLocator(15))
        elif coordinate.name in diagram.logarithmic:
            plain_decades(axis, float(coordinate.min()), float(coordinate.max()))


def axis_label(attributes: Any) -> str:
    """Words, symbol and unit, of those that there are."""
    words, symbol, unit = (attributes.get(k, "") for k in ("long_name", "symbol", "units"))
    shown = symbol if not symbol or symbol.startswith("$") else f"${symbol}$"
    named = ", ".join(part for part in (words, shown) if part)
    return f"{named} ({unit})" if unit and unit != "1" else named


def plain_decades(axis: Any, low: float, high: float) -> None:
    """Round numbers on a logarithmic axis, written plainly where they are short."""
    places, labels = _decades(np.log10(low), np.log10(high))
    axis.set_major_locator(ticker.FixedLocator([10**place for place in places]))
    axis.set_major_formatter(ticker.FixedFormatter(labels))
    axis.set_minor_locator(ticker.LogLocator(subs=[float(k) for k in range(2, 10)], numticks=99))
    axis.set_minor_formatter(ticker.NullFormatter())


def _boundary_labels(diagram: Any) -> list[str]:
    return list(dict.fromkeys(boundary.label for boundary in diagram.boundaries))


def _curves(axes: Axes, diagram: Any, labels: list[str]) -> None:
    casing = [patheffects.withStroke(linewidth=2.8, foreground="white")]
    drawn: set[str] = set()
    for boundary in diagram.boundaries:
        style = LINES[labels.index(boundary.label) % len(LINES)]
        label = None if boundary.label in drawn else boundary.label
        drawn.add(boundary.label)
        axes.plot(
            boundary.x, boundary.y, color=INK, linestyle=style, label=label, path_effects=casing
        )
    if labels:
        axes.legend(
            loc="lower left", bbox_to_anchor=(0, 1), borderpad=0.2, borderaxespad=0.2, ncols=3
        )


def _points(axes: Axes, diagram: Any, norm: Normalize, colours: Any) -> None:
    """Circles: the left half two standard errors below, the right half as many above."""
    if diagram.points is None:
        return
    points = diagram.points
    x, y = (np.ravel(points[name]) for name in (diagram.x, diagram.y))
    centre, error = (np.ravel(points[diagram.variable + end]) for end in ("", "_error"))
    for side, shift in (("left", -2), ("right", 2)):
        axes.scatter(
            x,
            y,
            DOT,
            centre + shift * error,
            marker=MarkerStyle("o", fillstyle=side),
            cmap=colours,
            norm=norm,
            linewidths=0,
            zorder=4,
        )
    for colour, line in (("white", 1.8), (INK, 0.7)):
        axes.scatter(x, y, DOT, facecolors="none", edgecolors=colour, linewidths=line, zorder=5)


def _notes(diagram: Any, values: Array, width: float) -> str:
    phrases = [*diagram.notes]
    if np.isinf(values).any():
        phrases.append(f"hatched: {diagram.infinite}")
    if np.isnan(values).any():
        phrases.append(f"hatched on white: {diagram.missing}")
    if diagram.points is not None:
        phrases.append("circles: sampled, left half 2 standard errors below, right half above")
    return wrapped(phrases, SMALL, width - 0.1, "; ")


def _names(axes: Axes, diagram: Any, x: Any, y: Any, finite: Array, width: float) -> None:
    """The regions' names, where there is most room for them."""
    across = width * AXES
    columns, rows = (_fractions(c, c.name in diagram.logarithmic) for c in (x, y))
    clear = finite & ~_near_points(diagram, x, y, [columns, rows])
    paper = {"boxstyle": "round,pad=0.12", "facecolor": "white", "linewidth": 0, "alpha": 0.85}
    centred: dict[str, Any] = {
        "ha": "center",
        "va": "center",
        "fontsize": LABEL,
        "transform": axes.transAxes,
    }
    for region in diagram.regions:
        wide, high = size(region.label, LABEL)
        box = (wide + 0.07) / across, (high + 0.05) / (across * ASPECT)
        inside = np.asarray(region.where.transpose(y.dims[0], x.dims[0]))
        centre = place(inside, clear, columns, rows, *box)
        if centre is not None:
            axes.text(*centre, region.label, bbox=paper, linespacing=LINE, zorder=3.5, **centred)


def _fractions(coordinate: Any, logarithmic: bool) -> Shaped[Array, " n"]:
    centres = np.asarray(coordinate, dtype=float)
    sides = edges(centres, logarithmic)
    if logarithmic:
        centres, sides = np.log(centres), np.log(sides)
    return (centres - sides[0]) / (sides[-1] - sides[0])


def _near_points(diagram: Any, x: Any, y: Any, places: list[Array]) -> Array:
    """The cells that a circle covers, about."""
    covered = np.zeros((y.size, x.size), dtype=bool)
    if diagram.points is None:
        return covered
    drawn = []
    for coordinate, at in zip((x, y), places, strict=True):
        number = np.log if coordinate.name in diagram.logarithmic else np.asarray
        values = number(np.ravel(diagram.points[coordinate.name]))
        drawn.append(np.interp(values, number(np.asarray(coordinate, dtype=float)), at))
    for column, row in zip(*drawn, strict=True):
        covered |= (abs(places[0] - column) < 0.025)[None] & (abs(places[1] - row) < 0.03)[:, None]
    return covered
