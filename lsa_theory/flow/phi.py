r"""How far an exponential relaxation follows a polynomial.

A quantity that relaxes at unit rate towards a moving target, :math:`x' = -x + \tau^j` on
:math:`[0, 1]` run `y` times as fast, :math:`x(0) = 0`, ends at

.. math:: \psi_j(y) = y \int_0^1 e^{-y (1 - \tau)} \tau^j d\tau = y\, j!\, \varphi_{j+1}(-y),

with the :math:`\varphi` of exponential integrators. It grows from 0 at `y = 0` (nothing has moved)
to 1 at `y = ∞` (the target is reached), so that sums of :math:`\psi` never overflow, and

.. math:: \psi_0 = 1 - e^{-y}, \qquad \psi_j = 1 - \frac{j}{y} \psi_{j-1}.
"""

from __future__ import annotations

from functools import cache
from math import factorial
from typing import Any

import jax.numpy as jnp
import numpy as np

from lsa_theory._typing import Array

THRESHOLD = 2.0  # below it the recurrence runs downwards, from a series; above it upwards
TERMS = 22  # of the series: the first one left out is under 1e-18 of the sum


def relaxations(y: Array, degree: int) -> tuple[Array, ...]:
    """`exp(-y), psi_0(y), ..., psi_degree(y)` for `y >= 0`, each to a few units of rounding."""
    decay = jnp.exp(-y)
    small = jnp.minimum(y, THRESHOLD)
    large = jnp.maximum(y, THRESHOLD)
    below = [small * series(small, degree)]
    for j in range(degree, 0, -1):
        below.insert(0, small / j * (1 - below[0]))
    above = [1 - decay]
    for j in range(1, degree + 1):
        above.append(1 - j / large * above[-1])
    return decay, *(jnp.where(y < THRESHOLD, *pair) for pair in zip(below, above, strict=True))


QUICK = 0.5  # the threshold of `quick_relaxations`: above it, three digits are lost at most


def quick_relaxations(y: Array, degree: int) -> tuple[Array, ...]:
    """`psi_0(y), ..., psi_degree(y)` to 1e-12, in a third of the operations."""
    small, large = jnp.minimum(y, QUICK), jnp.maximum(y, QUICK)
    low = jnp.zeros_like(y)
    for coefficient in _quick_series(degree)[::-1]:
        low = low * small + coefficient
    below = [small * low]
    for j in range(degree, 0, -1):
        below.insert(0, small * (1 / j) * (1 - below[0]))
    inverse, above = 1 / large, [1 - jnp.exp(-y)]
    for j in range(1, degree + 1):
        above.append(1 - j * inverse * above[-1])
    return tuple(jnp.where(y < QUICK, *pair) for pair in zip(below, above, strict=True))


@cache
def _quick_series(degree: int) -> Array:
    """Coefficients of `psi_degree(y) / y` on [0, QUICK]."""

    def exact(y: Array) -> Array:
        return np.asarray(series(y, degree, np.zeros_like(y)))

    fit = np.polynomial.Chebyshev.interpolate(exact, 7, [0.0, QUICK])
    return fit.convert(kind=np.polynomial.Polynomial).coef


def series(y: Array, j: int, total: Any = 0.0) -> Array:
    r"""`psi_j(y) / y`, the sum over `n` of :math:`(-y)^n j!/(j + n + 1)!`."""
    for n in reversed(range(TERMS)):
        total = total * -y + factorial(j) / factorial(j + n + 1)
    return total
