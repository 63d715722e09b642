"""What a run left in its folder, read without the model, also while it is still going on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array


@dataclass(frozen=True, eq=False)
class Recorded:
    """A run, as far as it went.

    Attributes
    ----------
    settings
        Of the experiment, the optimisation, the seeds and the evaluations, as written.
    seeds
        (S,).
    steps
        (T,).
    values
        Name to an array (S, T, ...), a row a seed.
    analysis
        What was found at the end, by name, (S, ...); empty before the end.
    name
        Of the folder.
    """

    settings: dict[str, Any]
    seeds: tuple[int, ...]
    steps: Array
    values: dict[str, Array] = field(repr=False)
    analysis: dict[str, Array] = field(default_factory=dict, repr=False)
    name: str = ""

    @property
    def finished(self) -> bool:
        """Whether it went to its last step."""
        return bool(self.steps[-1] >= self.settings["optimisation"]["steps"])


def recorded(folder: str | Path) -> Recorded:
    """The settings, the history and the analysis in a folder.

    A last line that is still being written is left out.

    Raises
    ------
    ValueError
        If there is no run in the folder, or a file of it is damaged.
    """
    folder = Path(folder)
    settings = _settings(folder)
    rows = _rows(folder)
    names = [name for name in rows[0] if name != "step"]
    count = len(settings["seeds"])
    try:
        steps = np.array([row["step"] for row in rows], dtype=np.int64)
        values = {
            name: np.swapaxes(np.array([row[name] for row in rows], dtype=float), 0, 1)
            for name in names
        }
    except (KeyError, ValueError, TypeError, OverflowError):
        _refuse(folder, "a run whose history.jsonl has the same numbers in every line")
    if (np.diff(steps) <= 0).any() or any(len(x) != count for x in values.values()):
        _refuse(folder, f"a run whose history.jsonl goes up and has {count} seeds, as its settings")
    name = folder.resolve().name
    return Recorded(settings, tuple(settings["seeds"]), steps, values, _analysis(folder), name)


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / "settings.json"
    if not path.is_file():
        _refuse(folder, "the folder of a run, with settings.json")
    try:
        found = json.loads(path.read_text())
    except ValueError:
        found = None
    known = {"experiment": dict, "optimisation": dict, "seeds": list, "every": int}
    whole = isinstance(found, dict) and all(
        isinstance(found.get(name), kind) for name, kind in known.items()
    )
    if not whole:
        _refuse(folder, "a run whose settings.json is not damaged")
    return found


def _rows(folder: Path) -> list[dict[str, Any]]:
    path = folder / "history.jsonl"
    lines = path.read_text(errors="replace").split("\n") if path.is_file() else [""]
    whole = lines[:-1]  # what comes after the last end of a line is being written
    if not whole:
        _refuse(folder, "a run with an evaluation in its history.jsonl")
    rows = []
    for number, line in enumerate(whole, 1):
        try:
            row = json.loads(line)
        except ValueError:
            row = None
        if not isinstance(row, dict):
            _refuse(folder, f"a run whose history.jsonl is not damaged, as line {number} is")
        rows.append(row)
    return rows


def _analysis(folder: Path) -> dict[str, Array]:
    import zipfile

    path = folder / "analysis.npz"
    if not path.is_file():
        return {}
    try:
        with np.load(path, allow_pickle=False) as arrays:
            return dict(arrays)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile):
        _refuse(folder, "a run whose analysis.npz is not damaged")


def _refuse(folder: Path, rule: str) -> NoReturn:
    checks.refuse("recorded", "folder", str(folder), rule)
