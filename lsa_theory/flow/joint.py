r"""The frame of the block flow over random covariances.

Its equation is :math:`\dot U = -s^2 E[C_\tau U \Lambda_\tau] + s E \Lambda_\tau^2`, and the map
:math:`U \mapsto E[C_\tau U \Lambda_\tau]` is self-adjoint and positive: in an orthonormal basis of
its eigenvectors, matrices themselves, the entries of :math:`U` decouple but for `s` as those of a
fixed covariance do. For diagonal draws the basis is that of the entries.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.linalg import array, dense
from lsa_theory.random_covariance.prompts import RandomCovariancePrompts
from lsa_theory.risk import population_loss


@dataclass(frozen=True, eq=False)
class JointFrame:
    """Eigenvectors of the mean map, the columns of `basis` row by row (None: the entries), the
    rate of each, and the minimiser in them."""

    basis: Any
    rates: Shaped[Array, "d d"]
    minimiser: Shaped[Array, "d d"]
    least_loss: float
    condition: float

    def into(self, matrix: Shaped[Array, "d d"]) -> Shaped[Array, "d d"]:
        """The coefficients of a matrix, as a matrix."""
        return _turned(None if self.basis is None else self.basis.T, matrix)

    def back(self, matrix: Shaped[Array, "d d"]) -> Shaped[Array, "d d"]:
        return _turned(self.basis, matrix)


def _turned(basis: Any, matrix: Shaped[Array, "d d"]) -> Shaped[Array, "d d"]:
    return matrix if basis is None else (basis @ matrix.ravel()).reshape(matrix.shape)


def mean_frame(prompts: RandomCovariancePrompts) -> JointFrame:
    """From the flow's own coefficients, not from the formula of its limit."""
    d, law = prompts.dimension, prompts.law
    force = np.asarray(dense(array(law.square)), dtype=np.float64)
    if law.diagonal:
        rates, basis = np.asarray(prompts.pull(np.ones((d, d), dtype=int)), dtype=np.float64), None
        condition = 1.0
    else:
        eigenvalues, basis = np.linalg.eigh(mean_map(prompts))
        floor = len(eigenvalues) * checks.EPSILON * eigenvalues[-1]
        rates = np.where(eigenvalues > floor, eigenvalues, 0.0).reshape(d, d)
        condition = float(eigenvalues[-1] / eigenvalues[eigenvalues > floor].min(initial=np.inf))
    turned = _turned(None if basis is None else basis.T, force)
    rest = np.divide(turned, rates, where=rates > 0, out=np.zeros((d, d)))
    least = float(population_loss(_turned(basis, rest), prompts))
    return JointFrame(basis, rates, rest, least, condition)


def mean_map(prompts: RandomCovariancePrompts) -> Shaped[Array, "m m"]:
    """`B ↦ E[C_τ B Λ_τ]` on matrices row by row, m = d²."""
    d = prompts.dimension
    units = np.eye(d * d).reshape(d * d, d, d)
    columns = [np.asarray(prompts.pull(unit), dtype=np.float64).ravel() for unit in units]
    matrix = np.array(columns)
    return (matrix + matrix.T) / 2
