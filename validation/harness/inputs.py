"""What the command line takes in: observations, covariances, numbers and the output folder."""

import csv
import tempfile
from pathlib import Path
from typing import NoReturn

import numpy as np

from lsa_theory import checks
from validation.harness import real_data

COMMAND = "python -m validation"


def refuse(option: str, value: object, rule: str) -> NoReturn:
    raise ValueError(f"{option} {value}: must be {rule}")


def integer(option: str, text: str, minimum: int) -> int:
    """A whole number from ``minimum`` to 2^53, spelled as one."""
    try:
        value = int(text)
    except ValueError:
        refuse(option, text, f"an integer >= {minimum}")
    if not minimum <= value <= checks.LARGEST_INTEGER:
        bound = f">= {minimum}" if value < minimum else "at most 2^53 = 9007199254740992"
        refuse(option, text, f"an integer {bound}")
    return value


def rows(option: str, path: Path) -> np.ndarray:
    """Observations, one a row, at least two of them different."""
    table = _table(option, path)
    if len(table) < 2 or (table == table[0]).all():
        refuse(option, path, f"observations that vary, has {len(table)} equal row(s)")
    return table


def covariance(option: str, path: Path) -> np.ndarray:
    """A symmetric positive semi-definite matrix that is not zero."""
    matrix = checks.covariance(f"{option} {path}", "matrix", _table(option, path))
    if not matrix.any():
        refuse(option, path, "a covariance other than 0")
    return matrix


def covariances(
    rows_path: Path | None, covariance_path: Path | None
) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Covariances and, where known, observations by name: given ones, then scikit-learn's."""
    matrices, observed = {}, {}
    if covariance_path is not None:
        matrices[f"given covariance {covariance_path.name}"] = covariance(
            "--covariance", covariance_path
        )
    if rows_path is not None:
        observed[f"given rows {rows_path.name}"] = rows("--rows", rows_path)
    observed |= real_data.observations()
    matrices |= {name: real_data.covariance(table) for name, table in observed.items()}
    return matrices, observed


def folder(option: str, name: str) -> Path:
    """A folder that exists from now on and can be written."""
    if not name:
        refuse(option, "''", "the name of a folder")
    path = Path(name)
    if path.exists() and not path.is_dir():
        refuse(option, path, "a folder, is a file")
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            return path
    except OSError as error:
        refuse(option, path, f"a folder that can be written ({error.strerror})")


def _table(option: str, path: Path) -> np.ndarray:
    """The finite numbers of an NPY file or of comma-separated text, as a matrix."""
    try:
        with path.open("rb") as file:
            binary = file.read(6) == b"\x93NUMPY"
        table = np.load(path, allow_pickle=False) if binary else _numbers(option, path)
    except OSError as error:
        refuse(option, path, f"a file that can be read ({error.strerror})")
    except UnicodeDecodeError:
        refuse(option, path, "an NPY file or comma-separated text, is neither")
    except (ValueError, EOFError) as error:
        if str(error).startswith(option):
            raise
        refuse(option, path, f"an NPY file of plain numbers ({str(error).splitlines()[0]})")
    if table.dtype.kind not in "iuf" or table.ndim != 2 or not table.size:
        shown = f"is of dtype {table.dtype} and shape {table.shape}"
        refuse(option, path, f"a non-empty table of real numbers, {shown}")
    table = table.astype(float)
    if not np.isfinite(table).all():
        row, column = (int(k) + 1 for k in np.argwhere(~np.isfinite(table))[0])
        shown = f"has {table[row - 1, column - 1]} in row {row}, column {column}"
        refuse(option, path, f"finite, {shown}")
    return table


def _numbers(option: str, path: Path) -> np.ndarray:
    """Comma-separated numbers; a first line without any number is taken as names of columns."""
    with path.open(newline="", encoding="utf-8-sig") as file:
        lines = [
            (k, line) for k, line in enumerate(csv.reader(file), 1) if any(map(str.strip, line))
        ]
    if lines and not any(_is_number(field) for field in lines[0][1]):
        lines = lines[1:]
    if not lines:
        refuse(option, path, "a table of numbers, has none")
    for number, line in lines:
        for column, text in enumerate(line, 1):
            if not _is_number(text):
                refuse(
                    option, path, f"numbers, has {text[:40]!r} in line {number}, column {column}"
                )
        if len(line) != len(lines[0][1]):
            wide = len(lines[0][1])
            refuse(option, path, f"rows of one length, line {number} has {len(line)}, not {wide}")
    return np.array([[float(text) for text in line] for _, line in lines])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
