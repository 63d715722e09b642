"""Early stopping: what it gains to keep the model that did best on validation tasks."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lsa_theory import checks


class Stopped(NamedTuple):
    """Each (S,), a seed an entry.

    Attributes
    ----------
    step
        The first of best validation.
    accuracy, at_end, highest
        Out-of-distribution: at that step, at the last, and the most at any.
    gain
        What stopping gains, `accuracy - at_end`.
    """

    step: Any
    accuracy: Any
    at_end: Any
    highest: Any
    gain: Any


def stopped_early(steps: Any, validation: Any, out_of_distribution: Any) -> Stopped:
    """Where each seed stops, by the validation tasks alone, and what that gains on the others.

    Parameters
    ----------
    steps
        (T,): when it was evaluated, in ascending order.
    validation, out_of_distribution
        (S, T): the accuracy on validation tasks, and on out-of-distribution tasks apart from them.

    Raises
    ------
    ValueError
        If the shapes differ, there is nothing recorded, or a number is not finite.
    """
    name = "stopped_early"
    steps = checks.real_array(name, "steps", steps, (1,))
    validation = checks.real_array(name, "validation", validation, (2,))
    new = checks.real_array(name, "out_of_distribution", out_of_distribution, (2,))
    if validation.shape != new.shape:
        checks.refuse(name, "validation", validation, f"of the shape {new.shape} of the other")
    if new.shape[1] != len(steps) or not len(steps):
        checks.refuse(name, "steps", steps, f"of length {new.shape[1]}, and at least 1")
    best, rows = validation.argmax(1), np.arange(len(new))
    chosen, end = new[rows, best], new[:, -1]
    return Stopped(steps[best].astype(int), chosen, end, new.max(1), chosen - end)
