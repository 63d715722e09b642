"""Tables on a terminal, or as plain text anywhere else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from lsa_theory.command_line.answer import Table

NARROW = 80  # columns of what is no terminal


def rendered(tables: Sequence[Table], written: Sequence[Path]) -> str:
    """All tables, and where files were written."""
    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console.width = max(console.width, NARROW)
    blocks = [[_text(console, part) for part in _parts(table)] for table in tables]
    if written:
        blocks.append([f"written: {path}" for path in written])
    return "\n\n".join("\n".join(block) for block in blocks)


def _text(console: Console, part: Text | Padding) -> str:
    with console.capture() as captured:
        console.print(part)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    return "\n".join(line for line in lines if line)


def _parts(table: Table) -> list[Text | Padding]:
    parts: list[Text | Padding] = [Text(table.title, "bold")] if table.title else []
    if table.rows:
        parts.append(Padding(_grid(table), (0, 0, 0, 2)))
    if table.note:
        parts.append(Padding(Text(table.note, "dim"), (0, 0, 0, 2)))
    return parts


def _grid(table: Table) -> Grid:
    listed = not table.columns
    grid = Grid(
        box=None if listed else box.SIMPLE_HEAD,
        show_header=not listed,
        show_edge=False,
        pad_edge=False,
        padding=(0, 2 if listed else 1, 0, 0),
        header_style="bold",
    )
    for k, name in enumerate(table.columns or ("",) * len(table.rows[0])):
        numbers = k > 0 and all(_begins_as_number(row[k]) for row in table.rows)
        grid.add_column(name, justify="right" if numbers else "left", overflow="fold")
    for row in table.rows:
        grid.add_row(*(Text(cell) for cell in row))
    return grid


def _begins_as_number(cell: str) -> bool:
    return not cell or cell[0].isdigit() or cell[0] in "−∞"
