r"""All roots of a smooth function on an interval.

The function is interpolated in Chebyshev points, piece by piece, until the coefficients have
fallen to rounding; the roots of each piece are those of its polynomial, and each is polished where
the function changes sign.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.polynomial import chebyshev

DEGREE = 32
DEPTH = 12  # halvings of the interval
RESOLVED = 1e-12  # of the largest coefficient, for the last four


def roots(function: Callable[[float], float], interval: tuple[float, float]) -> list[float]:
    """In ascending order; none and several are answers. A function that is zero throughout has
    none. Where it touches zero without crossing, a root is found to 1e-7 of the interval; roots
    closer than that count as one."""
    found: list[float] = []
    for low, high, coefficients in _pieces(function, *interval, DEPTH):
        scale = abs(coefficients).max()
        if scale == 0:
            continue
        for root in chebyshev.chebroots(chebyshev.chebtrim(coefficients, 1e-15 * scale)):
            if abs(root.imag) < 1e-6 and abs(root.real) <= 1 + 1e-10:
                place = low + (min(max(root.real, -1.0), 1.0) + 1) / 2 * (high - low)
                found.append(_polished(function, place, 1e-5 * (high - low), interval))
    close = 1e-7 * (interval[1] - interval[0])
    found = sorted(found)
    return [x for k, x in enumerate(found) if k == 0 or x - found[k - 1] > close]


def crossings(function: Callable[[float], float], interval: tuple[float, float]) -> list[float]:
    """The roots where the function changes its sign; an end of the interval is none."""
    low, high = interval
    reach = 1e-6 * (high - low)

    def changes(root: float) -> bool:
        inside = low + reach <= root <= high - reach
        return inside and function(root - reach) * function(root + reach) < 0

    return [root for root in roots(function, interval) if changes(root)]


def _pieces(
    function: Callable[[float], float], low: float, high: float, depth: int
) -> list[tuple[float, float, np.ndarray]]:
    points = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
    values = np.array([function(low + (x + 1) / 2 * (high - low)) for x in points])
    if not np.isfinite(values).all():
        raise ValueError(
            f"roots(interval=({low:g}, {high:g})): must be where both risks are finite"
        )
    coefficients = chebyshev.chebfit(points, values, DEGREE)
    if depth == 0 or abs(coefficients[-4:]).max() <= RESOLVED * max(
        abs(coefficients).max(), 1e-300
    ):
        return [(low, high, coefficients)]
    middle = (low + high) / 2
    return [
        *_pieces(function, low, middle, depth - 1),
        *_pieces(function, middle, high, depth - 1),
    ]


def _polished(
    function: Callable[[float], float], place: float, width: float, interval: tuple[float, float]
) -> float:
    from scipy.optimize import brentq

    low, high = max(place - width, interval[0]), min(place + width, interval[1])
    if function(low) * function(high) < 0:
        return float(brentq(function, low, high, xtol=1e-14 * max(abs(place), 1e-300), rtol=1e-14))
    return float(place)
