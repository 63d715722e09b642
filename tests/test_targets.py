"""Theorem 4.2 for any target: anchors by hand, exact rationals, simulated prompts."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    RankOneUpdate,
    TargetPrompts,
    gamma,
    global_minimum,
    linear_target,
    prediction_error,
    risk,
    square_target,
    tanh_target,
    theorem_4_2,
)

THRESHOLD = 5.0  # standard errors; fixed beforehand, a false alarm of 6e-7 each

COVARIANCE = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 0.5]])
TASK = np.array([1.0, -0.5, 2.0])
GAIN = np.array([[0.5, 0.3, 0.0], [-0.2, 0.4, 0.1], [0.6, 0.0, 0.9]])  # asymmetric
RATIONAL = np.array([[F(2), F(1, 2)], [F(1, 2), F(3, 4)]])
RATIONAL_TASK = np.array([F(1), F(-2, 3)])


def close(value, exact, rtol=1e-12):
    np.testing.assert_allclose(
        np.asarray(value, float), np.asarray(exact, float), rtol=rtol, atol=1e-14
    )


@pytest.mark.parametrize("gain", [GAIN, np.array([0.5, 0.2, 1.0])], ids=["asymmetric", "diagonal"])
def test_linear_target_is_the_risk_of_a_fixed_task(gain):
    law = GaussianPrompts(
        COVARIANCE, 6, noise_variance=0.4, task_mean=TASK, task_covariance=np.zeros(3)
    )
    error = prediction_error(gain, linear_target(TASK, COVARIANCE, 6, noise_variance=0.4))
    close(error.excess, risk(gain, law))
    close(error.total, risk(gain, law) + 0.4)
    assert not np.isclose(
        error.excess, prediction_error(GAIN.T, linear_target(TASK, COVARIANCE, 6)).excess
    )


def test_linear_target_is_the_risk_of_a_fixed_task_on_rationals():
    gain = np.array([[F(1), F(1, 3)], [F(-1, 2), F(2)]])
    law = GaussianPrompts(
        RATIONAL, 6, noise_variance=F(2, 5), task_mean=RATIONAL_TASK, task_covariance=0 * RATIONAL
    )
    target = linear_target(RATIONAL_TASK, RATIONAL, 6, noise_variance=F(2, 5))
    error = prediction_error(gain, target)
    assert isinstance(error.total, F)
    assert error.excess == risk(gain, law)
    assert error.total == error.excess + F(2, 5)


@pytest.mark.parametrize(
    "covariance", [RATIONAL, np.array([F(2), F(0)])], ids=["dense", "diagonal"]
)
@pytest.mark.parametrize("constructor", [linear_target, square_target])
def test_paper_form_is_the_general_one_at_the_trained_gain_on_rationals(constructor, covariance):
    train = GaussianPrompts(covariance, 5)
    target = constructor(RATIONAL_TASK, covariance, 3, noise_variance=F(1, 7))
    general = prediction_error(global_minimum(train).gain, target)
    paper = theorem_4_2(train, target)
    assert isinstance(paper.total, F)
    assert (paper.bias, paper.variance, paper.total) == (
        general.bias,
        general.variance,
        general.total,
    )
    swapped = theorem_4_2(train.replace(context_length=3), target)
    assert swapped.total != general.total


def test_paper_form_by_hand():
    """d = 1, Λ = N = M = 1: Γ = 3, a = w = 1, Σ = 2: bias 4/9, variance 2/9."""
    target = linear_target([1.0], [1.0], 1, noise_variance=0.0)
    error = theorem_4_2(GaussianPrompts([1.0], 1), target)
    close([error.bias, error.variance, error.total], [4 / 9, 2 / 9, 2 / 3])
    close(error.excess, 2 * global_minimum(GaussianPrompts([1.0], 1)).loss)


@pytest.mark.parametrize("covariance", [COVARIANCE, COVARIANCE.diagonal()])
def test_paper_form_for_a_non_linear_target(covariance):
    train = GaussianPrompts(covariance, 12)
    target = tanh_target(TASK, covariance, 4, noise_variance=0.1)
    general, paper = (
        prediction_error(global_minimum(train).gain, target),
        theorem_4_2(train, target),
    )
    close([paper.bias, paper.variance], [general.bias, general.variance])
    close(paper.total, target.linear_error + general.excess)


def test_gamma_by_hand():
    law = GaussianPrompts([F(1), F(3)], 2)
    assert list(gamma(law)) == [F(7, 2), F(13, 2)]  # 3/2 λ + 4/2
    dense = gamma(GaussianPrompts(RATIONAL, 5))
    assert (dense @ global_minimum(GaussianPrompts(RATIONAL, 5)).gain == np.eye(2, dtype=int)).all()


def test_any_joint_law():
    """`y = x_1 x_2`, white: a = 0, `Σ = diag(3, 3)`, `E y² = 1`."""
    target = TargetPrompts([1.0, 1.0], 4, [0.0, 0.0], [3.0, 3.0], 1.0)
    error = prediction_error(np.array([0.5, 0.5]), target)
    assert (error.linear_error, error.bias, error.variance) == (1.0, 0.0, 6 / 4 / 4)


def simulated_error(function, task, m: int) -> tuple[float, float]:
    """Prompts drawn pair by pair from the target's definition, with noise variance 0.3."""
    rng, count = np.random.default_rng(32), 200_000
    x = rng.standard_normal((count, m + 1, 3)) @ np.linalg.cholesky(COVARIANCE).T
    y = function(x @ task) + np.sqrt(0.3) * rng.standard_normal((count, m + 1))
    h = np.einsum("kmd,km->kd", x[:, 1:], y[:, 1:]) / m
    squares = (((h @ GAIN) * x[:, 0]).sum(axis=1) - y[:, 0]) ** 2
    return squares.mean(), squares.std() / np.sqrt(count)


