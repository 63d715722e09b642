"""What is told of a recorded course: means of consecutive evaluations, so that a peak and an end
are of the same noise."""

from __future__ import annotations

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped

WINDOW = 3  # evaluations


def windows(values: Shaped[Array, "s t *more"]) -> Shaped[Array, "s w *more"]:
    """The means of three evaluations in a row: the last is the end.

    Raises
    ------
    ValueError
        If there are less than three.
    """
    if values.shape[1] < WINDOW:
        checks.refuse("windows", "values", f"{values.shape[1]} evaluations", f"at least {WINDOW}")
    count = values.shape[1] - WINDOW + 1
    return np.sum([values[:, k : k + count] for k in range(WINDOW)], axis=0) / WINDOW


def middles(steps: Shaped[Array, " t"]) -> Shaped[Array, " w"]:
    """The steps in the middle of the windows."""
    return steps[WINDOW // 2 : len(steps) - WINDOW // 2]


def late_slope(steps: Shaped[Array, " t"], values: Shaped[Array, "s t"]) -> Shaped[Array, " s"]:
    """The slope, a step, of the least-squares line through the second half of a course."""
    late = steps >= steps[-1] / 2
    x = steps[late] - steps[late].mean()
    return values[:, late] @ x / (x @ x)
