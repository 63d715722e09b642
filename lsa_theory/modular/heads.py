"""Which earlier triples a head attends to.

Weights are those from the second token of a triple, where its answer is predicted. Written in
operators: for NumPy arrays, and for JAX arrays under any transformation.
"""

from __future__ import annotations

from functools import reduce
from operator import or_

import numpy as np

from lsa_theory._typing import Array, Shaped
from lsa_theory.modular.agreement import on_one_line

KINDS = ("itself", "previous", "input", "line", "x", "y")


def attended(
    weights: Shaped[Array, "b h t t"], inputs: Shaped[Array, "b n 2"], p: int
) -> Shaped[Array, "h k"]:
    """The mean weight that heads give to triples of a kind.

    Parameters
    ----------
    weights
        Captured from attention, of rows of `N` triples, the last answer perhaps left out.
    inputs
        Of the rows.
    p
        A prime number.

    Returns
    -------
    By `KINDS`, the weight on all triples of a kind together, averaged over the queries that have
    such a triple: the query's own two tokens; the triple before; earlier triples with the same
    input; with another multiple of it; with only `x` the same; with only `y`. A triple may be of
    several kinds. NaN where no query has one.
    """
    count = inputs.shape[-2]
    found = kinds(inputs, p)
    triple = np.arange(weights.shape[-1])[:, None] // 3 == np.arange(count)
    by_triple = weights[..., 1::3, :] @ triple.astype(np.float32)
    mass = (by_triple[:, :, None] * found[:, None]).sum(-1)  # (B, heads, kinds, N)
    asked = found.any(-1)
    with np.errstate(invalid="ignore"):
        return mass.sum((0, 3)) / asked.sum((0, 2))


def uniform(inputs: Shaped[Array, "b n 2"], p: int) -> Shaped[Array, " k"]:
    """Likewise for a head that gives every token that it sees the same weight."""
    places = np.arange(3 * inputs.shape[-2] - 1)
    weights = (places <= places[:, None]) / (1.0 + places[:, None])
    return attended(np.tile(weights, (len(inputs), 1, 1, 1)), inputs, p)[0]


def kinds(inputs: Shaped[Array, "b n 2"], p: int) -> Shaped[Array, "b k n n"]:
    """Which triples are of a kind for the query, whose index is the one before the last."""
    x, y = inputs[..., 0], inputs[..., 1]
    count = x.shape[-1]
    earlier = np.tril(np.ones((count, count), bool), -1)
    same_x, same_y = (c[..., :, None] == c[..., None, :] for c in (x, y))
    nonzero = (x != 0) | (y != 0)
    multiple = on_one_line(inputs, p) & nonzero[..., :, None] & nonzero[..., None, :]
    same = same_x & same_y
    parts = (
        np.eye(count, dtype=bool),
        np.eye(count, k=-1, dtype=bool),
        *(part & earlier for part in (same, multiple & ~same, same_x & ~same, same_y & ~same)),
    )
    places = np.eye(len(KINDS), dtype=bool)[:, :, None, None]
    return reduce(
        or_, (part[..., None, :, :] & one for part, one in zip(parts, places, strict=True))
    )
