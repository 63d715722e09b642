r"""Exact means of polynomials in the inverse of a sample covariance.

Bartlett: with :math:`\Lambda = F F^\top`, :math:`N S = F T T^\top F^\top` where `T` is lower
triangular, its entries independent, standard Gaussians below the diagonal and on it :math:`T_{ii}^2
\sim \chi^2_{N - i + 1}`. So :math:`S^{-1} = N F^{-\top} T^{-\top} T^{-1} F^{-1}` is polynomial in
the Gaussians and in :math:`r_i = 1 / T_{ii}`, and

.. math:: E[(\chi^2_n)^{-k}] = \frac{1}{(n - 2)(n - 4) \cdots (n - 2k)}, \qquad n > 2k.
"""

from dataclasses import dataclass
from fractions import Fraction
from math import prod
from typing import Any

import numpy as np
from sympy import QQ
from sympy.polys.rings import PolyElement, ring

from lsa_theory.linalg import solve
from validation.harness.oracle import moment


@dataclass(frozen=True, eq=False)
class InverseLaw:
    """The inverse of the covariance of `context_length` samples; `factor` is F, in rationals."""

    factor: np.ndarray
    context_length: int

    @property
    def covariance(self) -> np.ndarray:
        return self.factor @ self.factor.T

    @property
    def inverse(self) -> np.ndarray:
        """The entries of `S^{-1}`, polynomials in `r_1, ..., r_d` and the Gaussians."""
        d = len(self.factor)
        names = [f"r{i}" for i in range(d)] + [f"z{i}{j}" for i in range(d) for j in range(i)]
        symbols = ring(names, QQ)[1:]
        triangle = np.full((d, d), 0 * symbols[0], dtype=object)  # T^{-1}, by substitution
        for i in range(d):
            gaussians = np.array(symbols[d + i * (i - 1) // 2 :][:i], dtype=object)
            triangle[i, :i] = -gaussians @ triangle[:i, :i]
            triangle[i, i] += 1
            triangle[i] *= symbols[i]
        root = triangle @ solve(self.factor, np.eye(d, dtype=int) * Fraction(1))
        return root.T @ root * self.context_length

    def mean(self, polynomials: np.ndarray) -> np.ndarray:
        """Entry by entry, for polynomials in the entries of `inverse`."""
        return np.vectorize(self._mean, otypes=[object])(polynomials)[()]

    def exists(self, polynomials: np.ndarray) -> bool:
        """Whether every entry is integrable: `r^p` is one for `p` less than the degrees."""
        powers = [powers for entry in np.ravel(polynomials) for powers in entry.monoms()]
        return all(p < n for row in powers for p, n in zip(row, self._degrees, strict=False))

    @property
    def _degrees(self) -> list[int]:
        return [self.context_length - i for i in range(len(self.factor))]

    def _mean(self, polynomial: PolyElement) -> Fraction:
        total, degrees = Fraction(0), self._degrees
        for powers, coefficient in polynomial.terms():
            gaussian = prod(map(moment, powers[len(degrees) :]))
            if gaussian:  # then the powers of the r_i are even
                chi = prod(map(_reciprocal_moment, degrees, powers))
                total += _fraction(coefficient) * gaussian * chi
        return total


def _reciprocal_moment(degrees: int, power: int) -> Fraction:
    """The mean of `r^power`, `r^{-2}` a chi-squared."""
    if power % 2 or power >= degrees:
        raise ValueError(f"no mean of r^{power} is known for {degrees} degrees of freedom")
    return Fraction(1, prod(degrees - 2 * k for k in range(1, power // 2 + 1)))


def _fraction(number: Any) -> Fraction:
    return Fraction(int(number.numerator), int(number.denominator))
