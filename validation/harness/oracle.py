r"""Exact expectations with no identity about Wishart matrices in them.

Any polynomial in independent standard Gaussians has the expectation that follows from

.. math:: E[z^{2k}] = (2k - 1)!! = 1 \cdot 3 \cdots (2k - 1), \qquad E[z^{2k + 1}] = 0.

With rational factors :math:`\Lambda = A A^\top`, :math:`\Omega = T T^\top`,
:math:`\Lambda_q = A_q A_q^\top` and a rational standard deviation of the noise, the prediction of a
layer on a random prompt is such a polynomial, taken here from the network's definition alone.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from math import prod
from typing import Any

import numpy as np
from sympy import QQ
from sympy.polys.rings import PolyElement, ring

from lsa_theory.attention import LinearSelfAttention
from lsa_theory.prompts import GaussianPrompts


@cache
def moment(power: int) -> int:
    """``E[z ** power]`` of a standard Gaussian."""
    return 0 if power % 2 else prod(range(1, power, 2))


def expectation(polynomial: PolyElement) -> Fraction:
    """The mean of a polynomial whose generators are independent standard Gaussians."""
    total = sum((c * prod(map(moment, powers)) for powers, c in polynomial.terms()), QQ(0))
    return _fraction(total)


def product_expectation(left: PolyElement, right: PolyElement) -> Fraction:
    """``E[left * right]`` without forming the product.

    A product of two monomials has a mean other than 0 only if every power is of the same parity in
    both, so terms are paired within classes of equal parity.
    """
    classes = _by_parity(right)
    total = QQ(0)
    for parity, terms in _by_parity(left).items():
        partners = classes.get(parity, [])
        for powers, coefficient in terms:
            row = QQ(0)
            for others, factor in partners:
                row += factor * prod([_MOMENTS[a + b] for a, b in zip(powers, others, strict=True)])
            total += coefficient * row
    return _fraction(total)


_MOMENTS = [moment(power) for power in range(64)]


def _by_parity(polynomial: PolyElement) -> dict[tuple[int, ...], list[Any]]:
    classes = defaultdict(list)
    for powers, coefficient in polynomial.terms():
        classes[tuple(power & 1 for power in powers)].append((powers, coefficient))
    return classes


def _fraction(number: Any) -> Fraction:
    return Fraction(int(number.numerator), int(number.denominator))


@dataclass(frozen=True, eq=False)
class RationalLaw:
    """A law of prompts by rational factors of its covariances.

    ``context`` is A, (d, d), or (d,) for a diagonal one, with Λ = A Aᵀ; ``noise`` the standard
    deviation σ; ``task`` T with Ω = T Tᵀ (None: the identity); ``mean`` μ; ``query`` A_q with
    Λ_q = A_q A_qᵀ (None: A). Entries are integers or ``Fraction``.
    """

    context: Any
    context_length: int
    noise: Any = 0
    task: Any = None
    mean: Any = None
    query: Any = None

    @property
    def prompts(self) -> GaussianPrompts:
        """The same law as the library takes it, in exact rationals."""
        square = {name: _square(getattr(self, name)) for name in ("context", "task", "query")}
        return GaussianPrompts(
            square["context"],
            self.context_length,
            noise_variance=Fraction(self.noise) ** 2,
            task_covariance=square["task"],
            task_mean=None if self.mean is None else _exact(self.mean),
            query_covariance=square["query"],
        )


def residual(layer: LinearSelfAttention, law: RationalLaw) -> PolyElement:
    """``ŷ − ⟨w, x_q⟩`` as a polynomial in the Gaussians that the prompt is made of."""
    factor = _matrix(law.context)
    d, n = len(factor), law.context_length
    gaussians = iter(ring([f"z{k}" for k in range(n * d + 2 * d + n)], QQ)[1:])

    def normal(matrix: np.ndarray) -> np.ndarray:
        return matrix @ np.array([next(gaussians) for _ in range(d)], dtype=object)

    x = np.array([normal(factor) for _ in range(n)])
    x_query = normal(factor if law.query is None else _matrix(law.query))
    w = normal(np.diag([QQ(1)] * d) if law.task is None else _matrix(law.task))
    if law.mean is not None:
        w = w + _rationals(law.mean)
    noise = [_rational(law.noise) * next(gaussians) for _ in range(n)]
    y = x @ w + noise
    return _prediction(layer, x, y, x_query) - w @ x_query


def loss(layer: LinearSelfAttention, law: RationalLaw) -> Fraction:
    """``½ E(ŷ − ⟨w, x_q⟩)²``, exactly, of a layer whose entries are rational."""
    error = residual(layer, law)
    return product_expectation(error, error) / 2


def _prediction(layer: LinearSelfAttention, x: Any, y: Any, x_query: Any) -> PolyElement:
    """``f(E)[d+1, N+1]`` of ``f(E) = E + W^PV E (E^T W^KQ E) / N``."""
    n = len(x)
    zero = 0 * x_query[0]
    embedding = np.vstack([np.column_stack([x.T, x_query]), [*y, zero]])
    pv, kq = _rationals(layer.pv), _rationals(layer.kq)
    attention = embedding.T @ (kq @ embedding[:, -1])
    return embedding[-1, -1] + (pv[-1] @ embedding) @ attention * QQ(1, n)


def _matrix(entries: Any) -> np.ndarray:
    array = _rationals(entries)
    return np.diag(array) if array.ndim == 1 else array


def _rationals(entries: Any) -> np.ndarray:
    array = np.asarray(entries, dtype=object)
    return np.array([_rational(entry) for entry in array.flat], dtype=object).reshape(array.shape)


def _rational(entry: Any) -> Any:
    return QQ(*Fraction(entry).as_integer_ratio())


def _exact(entries: Iterable[Any]) -> np.ndarray:
    array = np.asarray(entries, dtype=object)
    return np.array([Fraction(entry) for entry in array.flat], dtype=object).reshape(array.shape)


def _square(factor: Any) -> np.ndarray | None:
    """``factor @ factor.T``, diagonal if the factor is."""
    if factor is None:
        return None
    array = _exact(factor)
    return array * array if array.ndim == 1 else array @ array.T
