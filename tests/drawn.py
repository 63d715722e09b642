"""Zips as Omniglot's are, with drawings of our own."""

from __future__ import annotations

from io import BytesIO
from zipfile import ZipFile

import numpy as np
from PIL import Image


def png(seed, size=105):
    """Two strokes on white paper."""
    rng = np.random.default_rng(seed)
    paper = np.full((size, size), 255, np.uint8)
    for row, column in rng.integers(10, size - 30, (2, 2)):
        paper[row : row + 4, column : column + 20] = 0
    file = BytesIO()
    Image.fromarray(paper).convert("1").save(file, "png")
    return file.getvalue()


def zipped(path, characters, first=0, count=20, size=105):
    """A zip of characters by name; what is drawn depends on the name's place, from `first` on."""
    with ZipFile(path, "w") as archive:
        for index, character in enumerate(characters):
            for drawing in range(count):
                name = f"{path.stem}/{character}/{index:04}_{drawing + 1:02}.png"
                archive.writestr(name, png([first + index, drawing], size))
    return path


def omniglot(folder):
    """Two zips, six characters, one of them in both."""
    folder.mkdir(exist_ok=True)
    names = [f"{alphabet}/character{k:02}" for alphabet in ("Attic", "Brahmi") for k in (1, 2, 3)]
    zipped(folder / "images_two.zip", names[3:] + names[2:3], first=3)
    zipped(folder / "images_one.zip", names[:3])
    return folder
