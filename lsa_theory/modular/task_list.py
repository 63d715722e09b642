"""The Bayes predictor that knows the list of pre-training tasks."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsa_theory._typing import Array, Shaped
from lsa_theory.modular.ceilings import Inputs, _Split
from lsa_theory.modular.plane import different_points, directions


def task_list_accuracy(
    p: int,
    shots: int,
    tasks: Any,
    *,
    true_tasks: Any = None,
    inputs: Inputs = None,
    queries: Inputs = None,
) -> float:
    r"""The accuracy of the most probable answer, for tasks uniform over a list.

    The examples leave a set of tasks: those of the list that agree with them, which depends on
    their span alone. The answer is the commonest of that set's, ties broken evenly; if no task is
    left, a guess.

    Parameters
    ----------
    p, shots, inputs, queries
        As for `copy_accuracy`.
    tasks
        (k, 2): the list of tasks `(a, b)`, without repetitions: the pre-training tasks.
    true_tasks
        (m, 2): the tasks that examples and queries have. None: those of the list, of which the
        predictor is optimal; others are out of its distribution.

    Raises
    ------
    ValueError
        As for `copy_accuracy`, and for a list likewise.

    Source: derived here: the finite-field counterpart of the discrete estimator of Raventós, Paul,
    Chen, Ganguli, arXiv:2306.15063.
    """
    call = "task_list_accuracy"
    split = _Split(call, p, shots, inputs, queries)
    known = different_points(call, "tasks", tasks, split.p)
    true = known if true_tasks is None else different_points(call, "true_tasks", true_tasks, p)
    point, lines, plane = split.spans()
    in_list = np.isin(true @ (split.p, 1), known @ (split.p, 1))
    total = plane * np.where(in_list, 1, 1 / split.p).mean()  # the task, or none
    total += point * _agreement(split, known, true, np.zeros(2, dtype=int))
    for probability, direction in zip(lines, directions(split.p), strict=True):
        if probability > 0:
            total += probability * _agreement(split, known, true, direction)
    return float(total)


def _agreement(split: Any, known: Array, true: Array, direction: Shaped[Array, "2"]) -> float:
    """The share of right answers, over true tasks and queries, after examples in a direction: what
    a task says of it tells which tasks are left."""
    p, queries = split.p, np.arange(len(split.queries))
    votes = np.zeros((p, len(queries), p), dtype=np.int32)
    answers = known @ split.queries.T % p
    np.add.at(votes, ((known @ direction % p)[:, None], queries, answers), 1)
    best = votes == votes.max(axis=-1, keepdims=True)
    share = best / best.sum(axis=-1, keepdims=True)
    return float(share[(true @ direction % p)[:, None], queries, true @ split.queries.T % p].mean())
