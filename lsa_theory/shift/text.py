"""The table tolerated / not tolerated as plain text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

HEAD = (
    "kind",
    "family",
    "shift",
    "layer",
    "N, M → ∞",
    "least squares",
    "tolerated",
    "the lead changes at",
)
NUMBERS = range(2, 6)  # columns that are aligned on the right


def table(rows: Sequence[Any]) -> Iterator[str]:
    """Lines, with a head, of the rows of a `Tolerance`."""
    lines = [HEAD, *map(_cells, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, tuple("-" * width for width in widths))
    for cells in lines:
        padded = (
            cell.rjust(width) if place in NUMBERS else cell.ljust(width)
            for place, (cell, width) in enumerate(zip(cells, widths, strict=True))
        )
        yield "  ".join(padded).rstrip()


def _cells(row: Any) -> tuple[str, ...]:
    ahead = "least squares" if row.overtaken else "the layer"
    shown = (str(x) if isinstance(x, int) else f"{x:.4g}" for x in row.crossings)
    changes = ", ".join(shown) or f"never: {ahead} is ahead"
    limit = 0.0 if row.tolerated else row.limit
    numbers = (row.value, row.attention, limit, row.least_squares)
    return (
        row.kind,
        row.name,
        *(f"{float(number):.4g}" for number in numbers),
        "yes" if row.tolerated else "no",
        changes,
    )