@pytest.mark.parametrize(
    ("function", "constructor", "task"),
    [(np.tanh, tanh_target, TASK), (np.square, square_target, TASK / 4)],
)
def test_simulated_prompts(function, constructor, task):
    mean, error = simulated_error(function, task, 3)
    target = constructor(task, COVARIANCE, 3, noise_variance=0.3)
    assert abs(mean - prediction_error(GAIN, target).total) < THRESHOLD * error
    wrong = (
        (GAIN.T, target),
        (GAIN, constructor(task, COVARIANCE, 4, noise_variance=0.3)),
        (GAIN, constructor(task, COVARIANCE, 3, noise_variance=0.0)),
    )
    for gain, neighbour in wrong:
        assert abs(mean - prediction_error(gain, neighbour).total) > THRESHOLD * error


@given(st.integers(0, 2**32 - 1), st.integers(1, 50))
def test_terms_are_not_negative_and_agree_with_the_dense_matrix(seed, m):
    rng = np.random.default_rng(seed)
    entries, task, gain = (
        rng.exponential(size=3),
        rng.standard_normal(3),
        rng.standard_normal((3, 3)),
    )
    target = tanh_target(task, entries, m)
    error = prediction_error(gain, target)
    assert min(error.linear_error, error.bias, error.variance) >= 0
    dense = TargetPrompts(
        np.diag(entries),
        m,
        target.coefficients,
        target.label_covariance.dense(),
        target.linear_error,
    )
    close(error.total, prediction_error(gain, dense).total, 1e-11)


def test_diagonal_covariance_costs_no_matrix():
    """A dense matrix would take 80 gigabytes."""
    d = 100_000
    target = tanh_target(np.full(d, d**-0.5), np.ones(d), 1_000)
    error = theorem_4_2(GaussianPrompts(np.ones(d), 1_000), target)
    assert 0 < error.excess < error.total


def test_layer_on_the_block_is_its_gain():
    target = tanh_target(TASK, COVARIANCE, 3)
    block = LinearSelfAttention.from_block(GAIN / 2, 2.0)
    expected = prediction_error(GAIN, target).total
    close([prediction_error(p, target).total for p in (block, block.parameters)], 2 * [expected])


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: TargetPrompts([1.0], 3, [1.0], [1.0], -0.5),
            r"TargetPrompts\(linear_error=-0.5\): must be a finite real number >= 0",
        ),
        (lambda: TargetPrompts([1.0], 3, [1.0], [-1.0], 0), r"TargetPrompts\(label_covariance="),
        (
            lambda: TargetPrompts([1.0], 3, [1.0], RankOneUpdate([1.0, 2.0], 1.0, [1.0]), 0),
            r"TargetPrompts\(label_covariance.matrix=.*of dimension 1",
        ),
        (
            lambda: TargetPrompts([1.0], 3, [1.0], RankOneUpdate([1.0], 1.0, [1.0, 2.0]), 0),
            r"TargetPrompts\(label_covariance.vector=.*of dimension 1",
        ),
        (
            lambda: prediction_error(np.eye(2), linear_target([1.0], [1.0], 3)),
            r"prediction_error\(predictor=dimension 2\): must be of the prompts' dimension 1",
        ),
        (
            lambda: prediction_error(
                LinearSelfAttention(np.ones((2, 2)), np.ones((2, 2))),
                linear_target([1.0], [1.0], 3),
            ),
            r"prediction_error\(predictor=layer with v or p non-zero\): must be on the block",
        ),
        (
            lambda: theorem_4_2(
                GaussianPrompts([1.0], 3, noise_variance=1.0), linear_target([1.0], [1.0], 3)
            ),
            r"theorem_4_2\(train=another law\): must be of tasks N\(0, I\)",
        ),
        (
            lambda: theorem_4_2(GaussianPrompts([2.0], 3), linear_target([1.0], [1.0], 3)),
            r"theorem_4_2\(target.covariance=another covariance\): must be that of the training",
        ),
    ],
)
def test_bad_input(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
