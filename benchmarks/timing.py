"""CPU time of this process: the best of several runs, the sides taking turns."""

from __future__ import annotations

import time
from collections.abc import Callable


def cpu_time(call: Callable[[], object]) -> float:
    start = time.process_time()
    call()
    return time.process_time() - start


def best_times(*calls: Callable[[], object], repeats: int) -> list[float]:
    """The least CPU time of each call; they alternate, so that all see the same machine."""
    rounds = [[cpu_time(call) for call in calls] for _ in range(repeats)]
    return [min(times) for times in zip(*rounds, strict=True)]
