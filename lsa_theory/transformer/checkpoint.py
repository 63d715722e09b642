"""The folder of a run: its settings, a history that grows line by line, the last state."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any, NoReturn

import jax
import numpy as np

from lsa_theory import checks
from lsa_theory.files import written

CALL = "trained"


class Run:
    """A run in a folder, or nowhere."""

    def __init__(self, folder: str | Path | None, settings: dict[str, Any]) -> None:
        self.folder = None if folder is None else Path(folder)
        self.settings = json.loads(json.dumps(settings))
        if self.folder is None:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / "settings.json"
        if not path.exists():
            written(path, json.dumps(self.settings, indent=1).encode())
            return
        try:
            found = json.loads(path.read_text())
        except ValueError:
            checks.refuse(CALL, "folder", str(folder), "a run whose settings.json is not damaged")
        for name in sorted({*found, *self.settings}):
            if found.get(name) != self.settings.get(name):
                rule = f"empty, or of a run with the same {name}"
                checks.refuse(CALL, "folder", str(folder), rule)

    def append(self, row: dict[str, Any]) -> None:
        """A line of the history."""
        if self.folder is not None:
            with (self.folder / "history.jsonl").open("a") as file:
                file.write(json.dumps(row) + "\n")
                file.flush()
                os.fsync(file.fileno())

    def keep(self, row: dict[str, Any], state: Any) -> None:
        """The state after a row; the row is in the history before."""
        self.append(row)
        if self.folder is not None:
            leaves = jax.tree.leaves(state)
            arrays = {f"leaf{k}": np.asarray(leaf) for k, leaf in enumerate(leaves)}
            body = packed({"step": np.array(row["step"]), **arrays})
            written(self.folder / "checkpoint.bin", hashlib.sha256(body).digest() + body)

    def finish(self, analysis: dict[str, Any]) -> None:
        """What was found at the end, if anything."""
        if self.folder is not None and analysis:
            written(self.folder / "analysis.npz", packed(analysis, np.savez_compressed))

    def resumed(self, state: Any) -> tuple[list[dict[str, Any]], Any]:
        """The history up to the last kept state, and that state; without one, nothing and the
        start."""
        if self.folder is None:
            return [], state
        path, history = self.folder / "checkpoint.bin", self.folder / "history.jsonl"
        if not path.exists():
            history.unlink(missing_ok=True)
            return [], state
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            self._refuse("whose checkpoint.bin is not damaged (remove it to start anew)")
        arrays = unpacked(content[32:])
        step = int(arrays.pop("step"))
        leaves, tree = jax.tree.flatten(state)
        kept = [arrays.get(f"leaf{k}") for k in range(len(leaves))]
        if [np.shape(x) for x in arrays.values()] != [np.shape(leaf) for leaf in leaves]:
            self._refuse("whose checkpoint.bin is of the same configuration")
        rows = self._rows(history, step)
        written(history, "".join(json.dumps(row) + "\n" for row in rows).encode())
        return rows, jax.tree.unflatten(tree, kept)

    def _rows(self, history: Path, last: int) -> list[dict[str, Any]]:
        """Of every evaluation up to a step; what was written after it is left out."""
        steps = [*range(0, last, self.settings["every"]), last]
        try:
            lines = history.read_text().splitlines()[: len(steps)]
            rows = [json.loads(line) for line in lines]
            whole = [row["step"] for row in rows] == steps and len({*map(tuple, rows)}) == 1
        except (OSError, ValueError, TypeError, KeyError):
            whole = False
        if not whole:
            rule = "whose history.jsonl goes up to its checkpoint.bin (remove both to start anew)"
            self._refuse(rule)
        return rows

    def _refuse(self, rule: str) -> NoReturn:
        checks.refuse(CALL, "folder", str(self.folder), f"a run {rule}")


def packed(arrays: dict[str, Any], save: Any = np.savez) -> bytes:
    from io import BytesIO

    file = BytesIO()
    save(file, **arrays)
    return file.getvalue()


def unpacked(content: bytes) -> dict[str, Any]:
    from io import BytesIO

    with np.load(BytesIO(content), allow_pickle=False) as arrays:
        return dict(arrays)
