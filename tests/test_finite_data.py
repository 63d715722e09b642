"""Training on finite data: the statistic against whole prompts, the fit, its exact error."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest

from lsa_theory.finite_data import ridge_weights, sample_tasks, sample_training_set, weight_error

COUNT = 40_000
Z_LIMIT = 6.0  # of some twenty comparisons: a false alarm once in 1e7 runs


def whole_prompts(tasks, count, length, noise, seed):
    """What the layer sees of prompts that were drawn pair by pair."""
    rng = np.random.default_rng(seed)
    d = tasks.shape[1]
    chosen = tasks[rng.integers(len(tasks), size=count)]
    x = rng.standard_normal((count, length, d)) / np.sqrt(d)
    y = np.einsum("nld,nd->nl", x, chosen) + np.sqrt(noise) * rng.standard_normal((count, length))
    query = rng.standard_normal((count, d)) / np.sqrt(d)
    label = (query * chosen).sum(-1) + np.sqrt(noise) * rng.standard_normal(count)
    summary = d / length * np.einsum("nld,nl->nd", x, y)
    return query, np.concatenate([summary, (y**2).mean(1)[:, None]], axis=1), label


@pytest.mark.parametrize("noise", [0.0, 0.7])
def test_the_statistic_has_the_moments_of_whole_prompts(noise):
    tasks = np.array([[1.0, -2.0, 0.5], [0.3, 0.1, -1.0]])
    drawn = sample_training_set(tasks, COUNT, 4, noise_variance=noise, seed=3)
    _, summaries, _ = whole_prompts(tasks, COUNT, 4, noise, seed=4)

    def features(z):
        i, j = np.triu_indices(4)
        return np.concatenate([z, z[:, i] * z[:, j], z[:, :1] ** 3, z[:, :2] ** 2 * z[:, 3:]], 1)

    one, two = features(drawn.summaries), features(summaries)
    spread = np.sqrt((one.var(axis=0) + two.var(axis=0)) / COUNT)
    assert (abs(one.mean(axis=0) - two.mean(axis=0)) < Z_LIMIT * spread).all()


@pytest.mark.parametrize("fresh", [False, True])
def test_the_error_of_any_weights(fresh):
    rng = np.random.default_rng(5)
    d, length, noise = 3, 4, 0.7
    tasks = rng.standard_normal((2, d))
    weights = rng.standard_normal((d, d + 1)) / 2
    pool = rng.standard_normal((COUNT, d)) if fresh else tasks
    if fresh:  # every prompt its own task
        rows = [whole_prompts(pool[k : k + 1], 1, length, noise, k) for k in range(4000)]
        query, summary, label = (np.concatenate(part) for part in zip(*rows, strict=True))
    else:
        query, summary, label = whole_prompts(tasks, COUNT, length, noise, 6)
    squares = ((query @ weights * summary).sum(-1) - label) ** 2
    exact = weight_error(weights, length, noise_variance=noise, tasks=None if fresh else tasks)
    z = (squares.mean() - exact) / (squares.std() / np.sqrt(len(squares)))
    assert abs(z) < Z_LIMIT


def test_the_error_is_exact_on_rationals():
    """One feature, one pair: a polynomial in three Gaussians, by hand.

    With d = ℓ = 1, w = 1 and no noise, ŷ = x_q (G x² + g x²), so the error is
    1 − 2 (G + g) + 3 (G + g)².
    """
    weights = np.array([[F(1, 2), F(1, 3)]], dtype=object)
    tasks = np.array([[F(1)]], dtype=object)
    found = weight_error(weights, 1, tasks=tasks, noise_variance=F(0))
    assert found == 1 - 2 * F(5, 6) + 3 * F(5, 6) ** 2


@pytest.mark.parametrize(("count", "ridge"), [(20, 0.3), (200, 0.3), (20, 0.0), (200, 0.0)])
def test_the_fit_solves_the_normal_equations(count, ridge):
    tasks = sample_tasks(3, 4, seed=1)
    drawn = sample_training_set(tasks, count, 6, noise_variance=0.1, seed=2)
    found = ridge_weights(drawn, ridge)
    features = np.einsum("ni,nj->nij", drawn.queries, drawn.summaries).reshape(count, -1)
    residual = features @ found.ravel() - drawn.labels
    slope = features.T @ residual + count / 4 * ridge * found.ravel()
    assert abs(slope).max() < 1e-8 * abs(features.T @ drawn.labels).max()
    if ridge == 0 and count == 20:  # of least norm: in the span of the data
        outside = found.ravel() - np.linalg.pinv(features) @ (features @ found.ravel())
        assert abs(outside).max() < 1e-9


def test_refusals():
    tasks = np.ones((2, 3))
    with pytest.raises(ValueError, match=r"ridge_weights\(ridge=-1\): must be"):
        ridge_weights(sample_training_set(tasks, 5, 2, seed=0), -1)
    with pytest.raises(ValueError, match=r"prompt_count=0\): must be an integer >= 1"):
        sample_training_set(tasks, 0, 2, seed=0)
    with pytest.raises(ValueError, match=r"of shape \(d, d \+ 1\)"):
        weight_error(np.ones((3, 3)), 2)
    with pytest.raises(ValueError, match=r"of 3 columns"):
        weight_error(np.ones((3, 4)), 2, tasks=np.ones((2, 2)))
    with pytest.raises(ValueError, match=r"task_covariance=.*must be None beside tasks"):
        weight_error(np.ones((3, 4)), 2, tasks=np.ones((2, 3)), task_covariance=np.ones(3))
