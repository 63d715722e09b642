"""Markdown."""

from __future__ import annotations

import inspect
import re


def cell(text: object) -> str:
    return str(text).replace("|", r"\|").replace("\n", " ")


def table(columns: list[str], rows: list[list[object]]) -> str:
    lines = [columns, ["---"] * len(columns), *rows]
    return "\n".join("| " + " | ".join(cell(entry) for entry in line) + " |" for line in lines)


def paragraph(documented_object: object) -> str:
    """The docstring without line breaks, its first two paragraphs."""
    paragraphs = (inspect.getdoc(documented_object) or "").split("\n\n")
    return " ".join(" ".join(paragraphs[:2]).split())


def sentence(documented_object: object) -> str:
    """The first sentence of a docstring, its maths as Markdown has it."""
    first = paragraph(documented_object).split(". ")[0].rstrip(".")
    return re.sub(":math:`([^`]*)`", r"$\1$", first)
