"""What a law of covariances has to know: the few moments that the mean loss is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.linalg import Diagonal, array, identity, select


class CovarianceLaw(ABC):
    r"""A law of random covariances :math:`\Lambda_\tau` with finite third moments.

    The mean loss of a gain reads of it :math:`E \Lambda_\tau`, :math:`E \Lambda_\tau^2` and the
    self-adjoint map :math:`B \mapsto E[C_\tau B \Lambda_\tau]` alone, where
    :math:`C_\tau = \frac1N [(N + 1) \Lambda_\tau^2 + (\operatorname{tr} \Lambda_\tau + \sigma^2)
    \Lambda_\tau]` is the second moment of a prompt's summary `h`.

    Attributes
    ----------
    dimension
        `d`, the number of features.
    diagonal
        Whether every draw is diagonal: the map then acts on each entry of `B` alone.
    """

    dimension: int
    diagonal: bool = False

    @property
    @abstractmethod
    def mean(self) -> Any:
        """`E Λ_τ` as an operator."""

    @property
    @abstractmethod
    def square(self) -> Any:
        """`E Λ_τ²` as an operator."""

    @property
    @abstractmethod
    def determined(self) -> int:
        """The dimension of the space of gains that the loss tells apart: d² if there is one
        minimiser only."""

    @abstractmethod
    def pull(self, gain: Any, length: Any, noise: Scalar) -> Any:
        """`E[C_τ B Λ_τ]` of an operator `B`, at a context length and a label noise."""

    @abstractmethod
    def drawn(self, count: int, rng: np.random.Generator) -> Shaped[Array, "count ..."]:
        """Independent draws in float64: (count, d, d), or (count, d) if diagonal."""

    def minimiser(self, length: Any, noise: Scalar) -> Any:
        """The `B` with `E[C_τ B Λ_τ] = E Λ_τ²` as an operator; here for maps that scale each
        diagonal entry, or the identity, and a diagonal right side."""
        unit = self.pull(identity(self.dimension), length, noise)
        return Diagonal(ratio(array(self.square), array(unit)))

    @property
    def exact(self) -> bool:
        """Whether the moments are exact rationals or symbols."""
        return array(self.mean).dtype == object

    def sample(self, count: int, *, seed: int) -> Shaped[Array, "count ..."]:
        """Independent draws in float64: (count, d, d), or (count, d) of a diagonal law.

        Raises
        ------
        ValueError
            If `count` is not a positive integer or `seed` not a non-negative one, or if the law is
            known by its moments alone.
        """
        count = checks.integer("sample", "count", count)
        seed = checks.integer("sample", "seed", seed, minimum=0)
        return self.drawn(count, np.random.default_rng(seed))


def summary_moment(context: Any, length: Any, noise: Scalar) -> Any:
    """`C = E[h h^T]` given a covariance, for tasks `w ~ N(0, I)`."""
    variance = context.trace() + noise
    return ((length + 1) * (context @ context) + variance * context) / length


def ratio(numerator: Shaped[Array, " d"], denominator: Shaped[Array, " d"]) -> Shaped[Array, " d"]:
    """0 where the denominator is."""
    positive = denominator != 0
    return select(positive, numerator, 0 * numerator) / select(positive, denominator, 1)
