"""A folder that keeps every finished shard, and takes a sweep up where it stopped.

`sweep.json` says whose folder it is. Each shard is a file of its own, an npz archive whose comment
is the SHA-256 of its content, so a changed byte is noticed; its name begins with the digest of all
that decides the values. Writing a shard again writes the same bytes: two drivers in one folder do
each other no harm.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from lsa_theory import checks, files
from lsa_theory.sweeps.executors import Results
from lsa_theory.sweeps.fingerprint import digest
from lsa_theory.sweeps.shards import Shard

CALL = "sweep"
OWNER = "sweep.json"
PREFIX = "result_"  # some names, NumPy keeps for itself
MARK = len(hashlib.sha256().hexdigest())  # of the archive's comment, after its length in two bytes


@dataclass(frozen=True)
class Store:
    """A folder of shards of one sweep."""

    folder: Path
    key: str
    count: int

    def path(self, shard: Shard) -> Path:
        """Where a shard is kept."""
        return self.folder / f"{self.key[:32]}-{shard.index:0{len(str(self.count))}}.npz"

    def stored(self, shard: Shard) -> Results | None:
        """A shard's results; None if it is not there, or not as it was written."""
        try:
            content = self.path(shard).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            self._fail(f"cannot be read ({error.strerror})", error)
        return unpacked(self._name(shard), content)

    def keep(self, shard: Shard, results: Results) -> None:
        """Write a shard, for good once this returns."""
        content = packed(self._name(shard), results)
        try:
            files.written(self.path(shard), content)
        except OSError as error:
            self._fail(_reason(error), error)

    def _name(self, shard: Shard) -> str:
        return f"{self.key} {shard.index} of {self.count}"

    def _fail(self, reason: str, error: OSError) -> NoReturn:
        kept = sum(path.suffix == ".npz" for path in self.folder.glob(f"{self.key[:32]}-*"))
        sentence = f"{reason}; {kept} of {self.count} shards are kept, the same call goes on there"
        raise OSError(f"sweep(store={str(self.folder)!r}): {sentence}") from error


def opened(folder: Any, sweep: Mapping[str, Any], count: int) -> Store:
    """The store of a sweep, made if it is not there.

    Raises
    ------
    ValueError
        If the folder is no store, or that of another sweep or of other code: the sentence says
        what differs.
    OSError
        If it cannot be written.
    """
    path = _folder(folder)
    own = f"{json.dumps(sweep, indent=1, sort_keys=True)}\n"
    try:
        files.made(path)
        if not (path / OWNER).exists():
            if files.without_partial(path):
                checks.refuse(CALL, "store", str(path), "a new or empty folder, or a sweep's own")
            files.written(path / OWNER, own.encode())
        files.without_partial(path)
        text = (path / OWNER).read_text()
    except OSError as error:
        raise OSError(f"sweep(store={str(path)!r}): {_reason(error)}") from error
    if text != own:
        _refuse_another(path, text, json.loads(own))
    return Store(path, digest(sweep), count)


def _folder(folder: Any) -> Path:
    try:
        path = Path(folder)
    except TypeError:
        checks.refuse(CALL, "store", folder, "a path")
    if path.exists() and not path.is_dir():
        checks.refuse(CALL, "store", str(path), "a folder")
    return path


def _refuse_another(path: Path, text: str, own: Mapping[str, Any]) -> NoReturn:
    try:
        other = json.loads(text)
    except ValueError:
        checks.refuse(CALL, "store", str(path), f"a sweep's own folder, but its {OWNER} is damaged")
    differing = [name for name in own if other.get(name) != own[name]]
    parts = [_difference(name, other.get(name), own[name]) for name in differing]
    rule = f"a new folder or that of the same sweep, but this one has {', '.join(parts)}"
    checks.refuse(CALL, "store", str(path), rule)


def _difference(name: str, other: Any, own: Any) -> str:
    """What differs, at the deepest place that can be named."""
    if isinstance(other, dict) and isinstance(own, dict):
        for part in sorted({*own, *other}):
            if part in own and part in other and own[part] != other[part]:
                place = name if part == "array" else f"{name} {part}"
                return _difference(place, other[part], own[part])
    values = [json.dumps(value) for value in (other, own)]
    if max(map(len, values)) > 40:
        return f"other {name}"
    return f"{name} {values[0]}, not {values[1]}"


def _reason(error: OSError) -> str:
    if error.errno in files.FULL:
        return "the disk is full"
    return f"cannot be written ({error.strerror or error})"


def packed(name: str, results: Results) -> bytes:
    """An npz archive with a comment, the digest of the name and of all that comes before."""
    buffer = io.BytesIO()
    np.savez(buffer, **{PREFIX + key: array for key, array in results.items()})
    body = buffer.getvalue()[:-2]  # an archive ends in the length of its comment
    return body + MARK.to_bytes(2, "little") + _mark(name, body)


def unpacked(name: str, content: bytes) -> Results | None:
    """The results in an archive; None if a byte of it is not as `packed` wrote it."""
    body, length, mark = content[: -MARK - 2], content[-MARK - 2 : -MARK], content[-MARK:]
    if length != MARK.to_bytes(2, "little") or mark != _mark(name, body):
        return None
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        return {key.removeprefix(PREFIX): archive[key] for key in archive.files}


def _mark(name: str, body: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\0" + body).hexdigest().encode()
