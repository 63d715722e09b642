"""`lsa shift --table`: which shifts a trained layer tolerates."""

from __future__ import annotations

import argparse
from typing import Any

from lsa_theory.command_line import answer as answers
from lsa_theory.command_line import arguments as given
from lsa_theory.command_line import files
from lsa_theory.command_line.answer import Answer, Table, number
from lsa_theory.prompts import GaussianPrompts


def answer(options: argparse.Namespace, train: GaussianPrompts) -> Answer:
    from lsa_theory.shift import tolerance

    fields = (f"test_{name}" for name in given.FIELDS if name != "covariance")
    for name in (*fields, "family", "to", "interval", "direction", "plane"):
        if getattr(options, name) is not None:
            files.refuse(f"--{name.replace('_', '-')}", "left out with --table")
    found = tolerance(train, other=options.test_covariance)
    names = ("kind", "name", "symbol", "value", "attention", "limit", "least_squares")
    rows = [
        {name: getattr(row, name) for name in (*names, "tolerated", "overtaken", "crossings")}
        for row in found.rows
    ]
    made = Answer({"train": answers.law_data(train), "table": rows}, [_table(train, rows)])
    made.figure = lambda: _figure(found)
    return made


def _figure(found: Any) -> Any:
    from lsa_theory.plots.tolerance import tolerance_figure

    return tolerance_figure(found)


def _table(train: GaussianPrompts, rows: list[dict[str, Any]]) -> Table:
    cells = [
        (
            row["name"],
            number(row["value"], 4),
            number(row["attention"], 3),
            number(0 if row["tolerated"] else row["limit"], 3),
            number(row["least_squares"], 3),
            "yes" if row["tolerated"] else "no",
            ", ".join(number(x, 4) for x in row["crossings"])
            or f"never ({'OLS' if row['overtaken'] else 'layer'})",
        )
        for row in rows
    ]
    columns = ("shift", "at", "layer", "N, M → ∞", "OLS", "tolerated", "lead changes")
    title = f"Which shifts are tolerated: {answers.law_line(train)}"
    note = "Risks relative to predicting 0. The lead is over least squares (OLS)."
    return Table(title, columns, cells, note)
