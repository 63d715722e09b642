"""Gamma-distributed eigenvalues, by their mean and spread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped

NAME = "GammaEigenvalues"


@dataclass(frozen=True, eq=False)
class GammaEigenvalues:
    r"""The gamma distribution of mean :math:`m` and standard deviation :math:`s m`,

    .. math::
        E \lambda^k = m^k \prod_{j < k} (1 + j s^2) :

    of a fixed eigenvalue at spread 0, the exponential distribution at 1. Has of a frozen SciPy
    distribution what `DiagonalEigenvalues` asks for.

    Parameters
    ----------
    spread
        :math:`s \ge 0`; may be traced.
    mean
        :math:`m > 0`; may be traced.

    Raises
    ------
    ValueError
        If one is out of its range.
    """

    spread: Scalar
    mean: Scalar = 1

    def __post_init__(self) -> None:
        spread = checks.real(NAME, "spread", self.spread, minimum=0)
        mean = checks.real(NAME, "mean", self.mean, minimum=0)
        if not checks.is_tracer(mean) and mean == 0:
            checks.refuse(NAME, "mean", mean, "positive")
        object.__setattr__(self, "spread", spread)
        object.__setattr__(self, "mean", mean)

    def moment(self, order: int) -> Scalar:
        """`E λ^order`."""
        found = self.mean**order
        for j in range(order):
            found = found * (1 + j * self.spread * self.spread)
        return found

    def rvs(self, size: Any, random_state: np.random.Generator) -> Shaped[Array, "..."]:
        """Independent draws."""
        spread, mean = float(self.spread), float(self.mean)
        if spread == 0:
            return np.full(size, mean)
        shape = spread**-2
        return random_state.gamma(shape, mean / shape, size)
