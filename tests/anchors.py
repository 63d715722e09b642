"""Exact values of the formulas at fixed cases, from the network's definition alone.

    python -m tests.anchors    # writes tests/anchors.json anew

Nothing here calls a formula of the library: `oracle.loss` takes the mean of a polynomial in
standard Gaussians, and a minimum is where differences of that loss, exact for a quadratic, vanish.
A value that is not rational has one that is beside it: a power, the coefficients of a polynomial
that it is a root of, the exponential of a time.
"""

from __future__ import annotations

import json
from pathlib import Path

from tests import (
    anchors_estimators,
    anchors_losses,
    anchors_targets,
    anchors_training,
    anchors_white,
    anchors_wishart,
)
from tests.anchors_shared import Case, read, spelt

TABLE = Path(__file__).with_suffix(".json")
MAKERS = (
    anchors_losses,
    anchors_training,
    anchors_white,
    anchors_targets,
    anchors_wishart,
    anchors_estimators,
)
TOPICS = {name: topic for maker in MAKERS for name, topic in maker.TOPICS.items()}


def rows(topic: str) -> list[tuple[Case, Case]]:
    """Inputs and values as the table has them, exactly."""
    table = json.loads(TABLE.read_text(encoding="utf-8"))
    return [(read(row["inputs"]), read(row["values"])) for row in table[topic]]


def made(topic: str, case: Case) -> Case:
    """The values at a case, made anew."""
    return read(spelt(TOPICS[topic].values(case)))


def main() -> None:
    """One row a line."""
    sections = []
    for name, topic in TOPICS.items():
        found = [{"inputs": spelt(c), "values": spelt(topic.values(c))} for c in topic.cases()]
        lines = ",\n".join(json.dumps(row) for row in found)
        sections.append(f"{json.dumps(name)}: [\n{lines}\n]")
    TABLE.write_text("{\n" + ",\n".join(sections) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
