"""The global minimum in floating point: digits, shapes, memory."""

from __future__ import annotations

import tracemalloc

import mpmath
import numpy as np
import pytest
from hypothesis import given
from strategies import (
    covariances,
    float_covariance,
    positive,
)

from lsa_theory import (
    GaussianPrompts,
    global_minimum,
    risk,
)

EPSILON = np.finfo(np.float64).eps


def reference(prompts, digits=60):
    """Gain and loss in mpmath, from the normal equations `C B Λ_q = Λ Ω Λ_q`."""
    with mpmath.workdps(digits):
        lam = mpmath.matrix(prompts.covariance.tolist())
        omega = mpmath.matrix(np.asarray(prompts.task_covariance).tolist())
        query = mpmath.matrix(prompts.query_covariance.tolist())
        n, d = mpmath.mpf(prompts.context_length), prompts.dimension

        def trace(matrix):
            return mpmath.fsum(matrix[i, i] for i in range(d))

        variance = trace(lam * omega) + mpmath.mpf(prompts.noise_variance)
        moment = (1 + 1 / n) * lam * omega * lam + variance / n * lam
        gain = moment**-1 * lam * omega
        loss = trace((omega - gain.T * lam * omega) * query) / 2
        return np.array(gain.tolist(), dtype=object).reshape(d, d), loss


@pytest.mark.parametrize("length", [1, 20, 10**6, 10**12, 2**53])
@pytest.mark.parametrize("condition", [1.0, 1e3, 1e8])
@pytest.mark.parametrize("prior", ["identity", "general"])
def test_digits_lost_are_those_of_gamma(length, condition, prior):
    """Errors relative to `eps · cond(Γ)`, Γ the matrix that is solved: `cond <= N + 2` whatever
    Λ; at `N = 10¹²` the textbook loss keeps no digit but those."""
    rng, d = np.random.default_rng(7), 5
    rotation, _ = np.linalg.qr(rng.standard_normal((d, d)))
    covariance = (rotation * np.geomspace(1, 1 / condition, d)) @ rotation.T
    prompts = GaussianPrompts(
        (covariance + covariance.T) / 2,
        length,
        noise_variance=0.0 if prior == "identity" else 0.5,
        task_covariance=np.eye(d) if prior == "identity" else float_covariance(rng, d),
        query_covariance=float_covariance(rng, d),
    )
    law = prompts.replace(task_covariance=None) if prior == "identity" else prompts
    minimum, (gain, loss) = global_minimum(law), reference(prompts)
    factor = np.linalg.cholesky(prompts.task_covariance)
    variance = (prompts.covariance @ prompts.task_covariance).trace() + prompts.noise_variance
    inner = (length + 1) * factor.T @ prompts.covariance @ factor + variance * np.eye(d)
    unit = EPSILON * np.linalg.cond(inner)
    error = float(max(abs(x) for x in (gain - minimum.gain).flat))
    assert error <= 16 * unit * np.linalg.norm(minimum.gain, 2)
    assert abs(minimum.loss - loss) <= 16 * unit * loss


def test_a_long_context_costs_no_digits():
    """`N = 10¹²` with a well-conditioned Λ: cond(Γ) is that of Λ, and so is the loss's error,
    where the textbook form loses eleven digits."""
    covariance = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 1.5]])
    prompts = GaussianPrompts(
        covariance, 10**12, task_covariance=np.eye(3), query_covariance=covariance
    )
    _, loss = reference(prompts)
    assert abs(global_minimum(prompts).loss / float(loss) - 1) <= 8 * EPSILON
    gamma = (1 + 1e-12) * covariance + covariance.trace() / 1e12 * np.eye(3)
    textbook = (covariance - np.linalg.inv(gamma) @ covariance @ covariance).trace() / 2
    assert abs(textbook / float(loss) - 1) > 1e-6


@pytest.mark.parametrize("length", [10**12, 10**15, 2**53])
@pytest.mark.parametrize("task", [None, np.linspace(1.0, 2.0, 50)], ids=["identity", "general"])
def test_eigenvalues_within_the_tolerance_of_zero_break_nothing(length, task):
    """A covariance that passes as positive semi-definite may be indefinite by `d · eps`."""
    rng = np.random.default_rng(0)
    rotation, _ = np.linalg.qr(rng.standard_normal((50, 50)))
    covariance = (rotation * np.array([1.0, *[-5e-15] * 49])) @ rotation.T
    prompts = GaussianPrompts((covariance + covariance.T) / 2, length, task_covariance=task)
    gain = global_minimum(prompts).gain
    assert np.isfinite(gain).all()
    along = rotation[:, 0] @ gain @ rotation[:, 0]  # 1/(1 + 2/N)
    assert abs(along - 1) <= EPSILON * (length + 2)  # = eps · cond(Γ), 2 at N = 2^53


@pytest.mark.parametrize("task", ["identity", "vector", "matrix"])
@pytest.mark.parametrize("covariance", ["vector", "matrix"])
def test_symmetric_to_the_last_bit(covariance, task):
    rng, d = np.random.default_rng(11), 40
    laws = {"identity": None, "vector": rng.random(d), "matrix": float_covariance(rng, d)}
    gain = global_minimum(GaussianPrompts(laws[covariance], 9, task_covariance=laws[task])).gain
    diagonal = covariance == "vector" and task != "matrix"
    assert gain.shape == ((d,) if diagonal else (d, d))
    assert (gain == gain.T).all()


def test_vectors_and_matrices_agree():
    rng, d = np.random.default_rng(12), 6
    covariance, task, query = rng.random((3, d))
    options = {"noise_variance": 0.2, "task_covariance": task, "query_covariance": query}
    vector = global_minimum(GaussianPrompts(covariance, 9, **options))
    options |= {"task_covariance": np.diag(task), "query_covariance": np.diag(query)}
    matrix = global_minimum(GaussianPrompts(np.diag(covariance), 9, **options))
    np.testing.assert_allclose(np.diag(vector.gain), matrix.gain, rtol=8 * EPSILON, atol=0)
    assert vector.loss == pytest.approx(matrix.loss, rel=8 * EPSILON)


def test_a_million_eigenvalues_in_linear_memory():
    d = 10**6
    eigenvalues = np.linspace(0.0, 2.0, d)
    tracemalloc.start()
    minimum = global_minimum(GaussianPrompts(eigenvalues, 100))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert minimum.gain.shape == (d,)
    assert peak < 20 * eigenvalues.nbytes
    gamma = 1.01 * eigenvalues + eigenvalues.sum() / 100
    np.testing.assert_allclose(minimum.gain, 1 / gamma, rtol=1e-12)
    expected = ((eigenvalues + eigenvalues.sum()) / gamma) @ eigenvalues / 200
    assert minimum.loss == pytest.approx(expected, rel=1e-12)


@given(covariances(2), covariances(2), positive)
def test_the_law_of_the_query_does_not_move_the_minimiser(covariance, query, noise):
    prompts = GaussianPrompts(covariance, 7, noise_variance=noise)
    moved = global_minimum(prompts.replace(query_covariance=query))
    assert (moved.gain == global_minimum(prompts).gain).all()
    assert moved.loss == risk(moved.gain, moved.prompts) / 2
