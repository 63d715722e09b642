r"""The context lengths at which the lead between a trained layer and an estimator changes.

A length is an integer :math:`M`, so that a change is the first length at which the other one leads.
The layer's risk is :math:`b + v / M` with :math:`b, v \ge 0`, and for :math:`M > d + 1` that of
least squares :math:`s / (M - d - 1)`: their difference has the sign of
:math:`b M (M - d - 1) + v (M - d - 1) - s M`, of which one root at most is positive, and so changes
its sign once at most. Every other length is looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from math import ceil, floor, sqrt

import numpy as np

from lsa_theory import checks
from lsa_theory.definiteness import rank
from lsa_theory.estimators import Estimator, LeastSquares
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.rounding import rounding

MOST = 1024  # lengths that are looked at in one interval


def length_crossings(
    risks: Callable[[GaussianPrompts], tuple[float, float]],
    law: Callable[[int], GaussianPrompts],
    estimator: Estimator,
    interval: tuple[float, float],
) -> list[int]:
    """The first lengths at which the other one leads, in ascending order.

    `risks` are those of the layer and of the estimator on a law; an infinite one loses, and where
    they agree to rounding the lead stays. Every change is found among at most `MOST` lengths, of
    least squares with `M > d + 1` among any number. Of more, that many in geometric progression are
    looked at, and two changes between neighbours are missed.
    """
    low = max(1, ceil(max(interval[0], 1)))
    high = floor(min(interval[1], checks.LARGEST_INTEGER))
    if low > high:
        return []
    leads: dict[int, float] = {}

    def lead(length: int) -> float:
        """1 where the estimator leads, -1 where the layer does, 0 where neither."""
        if length not in leads:
            leads[length] = _sign(risks(law(length)), law(low).dimension)
        return leads[length]

    found, last = [], lead(low)
    for before, after in pairwise(_looked_at(law(low), estimator, low, high)):
        if lead(after) not in (0, last):
            if last:
                found.append(_first(lead, last, before, after))
            last = lead(after)
    return found


def _sign(risks: tuple[float, float], dimension: int) -> float:
    ours, theirs = risks
    close = rounding(dimension) * ours
    return 0.0 if abs(ours - theirs) <= close else float(np.sign(ours - theirs))


def _looked_at(law: GaussianPrompts, estimator: Estimator, low: int, high: int) -> list[int]:
    border = law.dimension + 2
    one_change = isinstance(estimator, LeastSquares) and rank(law.context) == law.dimension
    if not one_change or high <= border:
        return _grid(low, high)
    few = _grid(low, border) if low < border else [low]
    return [*few, high]


def _grid(low: int, high: int) -> list[int]:
    """All integers, or of many some in geometric progression."""
    if high - low < MOST:
        return list(range(low, high + 1))
    ratio = (high / low) ** (1 / (MOST - 1))
    found = {min(high, round(low * ratio**k)) for k in range(MOST)}
    return sorted(found | {high})


def _first(lead: Callable[[int], float], last: float, before: int, after: int) -> int:
    """In `before < M <= after`, where the lead is no longer what it was; by bisection, in the
    logarithm while the lengths are far apart."""
    while after - before > 1:
        far = after > 4 * before
        middle = int(sqrt(before * after)) if far else (before + after) // 2
        if lead(middle) in (0, last):
            before = middle
        else:
            after = middle
    return after
