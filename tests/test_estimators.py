"""Estimators: exact risks against rationals and samples, limits by their rate, use on arrays."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest

from lsa_theory import GaussianPrompts, global_minimum, risk, sampled_risk
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.estimators import (
    Bayes,
    GradientDescent,
    LeastSquares,
    LinearAttention,
    Ridge,
    Zero,
    ols_risk,
    optimal_penalty,
    ridge_risk,
)

THRESHOLD = 5.0  # standard errors, for each of some thirty comparisons: 2e-5 in all
COUNT = 10_000


def covariance(seed, d):
    root = np.random.default_rng(seed).standard_normal((d, 2 * d))
    return root @ root.T / (2 * d)


def law(d, length, *, context=None, noise=0.3):
    return GaussianPrompts(
        covariance(1, d) if context is None else context,
        length,
        noise_variance=noise,
        task_covariance=covariance(2, d),
        task_mean=np.linspace(-1, 1, d),
        query_covariance=covariance(3, d),
    )


def agrees(found, sampled):
    """Or both are zero, to rounding."""
    return abs(found.value - sampled.value) < THRESHOLD * sampled.error + 1e-20


# --- exact ---


@pytest.mark.parametrize(
    ("estimator", "prompts"),
    [
        (LeastSquares(), law(4, 12)),
        (LeastSquares(), law(8, 3, context=np.full(8, 0.5))),
        (LeastSquares(), law(6, 5, context=2 * np.eye(6), noise=0.0)),
        (GradientDescent(0.4, 1), law(4, 5)),
        (GradientDescent(covariance(5, 4), 2), law(4, 7)),
        (GradientDescent(np.random.default_rng(0).uniform(0, 0.2, (4, 4)), 3), law(4, 6)),
        (LinearAttention.trained(law(4, 9)), law(4, 5)),
        (LinearAttention(np.random.default_rng(0).uniform(-1, 1, (4, 4))), law(4, 5)),
    ],
    ids=lambda x: type(x).__name__,
)
def test_exact_risks_are_those_of_samples(estimator, prompts):
    """Both parts: given the context, bias and variance are sampled apart."""
    found = estimator.risk(prompts)
    assert found.kind == "exact"
    assert found.error == 0
    sampled = estimator.risk(prompts, method="sampled", count=COUNT)
    assert agrees(found, sampled)
    noiseless = prompts.replace(noise_variance=0.0)
    assert agrees(estimator.risk(noiseless), estimator.risk(noiseless, method="sampled", seed=1))


def test_least_squares_of_one_sample_fewer_than_features():
    """Infinite, exactly, with noise; the bias beside it is that of the limit."""
    found = LeastSquares().risk(law(6, 5))
    assert (found.kind, found.error, found.variance) == ("exact", 0, np.inf)
    assert found.bias == LeastSquares().limit(law(6, 5)).bias
    assert LeastSquares().risk(law(6, 5, noise=0.0), count=2).kind == "limit"


def test_sampled_contexts_have_the_law_of_whole_prompts():
    """The same risk from prompts drawn pair by pair, in another module."""
    prompts = law(4, 6)
    gain = global_minimum(prompts.replace(task_mean=None)).gain
    sampled = LinearAttention(gain).risk(prompts, method="sampled", count=COUNT)
    mean, error = sampled_risk(gain, prompts, COUNT, seed=3, whole_prompts=True)
    assert abs(sampled.value - mean) < THRESHOLD * np.hypot(error, sampled.error)


def test_least_squares_on_rationals():
    """By hand; and the minimum-norm solution for identity matrices in its own form."""
    prompts = GaussianPrompts(
        [F(2), F(3)], 6, noise_variance=F(1, 2), query_covariance=[F(1), F(6)]
    )
    assert ols_risk(prompts).value == F(1, 2) * (F(1, 2) + 2) / 3
    d, noise = 7, F(1, 3)
    for length in (1, 3, 5):
        white = GaussianPrompts(np.full(d, F(1)), length, noise_variance=noise)
        expected = d * (1 - F(length, d)) + noise * F(length, d - length - 1)
        assert ols_risk(white).value == expected


@pytest.mark.parametrize("length", [4, 5, 6])
def test_noise_makes_the_gap_infinite(length):
    white = GaussianPrompts(np.ones(5), length, noise_variance=0.1)
    assert ols_risk(white).value == np.inf
    assert ols_risk(white).bias < np.inf
    if length >= 5:
        assert ols_risk(white.replace(noise_variance=0.0)).value == 0
        assert ols_risk(law(5, length, noise=0.0)).value == 0


def test_least_squares_shrugs_at_every_shift_without_noise():
    shifted = law(5, 9, noise=0.0, context=100 * covariance(7, 5))
    assert ols_risk(shifted).value == 0
    assert LinearAttention.trained(law(5, 9)).risk(shifted).value > 100


def test_one_step_of_descent_is_linear_attention():
    rng = np.random.default_rng(3)
    step = np.array([[F(int(k), 4) for k in row] for row in rng.integers(-3, 4, (3, 3))])
    exact = GaussianPrompts(
        [F(1), F(2), F(1, 2)],
        4,
        noise_variance=F(1, 5),
        task_mean=[F(1), F(0), F(-2)],
        query_covariance=[F(3), F(1), F(1)],
    )
    found = GradientDescent(step).risk(exact)
    assert isinstance(found.value, F)
    assert found.value == risk(step.T, exact)
    assert LinearAttention(step.T).risk(exact).value == found.value
    silent = exact.replace(noise_variance=0)
    assert found.bias == risk(step.T, silent)


def test_steps_of_descent_approach_least_squares():
    prompts = law(3, 40)
    risks = [GradientDescent(0.8, k).risk(prompts, count=400).value for k in (1, 2, 3, 30)]
    assert risks == sorted(risks, reverse=True)
    assert GradientDescent(0.8, 400).risk(prompts).value == pytest.approx(
        LeastSquares().risk(prompts, method="sampled").value, rel=1e-3
    )


# --- limits ---


@pytest.mark.parametrize("ratio", [0.5, 1.5])
@pytest.mark.parametrize("kind", ["least squares", "ridge", "bayes"])
def test_limits_are_approached_at_a_rate_in_the_dimension(kind, ratio):
    """The gap to a sampled risk, relative, falls like 1/d: by more than 2.5 from d to 4 d."""
    gaps = []
    for d in (12, 48):
        spectrum = np.linspace(0.5, 1.5, d)
        prompts = GaussianPrompts(
            spectrum,
            round(ratio * d),
            noise_variance=0.3,
            task_covariance=spectrum[::-1] / d,
            query_covariance=spectrum**2,
        )
        estimator = {
            "least squares": LeastSquares(),
            "ridge": Ridge(0.3),
            "bayes": Bayes(prompts),
        }[kind]
        found = estimator.risk(prompts, method="limit", count=2)
        sampled = estimator.risk(prompts, method="sampled", count=2 * COUNT // d)
        gap = abs(found.value / sampled.value - 1)
        gaps.append((gap, sampled.error / sampled.value))
    (near, near_error), (far, far_error) = gaps
    assert far - 3 * far_error < (near + 3 * near_error) / 2.5


def test_the_error_of_a_limit_covers_the_sampled_risk():
    prompts = law(10, 15)
    found = Ridge(0.2).risk(prompts)
    assert found.kind == "limit"
    sampled = Ridge(0.2).risk(prompts, method="sampled", count=COUNT, seed=9)
    assert abs(found.value - sampled.value) < found.error + THRESHOLD * sampled.error


def test_limit_without_penalty_continues_the_one_with():
    prompts = law(20, 8)
    least = LeastSquares().risk(prompts, method="limit", count=2)
    small = Ridge(1e-9).risk(prompts, method="limit", count=2)
    assert small.value == pytest.approx(least.value, rel=1e-6)


# --- the best of them ---


def test_optimal_penalty_of_an_isotropic_prior_is_bayes():
    prompts = GaussianPrompts(
        covariance(1, 5), 8, noise_variance=0.4, task_covariance=np.full(5, 2.0)
    )
    assert optimal_penalty(prompts) == pytest.approx(0.4 / 16)
    x, y = np.random.default_rng(0).standard_normal((8, 5)), np.arange(8.0)
    ridge, bayes = Ridge(optimal_penalty(prompts)).fit(x, y), Bayes(prompts).fit(x, y)
    assert np.allclose(ridge.coef_, bayes.coef_)


def test_optimal_penalty_of_another_prior_is_a_minimum():
    prompts = law(12, 10)
    best = optimal_penalty(prompts)
    at = [Ridge(c * best).risk(prompts, method="limit", count=2).value for c in (0.8, 1, 1.25)]
    assert at[1] < min(at[0], at[2])
    assert ridge_risk(prompts, count=2).value == pytest.approx(at[1])


def test_no_estimator_beats_bayes():
    prompts = law(4, 5)
    bayes = Bayes(prompts).risk(prompts, method="sampled", count=COUNT)
    others = [Ridge(0.1), Ridge(1.0), Zero(), GradientDescent(0.5, 2)]
    others.append(LinearAttention.trained(prompts))
    for other in others:
        found = other.risk(prompts, method="sampled", count=COUNT)
        assert bayes.value < found.value - THRESHOLD * found.error


def test_a_zero_prior_and_no_noise():
    silent = GaussianPrompts(np.ones(3), 4, task_covariance=np.zeros(3), noise_variance=1.0)
    assert optimal_penalty(silent) == np.inf
    assert ridge_risk(silent).value == 0
    noiseless = GaussianPrompts(np.ones(3), 5)
    assert optimal_penalty(noiseless) == 0
    assert ridge_risk(noiseless).value == 0


# --- on arrays ---


def test_fits_are_the_textbook_ones():
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((9, 4)), rng.standard_normal(9)
    least = np.linalg.lstsq(x, y, rcond=None)[0]
    assert np.allclose(LeastSquares().fit(x, y).coef_, least)
    assert np.allclose(LeastSquares().fit(x.T, y[:4]).coef_, np.linalg.pinv(x.T) @ y[:4])
    ridge = np.linalg.solve(x.T @ x + 9 * 0.2 * np.eye(4), x.T @ y)
    assert np.allclose(Ridge(0.2).fit(x, y).predict(x), x @ ridge)
    prompts = law(4, 9)
    precision = np.linalg.inv(prompts.task_covariance)
    posterior = np.linalg.solve(
        x.T @ x / 0.3 + precision, x.T @ y / 0.3 + precision @ prompts.task_mean
    )
    assert np.allclose(Bayes(prompts).fit(x, y).coef_, posterior)
    assert not Zero().fit(x, y).coef_.any()


def test_a_layer_predicts_as_the_network_does():
    rng = np.random.default_rng(2)
    layer = LinearSelfAttention.from_block(rng.standard_normal((4, 4)), 0.7)
    x, y, query = rng.standard_normal((6, 4)), rng.standard_normal(6), rng.standard_normal(4)
    found = LinearAttention(layer).fit(x, y).predict(query[None])
    assert found == pytest.approx(layer.predict(x, y, query))


def test_conventions_of_scikit_learn():
    base = pytest.importorskip("sklearn.base")
    for estimator in (LeastSquares(), Ridge(0.5), Zero(), GradientDescent(0.1, 2)):
        copy = base.clone(estimator)
        assert copy is not estimator
        assert copy.get_params() == estimator.get_params()
        assert not hasattr(copy, "coef_")
    assert Ridge(0.5).set_params(penalty=2.0).penalty == 2.0


# --- refusals ---


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: ols_risk(law(6, 3), method="exact"), "white covariates only"),
        (lambda: ols_risk(law(3, 9, context=np.diag([1.0, 1, 0])), method="exact"), "singular"),
        (lambda: Ridge(1.0).risk(law(3, 9), method="exact"), "has no finite form"),
        (lambda: Zero().risk(law(3, 9), method="limit"), "no high-dimensional limit"),
        (lambda: GradientDescent(0.1, 4).risk(law(3, 9), method="exact"), "up to 3 steps"),
        (lambda: Bayes(law(3, 9)).risk(GaussianPrompts(np.ones(3), 4), method="limit"), "prior"),
        (lambda: ols_risk(law(3, 9), method="best"), r"method='best'\): must be \"auto\""),
        (lambda: Ridge(0.0), "must be a positive number"),
        (lambda: GradientDescent(0.1, 0), r"steps=0\): must be an integer >= 1"),
        (lambda: Ridge(1.0).set_params(penalty=-1.0), "must be a positive number"),
        (lambda: Ridge(1.0).predict(np.ones((2, 3))), "fitted first"),
        (lambda: Zero().fit(np.ones((2, 3)), np.ones(3)), "of dimension 2"),
        (lambda: Bayes(law(5, 9)).fit(np.ones((7, 3)), np.ones(7)), r"Bayes.fit\(x=.* 5 features"),
        (lambda: LinearAttention(np.eye(5)).fit(np.eye(3), np.ones(3)), r"\(x=.* 5 features"),
        (lambda: Zero().fit(np.ones((2, 3)), np.ones(2)).predict(np.ones((1, 2))), "3 features"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_reason(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
