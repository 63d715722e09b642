"""Which queries an algorithm knows after given examples: `(p, p)` grids, `[x, y]`."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsa_theory._typing import Array, Shaped
from lsa_theory.modular.plane import given_points, line_of, points, prime


def copy_mask(p: int, context: Any) -> Shaped[Array, "p p"]:
    """The inputs that are in the context.

    Parameters
    ----------
    p
        A prime number.
    context
        (k, 2): the inputs of the examples, integers in 0..p−1.

    Raises
    ------
    ValueError
        If `p` is not prime, or the context no such array.
    """
    p = prime("copy_mask", p)
    known = np.zeros((p, p), dtype=bool)
    known[tuple(given_points("copy_mask", "context", context, p).T)] = True
    return known


def ratio_mask(p: int, context: Any) -> Shaped[Array, "p p"]:
    """The multiples of an input of the context, and 0. Parameters as for `copy_mask`."""
    p = prime("ratio_mask", p)
    lines = line_of(given_points("ratio_mask", "context", context, p), p)
    return np.isin(line_of(points(p), p), [-1, *lines]).reshape(p, p)


def regression_mask(p: int, context: Any) -> Shaped[Array, "p p"]:
    """The span of the context: 0, a line, or everything. Parameters as for `copy_mask`."""
    p = prime("regression_mask", p)
    lines = line_of(given_points("regression_mask", "context", context, p), p)
    if len(set(lines[lines >= 0])) > 1:
        return np.ones((p, p), dtype=bool)
    return ratio_mask(p, context)
