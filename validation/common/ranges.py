"""The range of a positive semi-definite matrix, exactly or up to rounding."""

import numpy as np

from lsa_theory.linalg import is_exact, outer


def range_projection(matrix):
    """The orthogonal projection on the range of a symmetric positive semi-definite matrix."""
    if not is_exact(matrix):
        basis = range_basis(matrix)
        return basis @ basis.T
    projection = 0 * matrix
    for column in matrix.T:
        rest = column - projection @ column
        if rest.any():
            projection = projection + outer(rest, rest) / (rest @ rest)
    return projection


def range_basis(matrix):
    """Eigenvectors whose eigenvalues are above rounding."""
    eigenvalues, vectors = np.linalg.eigh(matrix)
    return vectors[:, above_rounding(eigenvalues)]


def least_positive(matrix):
    """The least eigenvalue above rounding."""
    eigenvalues = np.linalg.eigvalsh(matrix)
    return eigenvalues[above_rounding(eigenvalues)].min()


def above_rounding(eigenvalues):
    return eigenvalues > len(eigenvalues) * np.finfo(float).eps * eigenvalues[-1]
