"""House style of the figures: colour-blind safe, the same bytes from the same numbers."""

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.figure import Figure

COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")  # Okabe and Ito
INK, FAINT, GRID = "#1f2430", "#6b7280", "#d9dce3"
SEQUENTIAL, DIVERGING = "cividis", "RdBu_r"

STYLE: dict[str, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": FAINT,
    "axes.grid": True,
    "axes.labelcolor": INK,
    "axes.linewidth": 0.8,
    "axes.prop_cycle": cycler(color=COLOURS),
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlecolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.5,
    "figure.constrained_layout.use": True,
    "font.size": 9.5,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "image.cmap": SEQUENTIAL,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "mathtext.fontset": "stix",
    "savefig.transparent": True,
    "svg.fonttype": "path",
    "text.color": INK,
    "xtick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.color": FAINT,
    "ytick.labelcolor": INK,
}


def canvas(rows: int = 1, columns: int = 1, *, height: float = 3.0, **options: Any):
    """A figure, 7 inches wide, and its axes: ``figure, axes = canvas(1, 2)``.

    One axes object when there is one, else an array of them; ``options`` go to
    ``Figure.subplots``.
    """
    figure = Figure(figsize=(7.0, height))
    return figure, figure.subplots(rows, columns, **options)


def drawing(figure: Callable[[], Figure], salt: str) -> str:
    """What ``figure()`` draws, in the house style, as SVG text.

    Its identifiers begin with ``salt``, so that a page can hold many drawings.
    """
    buffer = io.StringIO()
    with mpl.rc_context({**STYLE, "svg.hashsalt": salt}):
        figure().savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    return re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{salt}-", text)


def themed(text: str) -> str:
    """The SVG with the house colours as CSS variables, so that a page's dark mode reaches it."""
    names = {INK: "ink", FAINT: "muted", GRID: "line"}
    names |= {colour: f"c{index}" for index, colour in enumerate(COLOURS, 1)}
    for colour, name in names.items():
        text = text.replace(colour, f"var(--{name}, {colour})")
    return text
