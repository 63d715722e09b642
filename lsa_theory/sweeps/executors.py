"""Where shards are computed: an executor takes a function of a shard and yields results.

The driver stores each result as it comes, so an executor keeps nothing and may yield in any order;
it yields each shard once or raises. When the driver stops early it closes the iterator.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from lsa_theory._typing import Array
from lsa_theory.sweeps.shards import Shard

Results = dict[str, Array]  # a variable's name to its values on the shard, in the shard's shape
Compute = Callable[[Shard], Results]  # can be sent to another process by cloudpickle


@runtime_checkable
class Executor(Protocol):
    """Anything that computes shards."""

    def run(self, compute: Compute, shards: Sequence[Shard]) -> Iterator[tuple[Shard, Results]]:
        """Each shard with its results, as soon as it is done."""
        ...


class InProcess:
    """One shard after the other, here."""

    def run(self, compute: Compute, shards: Sequence[Shard]) -> Iterator[tuple[Shard, Results]]:
        """Each shard with its results, in the given order."""
        for shard in shards:
            yield shard, compute(shard)
