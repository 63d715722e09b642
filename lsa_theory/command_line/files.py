"""Files that a command reads, and files that it writes: whole, or not at all."""

from __future__ import annotations

import io
from pathlib import Path
from typing import NoReturn

import numpy as np

from lsa_theory._typing import Array

FIGURES = (".png", ".svg", ".pdf")


def refuse(label: str, rule: str) -> NoReturn:
    raise ValueError(f"{label or repr(label)}: must be {rule}")


def number(text: str) -> float | None:
    """A number as a float, None if the text is none."""
    try:
        return float(text)
    except ValueError:
        return None


# --- reading ---


def numbers(name: str, *, label: str | None = None) -> Array:
    """The finite numbers of an NPY file or of text, as a vector or a matrix.

    Text has a line a row, with commas or spaces between numbers; a first line without any number is
    taken as names of columns, and `#` opens a comment. A single row or column is a vector, unless
    `label` says that the file is one of observations.
    """
    observations, label = label is not None, name if label is None else label
    table = _table(label, name)
    if table.dtype.kind not in "iuf" or table.ndim not in (1, 2) or not table.size:
        shown = f"is of dtype {table.dtype} and shape {table.shape}"
        refuse(label, f"a non-empty vector or matrix of real numbers, {shown}")
    table = table.astype(np.float64)
    if not np.isfinite(table).all():
        where = tuple(int(k) + 1 for k in np.argwhere(~np.isfinite(table))[0])
        value = table[tuple(k - 1 for k in where)]
        refuse(label, f"finite, has {value} in row {', column '.join(map(str, where))}")
    return table.ravel() if 1 in table.shape and not observations else table


def _table(label: str, name: str) -> Array:
    if not name:
        refuse(label, "the name of a file, is empty")
    try:
        content = Path(name).read_bytes()  # at once: it may be a pipe
        if content.startswith(b"\x93NUMPY"):
            return np.load(io.BytesIO(content), allow_pickle=False)
        return _text(label, content.decode("utf-8-sig"))
    except OSError as error:
        refuse(label, f"a file that can be read ({error.strerror})")
    except UnicodeDecodeError:
        refuse(label, "an NPY file or text of numbers, is neither")
    except (ValueError, EOFError) as error:
        if str(error).startswith(f"{label}: "):
            raise
        refuse(label, f"an NPY file of plain numbers ({str(error).splitlines()[0]})")


def _text(label: str, text: str) -> Array:
    lines = [(k, _split(line)) for k, line in enumerate(text.splitlines(), 1)]
    lines = [(k, line) for k, line in lines if line]
    if lines and all(number(field) is None for field in lines[0][1]):
        lines = lines[1:]
    if not lines:
        refuse(label, "a table of numbers, has none")
    wide = len(lines[0][1])
    for k, line in lines:
        for column, field in enumerate(line, 1):
            if number(field) is None:
                refuse(label, f"numbers, has {field[:40]!r} in line {k}, column {column}")
        if len(line) != wide:
            refuse(label, f"rows of one length, line {k} has {len(line)}, not {wide}")
    return np.array([[float(field) for field in line] for _, line in lines])


def _split(line: str) -> list[str]:
    import csv

    line = line.split("#")[0].strip()
    return [field.strip() for field in next(csv.reader([line]))] if "," in line else line.split()


# --- writing ---


def target(text: str, suffixes: tuple[str, ...]) -> Path:
    """A file to be written later, in a folder that is there, of a suffix that is known."""
    path = Path(text)
    if path.suffix.lower() not in suffixes:
        refuse(text, f"the name of a file that ends in {' or '.join(suffixes)}")
    if path.is_dir():
        refuse(text, "the name of a file, is a folder")
    if not path.parent.is_dir():
        refuse(text, f"in a folder that exists, {str(path.parent)!r} does not")
    return path


def written(path: Path, content: bytes) -> None:
    """A whole file or none; what fails names it."""
    from lsa_theory import files as whole

    try:
        whole.written(path, content)
    except OSError as error:  # of a temporary name
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
