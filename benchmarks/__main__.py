"""Print the table: CPU times and their ratios, all measured in this one process."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from benchmarks import cells, closed_form, curves, flows, imports, sampling, training, wishart
from benchmarks.row import HEADINGS, Row

PARTS = {
    "import": imports.rows,
    "minimum": closed_form.rows,
    "cells": cells.rows,
    "flows": flows.rows,
    "curves": curves.rows,
    "sampling": sampling.rows,
    "training": training.rows,
    "expectation": wishart.rows,
}


def main(names: Sequence[str]) -> int:
    """Run the named parts, or all; exit status 2 if a name is unknown."""
    if unknown := [name for name in names if name not in PARTS]:
        print(f"benchmarks(part={unknown[0]}): must be one of {', '.join(PARTS)}", file=sys.stderr)
        return 2
    rows: list[Row] = []
    for name in names or PARTS:
        for row in PARTS[name]():
            rows.append(row)
            print(f"  {row.what}: {row.value:.3g} {row.unit}", file=sys.stderr, flush=True)
    print(table(rows))
    return 0


def table(rows: Sequence[Row]) -> str:
    lines = [HEADINGS, *(row.cells() for row in rows)]
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    texts = ["  ".join(map(str.ljust, line, widths)).rstrip() for line in lines]
    return "\n".join([texts[0], "-" * max(map(len, texts)), *texts[1:]])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
