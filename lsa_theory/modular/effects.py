"""How far a recorded run on modular arithmetic solves new tasks, seed by seed, and how."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.modular.agreement import ALGORITHMS
from lsa_theory.modular.ceilings import ratio_accuracy
from lsa_theory.modular.masks import copy_mask, ratio_mask, regression_mask
from lsa_theory.modular.stopping import Stopped, stopped_early
from lsa_theory.transformer.windows import middles, windows

OLD, OLD_HELD_OUT, NEW, NEW_HELD_OUT = range(4)  # the rows of "accuracy"
MASKS: dict[str, Callable[[int, Any], Array]] = dict(
    zip(ALGORITHMS, (copy_mask, ratio_mask, regression_mask), strict=True)
)


class Effects(NamedTuple):
    """At the last place of a row; each (S,), a seed an entry. Ends and the most are means of three
    evaluations in a row.

    Attributes
    ----------
    chance
        `1/p`, a number.
    ceiling
        What ratio matching can do on the very split of the seed.
    old, new
        The accuracy on in- and on out-of-distribution tasks, at the end.
    old_at_peak
        On in-distribution tasks where that on out-of-distribution tasks is highest.
    peak, peak_step
        The most on out-of-distribution tasks, and when.
    new_held_out
        On out-of-distribution tasks and held-out inputs, at the end; NaN without such inputs.
    """

    chance: float
    ceiling: Any
    old: Any
    new: Any
    old_at_peak: Any
    peak: Any
    peak_step: Any
    new_held_out: Any

    @property
    def lost(self) -> Any:
        """By how much the accuracy on new tasks falls from its peak to the end."""
        return self.peak - self.new


def effects(run: Any) -> Effects:
    """Of a `lsa_theory.transformer.recorded.Recorded` that is finished."""
    p, last = _data(run, "p"), _data(run, "examples") - 1
    found = windows(run.values["accuracy"][..., -1])  # (S, W, 4)
    at, rows = found[..., NEW].argmax(axis=1), np.arange(len(run.seeds))
    ceiling = [ratio_accuracy(p, last, inputs=inputs) for inputs in _array(run, "inputs")]
    return Effects(
        1 / p,
        np.array(ceiling),
        found[:, -1, OLD],
        found[:, -1, NEW],
        found[rows, at, OLD],
        found[rows, at, NEW],
        middles(run.steps)[at],
        found[:, -1, NEW_HELD_OUT],
    )


def stopping(run: Any) -> Stopped:
    """What it gains to stop at best validation; for runs with validation tasks."""
    new = run.values["accuracy"][:, :, NEW, -1]
    return stopped_early(run.steps, run.values["validation"], new)


def followed(run: Any) -> dict[str, Shaped[Array, " s"]]:
    """How the final model answers, query by query: for each algorithm the share of training inputs,
    after fixed examples, on which the model is right in most of the new tasks if and only if the
    algorithm knows the answer."""
    p = _data(run, "p")
    contexts, right, inputs = (_array(run, x) for x in ("grid_contexts", "grids", "inputs"))
    trained = np.zeros((len(right), 1, p, p), dtype=bool)
    trained[np.arange(len(right))[:, None], 0, inputs[..., 0], inputs[..., 1]] = True
    most = right > (1 + 1 / p) / 2
    found = {}
    for name, mask in MASKS.items():
        known = np.array([[mask(p, context) for context in row] for row in contexts])
        same = (most == known) & trained
        found[name] = same.mean(axis=(1, 2, 3)) / trained.mean(axis=(1, 2, 3))
    return found


def _data(run: Any, name: str) -> Any:
    return run.settings["experiment"]["data"][name]


def _array(run: Any, name: str) -> Array:
    if name not in run.analysis:
        checks.refuse("effects", "run", repr(run.name), f"finished, with an analysis of its {name}")
    return run.analysis[name]
