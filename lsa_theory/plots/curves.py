"""What all curve plots share: one column wide, a legend above, room for no title."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lsa_theory._typing import Array, Shaped
from lsa_theory.plots.style import COLUMN, styled


@contextmanager
def panels(count: int = 1, *, height: float = 2.2) -> Iterator[tuple[Figure, list[Axes]]]:
    """A figure of one column and so many panels one below the other, on one horizontal axis."""
    with styled():
        figure = Figure(figsize=(COLUMN, height))
        yield figure, list(np.atleast_1d(figure.subplots(count, 1, sharex=True)))
        figure.align_ylabels()


def legend(axes: Axes, columns: int = 2) -> None:
    """Above the panel, so that it covers no curve."""
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=columns, borderaxespad=0.2)


def logarithmic_if_wide(values: Shaped[Array, " n"], ratio: float = 30.0) -> str:
    """The scale for an axis: logarithmic for positive values over a wide range."""
    finite = values[np.isfinite(values)]
    wide = finite.size and finite.min() > 0 and finite.max() > ratio * finite.min()
    return "log" if wide else "linear"
