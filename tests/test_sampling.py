"""Simulated prompts: the sufficient statistic has the law of whole prompts, at a cost free of N.

Every sampled check is one draw with a seed of its own, and fails beyond five standard errors: fixed
beforehand, a false alarm of 6e-7 each.
"""

from __future__ import annotations

from fractions import Fraction
from math import comb, factorial

import numpy as np
import pytest

from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    global_minimum,
    risk,
    sample_prompts,
    sample_statistics,
    sampled_risk,
)
from lsa_theory.sampling import _mean

THRESHOLD = 5.0


def mixing(d: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((d, d)) / np.sqrt(d)


def gram(d: int, rank: int | None = None, seed: int = 0) -> np.ndarray:
    half = mixing(d, seed)[:, :rank]
    return half @ half.T


LAWS = {
    "d = 1": GaussianPrompts([2.0], 3),
    "N = 1": GaussianPrompts(gram(3), 1, noise_variance=0.5),
    "N < d + 1": GaussianPrompts(gram(5), 3),
    "singular": GaussianPrompts(gram(4, rank=2), 6, noise_variance=0.3),
    "diagonal with a zero": GaussianPrompts([2.0, 0.0, 0.5], 5),
    "noise": GaussianPrompts(gram(3), 8, noise_variance=4.0),
    "task mean": GaussianPrompts(gram(3), 8, task_mean=[1.0, -2.0, 0.5], noise_variance=0.2),
    "singular tasks": GaussianPrompts(gram(4), 5, task_covariance=gram(4, rank=1, seed=1)),
    "query shift": GaussianPrompts(gram(3), 10, query_covariance=gram(3, seed=2)),
    "all at once": GaussianPrompts(
        gram(4, rank=3),
        4,
        noise_variance=0.7,
        task_mean=[0.5, 0.0, -1.0, 1.0],
        task_covariance=gram(4, rank=2, seed=3),
        query_covariance=[2.0, 1.0, 0.0, 0.5],
    ),
}


def layer(d: int, seed: int = 5) -> LinearSelfAttention:
    v, p, s, *u = np.split(
        np.random.default_rng(seed).standard_normal(d * (d + 2) + 1) / 2, [d, 2 * d, 2 * d + 1]
    )
    return LinearSelfAttention.from_parameters(v, s[0], u[0].reshape(d, d), p)


# --- the law of h ------------------------------------------------------------------------------


def moments(cumulants: list[float]) -> list[float]:
    """The moments of order 0, 1, ... that belong to the cumulants of order 1, 2, ..."""
    found = [1.0]
    for n in range(1, len(cumulants) + 1):
        found.append(
            sum(comb(n - 1, k - 1) * cumulants[k - 1] * found[n - k] for k in range(1, n + 1))
        )
    return found


def exact_moments(prompts: GaussianPrompts, task: np.ndarray, a: np.ndarray) -> list[float]:
    """Of `a^T h` for one task: a sum of N products of two correlated Gaussians, whose generating
    function is `[(1 − (c + r) t)(1 − (c − r) t)]^{-1/2}`, `r² = Var(a^T x) Var(y)`."""
    covariance = prompts.covariance if prompts.covariance.ndim == 2 else np.diag(prompts.covariance)
    c = a @ covariance @ task
    r = np.sqrt(a @ covariance @ a * (task @ covariance @ task + prompts.noise_variance))
    n = prompts.context_length
    orders = range(1, 9)
    return moments(
        [n * factorial(k - 1) / 2 * ((c + r) ** k + (c - r) ** k) / n**k for k in orders]
    )


def whole_h(prompts: GaussianPrompts, count: int, *, seed: int) -> np.ndarray:
    x, y, _, _ = sample_prompts(prompts, count, seed=seed)
    return np.einsum("knd,kn->kd", x, y) / prompts.context_length


def statistic_h(prompts: GaussianPrompts, count: int, *, seed: int) -> np.ndarray:
    return sample_statistics(prompts, count, seed=seed).h


def test_moments_from_cumulants():
    assert moments([0, 1, 0, 0, 0, 0]) == [1, 0, 1, 0, 3, 0, 15]  # the standard normal
    assert moments([2, 2, 4]) == [1, 2, 6, 24]  # Gamma(2): k! (k + 1)


@pytest.mark.parametrize("sampler", [statistic_h, whole_h])
@pytest.mark.parametrize("name", LAWS)
def test_moments_of_h(name, sampler):
    d = LAWS[name].dimension
    task = np.linspace(1.5, -0.5, d)
    prompts = LAWS[name].replace(task_mean=task, task_covariance=np.zeros(d))
    count = 40_000
    h = sampler(prompts, count, seed=11)
    for a in (task, np.ones(d), np.eye(d)[0], np.cos(np.arange(d))):
        exact = exact_moments(prompts, task, a)
        for order in (1, 2, 4):
            error = np.sqrt((exact[2 * order] - exact[order] ** 2) / count)
            assert abs(((h @ a) ** order).mean() - exact[order]) < THRESHOLD * error, order


@pytest.mark.parametrize("n", [1, 2, 8])
def test_moments_reject_a_neighbouring_context_length(n):
    prompts = GaussianPrompts([1.0, 2.0], n, task_mean=[1.0, 1.0], task_covariance=np.zeros(2))
    count = 400_000
    h = statistic_h(prompts, count, seed=12)
    neighbour = exact_moments(prompts.replace(context_length=n + 1), np.ones(2), np.ones(2))
    error = np.sqrt((neighbour[4] - neighbour[2] ** 2) / count)
    assert abs(((h @ np.ones(2)) ** 2).mean() - neighbour[2]) > THRESHOLD * error


@pytest.mark.parametrize("name", LAWS)
def test_h_and_task_and_query_jointly(name):
    """Entries of `E h w^T = Λ E[w w^T]`, of the task's moments, and of Λ_q, unrelated to `h`."""
    prompts = LAWS[name]
    count, zero = 40_000, 0 * np.eye(prompts.dimension)
    context, query, task, second = (
        zero + matrix
        for matrix in (prompts.context, prompts.query, prompts.task, prompts.second_moment)
    )
    mean = zero[0] if prompts.task_mean is None else prompts.task_mean
    h, x_query, w = sample_statistics(prompts, count, seed=13)
    for left, right, exact in (
        (h, w, context @ second),
        (w - mean, w - mean, task),
        (x_query, x_query, query),
        (h, x_query, zero),
        (w, x_query, zero),
    ):
        products = left[:, :, None] * right[:, None, :]
        error = products.std(axis=0) / np.sqrt(count)
        assert (abs(products.mean(axis=0) - exact) <= THRESHOLD * error + 1e-12).all()


def test_labels_that_vanish_give_no_statistic():
    silent = GaussianPrompts([1.0, 2.0], 5, task_covariance=[0.0, 0.0])
    assert not sample_statistics(silent, 10, seed=0).h.any()


def test_h_stays_in_the_range_of_the_covariance():
    h = sample_statistics(LAWS["singular"], 100, seed=0).h
    outside = np.linalg.svd(gram(4, rank=2))[0][:, 2:]
    assert abs(h @ outside).max() < 1e-7  # roots of eigenvalues that rounding left


def test_whole_prompts_have_the_labels_of_the_law():
    prompts = LAWS["all at once"]
    x, y, x_query, task = sample_prompts(prompts, 20_000, seed=14)
    assert (x.shape, y.shape) == ((20_000, 4, 4), (20_000, 4))
    assert x_query.shape == task.shape == (20_000, 4)
    noise = (y - np.einsum("knd,kd->kn", x, task)).ravel()
    assert abs(noise.mean()) < THRESHOLD * np.sqrt(0.7 / noise.size)
    assert abs((noise**2).mean() - 0.7) < THRESHOLD * 0.7 * np.sqrt(2 / noise.size)
    products = np.einsum("ki,kj->kij", x[:, 2], x[:, 2])
    error = products.std(axis=0) / np.sqrt(len(products))
    assert (abs(products.mean(axis=0) - prompts.covariance) < THRESHOLD * error).all()


# --- the sampled risk --------------------------------------------------------------------------

PREDICTORS = {
    "minimiser": lambda prompts: global_minimum(prompts.replace(task_mean=None)).gain,
    "asymmetric gain": lambda prompts: mixing(prompts.dimension, seed=4),
    "diagonal gain": lambda prompts: np.linspace(0.2, 1.0, prompts.dimension),
    "layer": lambda prompts: layer(prompts.dimension),
}


@pytest.mark.parametrize("whole_prompts", [False, True])
@pytest.mark.parametrize("predictor", PREDICTORS)
@pytest.mark.parametrize("name", LAWS)
def test_sampled_risk_is_the_exact_one(name, predictor, whole_prompts):
    prompts = LAWS[name]
    chosen = PREDICTORS[predictor](prompts)
    mean, error = sampled_risk(chosen, prompts, 40_000, seed=21, whole_prompts=whole_prompts)
    assert 0 < error < mean
    assert abs(mean - risk(chosen, prompts)) < THRESHOLD * error


@pytest.mark.parametrize("whole_prompts", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        {"context_length": 3},
        {"noise_variance": 0.0},
        {"task_mean": None},
        {"task_covariance": [2.0, 1.0]},
        {"query_covariance": None},
    ],
    ids=lambda change: next(iter(change)),
)
def test_sampled_risk_rejects_a_neighbouring_law(change, whole_prompts):
    prompts = GaussianPrompts(
        [1.0, 2.0], 4, noise_variance=4.0, task_mean=[2.0, -1.0], query_covariance=[2.0, 0.5]
    )
    chosen = LinearSelfAttention.from_parameters([0.2, 0.2], 0.6, 0.6 * np.eye(2), [0.1, 0.1])
    mean, error = sampled_risk(chosen, prompts, 100_000, seed=22, whole_prompts=whole_prompts)
    assert abs(mean - risk(chosen, prompts)) < THRESHOLD * error
    assert abs(mean - risk(chosen, prompts.replace(**change))) > THRESHOLD * error


