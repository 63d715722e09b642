"""Finitely many tasks: exact risks, their mean over lists, and the limit."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest

from lsa_theory import GaussianPrompts, global_minimum, risk
from lsa_theory.diversity import average_task_risks, finite_task_risks, limit_task_risks


def test_checked_values_of_the_limit():
    """d = 100, N = 200, σ = 0.1, with K = 20, 100, 4000 (computed once, elsewhere)."""
    ratios = np.array([20, 100, 4000]) / 100
    found = limit_task_risks(ratios, (100 + 0.01) / 200, context_length=200)
    np.testing.assert_allclose(found.in_distribution, [0.0933, 0.2529, 0.3337], atol=6e-5)
    np.testing.assert_allclose(found.out_of_distribution, [0.8828, 0.5014, 0.3375], atol=6e-5)


def test_one_task_by_hand():
    """K = 1, white: B = β w w^T / |w|² with β = ω/((1 + 1/N) ω + τ), ω = |w|²."""
    tasks = np.array([[F(3), F(4)]], dtype=object)
    found = finite_task_risks(tasks, 5, noise_variance=F(5))
    omega, tau = F(25), F(25 + 5, 5)
    beta = omega / (F(6, 5) * omega + tau)
    assert found.in_distribution == omega * (1 - beta)
    # the other direction of a new task is missed, this one shrunk, and both are noise
    assert found.out_of_distribution == 1 + (1 - beta) ** 2 + beta**2 * (F(1, 5) + F(2 + 5, 5))


def test_many_tasks_are_all_tasks():
    rng = np.random.default_rng(0)
    covariance = np.array([0.5, 1.0, 2.0])
    found = finite_task_risks(rng.standard_normal((400_000, 3)), 10, covariance=covariance)
    law = GaussianPrompts(covariance, 10)
    assert found.in_distribution == pytest.approx(2 * global_minimum(law).loss, rel=1e-2)
    assert found.out_of_distribution == pytest.approx(2 * global_minimum(law).loss, rel=1e-3)


def test_training_risk_is_least_on_its_own_list():
    rng = np.random.default_rng(1)
    tasks = rng.standard_normal((4, 6))
    law = GaussianPrompts(np.ones(6), 12, task_covariance=tasks.T @ tasks / 4)
    found = finite_task_risks(tasks, 12)
    assert found.in_distribution < found.out_of_distribution
    for _ in range(5):
        assert risk(np.diag(rng.standard_normal(6)), law) > found.in_distribution


@pytest.mark.parametrize("structured", [False, True])
def test_the_limit_is_near_at_finite_size(structured):
    d, k, n, noise = 40, 20, 50, 4.0
    spectrum = np.linspace(0.2, 1.8, d)
    omega = spectrum if structured else None
    found = average_task_risks(k, d, n, noise_variance=noise, task_covariance=omega, count=16)
    limit = limit_task_risks(k / d, (d + noise) / n, context_length=n, task_covariance=omega)
    for value, near, error in (
        (found.in_distribution, limit.in_distribution, found.errors[0]),
        (found.out_of_distribution, limit.out_of_distribution, found.errors[1]),
    ):
        assert abs(value / d - near) < 6 * error / d + 0.03 * near
    assert (found.kind, limit.kind) == ("sampled", "limit")


def test_refusals():
    with pytest.raises(ValueError, match=r"finite_task_risks\(tasks=.*must be a matrix"):
        finite_task_risks(np.ones(3), 4)
    with pytest.raises(ValueError, match=r"limit_task_risks\(task_ratio=0.0\): must be a positive"):
        limit_task_risks(0.0, 1.0)
    with pytest.raises(ValueError, match=r"average_task_risks\(count=1\): must be an integer >= 2"):
        average_task_risks(3, 4, 5, count=1)
    with pytest.raises(ValueError, match=r"label_ratio=.*broadcasts with task_ratio"):
        limit_task_risks([1.0, 2.0], [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"context_length='long'\): must be a positive number"):
        limit_task_risks(1.0, 1.0, context_length="long")
