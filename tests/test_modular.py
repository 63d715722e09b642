"""Ceilings of modular tasks: against enumeration of every context, and against each other."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from lsa_theory.modular import (
    accuracies,
    copy_accuracy,
    copy_mask,
    ratio_accuracy,
    ratio_mask,
    regression_accuracy,
    regression_mask,
    task_list_accuracy,
)
from lsa_theory.modular.plane import points

ALGORITHMS = [
    (copy_accuracy, copy_mask),
    (ratio_accuracy, ratio_mask),
    (regression_accuracy, regression_mask),
]


def span(p, context):
    """All combinations, by brute force."""
    found = {(0, 0)}
    for weights in itertools.product(range(p), repeat=len(context)):
        found.add(tuple((np.array(weights) @ context % p).tolist()))
    return found


@pytest.mark.parametrize("p", [2, 3, 5])
def test_masks_by_brute_force(p):
    rng = np.random.default_rng(p)
    for _ in range(8):
        context = rng.integers(p, size=(2, 2))
        multiples = {tuple((c * x % p).tolist()) for x in context for c in range(p)} | {(0, 0)}
        seen = {tuple(x.tolist()) for x in context}
        for mask, known in ((copy_mask, seen), (ratio_mask, multiples)):
            assert {tuple(x) for x in np.argwhere(mask(p, context)).tolist()} == known
        known = {tuple(x) for x in np.argwhere(regression_mask(p, context)).tolist()}
        assert known == span(p, context)


@pytest.mark.parametrize(("accuracy", "mask"), ALGORITHMS)
@pytest.mark.parametrize("split", [False, True])
def test_accuracies_are_means_over_all_contexts(accuracy, mask, split):
    p, shots = 3, 2
    inputs = points(p)[[0, 2, 4, 5, 7]] if split else None
    queries = points(p)[[1, 3, 4, 8]] if split else None
    pool = points(p) if inputs is None else inputs
    asked = pool if queries is None else queries
    shares = [
        mask(p, np.array(context))[tuple(asked.T)].mean()
        for context in itertools.product(pool.tolist(), repeat=shots)
    ]
    known = np.mean(shares)
    found = accuracy(p, shots, inputs=inputs, queries=queries)
    assert found == pytest.approx(known + (1 - known) / p, rel=1e-13)


@pytest.mark.parametrize(("p", "shots"), [(2, 0), (5, 0), (5, 3), (7, 7), (29, 31)])
def test_closed_forms(p, shots):
    met = 1 - (1 - (p - 1) / p**2) ** shots
    ratio = 1 / p**2 + (1 - 1 / p**2) * (met + (1 - met) / p)
    assert ratio_accuracy(p, shots) == pytest.approx(ratio, rel=1e-13)
    none = p ** (-2.0 * shots)
    line = (p + 1) * (p**shots - 1) / p ** (2.0 * shots)
    hit = 1 / (p + 1)
    known = 1 - none - line + line * (hit + (1 - hit) / p) + none / p
    assert regression_accuracy(p, shots) == pytest.approx(
        1 / p**2 + (1 - 1 / p**2) * known, rel=1e-12
    )


def test_levels_of_the_published_experiment():
    assert ratio_accuracy(29, 31) == pytest.approx(0.662, abs=5e-4)
    assert ratio_accuracy(7, 7) == pytest.approx(0.664, abs=1e-3)
    assert regression_accuracy(29, 31) == pytest.approx(1.0, abs=1e-6)


def test_the_list_of_all_tasks_is_regression():
    for shots in range(4):
        found = task_list_accuracy(5, shots, points(5))
        assert found == pytest.approx(regression_accuracy(5, shots), rel=1e-13)


def test_three_at_once():
    inputs = points(3)[[0, 1, 5]]
    each = [accuracy(3, 2, inputs=inputs) for accuracy, _ in ALGORITHMS]
    assert list(accuracies(3, 2, inputs=inputs)) == each


def test_a_list_by_brute_force():
    """Every context, query and true task, in and out of the list, on a split of inputs."""
    p, shots = 3, 2
    tasks = points(p)[[1, 3, 5, 8]]
    others = points(p)[[0, 2, 4, 6, 7]]
    inputs, queries = points(p)[[0, 2, 4, 5, 7]], points(p)[[1, 3, 4]]
    for true in (tasks, others):
        total = []
        for context in itertools.product(inputs.tolist(), repeat=shots):
            for task in true:
                z = np.array(context) @ task % p
                left = [w for w in tasks if (np.array(context) @ w % p == z).all()]
                for query in queries:
                    votes = np.bincount([w @ query % p for w in left], minlength=p)
                    best = votes == votes.max()
                    total.append(best[task @ query % p] / best.sum())
        found = task_list_accuracy(p, shots, tasks, true_tasks=true, inputs=inputs, queries=queries)
        assert found == pytest.approx(np.mean(total), rel=1e-12)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ratio_accuracy(4, 2), r"ratio_accuracy\(p=4\): must be a prime number"),
        (lambda: ratio_accuracy(5, -1), r"shots=-1\): must be an integer >= 0"),
        (lambda: copy_accuracy(5, 1, inputs=np.zeros((0, 2), int)), r"must be non-empty"),
        (lambda: copy_accuracy(5, 1, inputs=[[0, 5]]), r"must be in 0..4"),
        (lambda: task_list_accuracy(5, 1, [[1, 1], [1, 1]]), r"tasks=.*without repetitions"),
        (lambda: copy_mask(5, [1, 2]), r"context=.*pairs of integers"),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