def test_orientation_of_an_asymmetric_gain():
    prompts, gain = LAWS["query shift"], mixing(3, seed=4)
    mean, error = sampled_risk(gain, prompts, 40_000, seed=23)
    assert abs(mean - risk(gain.T, prompts)) > THRESHOLD * error


def test_whole_prompts_are_attended_to_by_the_layer():
    prompts, chosen = LAWS["all at once"], layer(4)
    drawn = sample_prompts(prompts, 50, seed=3)
    squares = [
        (chosen.predict(x, y, x_query) - task @ x_query) ** 2
        for x, y, x_query, task in zip(*drawn, strict=True)
    ]
    mean, error = sampled_risk(chosen, prompts, 50, seed=3, whole_prompts=True)
    np.testing.assert_allclose(mean, np.mean(squares), rtol=1e-12)
    np.testing.assert_allclose(error, np.std(squares, ddof=1) / np.sqrt(50), rtol=1e-12)


def test_gain_is_the_layer_on_the_block():
    prompts, gain = LAWS["query shift"], mixing(3, seed=4)
    block = LinearSelfAttention.from_block(gain, 1.0)
    expected = sampled_risk(gain, prompts, 5_000, seed=3)
    assert sampled_risk(block, prompts, 5_000, seed=3) == expected
    assert sampled_risk(block.parameters, prompts, 5_000, seed=3) == expected


