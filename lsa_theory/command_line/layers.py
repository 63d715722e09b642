"""Layers in files: an NPZ of both matrices, or a gain alone as any file of numbers."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from typing import Any

import numpy as np

from lsa_theory.attention import LinearSelfAttention
from lsa_theory.command_line import files


def layer(name: str) -> Any:
    """The layer in an NPZ file with `pv` and `kq`, or the gain in another."""
    if not zipfile.is_zipfile(name):
        gain = files.numbers(name)
        if gain.ndim == 2 and gain.shape[0] != gain.shape[1]:
            files.refuse(name, f"a square gain, is of shape {gain.shape}")
        return gain
    try:
        with np.load(name, allow_pickle=False) as archive:
            held = {key: archive[key] for key in ("pv", "kq") if key in archive}
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile) as error:
        files.refuse(name, f"an NPZ file of plain numbers ({str(error).splitlines()[0]})")
    if len(held) < 2:
        files.refuse(name, "an NPZ file that holds pv and kq")
    return LinearSelfAttention(**held)


def content(made: Callable[[], LinearSelfAttention]) -> Callable[[], bytes]:
    """Of a file with the two matrices of a layer, and its gain."""
    return lambda: archive(**matrices(made()))


def matrices(made: LinearSelfAttention) -> dict[str, Any]:
    return {"pv": made.pv, "kq": made.kq, "gain": made.gain}


def archive(**arrays: Any) -> bytes:
    """The content of an NPZ file of plain arrays."""
    file = io.BytesIO()
    np.savez(file, allow_pickle=False, **arrays)
    return file.getvalue()
