"""Every cell's own seed."""

from __future__ import annotations

import numpy as np

from lsa_theory._typing import Array
from lsa_theory.sweeps.shards import Shard


def seeds_of(seed: int, shape: tuple[int, ...], shard: Shard) -> Array:
    """A seed below 2^53 for each cell of the shard, flat.

    It is derived from `seed` and the cell's index in the grid, as NumPy spawns seeds, so that it
    does not depend on how the grid is cut.
    """
    ranges = [np.arange(part.start, part.stop) for part in shard.slices]
    cells = np.ravel_multi_index(tuple(np.meshgrid(*ranges, indexing="ij")), shape)
    spawned = (np.random.SeedSequence(seed, spawn_key=(int(cell),)) for cell in cells.flat)
    words = [one.generate_state(1, np.uint64)[0] for one in spawned]
    return (np.array(words, dtype=np.uint64) >> np.uint64(11)).astype(np.int64)
