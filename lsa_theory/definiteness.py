"""Whether a matrix is symmetric and positive semi-definite, and its rank: exactly for rationals, up
to rounding for floats."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.linalg import WIDTH, array, is_exact, is_traced, namespace, outer


def is_symmetric(matrix: Shaped[Array, "d d"]) -> bool:
    """Whether it is, to the last bit."""
    return all(
        (matrix[k : k + WIDTH, k:] == matrix[k:, k : k + WIDTH].T).all()
        for k in range(0, len(matrix), WIDTH)
    )


def has_cholesky_factor(matrix: Shaped[Array, "d d"], jitter: float) -> bool:
    """Whether `matrix + jitter · I`, symmetric, has one: proof that it is positive definite."""
    shifted = matrix.copy()
    shifted.flat[:: len(matrix) + 1] += jitter
    if len(matrix) < 200:  # not worth the import, nor waking a second library's threads
        try:
            np.linalg.cholesky(shifted)
        except np.linalg.LinAlgError:
            return False
        return True
    from scipy.linalg.lapack import dpotrf

    _, failed = dpotrf(shifted.T, lower=True, overwrite_a=True, clean=False)
    return failed == 0


def rank(matrix: Any) -> Any:
    """The rank of a symmetric positive semi-definite matrix: exact for rationals, in floating
    point the number of eigenvalues above `d · eps` times the largest."""
    entries = array(matrix)
    if is_exact(entries):
        return sum(bool(p > 0) for p in (entries if entries.ndim == 1 else pivots(entries)))
    eigenvalues = entries if entries.ndim == 1 else namespace(entries).linalg.eigvalsh(entries)
    floor = len(eigenvalues) * np.finfo(np.float64).eps * eigenvalues.max()
    found = (eigenvalues > floor).sum()
    return found if is_traced(found) else int(found)


def pivots(matrix: Shaped[Array, "d d"]) -> list[Scalar]:
    """The pivots of exact symmetric elimination, largest diagonal entry first: all non-negative,
    and none missing, if and only if the matrix is positive semi-definite. A zero diagonal beside
    a non-zero entry, which no such matrix has, is reported as the pivot -1."""
    found: list[Scalar] = []
    rest = matrix.copy()
    while rest.size:
        k = int(np.argmax(rest.diagonal()))
        pivot = rest[k, k]
        if pivot <= 0:
            return [*found, pivot if not (rest != 0).any() else -1]
        found.append(pivot)
        rest = rest - outer(rest[k], rest[k]) / pivot
        rest = np.delete(np.delete(rest, k, 0), k, 1)
    return found
