"""A finite mixture of covariances, which need not commute."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.definiteness import rank
from lsa_theory.linalg import dense, operator, solve
from lsa_theory.random_covariance.law import CovarianceLaw, summary_moment

NAME = "Mixture"


@dataclass(frozen=True, eq=False)
class Mixture(CovarianceLaw):
    r"""The covariance :math:`\Lambda_k` with probability :math:`p_k`.

    In Kronecker form, with `vec` row by row,

    .. math::
        \Big( \sum_k p_k\, C_k \otimes \Lambda_k \Big) \operatorname{vec} B
        = \operatorname{vec} \sum_k p_k \Lambda_k^2 .

    The solution is not symmetric in general: :math:`C_k` stands on the left, and the
    :math:`\Lambda_k` need not commute.

    Parameters
    ----------
    covariances
        :math:`\Lambda_k`, each as `GaussianPrompts` takes it; all of them vectors: diagonal, at
        O(d) each. All exact: results are exact.
    weights
        :math:`p_k \ge 0`, as many, of sum 1 to rounding. None: all equal.

    Raises
    ------
    ValueError
        If the covariances are none or of several dimensions, or the weights break their rule.

    Source: derived here; Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.5, for diagonal ones.
    """

    covariances: Any
    weights: Any = None

    def __post_init__(self) -> None:
        covariances = _covariances(self.covariances)
        exact = covariances[0].dtype == object
        object.__setattr__(self, "covariances", covariances)
        object.__setattr__(self, "weights", _weights(self.weights, len(covariances), exact))

    @property
    def dimension(self) -> int:  # type: ignore[override]
        return len(self.covariances[0])

    @property
    def diagonal(self) -> bool:  # type: ignore[override]
        return self.covariances[0].ndim == 1

    @cached_property
    def components(self) -> tuple[tuple[Scalar, Any], ...]:
        """Weights and operators."""
        contexts = [operator(covariance) for covariance in self.covariances]
        return tuple(zip(self.weights, contexts, strict=True))

    @property
    def mean(self) -> Any:
        return _total(weight * context for weight, context in self.components)

    @property
    def square(self) -> Any:
        return _total(weight * (context @ context) for weight, context in self.components)

    @property
    def determined(self) -> int:
        products = (np.kron(dense(x), dense(x)) for x in self.covariances)
        terms = zip(self.weights, products, strict=True)
        return rank(_total(weight * product for weight, product in terms))

    def pull(self, gain: Any, length: Any, noise: Scalar) -> Any:
        return _total(
            weight * (summary_moment(context, length, noise) @ (gain @ context))
            for weight, context in self.components
        )

    def minimiser(self, length: Any, noise: Scalar) -> Any:
        if self.diagonal:
            return super().minimiser(length, noise)
        system = _total(
            weight * np.kron(summary_moment(context, length, noise), context)
            for weight, context in self.components
        )
        return _solution(system, self.square.reshape(-1, 1)).reshape(self.square.shape)

    def drawn(self, count: int, rng: np.random.Generator) -> Shaped[Array, "count ..."]:
        chosen = rng.choice(len(self.weights), count, p=self.weights.astype(np.float64))
        return np.array(self.covariances, dtype=np.float64)[chosen]


def _solution(system: Shaped[Array, "m m"], right: Shaped[Array, "m 1"]) -> Shaped[Array, "m 1"]:
    """Of a positive semi-definite system; the one of least norm if there are several."""
    if system.dtype == object:
        try:
            return solve(system, right)
        except np.linalg.LinAlgError:
            rule = "covariances that determine the gain, if exact (floats give that of least norm)"
            checks.refuse(NAME, "covariances", "exact ones with a common kernel", rule)
    eigenvalues, vectors = np.linalg.eigh(system)
    positive = eigenvalues > len(system) * checks.EPSILON * eigenvalues[-1]
    if positive.all():
        return solve(system, right)
    basis = vectors[:, positive]
    return basis @ ((basis.T @ right) / eigenvalues[positive, None])


def _total(terms: Any) -> Any:
    first, *others = terms
    return sum(others, first)


def _covariances(given: Any) -> tuple[Array, ...]:
    if not isinstance(given, Sequence | np.ndarray):
        checks.refuse(NAME, "covariances", checks.described(given), "a sequence of covariances")
    if not len(given):
        checks.refuse(NAME, "covariances", "none", "at least one")
    found: list[Array] = []
    for k, one in enumerate(given):
        dimension = len(found[0]) if found else None
        found.append(checks.covariance(NAME, f"covariances[{k}]", one, dimension))
    if any(one.ndim == 2 for one in found):
        found = [dense(one) for one in found]
    if any(one.dtype != object for one in found):
        found = [one.astype(np.float64) for one in found]
    return tuple(found)


def _weights(given: Any, count: int, exact: bool) -> Shaped[Array, " k"]:
    equal = np.ones(count, dtype=int)
    weights = equal if given is None else checks.real_array(NAME, "weights", given, (1,))
    if len(weights) != count:
        checks.refuse(NAME, "weights", f"{len(weights)} of them", f"{count} of them")
    if (weights < 0).any():
        entry = f"array with {checks.described(weights.min())}"
        checks.refuse(NAME, "weights", entry, "non-negative")
    total = weights.sum()
    if given is not None and abs(total - 1) > count * checks.EPSILON:
        checks.refuse(NAME, "weights", f"array of sum {float(total):.6g}", "of sum 1")
    if exact:
        weights = np.array([checks.rational(checks.exactly(w)) for w in weights], dtype=object)
    return weights / weights.sum()
