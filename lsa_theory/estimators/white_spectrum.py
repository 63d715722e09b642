r"""Means over the eigenvalues of a white sample covariance, exactly but for quadrature.

The `m` non-zero eigenvalues :math:`x_i = u_i^2` of :math:`Z^\top Z`, with `Z` standard normal of
shape (M, d), `m` the smaller and `n` the larger of the two, have the density

.. math::
    \propto \prod_{i < j} |u_i^2 - u_j^2| \prod_i w(u_i), \qquad w(u) = u^{n - m} e^{-u^2 / 2},
    \quad u_i > 0 .

By de Bruijn's formula the mean of a product of values is a ratio of Pfaffians,

.. math::
    E \prod_i g(u_i) = \frac{\operatorname{Pf} A[g]}{\operatorname{Pf} A[1]}, \qquad
    A_{jk}[g] = \iint \operatorname{sign}(v - u)\, \phi_j(u) g(u)\, \phi_k(v) g(v)\, du\, dv,

for :math:`\phi_j = w` times polynomials in :math:`u^2` of degrees 0 to m - 1; with an odd number of
eigenvalues `A` has one more row and column, :math:`\int \phi_j g`. Here they are orthonormal:
Laguerre's, with parameter :math:`n - m - \frac12` in :math:`u^2`. With :math:`g = 1 + t f` and
:math:`A = A_0 + t A_1 + t^2 A_2`, the first two derivatives at :math:`t = 0` are

.. math::
    E \sum_i f(u_i) = \tfrac12 \operatorname{tr}(A_0^{-1} A_1), \qquad
    E \sum_{i \ne j} f(u_i) f(u_j) - \Big( E \sum_i f(u_i) \Big)^2
    = \operatorname{tr}(A_0^{-1} A_2) - \tfrac12 \operatorname{tr}(A_0^{-1} A_1)^2 .

Source: de Bruijn, J. Indian Math. Soc. 19, 1955, for the formula; its use here is our own.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, cached_property
from math import lgamma, log
from typing import Any

import numpy as np
from numpy.polynomial import legendre

from lsa_theory._typing import Array, Shaped

LARGEST = 128  # eigenvalues: beyond, the first Laguerre function leaves the range of floats
TAIL = 7.0  # in u, beyond the edges of the spectrum: the density there is below e^{-TAIL²}
NODES = 16  # of a panel


class WhiteSpectrum:
    """The non-zero eigenvalues of `Z^T Z`, for means of functions whose poles in u are not nearer
    to the positive reals than `finest`."""

    def __init__(self, dimension: int, length: int, finest: float) -> None:
        self.least, self.most = sorted((dimension, length))
        edges = _edges(self.least, self.most, finest)
        points, weights = legendre.leggauss(NODES)
        self._halves = np.diff(edges)[:, None] / 2
        self._nodes = edges[:-1, None] + self._halves * (1 + points)
        self._weights = self._halves * weights
        self._basis = _laguerre(self._nodes.ravel(), self.least, self.most - self.least)

    def mean(self, function: Callable[[Array], Array]) -> float:
        """`E Σ f(x_i)`."""
        return float(self._first(self._times(function)).trace() / 2)

    def mean_square(self, function: Callable[[Array], Array]) -> float:
        """`E (Σ f(x_i))²`."""
        values = self._times(function)
        first = self._first(values)
        second = np.linalg.solve(self._plain, self._bordered(self._skew(values, values), 0.0))
        pairs = second.trace() - (first * first.T).sum() / 2 + (first.trace() / 2) ** 2
        return float(pairs) + self.mean(lambda x: function(x) ** 2)

    def _times(self, function: Callable[[Array], Array]) -> Shaped[Array, "q m"]:
        return self._basis * function(self._nodes.ravel() ** 2)[:, None]

    def _first(self, values: Shaped[Array, "q m"]) -> Shaped[Array, "k k"]:
        """`A_0^{-1} A_1`."""
        half = self._skew(values, self._basis)
        edge = self._weights.ravel() @ values
        return np.linalg.solve(self._plain, self._bordered(half - half.T, edge))

    @cached_property
    def _plain(self) -> Shaped[Array, "k k"]:
        """`A_0`."""
        edge = self._weights.ravel() @ self._basis
        return self._bordered(self._skew(self._basis, self._basis), edge)

    def _bordered(self, matrix: Shaped[Array, "m m"], edge: Any) -> Shaped[Array, "k k"]:
        if self.least % 2 == 0:
            return matrix
        found = np.pad(matrix, ((0, 1), (0, 1)))
        found[:-1, -1] = edge
        found[-1, :-1] = -found[:-1, -1]
        return found

    def _skew(self, left: Shaped[Array, "q m"], right: Shaped[Array, "q m"]) -> Array:
        """`∬ sign(v − u) left(u) right(v)`: of what lies before v and what lies after."""
        panels = left.reshape(*self._nodes.shape, -1)
        within = self._halves[:, :, None] * (_integration() @ panels)
        wholes = (self._weights[:, :, None] * panels).sum(axis=1, keepdims=True)
        before = np.cumsum(wholes, axis=0) - wholes + within
        signed = (2 * before - wholes.sum(axis=0)).reshape(left.shape)
        return signed.T @ (self._weights.reshape(-1, 1) * right)


def _edges(least: int, most: int, finest: float) -> Shaped[Array, " p"]:
    """Of panels about as long as a wave and a half of the last function, and towards 0 each half as
    long as the next."""
    low = max(0.0, most**0.5 - least**0.5 - TAIL)
    high = most**0.5 + least**0.5 + TAIL
    width = 3 * np.pi / (4 * least + 10) ** 0.5
    edges = list(np.linspace(low, high, int(np.ceil((high - low) / width)) + 1))
    while low == 0 and edges[1] > max(finest, 1e-60):
        edges.insert(1, edges[1] / 2)
    return np.array(edges)


def _laguerre(nodes: Shaped[Array, " q"], count: int, power: int) -> Shaped[Array, "q m"]:
    """The orthonormal functions `u^power e^{-u²/2}` times polynomials in u²."""
    square, alpha = nodes * nodes, power - 0.5
    found = np.zeros((len(nodes), count))
    found[:, 0] = np.exp((log(2) - lgamma(alpha + 1)) / 2 + power * np.log(nodes) - square / 2)
    for k in range(count - 1):
        last = (k * (k + alpha)) ** 0.5 * found[:, k - 1]
        rise = ((k + 1) * (k + 1 + alpha)) ** 0.5
        found[:, k + 1] = ((2 * k + 1 + alpha - square) * found[:, k] - last) / rise
    return found


@cache
def _integration() -> Shaped[Array, "n n"]:
    """From values in a panel's nodes to integrals from its lower end to them."""
    points, _ = legendre.leggauss(NODES)
    units = np.eye(NODES)
    integrals = [legendre.legval(points, legendre.legint(unit, lbnd=-1)) for unit in units]
    return np.stack(integrals, axis=1) @ np.linalg.inv(legendre.legvander(points, NODES - 1))
