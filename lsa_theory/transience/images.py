r"""Drawings of characters, from the Omniglot zips in a folder.

Omniglot (Lake, Salakhutdinov, Tenenbaum, Science 2015) has 20 drawings of each character, 105 × 105
pixels, `ALPHABET/characterNN/*.png` in `images_*.zip`. They are read where they are and shrunk to
28 × 28 by the mean over the area of each new pixel, :math:`(105/28)^2 = (15/4)^2` old ones: in
integers, so the same on every machine.
"""

from __future__ import annotations

import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path, PurePosixPath
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.extras import required

CALL = "drawings"
VARIABLE = "LSA_OMNIGLOT"
FULL, SIDE, COUNT = 105, 28, 20
SYMMETRIES = 8
FOLDER = (
    "a folder with the files images_*.zip of Omniglot, as published with Lake, Salakhutdinov and "
    "Tenenbaum, Science 350 (2015)"
)
LAYOUT = f"ALPHABET/characterNN/*.png, {COUNT} drawings a character"


@dataclass(frozen=True, eq=False)
class Drawings:
    """Characters and their drawings.

    Attributes
    ----------
    characters
        ALPHABET/characterNN, in order.
    ink
        (characters, 20, 28, 28), uint8: 0 is paper, 255 is ink.
    """

    characters: tuple[str, ...]
    ink: Shaped[Array, "c n h w"]

    @property
    def sha256(self) -> str:
        """Of names and pixels."""
        names = "\n".join(self.characters).encode()
        return hashlib.sha256(names + np.ascontiguousarray(self.ink).tobytes()).hexdigest()


def drawings(folder: str | Path | None = None) -> Drawings:
    """All characters of all `images_*.zip`, by name; one that several zips hold is read once.

    Parameters
    ----------
    folder
        Where the zips lie. None: the environment variable LSA_OMNIGLOT names it.

    Raises
    ------
    ValueError
        If there are no zips, or one is damaged or holds something else.
    """
    named = os.environ.get(VARIABLE) if folder is None else str(folder)
    if not named:
        checks.refuse(CALL, "folder", "None", f"{FOLDER}, or {VARIABLE} the name of one")
    paths = sorted(Path(named).glob("images_*.zip"))
    if not paths:
        checks.refuse(CALL, "folder", named, FOLDER)
    found: dict[str, Array] = {}
    for path in paths:
        try:
            found = dict(_characters(path, found)) | found
        except (BadZipFile, zlib.error, EOFError, OSError, SyntaxError) as error:
            reason = "readable" if isinstance(error, PermissionError) else "not damaged"
            checks.refuse(CALL, "folder", str(path), f"a zip that is {reason}")
    names = sorted(found)
    return Drawings(tuple(names), np.stack([found[name] for name in names]))


def _characters(path: Path, known: dict[str, Array]) -> Iterator[tuple[str, Array]]:
    """The names and the drawings of a zip's characters, those aside that are known."""
    with ZipFile(path) as archive:
        files: dict[str, list[str]] = {}
        for name in sorted(archive.namelist()):
            parts = PurePosixPath(name).parts
            if name.lower().endswith(".png") and "__MACOSX" not in parts:
                files.setdefault("/".join(parts[-3:-1]), []).append(name)
        for character, drawn in files.items():
            if "/character" not in character or len(drawn) != COUNT:
                _refuse_content(path)
            if character not in known:
                yield character, shrunk(np.stack([_ink(path, archive, name) for name in drawn]))
    if not files:
        _refuse_content(path)


def _ink(path: Path, archive: ZipFile, name: str) -> Shaped[Array, "h w"]:
    """Of a drawing, from 0 to 255."""
    image: Any = required(CALL, "PIL.Image", "train")
    with image.open(BytesIO(archive.read(name))) as drawing:
        if drawing.size != (FULL, FULL):
            _refuse_content(path)
        return 255 - np.asarray(drawing.convert("L"))


def _refuse_content(path: Path) -> None:
    rule = f"a zip of {LAYOUT}, each of {FULL} x {FULL} pixels"
    checks.refuse(CALL, "folder", str(path), rule)


def shrunk(ink: Shaped[Array, "n h w"]) -> Shaped[Array, "n k k"]:
    """From 105 to 28 pixels a side: the area's mean, rounded to whole numbers."""
    old, new = np.arange(FULL), np.arange(SIDE)[:, None]
    ends = np.minimum(4 * (old + 1), 15 * (new + 1)) - np.maximum(4 * old, 15 * new)
    overlap = np.clip(ends, 0, None).astype(float)  # in quarters of an old pixel, 15 in all
    total = overlap @ ink @ overlap.T  # of whole numbers, so exact
    return ((total + 112) // 225).astype(np.uint8)


def turned(ink: Shaped[Array, "c n h w"]) -> Shaped[Array, "c s n h w"]:
    """Each character in the 8 positions of a square: quarter turns, then those of its mirror
    image."""
    sides = (ink, ink[..., ::-1])
    positions = [np.rot90(side, turn, axes=(-2, -1)) for side in sides for turn in range(4)]
    return np.stack(positions, axis=1)
