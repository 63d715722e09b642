"""The global minimum, its checks of the law included."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import scipy.linalg

from benchmarks.row import Row, cost, ratio
from benchmarks.timing import best_times
from lsa_theory import GaussianPrompts, global_minimum

LENGTH = 20
REPEATS = 15


def rows() -> Iterator[Row]:
    covariance = dense_covariance(1000)
    gamma = (1 + 1 / LENGTH) * covariance + covariance.trace() / LENGTH * np.eye(len(covariance))
    ours, inverse = best_times(
        lambda: global_minimum(GaussianPrompts(covariance, LENGTH)),
        lambda: scipy.linalg.inv(gamma),
        repeats=REPEATS,
    )
    yield ratio("minimum, dense, d = 1000", ours, "scipy.linalg.inv", inverse, 1.2)
    eigenvalues = np.random.default_rng(1).random(10**6)
    (ours,) = best_times(
        lambda: global_minimum(GaussianPrompts(eigenvalues, LENGTH)), repeats=REPEATS
    )
    yield cost("minimum, eigenvalues, d = 10⁶", ours, 0.2)


def dense_covariance(dimension: int) -> np.ndarray:
    root = np.random.default_rng(0).standard_normal((dimension, 2 * dimension))
    return root @ root.T / dimension
