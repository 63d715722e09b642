"""Files that are there whole or not at all."""

from __future__ import annotations

import errno
import os
import socket
import uuid
from contextlib import suppress
from pathlib import Path

PARTIAL = ".partial-"
FULL = (errno.ENOSPC, errno.EDQUOT)


def written(path: Path, content: bytes) -> None:
    """Write a file under a temporary name, sync it, rename it, and sync the folder.

    After a crash at any moment the file is whole or is not there; when writing fails, nothing is
    left behind. A file of that name is replaced.
    """
    temporary = path.parent / f"{PARTIAL}{_process()}-{uuid.uuid4().hex}"
    try:
        with open(temporary, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            temporary.unlink()
        raise
    synced(path.parent)


def synced(folder: Path) -> None:
    """Make the folder's list of names survive a loss of power."""
    with suppress(PermissionError):  # where folders cannot be opened
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def made(folder: Path) -> None:
    """Make a folder and those above it, and sync the names of the new ones."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    for path in missing:
        synced(path.parent)


def without_partial(folder: Path) -> list[Path]:
    """The folder's files, once what processes that died have left half-written is removed."""
    kept = []
    for path in sorted(folder.iterdir()):
        if not path.name.startswith(PARTIAL):
            kept.append(path)
        elif not _is_alive(path.name.removeprefix(PARTIAL)):
            path.unlink(missing_ok=True)
    return kept


def _process() -> str:
    return f"{os.getpid()}@{socket.gethostname().replace('/', '_')}"


def _is_alive(owner: str) -> bool:
    """Whether the process that a temporary file is named after may still write it."""
    number, _, host = owner.rpartition("-")[0].partition("@")
    if not number.isdecimal() or host != _process().partition("@")[2]:
        return True  # of another machine: not known here
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True
