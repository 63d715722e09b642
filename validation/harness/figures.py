"""House style of the figures: colour-blind safe, the same bytes from the same numbers."""

import io
import re
from collections.abc import Callable
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

from lsa_theory.plots import style
from lsa_theory.plots.style import COLOURS as COLOURS
from lsa_theory.plots.style import DIVERGING as DIVERGING
from lsa_theory.plots.style import FAINT as FAINT
from lsa_theory.plots.style import GRID as GRID
from lsa_theory.plots.style import INK as INK
from lsa_theory.plots.style import SEQUENTIAL as SEQUENTIAL

STYLE: dict[str, Any] = style.STYLE | {  # larger than in a journal: figures are 7 inches wide
    "axes.linewidth": 0.8,
    "axes.titlesize": 10.5,
    "font.size": 9.5,
    "grid.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.handlelength": 2.0,
    "lines.linewidth": 1.8,
    "lines.markersize": 4.5,
    "savefig.transparent": True,
    "xtick.labelsize": "medium",
    "ytick.labelsize": "medium",
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
