"""A grid of cells cut into shards, boxes of one size that are computed and stored on their own."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Shard:
    """A box of cells: along each axis the indices from `start` up to, not including, `stop`."""

    index: int
    start: tuple[int, ...]
    stop: tuple[int, ...]

    @property
    def slices(self) -> tuple[slice, ...]:
        """Where the box lies in the grid."""
        return tuple(itertools.starmap(slice, zip(self.start, self.stop, strict=True)))

    @property
    def shape(self) -> tuple[int, ...]:
        """Cells along each axis."""
        return tuple(b - a for a, b in zip(self.start, self.stop, strict=True))

    @property
    def cells(self) -> int:
        """Cells in all."""
        return math.prod(self.shape)


def block_shape(shape: tuple[int, ...], cells: int) -> tuple[int, ...]:
    """The shape of the largest shard: at most `cells` cells, the last axes whole.

    An axis that is cut is cut evenly, so that little is padded.
    """
    block = []
    for length in reversed(shape):
        pieces = math.ceil(length / min(length, cells))
        block.append(math.ceil(length / pieces))
        cells = max(cells // block[-1], 1)
    return tuple(reversed(block))


def shards_of(shape: tuple[int, ...], block: tuple[int, ...]) -> Iterator[Shard]:
    """The boxes that cover the grid once, in the order of their first cells."""
    starts = itertools.product(*map(range, itertools.repeat(0), shape, block))
    for index, start in enumerate(starts):
        ends = zip(start, block, shape, strict=True)
        yield Shard(index, start, tuple(min(first + b, n) for first, b, n in ends))
