"""The whole flow of attention beside a table, for given tasks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from midpoint import euler

from lsa_theory import GaussianPrompts, LinearSelfAttention
from lsa_theory.transience import Regression, quenched_flow


def brute_force(layer, tasks, covariance, n, noise, rate, penalties, end, steps):
    """Every table entry on its own, by the midpoint rule."""
    d, k = tasks.shape[1], len(tasks)
    omega = tasks.T @ tasks / k
    moment = (1 + 1 / n) * covariance @ omega @ covariance
    moment += (np.trace(covariance @ omega) + noise) / n * covariance

    def force(z):
        s, u, table = z[0], z[1 : 1 + d * d].reshape(d, d), z[1 + d * d :].reshape(k, d)
        missed = table - tasks
        driven = covariance @ (tasks.T @ missed / k) @ covariance
        seen = moment @ u @ covariance
        return np.concatenate(
            [
                [-s * (seen * u).sum() - (driven * u).sum() - penalties[0] * s],
                (-s * s * seen - s * driven - penalties[0] * u).ravel(),
                (-rate * (s * tasks @ covariance @ u + missed) @ covariance
                 - penalties[1] * table).ravel(),
            ]
        )  # fmt: skip

    start = np.concatenate([[layer.s], layer.u.ravel(), np.zeros(k * d)])
    found = euler(force, start, end, steps)
    return found[0], found[1 : 1 + d * d].reshape(d, d), found[1 + d * d :].reshape(k, d)


def test_one_matrix_for_all_tables():
    rng = np.random.default_rng(0)
    root = rng.standard_normal((3, 3))
    covariance = root @ root.T / 3 + np.eye(3) / 4
    tasks = rng.standard_normal((7, 3))
    layer = LinearSelfAttention.from_block(0.3 * rng.standard_normal((3, 3)), 0.4)
    law = GaussianPrompts(covariance, 12, noise_variance=0.5)
    options = {"table_rate": 0.2, "l2_attention": 0.01, "l2_table": 0.03}
    found = quenched_flow(layer, law, tasks, np.array([0.0, 4.0]), **options)
    s, u, table = brute_force(layer, tasks, covariance, 12, 0.5, 0.2, (0.01, 0.03), 4.0, 4000)
    assert found.scale[-1] == pytest.approx(s, rel=1e-5)
    np.testing.assert_allclose(found.factor[-1], u, atol=1e-6)
    np.testing.assert_allclose(tasks @ found.table[-1].T, table, atol=1e-6)


def test_isotropic_tasks_are_the_three_scalars():
    """With the second moment of the tasks the identity, exactly."""
    d = 3
    tasks = math.sqrt(d) * np.vstack([np.eye(d), -np.eye(d)])
    u = math.sqrt(1e-3 / math.sqrt(d))
    layer = LinearSelfAttention.from_block(u * np.eye(d), math.sqrt(d) * u)
    law = GaussianPrompts(np.ones(d), 6, noise_variance=0.5)
    times = np.linspace(0, 60, 31)
    options = {"l2_attention": 0.01, "l2_table": 0.02}
    found = quenched_flow(layer, law, tasks, times, **options)
    model = Regression(d, 6, 6, noise_variance=0.5, initial_share=1e-3, **options)
    course = model.trajectory(times)
    np.testing.assert_allclose(found.in_context, course.in_context, atol=1e-8)
    np.testing.assert_allclose(found.in_weights, course.in_weights, atol=1e-8)
    np.testing.assert_allclose(found.loss, course.loss, atol=1e-8)


@pytest.mark.parametrize("size", [1.0, 1e6])
def test_the_quenched_flow_by_the_simulator(size):
    """Through the decay and beyond it, with more tasks than dimensions and in other units."""
    rng = np.random.default_rng(1)
    tasks, times = rng.standard_normal((30, 2)), np.array([0.0, 2.0, 30.0, 300.0]) / size
    layer = LinearSelfAttention.from_block(0.1 * np.eye(2) / size, 0.2)
    law = GaussianPrompts(size * np.array([[2.0, 0.5], [0.5, 1.0]]), 6)
    one, other = (quenched_flow(layer, law, tasks, times, solver=s) for s in ("lsoda", "kvaerno5"))
    assert other.table[0].max() == 0.0 < other.in_context[-1] < other.in_context[1] / 4
    for part in ("in_context", "in_weights", "loss", "table"):
        largest = abs(getattr(one, part)).max()
        assert getattr(one, part) == pytest.approx(getattr(other, part), abs=1e-7 * largest)
