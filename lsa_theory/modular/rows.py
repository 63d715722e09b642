r"""Rows of examples: triples :math:`(x, y, z)` of one task, one token a number.

Inputs are independent and uniform over a set. The model reads :math:`3 N - 1` numbers, all but the
last answer, and answers after each :math:`y`.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from lsa_theory._typing import Array, Shaped


def answered(
    tasks: Shaped[Array, "*b 2"], inputs: Shaped[Array, "*b n 2"], p: int
) -> Shaped[Array, "*b n 3"]:
    """Inputs with their answers, a task a row."""
    z = (inputs * tasks[..., None, :]).sum(-1, keepdims=True) % p
    return jnp.concatenate([inputs, z], axis=-1)


def drawn(
    key: Array,
    tasks: Shaped[Array, "k 2"],
    inputs: Shaped[Array, "m 2"],
    shape: tuple[int, int],
    p: int,
) -> Shaped[Array, "b n 3"]:
    """So many rows of so many examples."""
    return drawn_of(key, [tasks], inputs, shape, p)[0]


def drawn_of(
    key: Array,
    sets: Sequence[Shaped[Array, "_ 2"]],
    inputs: Shaped[Array, "m 2"],
    shape: tuple[int, int],
    p: int,
    queries: Shaped[Array, "q 2"] | None = None,
    asked: int = 0,
) -> Shaped[Array, "s b n 3"]:
    """Likewise for each set of tasks; of the last sets, as many as are asked queries, row `i` has
    one of these at the place `i mod N`."""
    first, second, third = jax.random.split(key, 3)
    counts = np.array([len(tasks) for tasks in sets])
    starts = np.cumsum(counts) - counts
    size = (len(sets), shape[0])
    chosen = starts[:, None] + jax.random.randint(first, size, 0, counts[:, None])
    found = inputs[jax.random.randint(second, (len(sets), *shape), 0, len(inputs))]
    if queries is not None and asked:
        query = queries[jax.random.randint(third, (asked, shape[0]), 0, len(queries))]
        mixed = jnp.where(places(shape)[..., None], query[:, :, None], found[-asked:])
        found = jnp.concatenate([found[:-asked], mixed])
    return answered(jnp.concatenate(sets)[chosen], found, p)


def places(shape: tuple[int, int]) -> Shaped[Array, "b n"]:
    """Where these queries are."""
    return np.arange(shape[0])[:, None] % shape[1] == np.arange(shape[1])


def tokens(rows: Shaped[Array, "*b n 3"]) -> Shaped[Array, "*b t"]:
    """What the model reads."""
    return rows.reshape(*rows.shape[:-2], -1)[..., :-1]
