"""A sampled risk: through the sufficient statistic its cost knows no context length."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.row import Row, advantage, ratio
from benchmarks.timing import best_times
from lsa_theory import GaussianPrompts, global_minimum, sampled_risk

DIMENSION = 20
COUNT = 20_000
WHOLE = 100  # prompts of 10⁴ pairs each
REPEATS = 5


def rows() -> Iterator[Row]:
    root = np.random.default_rng(0).standard_normal((DIMENSION, 2 * DIMENSION))
    prompts = GaussianPrompts(root @ root.T / DIMENSION, 10**4, noise_variance=0.5)
    gain = global_minimum(prompts).gain

    def run(context_length: int, count: int, **options: bool):
        law = prompts.replace(context_length=context_length)
        return lambda: sampled_risk(gain, law, count, seed=1, **options)

    long, short = best_times(run(10**5, COUNT), run(10**2, COUNT), repeats=REPEATS)
    yield ratio("sampled risk, N = 10⁵", long, "N = 10²", short, 1.5, note=f"{COUNT} prompts")
    statistic, whole = best_times(
        run(10**4, COUNT), run(10**4, WHOLE, whole_prompts=True), repeats=REPEATS
    )
    yield advantage(
        "a prompt, N = 10⁴",
        statistic / COUNT,
        "built whole",
        whole / WHOLE,
        500,
        note=f"d = {DIMENSION}",
    )
