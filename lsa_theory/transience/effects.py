"""How much of the transience of in-context learning a recorded run shows, seed by seed."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.transformer.windows import middles, windows

NAMES = ("icl", "icl_two_way", "flip", "iwl", "loss")


class Effects(NamedTuple):
    """Each (S,), a seed an entry; a peak and an end are means of three evaluations in a row.

    Attributes
    ----------
    peak, peak_step
        The most of the in-context accuracy, and when.
    end
        The in-context accuracy at the end.
    two_way_at_peak, two_way_end
        Among the two labels of the context.
    flip_at_peak, flip_end
        On swapped labels, by the context.
    memory_at_peak, memory_end
        In the weights.
    loss_at_peak, loss_end
        In training.
    """

    peak: Any
    peak_step: Any
    end: Any
    two_way_at_peak: Any
    two_way_end: Any
    flip_at_peak: Any
    flip_end: Any
    memory_at_peak: Any
    memory_end: Any
    loss_at_peak: Any
    loss_end: Any

    @property
    def memory_growth(self) -> Any:
        """By which factor the accuracy in the weights grows after the peak."""
        return self.memory_end / self.memory_at_peak

    @property
    def loss_kept(self) -> Any:
        """Which share of its value at the peak the loss ends at."""
        return self.loss_end / self.loss_at_peak


def effects(run: Any) -> Effects:
    """Of a `lsa_theory.transformer.recorded.Recorded` on bursty sequences."""
    found = {name: windows(run.values[name]) for name in NAMES}
    at = found["icl"].argmax(axis=1)
    rows = np.arange(len(at))
    peak = {name: values[rows, at] for name, values in found.items()}
    end = {name: values[:, -1] for name, values in found.items()}
    pairs = [x for name in NAMES[1:] for x in (peak[name], end[name])]
    return Effects(peak["icl"], middles(run.steps)[at], end["icl"], *pairs)


def flip_at_memory(run: Any, levels: Shaped[Array, "s l"]) -> Shaped[Array, "s l"]:
    """The flip accuracy where the accuracy in the weights first reaches a level, from the peak of
    in-context learning on; both are means of three evaluations in a row. NaN if it never does.

    So runs are compared that know equally much by heart, whenever they do.
    """
    context, flip, memory = (windows(run.values[name]) for name in ("icl", "flip", "iwl"))
    return np.array(
        [
            [_first(known[k:], turned[k:], level) for level in row]
            for known, turned, k, row in zip(
                memory, flip, context.argmax(axis=1), levels, strict=True
            )
        ]
    )


def _first(known: Array, turned: Array, level: float) -> float:
    """Where a polygon first reaches a level, the height of another."""
    there = np.flatnonzero(known >= level)
    if not there.size:
        return float("nan")
    k = int(there[0])
    if k == 0:
        return float(turned[0])
    share = (level - known[k - 1]) / (known[k] - known[k - 1])
    return float(turned[k - 1] + share * (turned[k] - turned[k - 1]))


def flip_at_step(run: Any, step: Scalar) -> Shaped[Array, " s"]:
    """The flip accuracy at a step, a mean of three evaluations, between them in proportion."""
    places = middles(run.steps)
    return np.array([np.interp(step, places, row) for row in windows(run.values["flip"])])
