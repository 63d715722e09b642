"""Figures as files: the same bytes for the same figure."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from lsa_theory import checks
from lsa_theory.plots.style import styled

SILENT: dict[str, dict[str, Any]] = {  # no dates, no versions
    ".png": {"Software": None},
    ".svg": {"Date": None, "Creator": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def saved(figure: Figure, path: str | Path) -> Path:
    """Writes a figure as PNG, SVG or PDF, by the suffix of the path, and returns the path.

    The same figure gives the same bytes, on any day and in any process. Its layout is settled
    before it is written and stays as it is.

    Raises
    ------
    ValueError
        If the suffix is another.
    """
    path = Path(path)
    suffix = path.suffix.lower()
    if suffix not in SILENT:
        checks.refuse("saved", "path", path.name, "a .png, .svg or .pdf file")
    path.write_bytes(drawn(figure, suffix))
    return path


def drawn(figure: Figure, suffix: str) -> bytes:
    """The content of the file that `saved` writes."""
    file = io.BytesIO()
    with styled(**{"svg.hashsalt": "lsa-theory"}):
        if figure.get_layout_engine() is not None:
            figure.draw_without_rendering()
            figure.set_layout_engine("none")
        figure.savefig(file, format=suffix[1:], metadata=SILENT[suffix])
    return file.getvalue()
