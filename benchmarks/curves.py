"""Learning curves of training on finite data: a whole curve, and a point where test tasks have
another covariance, beside the published formulas written down and solved root by root.

The opponents are what a reader would write. Of white tasks the resolvent is a closed form, and
each point needs one root; of two covariances it is a root itself, inside another, each step of
which inverts a matrix. Both sides start from the covariances.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy.optimize import brentq

from benchmarks.row import Row, advantage, cost
from benchmarks.timing import best_times
from lsa_theory.limits import learning_errors

POINTS, LOOP = 1000, 25  # of a curve: ours, those of the loop that are timed
DIMENSION = 60
WHITE = {"alpha": 2.0, "kappa": 0.5, "noise_variance": 0.1, "ridge": 0.05}
TWO = {"alpha": 2.0, "kappa": 0.5, "tau": 0.5, "noise_variance": 0.1}
REPEATS = 7


def rows() -> Iterator[Row]:
    tau = np.linspace(0.1, 3, POINTS)
    few = tau[:: POINTS // LOOP]
    curve, loop = best_times(
        lambda: learning_errors(tau=tau, **WHITE),
        lambda: [by_root(tau=float(at), **WHITE) for at in few],
        repeats=REPEATS,
    )
    what, beside = f"a curve of {POINTS} points", loop / len(few) * POINTS
    yield cost(what, curve, 0.02)
    yield advantage(what, curve, "a root a point", beside, 10, note=f"loop over {len(few)} points")
    trained, tested = covariances()
    point, loop = best_times(
        lambda: learning_errors(task_covariance=trained, test_task_covariance=tested, **TWO),
        lambda: by_roots(trained, tested, **TWO),
        repeats=REPEATS,
    )
    what = f"a point, two covariances, d = {DIMENSION}"
    yield cost(what, point, 0.002)
    yield advantage(what, point, "a root of roots", loop, 5)


def covariances() -> tuple[np.ndarray, np.ndarray]:
    """Dense, and without a common eigenvector."""
    spectrum = np.linspace(0.2, 1.8, DIMENSION)
    bases = np.linalg.qr(np.random.default_rng(0).standard_normal((2, DIMENSION, DIMENSION)))[0]
    first, second = ((basis * spectrum) @ basis.swapaxes(-1, -2) for basis in bases)
    return (first + first.T) / 2, (second + second.T) / 2


def by_root(
    *, alpha: float, kappa: float, tau: float, noise_variance: float, ridge: float
) -> tuple[float, float]:
    """In and out of distribution, with the resolvent of the Marchenko–Pastur law."""
    x = (1 + noise_variance) / alpha

    def resolvent(at: float) -> float:
        half = at + 1 - 1 / kappa
        return 2 / (half + np.sqrt(half**2 + 4 * at / kappa))

    def excess(xi: float) -> float:
        return xi * resolvent(x + xi) - tau * ridge / xi - (1 - tau)

    xi = brentq(excess, 1e-12, 1e6, xtol=1e-15, rtol=1e-14)
    s = x + xi
    m = resolvent(s)
    slope = m * (m / kappa + 1) / (2 * s * m / kappa + s + 1 - 1 / kappa)  # −dm/ds
    g = (1 - 2 * xi * m + xi**2 * slope) / tau
    first, square = 1 - s * m, 1 - 2 * s * m + s**2 * slope
    second = 1 - s * first
    third = second - s * square
    inside = (1 + noise_variance - 2 * second + third + x * square) / (1 - g)
    spread = square + inside / tau * (m - xi * slope)
    return inside, 1 + noise_variance - 2 * first + (1 + x) * spread


def by_roots(
    trained: Any, tested: Any, *, alpha: float, kappa: float, tau: float, noise_variance: float
) -> float:
    """Out of distribution, for fewer prompts than weights."""
    d = len(trained)
    level = np.trace(trained) / d + noise_variance

    def inverse(nu: float, m: float) -> Any:
        return np.linalg.inv((1 - 1 / kappa + nu / kappa * m) * trained + nu * np.eye(d))

    def resolvent(nu: float) -> float:
        low = max(0.0, (1 - kappa) / nu) * (1 + 1e-12) + 1e-12
        return brentq(lambda m: m - np.trace(inverse(nu, m)) / d, low, 1 / nu, rtol=1e-13)

    xi = brentq(lambda x: x * resolvent(level / alpha + x) - 1 + tau, 1e-9, 1e3, rtol=1e-12)
    nu = level / alpha + xi
    m = resolvent(nu)
    f = inverse(nu, m)
    slope = -(m / kappa * np.trace(trained @ f @ f) / d + np.trace(f @ f) / d)
    slope /= 1 + nu / kappa * np.trace(trained @ f @ f) / d
    faded = f @ ((m + nu * slope) / kappa * trained + np.eye(d)) @ f
    left = tau - (1 - 2 * xi * m - xi**2 * slope)
    e = (noise_variance + nu - nu**2 * m - xi * (1 - 2 * nu * m - nu**2 * slope)) / left
    shown = (np.trace(tested) / d + noise_variance) / alpha
    found = noise_variance + shown * (1 + (e - 2 * nu) * m + (xi * e - nu**2) * slope)
    return found + (e * np.trace(tested @ f) - (xi * e - nu**2) * np.trace(tested @ faded)) / d
