"""The plane of inputs over the integers modulo a prime: its points, and its lines through 0."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped


def prime(call: str, p: Any) -> int:
    """A prime number."""
    p = checks.integer(call, "p", p, minimum=2)
    if any(p % factor == 0 for factor in range(2, int(p**0.5) + 1)):
        checks.refuse(call, "p", p, "a prime number")
    return p


def points(p: int) -> Shaped[Array, "m 2"]:
    """All inputs `(x, y)`, in lexicographic order."""
    return np.indices((p, p)).reshape(2, -1).T


def given_points(call: str, argument: str, value: Any, p: int) -> Shaped[Array, "m 2"]:
    """Inputs or tasks as integers modulo `p`; None: all of them."""
    if value is None:
        return points(p)
    array = np.asarray(value)
    if array.ndim != 2 or array.shape[1] != 2 or array.dtype.kind not in "iu":
        checks.refuse(call, argument, value, "pairs of integers, an array of shape (m, 2)")
    if len(array) == 0:
        checks.refuse(call, argument, array, "non-empty")
    if array.min() < 0 or array.max() >= p:
        wrong = int(array.min() if array.min() < 0 else array.max())
        checks.refuse(call, argument, f"array with {wrong}", f"in 0..{p - 1}")
    return array.astype(np.int64)


def different_points(call: str, argument: str, value: Any, p: int) -> Shaped[Array, "m 2"]:
    """Likewise, and no two the same."""
    array = given_points(call, argument, value, p)
    if len(np.unique(array @ (p, 1))) < len(array):
        checks.refuse(call, argument, array, "without repetitions")
    return array


def directions(p: int) -> Shaped[Array, "l 2"]:
    """One non-zero point on each of the `p + 1` lines through 0: `(1, m)`, then `(0, 1)`."""
    return np.array([*((1, slope) for slope in range(p)), (0, 1)])


def line_of(inputs: Shaped[Array, "*m 2"], p: int) -> Shaped[Array, "*m"]:
    """Which line a point is on, as an index of `directions`; −1 for the point 0."""
    inverse = np.array([0, *(pow(x, -1, p) for x in range(1, p))])
    x, y = inputs[..., 0], inputs[..., 1]
    slope = np.where(x == 0, p, y * inverse[x] % p)
    return np.where((x == 0) & (y == 0), -1, slope)
