"""`lsa shift`: a trained layer on another law, beside the estimators."""

from __future__ import annotations

import argparse
from typing import Any

from lsa_theory.command_line import answer as answers
from lsa_theory.command_line import arguments as given
from lsa_theory.command_line import families, tolerance
from lsa_theory.command_line.answer import Answer, Table, number, percent
from lsa_theory.linalg import array
from lsa_theory.prompts import GaussianPrompts

NAMES = {
    "attention": "linear attention",
    "least_squares": "least squares",
    "ridge": "ridge, best penalty",
    "bayes": "Bayes",
    "zero": "predicting 0",
}


def arguments(parser: argparse.ArgumentParser) -> None:
    given.law_arguments(parser)
    given.test_law_arguments(parser)
    families.arguments(parser)
    parser.add_argument(
        "--table",
        action="store_true",
        help="instead: which shifts are tolerated and which not, a row for each family "
        "(interpolated: towards --test-covariance)",
    )
    given.answer_arguments(parser, plot="risks along the family, or bias and variance side by side")


def answer(options: argparse.Namespace) -> Answer:
    train = given.law(options)
    return tolerance.answer(options, train) if options.table else _answer(options, train)


def _answer(options: argparse.Namespace, train: GaussianPrompts) -> Answer:
    from lsa_theory.shift import covariate_shift

    family, value, test = families.shifted(options, train)
    found = covariate_shift(train, test)
    risks = {"attention": found.attention}
    risks |= {name.replace(" ", "_"): one for name, one in found.others.items()}
    crossing = families.overtaking(options, train, family)
    data: dict[str, Any] = {
        "train": answers.law_data(train),
        "test": answers.law_data(test),
        "family": None if family is None else {"name": family.name, "value": value},
        "risks": {name: _risk_data(one) for name, one in risks.items()},
        "overtaken": found.overtaken,
        "directions": _directions(found),
        "limit_risk": float(found.limit_risk),
        "rescaled": _repair(found.rescaled),
        "retrained": _repair(found.retrained),
        "overtaking": crossing,
    }
    tables = [
        Table(
            f"Trained: {answers.law_line(train)}\nTested:  {answers.law_line(test, 'M')}", (), ()
        ),
        _risk_table(data["risks"]),
        _repair_table(data),
        _direction_table(data["directions"]),
        _overtaking_table(data),
    ]
    made = Answer(data, tables)
    made.figure = lambda: _figure(train, family, value, data)
    return made


def _risk_data(one: Any) -> dict[str, Any]:
    return {
        "value": float(one.value),
        "kind": one.kind,
        "error": float(one.error),
        "bias": float(one.bias),
        "variance": float(one.variance),
    }


def _repair(one: Any) -> dict[str, float]:
    return {"risk": float(one.risk), "share": float(one.share), "factor": float(one.factor)}


def _directions(found: Any) -> dict[str, Any]:
    damage, basis = found.directions
    whole = damage.sum()
    return {
        "damage": damage,
        "share": damage / whole if whole else damage,
        "eigenvalues": answers.diagonal_in(basis, array(found.test.query)),
        "eigenvectors": basis.T,
    }


# --- tables ---


def _risk_table(risks: dict[str, Any]) -> Table:
    rows = [
        (
            NAMES[name],
            number(one["value"]),
            one["kind"],
            number(one["error"], 2) if one["error"] else "",
            number(one["bias"], 5),
            number(one["variance"], 5),
        )
        for name, one in risks.items()
    ]
    return Table("Risks", ("predictor", "risk", "how", "± error", "bias", "variance"), rows)


def _repair_table(data: dict[str, Any]) -> Table:
    rescaled, retrained, limit = data["rescaled"], data["retrained"], data["limit_risk"]
    rows = [
        (f"s times {number(rescaled['factor'], 5)}", *_repair_cells(rescaled)),
        ("training on the test law", *_repair_cells(retrained)),
    ]
    if limit is not None:
        rows.append(("long contexts, N, M → ∞", number(limit), ""))
    return Table("What repairs it", ("remedy", "risk", "of the avoidable risk"), rows)


def _repair_cells(repair: dict[str, float]) -> tuple[str, str]:
    return number(repair["risk"]), percent(repair["share"])


def _direction_table(found: dict[str, Any]) -> Table:
    columns = [found[key] for key in ("eigenvalues", "damage", "share")]

    def row(k: int) -> tuple[str, ...]:
        value, damage, share = (column[k] for column in columns)
        return str(k + 1), number(value), number(damage), percent(share)

    names = ("direction", "eigenvalue of Λ_q", "damage", "share")
    rows = answers.shortened(row, len(columns[0]), 6)
    return Table("Eigenvectors of the query covariance", names, rows)


def _overtaking_table(data: dict[str, Any]) -> Table:
    words = "does better" if data["overtaken"] else "does no better"
    line, crossing = f"Here least squares {words}", data["overtaking"]
    if crossing is None:
        return Table(f"{line}.", (), ())
    if crossing["roots"] is None:
        return Table(f"{line}; no crossings: {crossing['reason']}.", (), ())
    low, high = (number(x, 4) for x in crossing["interval"])
    where = f"for {crossing['family']} in [{low}, {high}]"
    roots = ", ".join(number(root) for root in crossing["roots"]) or "nowhere"
    what = "lead changes" if crossing["family"] == "context length" else "two risks cross"
    return Table(f"{line}; {where} the {what} at: {roots}.", (), ())


def _figure(train: Any, family: Any, value: Any, data: dict[str, Any]) -> Any:
    from lsa_theory.plots import shift as plots

    crossing = data["overtaking"]
    if crossing is None or family is None:
        return plots.risk_parts({NAMES[name]: one for name, one in data["risks"].items()})
    roots = crossing["roots"] or ()
    return plots.risk_along(train, family, value, interval=crossing["interval"], roots=roots)
