"""The predictor that knows the list of tasks: its weights, and what the layer is close to."""

from __future__ import annotations

import numpy as np
import pytest

from lsa_theory.diversity import finite_task_risks
from lsa_theory.nearest import equidistant_ratio, predictor_distances
from lsa_theory.task_list import TaskListBayes, task_list_comparison

Z_LIMIT = 6.0


def test_posterior_by_bayes_rule():
    rng = np.random.default_rng(0)
    tasks, x = rng.standard_normal((3, 2)), rng.standard_normal((4, 2))
    y, noise = rng.standard_normal(4), 0.7
    likelihood = [np.prod(np.exp(-((y - x @ w) ** 2) / (2 * noise))) for w in tasks]
    found = TaskListBayes(tasks, noise).fit(x, y)
    np.testing.assert_allclose(found.probabilities_, likelihood / np.sum(likelihood), rtol=1e-12)
    np.testing.assert_allclose(found.predict(x), x @ (found.probabilities_ @ tasks), rtol=1e-12)


def test_long_contexts_name_the_task():
    rng = np.random.default_rng(1)
    tasks, x = rng.standard_normal((50, 5)), rng.standard_normal((400, 5))
    found = TaskListBayes(tasks, 0.1).fit(x, x @ tasks[7])
    assert found.probabilities_[7] == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("new_tasks", [False, True])
def test_risks_on_the_same_prompts(new_tasks):
    """The layer's is the exact one; nothing beats the posterior mean on its own law."""
    tasks = np.random.default_rng(2).standard_normal((6, 4))
    found = task_list_comparison(tasks, 10, noise_variance=0.5, new_tasks=new_tasks, seed=3)
    exact = finite_task_risks(tasks, 10, noise_variance=0.5)
    stated = exact.out_of_distribution if new_tasks else exact.in_distribution
    layer = found.risks["layer"]
    assert abs(layer.value - stated) < Z_LIMIT * layer.error
    best = "ridge" if new_tasks else "task_list"
    for name, risk in found.risks.items():
        if name != best:
            assert found.risks[best].value < risk.value - 2 * risk.error


def test_the_layer_leaves_the_list_as_it_grows():
    """Of few tasks it has what the list says, of many what ridge does."""
    rng = np.random.default_rng(4)
    near = [
        task_list_comparison(rng.standard_normal((size, 8)), 64, noise_variance=1.0).nearest
        for size in (2, 400)
    ]
    assert near == ["task_list", "ridge"]


@pytest.mark.parametrize("factor", [0.3, 4.0])
def test_the_side_stated(factor):
    d, length, noise = 16, 4, 0.25
    count = round(factor * float(equidistant_ratio(length, noise=noise)) * d)
    tasks = np.random.default_rng(5).standard_normal((count, d))
    found = task_list_comparison(tasks, length * d, noise_variance=noise * d, seed=6)
    stated = predictor_distances(count / d, length, noise=noise)
    assert (found.nearest == "task_list") == bool(stated.memorises) == (factor < 1)
    for name, exact in (("task_list", stated.task_list), ("ridge", stated.ridge)):
        assert found.distances[name].value / d == pytest.approx(float(exact), rel=0.15)
    assert equidistant_ratio(1e9, noise=noise) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: TaskListBayes(np.ones((2, 3)), 0.0), r"noise_variance=0.0\): must be a positive"),
        (lambda: TaskListBayes(np.ones(3), 1.0), r"tasks=.*must be a matrix"),
        (lambda: TaskListBayes(np.ones((2, 3)), 1.0).predict(np.ones((1, 3))), "fitted first"),
        (
            lambda: TaskListBayes(np.ones((2, 3)), 1.0).fit(np.ones((4, 2)), np.ones(4)),
            "of 3 features",
        ),
        (
            lambda: task_list_comparison(np.ones((2, 3)), 0, noise_variance=1.0),
            r"context_length=0\): must be an integer >= 1",
        ),
        (lambda: predictor_distances(1.0, 1.0, noise=0.0), r"noise=0.0\): must be a positive"),
        (lambda: equidistant_ratio([1.0, 2.0], noise=[1.0] * 3), "broadcasts with length_ratio"),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
