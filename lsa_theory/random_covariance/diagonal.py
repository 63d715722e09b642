"""Diagonal covariances with independent eigenvalues."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.linalg import Diagonal, array, identity, is_traced, namespace
from lsa_theory.random_covariance.gamma import GammaEigenvalues
from lsa_theory.random_covariance.law import CovarianceLaw

NAME = "DiagonalEigenvalues"


@dataclass(frozen=True, eq=False)
class DiagonalEigenvalues(CovarianceLaw):
    r"""Diagonal :math:`\Lambda_\tau` whose eigenvalues are independent, of one distribution.

    With :math:`m_k = E \lambda^k` the mean map acts on each entry of `B` alone,
    :math:`E[C_\tau B \Lambda_\tau]_{ij} = r_{ij} B_{ij}`,

    .. math::
        N r_{ii} = (N + 2)\, m_3 + (d - 1)\, m_1 m_2 + \sigma^2 m_2, \qquad
        N r_{ij} = (N + 3)\, m_1 m_2 + (d - 2)\, m_1^3 + \sigma^2 m_1^2 .

    Parameters
    ----------
    distribution
        A frozen SciPy distribution on the non-negative reals, `GammaEigenvalues`, or three moments
        :math:`(m_1, m_2, m_3)`; rationals and SymPy symbols stay exact, and they may be traced.
    dimension
        :math:`d`.

    Raises
    ------
    ValueError
        If the dimension is not a positive integer, the distribution reaches below 0, or the
        moments are not those of a law on the non-negative reals: finite, :math:`m_1 > 0`,
        :math:`m_2 \ge m_1^2`, :math:`m_1 m_3 \ge m_2^2`.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.5, for any diagonal law.
    """

    distribution: Any
    dimension: int
    moments: Shaped[Array, " 3"] = field(init=False)
    diagonal = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "dimension", checks.integer(NAME, "dimension", self.dimension))
        object.__setattr__(self, "moments", _moments(self.distribution))

    @property
    def mean(self) -> Any:
        return self.moments[0] * identity(self.dimension)

    @property
    def square(self) -> Any:
        return self.moments[1] * identity(self.dimension)

    @property
    def determined(self) -> int:
        return self.dimension**2

    def pull(self, gain: Any, length: Any, noise: Scalar) -> Any:
        (first, second, third), d = self.moments, self.dimension
        on = ((length + 2) * third + ((d - 1) * first + noise) * second) / length
        if isinstance(gain, Diagonal):
            return on * gain
        off = ((length + 3) * second + ((d - 2) * first + noise) * first) * first / length
        return off * gain + (on - off) * Diagonal(gain.diagonal())

    def drawn(self, count: int, rng: np.random.Generator) -> Shaped[Array, "count d"]:
        if not hasattr(self.distribution, "rvs"):
            rule = "a SciPy distribution to be drawn from, not its moments"
            checks.refuse(NAME, "distribution", checks.described(self.distribution), rule)
        return self.distribution.rvs(size=(count, self.dimension), random_state=rng)


def _moments(distribution: Any) -> Shaped[Array, " 3"]:
    argument = "distribution"
    if isinstance(distribution, GammaEigenvalues):
        distribution = tuple(distribution.moment(k) for k in (1, 2, 3))
    if isinstance(distribution, Sequence) and is_traced(*distribution):
        distribution = namespace(*distribution).stack(distribution)
    if hasattr(distribution, "moment") and hasattr(distribution, "support"):
        lowest = float(distribution.support()[0])
        if not lowest >= 0:
            checks.refuse(NAME, argument, f"one that reaches {lowest:g}", "on the reals >= 0")
        distribution = _three_moments(distribution)
    moments = checks.real_array(NAME, argument, distribution, (1,))
    if len(moments) != 3:
        rule = "a SciPy distribution or three moments"
        checks.refuse(NAME, argument, f"{len(moments)} moments", rule)
    if is_traced(moments) or any(getattr(m, "free_symbols", None) for m in moments):
        return moments
    first, second, third = moments
    slack = 0 if moments.dtype == object else 64 * checks.EPSILON
    for below, above, rule in (
        (first * first, second, "with m_2 >= m_1^2"),
        (second * second, first * third, "with m_1 m_3 >= m_2^2"),
    ):
        if first <= 0 or below - above > slack * below:
            shown = ", ".join(checks.described(array(moment)) for moment in moments)
            rule = "with m_1 > 0" if first <= 0 else rule
            checks.refuse(
                NAME, argument, f"moments {shown}", f"{rule}, as any law on the reals >= 0"
            )
    return moments


def _three_moments(distribution: Any) -> Shaped[Array, " 3"]:
    """Of a SciPy distribution, where they exist; an integral that diverges only warns."""
    from scipy.integrate import IntegrationWarning

    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("error", IntegrationWarning)
        try:
            moments = np.array([float(distribution.moment(k)) for k in (1, 2, 3)])
        except IntegrationWarning:
            moments = np.full(3, np.inf)
    if not np.isfinite(moments).all():
        rule = "with three finite moments"
        checks.refuse(NAME, "distribution", checks.described(distribution), rule)
    return moments
