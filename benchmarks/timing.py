"""CPU time of this process: the best of several runs, the sides taking turns.

A call that takes less than `SHORT` is run several times in its turn, in several loops: what the
other side left in the caches and what the clock costs are then not counted as its own.
"""

from __future__ import annotations

import time
from collections.abc import Callable

SHORT = 0.02  # seconds
LOOPS = 5


def cpu_time(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def best_times(*calls: Callable[[], object], repeats: int) -> list[float]:
    """The least CPU time of each call; they alternate, so that all see the same machine."""
    counts = [1 + int(SHORT / max(cpu_time(call), 1e-6)) for call in calls]
    rounds = [
        [mean_time(call, count) for call, count in zip(calls, counts, strict=True)]
        for _ in range(repeats)
    ]
    return [min(times) for times in zip(*rounds, strict=True)]


def mean_time(call: Callable[[], object], count: int) -> float:
    """The CPU time of a call, the least of `LOOPS` means over `count` calls if it is short."""
    if count == 1:
        return cpu_time(call)
    return min(cpu_time(lambda: [call() for _ in range(count)]) / count for _ in range(LOOPS))
