"""What a command answers: data for machines, tables for people, a figure and files if asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import lsa_theory
from lsa_theory.linalg import dense
from lsa_theory.prompts import GaussianPrompts

SHOWN = 10  # rows of a long table


class Table(NamedTuple):
    """Rows of cells in words; a table without columns is a list of names and values."""

    title: str
    columns: tuple[str, ...]
    rows: Sequence[Sequence[str]]
    note: str = ""


@dataclass
class Answer:
    """Of one command.

    Attributes
    ----------
    data
        For `--json`: by documented keys.
    tables
        For a terminal.
    figure
        Makes the figure of `--plot`.
    files
        By path, what makes the content of each of the other files that were asked for.
    failure
        A sentence if what was asked for could not be done in full: exit code 1.
    """

    data: dict[str, Any]
    tables: list[Table]
    figure: Callable[[], Any] | None = None
    files: dict[Path, Callable[[], bytes]] = field(default_factory=dict)
    failure: str = ""


# --- for machines ---


def document(command: str, data: Mapping[str, Any], written: Sequence[Path]) -> str:
    """One JSON object in one line."""
    import json

    head = {"command": command, "version": lsa_theory.__version__}
    tail = {"files": [str(path) for path in written]}
    return json.dumps(plain(head | dict(data) | tail), allow_nan=False)


def plain(value: Any) -> Any:
    """As JSON has it; what no JSON number is becomes "Infinity", "-Infinity" or "NaN"."""
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    return value


def law_data(prompts: GaussianPrompts) -> dict[str, Any]:
    """The law as it was understood."""
    return {
        "dimension": prompts.dimension,
        "context_length": prompts.context_length,
        "noise_variance": float(prompts.noise_variance),
        "covariance": prompts.covariance,
        "task_covariance": prompts.task_covariance,
        "task_mean": prompts.task_mean,
        "query_covariance": prompts.query_covariance,
    }


# --- for people ---


def number(value: Any, digits: int = 6) -> str:
    """Short, for a table."""
    value = float(value)
    if not math.isfinite(value):
        return "NaN" if math.isnan(value) else "∞" if value > 0 else "−∞"
    return f"{value:.{digits}g}".replace("-", "−")


def percent(share: Any) -> str:
    share = 100 * float(share)
    return f"{share:.1f} %".replace("-", "−") if abs(share) < 1e4 else f"{number(share, 3)} %"


def of_zero(value: float, zero: float) -> str:
    """Beside what predicting 0 costs."""
    return f"{percent(value / zero)} of predicting 0" if zero else ""


def law_line(prompts: GaussianPrompts, length: str = "N") -> str:
    """The law in one line."""
    parts = [f"d = {prompts.dimension}", f"{length} = {prompts.context_length}"]
    parts.append(f"tr Λ = {number(prompts.context.trace(), 5)}")
    if prompts.noise_variance:
        parts.append(f"σ² = {number(prompts.noise_variance, 5)}")
    parts += ["Ω given"] if prompts.task_covariance is not None else []
    parts += [] if prompts.zero_mean else ["μ ≠ 0"]
    query = prompts.query_covariance
    if query is not None and not np.array_equal(dense(query), dense(prompts.covariance)):
        parts.append("Λ_q ≠ Λ")
    return ", ".join(parts)


def shortened(
    row: Callable[[int], Sequence[str]], count: int, most: int = SHOWN
) -> list[Sequence[str]]:
    """The rows of a table, or the first and the last of a long one."""
    if count <= most + 1:
        return [row(k) for k in range(count)]
    head, tail = most // 2, range(count - most // 2, count)
    gap = ("…", *("" for _ in row(0)[1:]))
    return [*map(row, range(head)), gap, *map(row, tail)]


def spectrum(covariance: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Eigenvalues, largest first, and the eigenvectors as columns: None, and in the given order, if
    the covariance is diagonal by its kind."""
    if np.ndim(covariance) == 1:
        return np.asarray(covariance, dtype=float), None
    eigenvalues, basis = np.linalg.eigh(dense(covariance))
    return eigenvalues[::-1].clip(min=0), basis[:, ::-1]


def diagonal_in(basis: np.ndarray | None, matrix: Any) -> np.ndarray:
    """`e_i^T M e_i` for each column of a basis."""
    matrix = np.asarray(matrix, dtype=float)
    if basis is None:
        return matrix if matrix.ndim == 1 else matrix.diagonal()
    return np.einsum("ij,ik,kj->j", basis, dense(matrix), basis, optimize=True)
