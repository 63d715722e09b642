"""Effects of a paper beside what the stored runs show: numbers against bounds fixed beforehand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import stored

REPRODUCED, PARTLY, NOT, NONE = "reproduced", "partly", "not at this scale", "not run"


@dataclass(frozen=True)
class Measure:
    """A number a seed, and the bounds that its mean and half of the seeds have to keep.

    Attributes
    ----------
    name
        What is measured.
    values
        (S,), or a number.
    least, most
        Either may be missing.
    """

    name: str
    values: Any
    least: float | None = None
    most: float | None = None

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def holds(self) -> bool:
        """In the mean and in at least half of the seeds; NaN keeps no bound."""
        return bool(self.kept(self.mean)) and bool(2 * np.mean(self.kept(self.values)) >= 1)

    def kept(self, values: Any) -> Any:
        """Of each value whether it keeps the bounds."""
        low = True if self.least is None else np.asarray(values) >= self.least
        return low & (True if self.most is None else np.asarray(values) <= self.most)

    @property
    def bound(self) -> str:
        least = [] if self.least is None else [f"at least {self.least:g}"]
        most = [] if self.most is None else [f"at most {self.most:g}"]
        return " and ".join(least + most).replace("-", "−")

    def __str__(self) -> str:
        mark, values = "✓" if self.holds else "✗", np.atleast_1d(self.values)
        kept = int(np.sum(self.kept(values)))
        spread = ""
        if values.size > 1:
            ends = f"{number(values.min())} to {number(values.max())}"
            spread = f" ({ends}; {kept} of {values.size} seeds)"
        return f"{mark} {self.name}: {number(self.mean)}{spread}, {self.bound}"


@dataclass(frozen=True)
class Effect:
    """What a paper shows.

    Attributes
    ----------
    words
        The effect.
    runs
        Names of the stored runs that show it, or do not.
    measures
        From these runs.
    """

    words: str
    runs: tuple[str, ...]
    measures: Callable[..., list[Measure]]

    def judged(self, chapter: str) -> tuple[str, list[Measure]]:
        """The verdict, and by what."""
        runs = [stored.run(chapter, name) for name in self.runs]
        if any(run is None for run in runs):
            return NONE, []
        found = self.measures(*runs)
        if all(measure.holds for measure in found):
            return REPRODUCED, found
        some = any(measure.holds for measure in found) or seeds_that_keep_all(found)
        return (PARTLY if some else NOT), found


def seeds_that_keep_all(measures: list[Measure]) -> int:
    """How many seeds keep every bound."""
    return int(np.sum(np.logical_and.reduce([one.kept(one.values) for one in measures])))


def number(value: float) -> str:
    """Two digits behind the point, large ones without."""
    if not np.isfinite(value):
        return "never"
    text = f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
    return text.replace("-0.00", "0.00").replace("-", "−")