def test_exact_rationals_are_drawn_in_floating_point():
    exact = GaussianPrompts([Fraction(1, 2), Fraction(3)], 4, noise_variance=Fraction(1, 4))
    floats = GaussianPrompts([0.5, 3.0], 4, noise_variance=0.25)
    gain = global_minimum(exact).gain
    expected = sampled_risk(gain.astype(float), floats, 1_000, seed=1)
    assert sampled_risk(gain, exact, 1_000, seed=1) == expected


def test_same_seed_same_numbers():
    prompts = LAWS["noise"]
    first, second, third = (sampled_risk(np.eye(3), prompts, 100, seed=s) for s in (1, 1, 2))
    assert first == second != third
    np.testing.assert_array_equal(*(sample_statistics(prompts, 9, seed=1).h for _ in range(2)))


def test_chunks_merge_into_plain_mean_and_error():
    values = np.random.default_rng(0).standard_exponential(1_000) + 1e6
    merged = _mean(iter(np.split(values, [1, 2, 600])))
    expected = (values.mean(), values.std(ddof=1) / np.sqrt(1_000))
    np.testing.assert_allclose(merged, expected, rtol=1e-9)


def test_any_context_length_and_any_dimension_at_small_cost():
    """Whole prompts would take petabytes, a dense matrix 80 gigabytes."""
    long = GaussianPrompts([1.0, 2.0], 2**53, noise_variance=1.0)
    h, _, task = sample_statistics(long, 1_000, seed=0)
    np.testing.assert_allclose(h, task * [1.0, 2.0], atol=1e-6)
    wide = GaussianPrompts(np.ones(100_000), 1_000)
    mean, error = sampled_risk(global_minimum(wide).gain, wide, 8, seed=0)
    assert abs(mean - 2 * global_minimum(wide).loss) < 100 * error


@pytest.mark.parametrize(
    ("call", "arguments", "sentence"),
    [
        (sampled_risk, {"count": 1}, r"sampled_risk\(count=1\): must be an integer >= 2"),
        (sampled_risk, {"count": True}, r"sampled_risk\(count=True\): must be an integer >= 2"),
        (sampled_risk, {"seed": -1}, r"sampled_risk\(seed=-1\): must be an integer >= 0"),
        (sample_prompts, {"count": 0}, r"sample_prompts\(count=0\): must be an integer >= 1"),
        (sample_prompts, {"seed": -1}, r"sample_prompts\(seed=-1\): must be an integer >= 0"),
        (sample_statistics, {"count": 0}, r"sample_statistics\(count=0\): must be an integer >= 1"),
        (sample_statistics, {"seed": -1}, r"sample_statistics\(seed=-1\): must be an integer >= 0"),
    ],
)
def test_bad_counts_and_seeds(call, arguments, sentence):
    first = (np.eye(3), LAWS["noise"]) if call is sampled_risk else (LAWS["noise"],)
    with pytest.raises(ValueError, match=sentence):
        call(*first, **({"count": 10, "seed": 0} | arguments))


@pytest.mark.parametrize("predictor", [np.eye(2), np.ones(2), layer(2), layer(2).parameters])
def test_wrong_dimension(predictor):
    with pytest.raises(ValueError, match=r"dimension 2\): must be of the prompts' dimension 3"):
        sampled_risk(predictor, LAWS["noise"], 10, seed=0)
