"""The stored runs: their folders, and the command that made each."""

from __future__ import annotations

import tomllib
from functools import cache
from pathlib import Path

from lsa_theory.transformer.recorded import Recorded, recorded

RESULTS = Path(__file__).resolve().parents[1] / "results"
CHAPTERS = ("transience", "modular")


@cache
def commands() -> dict[str, dict[str, str]]:
    """By chapter and name."""
    found = tomllib.loads((RESULTS / "commands.toml").read_text(encoding="utf-8"))
    return {chapter: found.get(chapter, {}) for chapter in CHAPTERS}


def names(chapter: str) -> list[str]:
    """Of the folders that hold a run."""
    found = (RESULTS / chapter).glob("*/settings.json")
    return sorted(path.parent.name for path in found)


@cache
def run(chapter: str, name: str) -> Recorded | None:
    """None if there is no such run."""
    folder = RESULTS / chapter / name
    return recorded(folder) if folder.is_dir() else None
