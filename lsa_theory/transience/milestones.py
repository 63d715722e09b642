r"""When in-context learning emerges in a recorded run and when the weights overrule it.

And the noise of the evidence in a bursty sequence, by which the solvable models are compared with
it.
"""

from __future__ import annotations

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped


def emergence_step(
    steps: Shaped[Array, " t"], accuracy: Shaped[Array, "s t"], chance: float
) -> Shaped[Array, " s"]:
    """For each seed the first step at which an accuracy is halfway from chance to its peak,
    between evaluations in proportion; NaN if its peak is no twice chance."""
    peak = accuracy.max(axis=1)
    level = (chance + peak) / 2
    found = [_crossing(steps, row - at) for row, at in zip(accuracy, level, strict=True)]
    return np.where(peak >= 2 * chance, found, np.nan)


def flip_step(
    steps: Shaped[Array, " t"], accuracy: Shaped[Array, "s t"], chance: float
) -> Shaped[Array, " s"]:
    """For each seed the first step after the peak of the flip accuracy at which it is below half of
    that peak, between evaluations in proportion; NaN if it never is, or if its peak is no twice
    chance."""
    peak, at = accuracy.max(axis=1), accuracy.argmax(axis=1)
    found = [
        _crossing(steps[k:], row[k] / 2 - row[k:]) for row, k in zip(accuracy, at, strict=True)
    ]
    return np.where(peak >= 2 * chance, found, np.nan)


def _crossing(steps: Shaped[Array, " t"], height: Shaped[Array, " t"]) -> float:
    """Where a polygon first reaches 0 from below."""
    above = np.flatnonzero(height >= 0)
    if not above.size:
        return float("nan")
    k = int(above[0])
    if k == 0:
        return float(steps[0])
    share = -height[k - 1] / (height[k] - height[k - 1])
    return float(steps[k - 1] + share * (steps[k] - steps[k - 1]))


def evidence_noise(dimension: int, pairs: int, burst: int, noise: float) -> float:
    r"""The noise to signal of linear evidence in a bursty sequence of Gaussian classes.

    The evidence is :math:`e = \sum_i s_i\, x_q^\top x_i` over the `N` pairs, with :math:`s_i = 1`
    for the `B` of the query's class, -1 for the `B` of the distractor, a random sign for the
    others; exemplars :math:`x = (\mu + \epsilon \eta) / \sqrt{1 + \epsilon^2}` in `D` dimensions,
    all entries :math:`N(0, 1)`. Then

    .. math::
        \frac{\operatorname{var} e}{(E e)^2} = \frac1D \Big[ 3 + 2 \epsilon^2
        + \frac{2 \epsilon^2 (1 + \epsilon^2)}{B}
        + \frac{(N - 2B)(1 + \epsilon^2)^2}{B^2} \Big] .

    It is the `v` of `lsa_theory.transience.Classification`.

    Parameters
    ----------
    dimension, pairs, burst
        `D`, `N` and `B >= 1`, at most half of the pairs.
    noise
        :math:`\epsilon \ge 0`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Source: derived here.
    """
    name = "evidence_noise"
    checks.integer(name, "dimension", dimension)
    checks.integer(name, "pairs", pairs, minimum=2)
    checks.integer(name, "burst", burst)
    checks.real(name, "noise", noise, minimum=0)
    if 2 * burst > pairs:
        checks.refuse(name, "burst", burst, f"at most half of the {pairs} pairs")
    whole = 1 + noise**2
    own = 3 + 2 * noise**2 + 2 * noise**2 * whole / burst  # of both classes
    return float(own + (pairs - 2 * burst) * whole**2 / burst**2) / dimension
