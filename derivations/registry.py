"""The derivations are the folder listing: STEM.py holds a `chain`."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable
from pathlib import Path

from derivations.chain import Chain

FOLDER = Path(__file__).parent
MACHINERY = {"__init__", "__main__", "chain", "registry", "setting"}


def stems() -> list[str]:
    return sorted({path.stem for path in FOLDER.glob("*.py")} - MACHINERY)


def chosen(asked: Iterable[str]) -> list[str]:
    """The stems asked for, in their order; all when none is."""
    known, asked = stems(), list(dict.fromkeys(asked))
    for stem in asked:
        if stem not in known:
            near = difflib.get_close_matches(stem, known, 1, 0.5)
            hint = f" (closest: {near[0]})" if near else ""
            raise ValueError(f"STEM={stem}: must be the stem of a derivation{hint}")
    return asked or known


def chain(stem: str) -> Chain:
    return importlib.import_module(f"derivations.{stem}").chain


def title(stem: str) -> str:
    """The first line of the file's docstring."""
    text = importlib.import_module(f"derivations.{stem}").__doc__ or ""
    return text.strip().splitlines()[0]
