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


def tile_shape(shape: tuple[int, ...], cells: int) -> tuple[int, ...]:
    """The sides of a box of about `cells` cells, as equal as the axes' lengths allow."""
    tile = [1] * len(shape)
    by_length = sorted(range(len(shape)), key=shape.__getitem__)
    for done, axis in enumerate(by_length):
        side = max(int(cells ** (1 / (len(shape) - done)) + 1e-9), 1)
        tile[axis] = _evenly(shape[axis], side)
        cells = max(cells // tile[axis], 1)
    return tuple(tile)


def block_shape(shape: tuple[int, ...], cells: int, tile: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the largest shard: at most `cells` cells, the last axes whole.

    An axis that is cut is cut evenly or, if that is longer than a tile, into whole tiles.
    """
    block = []
    for length, side in zip(reversed(shape), reversed(tile), strict=True):
        part = _evenly(length, cells)
        block.append(part if part in (length, min(part, side)) else part // side * side)
        cells = max(cells // block[-1], 1)
    return tuple(reversed(block))


def _evenly(length: int, most: int) -> int:
    """The longest part when a length is cut in as few parts as can be, each at most `most`."""
    return math.ceil(length / math.ceil(length / most))


def boxes(shape: tuple[int, ...], block: tuple[int, ...]) -> Iterator[Shard]:
    """The boxes that cover the grid once, in the order of their first cells."""
    starts = itertools.product(*map(range, itertools.repeat(0), shape, block))
    for index, start in enumerate(starts):
        ends = zip(start, block, shape, strict=True)
        yield Shard(index, start, tuple(min(first + b, n) for first, b, n in ends))
