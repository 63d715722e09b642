"""Wishart covariances: those of samples."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.definiteness import rank
from lsa_theory.estimators.sample import bartlett
from lsa_theory.linalg import Diagonal, array, dense, factor, operator, solve
from lsa_theory.random_covariance.law import CovarianceLaw

NAME = "WishartCovariances"


@dataclass(frozen=True, eq=False)
class WishartCovariances(CovarianceLaw):
    r"""The sample covariance of `K` Gaussian vectors: :math:`K \Lambda_\tau` is Wishart with `K`
    degrees of freedom, and :math:`E \Lambda_\tau = \Lambda`.

    The mean map is a sum of words in :math:`\Lambda` and `B`, so its solution is a polynomial in
    :math:`\Lambda`: diagonal in its eigenbasis, where the map is one `d × d` matrix.

    Parameters
    ----------
    scale
        :math:`\Lambda`, the mean, as `GaussianPrompts` takes a covariance. A vector of rationals
        keeps results exact; the minimiser of a matrix of rationals is in float64.
    degrees
        `K`, an integer of at least 1.

    Raises
    ------
    ValueError
        If the scale is not positive semi-definite, or the degrees not a positive integer.

    Source: derived here.
    """

    scale: Any
    degrees: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", checks.covariance(NAME, "scale", self.scale))
        object.__setattr__(self, "degrees", checks.integer(NAME, "degrees", self.degrees))

    @property
    def dimension(self) -> int:  # type: ignore[override]
        return len(self.scale)

    @property
    def mean(self) -> Any:
        return operator(self.scale)

    @property
    def square(self) -> Any:
        return self._expected("S S")

    @property
    def determined(self) -> int:
        r = rank(self.mean)
        return r * (r + 1) // 2 if self.degrees == 1 else r * r

    def pull(self, gain: Any, length: Any, noise: Scalar) -> Any:
        gain = array(gain)
        cubic = (length + 1) * self._expected("S S B S", B=gain)
        cubic = cubic + self._expected("tr(S) S B S", B=gain)
        return (cubic + noise * self._expected("S B S", B=gain)) / length

    def minimiser(self, length: Any, noise: Scalar) -> Any:
        if self.scale.ndim == 1:
            return Diagonal(self._diagonal_minimiser(length, noise))
        eigenvalues, basis = np.linalg.eigh(self.scale.astype(np.float64))
        floor = len(basis) * checks.EPSILON * eigenvalues[-1]
        turned = replace(self, scale=np.where(eigenvalues > floor, eigenvalues, 0.0))
        return (basis * turned._diagonal_minimiser(length, float(noise))) @ basis.T

    def _diagonal_minimiser(self, length: Any, noise: Scalar) -> Shaped[Array, " d"]:
        """Entries of the solution at a diagonal scale, 0 where that is."""
        units = np.eye(self.dimension, dtype=int)
        columns = [self.pull(Diagonal(unit), length, noise).diagonal() for unit in units]
        seen = np.flatnonzero(self.scale != 0)
        found = 0 * self.scale
        if len(seen):
            system, right = np.array(columns)[np.ix_(seen, seen)], self.square.diagonal()
            found[seen] = solve(system, right[seen, None])[:, 0]
        return found

    def _expected(self, word: str, **constants: Any) -> Shaped[Array, "d d"]:
        from lsa_theory.wishart import expectation

        found = expectation(word)
        return found.evaluate(covariance=self.scale, context_length=self.degrees, **constants)

    def drawn(self, count: int, rng: np.random.Generator) -> Shaped[Array, "count d d"]:
        root = dense(array(factor(operator(self.scale.astype(np.float64)))))
        half = root @ bartlett(self.dimension, self.degrees, count, rng)
        return half @ half.swapaxes(1, 2) / self.degrees
