"""What algorithms can know on the split of a run."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsa_theory._typing import Array, Shaped
from lsa_theory.modular.ceilings import accuracies
from lsa_theory.modular.task_list import task_list_accuracy
from lsa_theory.plots.runs import array, data

CEILINGS = ("copying", "ratio matching", "regression", "Bayes, list of tasks")


def ceilings(call: str, run: Any, asked: str, true: str = "tasks") -> Shaped[Array, "4 n"]:
    """The exact accuracies of the algorithms, `CEILINGS`, by the number of examples: the mean over
    the splits of the seeds.

    Parameters
    ----------
    call
        Who asks, for a refusal.
    run
        With the splits in its analysis.
    asked, true
        Where there the queries are, and the tasks.
    """
    p, found = data(run, "p"), []
    parts = [array(call, run, name) for name in ("inputs", asked, "tasks", true)]
    for inputs, queries, tasks, others in zip(*parts, strict=True):
        on = {"inputs": inputs, "queries": queries}
        found.append(
            [
                (*accuracies(p, k, **on), task_list_accuracy(p, k, tasks, true_tasks=others, **on))
                for k in range(data(run, "examples"))
            ]
        )
    return np.mean(found, axis=0).T


def simplest_shares(run: Any) -> Shaped[Array, "4 n"]:
    """By the number of examples, the exact share of queries whose simplest algorithm is each of
    copying, ratio matching and regression, or none: on the splits of a finished run, else for
    inputs that are even."""
    p = data(run, "p")
    splits = run.analysis.get("inputs", [None])
    found = [
        [accuracies(p, k, inputs=inputs) for k in range(data(run, "examples"))] for inputs in splits
    ]
    known = (np.mean(found, axis=0).T - 1 / p) / (1 - 1 / p)
    return np.diff(known, axis=0, prepend=0, append=1)
