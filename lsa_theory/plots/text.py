"""Text that fits: lines broken by their measured width, and a place for a label in a region."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from matplotlib.font_manager import FontProperties
from matplotlib.textpath import text_to_path

from lsa_theory._typing import Array, Shaped

POINTS = 72.0  # an inch
LINE = 1.15  # heights of a font to the next line
GRAIN = 32  # cells of the search grid along a label's width and along its height


def size(text: str, points: float, weight: str = "normal") -> tuple[float, float]:
    """Width and height of a text in inches, in the house font."""
    font = FontProperties(size=points, weight=weight)
    lines = [
        text_to_path.get_text_width_height_descent(line, font, "$" in line)[0]
        for line in text.split("\n")
    ]
    return max(lines) / POINTS, len(lines) * LINE * points / POINTS


def words(text: str) -> list[str]:
    """Between blanks, but for those in a formula."""
    return re.findall(r"(?:\$[^$]*\$|\S)+", text)


def wrapped(phrases: Sequence[str], points: float, width: float, joint: str = " ") -> str:
    """Phrases, joined, on lines of at most a width in inches; none is broken."""
    lines: list[str] = []
    for phrase in phrases:
        longer = f"{lines[-1]}{joint}{phrase}" if lines else phrase
        if lines and size(longer, points)[0] <= width:
            lines[-1] = longer
        else:
            if lines:
                lines[-1] += joint.rstrip()
            lines.append(phrase)
    return "\n".join(lines)


def place(
    inside: Shaped[Array, "h w"],
    clear: Shaped[Array, "h w"],
    x: Shaped[Array, " w"],
    y: Shaped[Array, " h"],
    width: float,
    height: float,
) -> tuple[float, float] | None:
    """The centre of a box that lies in a region, all in fractions of the axes: where there is most
    room in the region's clear part. None if the box does not fit.

    Parameters
    ----------
    inside, clear
        Which cells belong to the region, and which of all may well be covered.
    x, y
        Centres of the cells, ascending, from 0 to 1.
    """
    from scipy.ndimage import distance_transform_cdt

    columns, rows = (np.arange(0.5, round(GRAIN / box)) * box / GRAIN for box in (width, height))
    nearest = [
        np.abs(fine[:, None] - coarse).argmin(axis=1) for fine, coarse in ((rows, y), (columns, x))
    ]
    whole, free = (
        distance_transform_cdt(np.pad(cells[np.ix_(*nearest)], 1), metric="chessboard")
        for cells in (inside, inside & clear)
    )
    if not (whole > GRAIN / 2).any():
        return None
    room = np.where(whole > GRAIN / 2, whole + whole.max() * free, 0)
    row, column = np.unravel_index(room.argmax(), room.shape)
    return float(columns[column - 1]), float(rows[row - 1])
