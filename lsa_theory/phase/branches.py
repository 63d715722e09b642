"""Curves through roots that come and go in pairs."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from lsa_theory._typing import Array, Shaped
from lsa_theory.phase.diagram import Boundary

Point = tuple[float, float]


def branches(x: Shaped[Array, " n"], roots: Sequence[Sequence[float]]) -> list[tuple[Array, Array]]:
    """Curves through the positive roots at each x: where two roots meet and vanish, or begin, the
    curve turns back."""
    growing: list[list[Point]] = []
    done: list[list[Point]] = []
    turns: list[tuple[Point, Point]] = []
    for place, unordered in zip(x, roots, strict=True):
        found = sorted(unordered)
        old, new = _matched([curve[-1][1] for curve in growing], found)
        lost = [curve for k, curve in enumerate(growing) if k not in old]
        born = [[(float(place), value)] for k, value in enumerate(found) if k not in new]
        for end, start in zip(old, new, strict=True):
            growing[end].append((float(place), found[start]))
        if len(lost) == 2:
            turns.append((lost[0][-1], lost[1][-1]))
        if len(born) == 2:
            turns.append((born[0][-1], born[1][-1]))
        done += lost
        kept = [growing[k] for k in old]
        growing = sorted([*kept, *born], key=lambda curve: curve[-1][1])
    curves = _joined([*done, *growing], turns)
    return [(np.array(curve)[:, 0], np.array(curve)[:, 1]) for curve in curves if len(curve) > 1]


def _matched(ends: Sequence[float], found: Sequence[float]) -> tuple[list[int], list[int]]:
    """Which of the ends go on, and in which of the roots: in order, as near as may be."""
    pairs = min(len(ends), len(found))
    choices = itertools.product(
        itertools.combinations(range(len(ends)), pairs),
        itertools.combinations(range(len(found)), pairs),
    )

    def distance(choice: tuple[tuple[int, ...], tuple[int, ...]]) -> float:
        return sum(abs(np.log(ends[i] / found[k])) for i, k in zip(*choice, strict=True))

    old, new = min(choices, key=distance)
    return [*old], [*new]


def _joined(curves: list[list[Point]], turns: Sequence[tuple[Point, Point]]) -> list[list[Point]]:
    """The curves, those that meet in a turn made one."""
    for first, second in turns:
        before = next(curve for curve in curves if first in (curve[0], curve[-1]))
        after = next(curve for curve in curves if second in (curve[0], curve[-1]))
        if before is after:  # a closed curve
            before.append(before[0])
            continue
        curves = [curve for curve in curves if curve is not before and curve is not after]
        before = before if before[-1] == first else before[::-1]
        after = after if after[0] == second else after[::-1]
        curves.append(before + after)
    return curves


def boundaries(x: Array, roots: Sequence[Sequence[float]], label: str) -> tuple[Boundary, ...]:
    """The same as boundaries of a diagram."""
    return tuple(Boundary(label, *curve) for curve in branches(x, roots))
