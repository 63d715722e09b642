"""Prompts of random covariances, drawn; and laws of eigenvalues by traced numbers."""

from __future__ import annotations

from fractions import Fraction as F

import jax
import numpy as np
import pytest
from scipy import stats

from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    RandomCovariancePrompts,
    global_minimum,
    population_loss,
    risk,
    sample_prompts,
    sample_statistics,
    sampled_risk,
)
from lsa_theory.linalg import dense
from lsa_theory.random_covariance import (
    DiagonalEigenvalues,
    GammaEigenvalues,
    Mixture,
    RotatedSpectrum,
    WishartCovariances,
)

THRESHOLD = 5.0  # standard errors, for each of some thirty comparisons: 2e-5 in all
COUNT = 20_000
DENSE = np.array([[1.0, 0.3, 0.1], [0.3, 0.8, -0.2], [0.1, -0.2, 0.5]])
LAWS = {
    "exponential": DiagonalEigenvalues(stats.expon(), 3),
    "gamma": DiagonalEigenvalues(GammaEigenvalues(0.7, 2.0), 3),
    "diagonal mixture": Mixture([[1.0, 2.0, 0.0], [0.5, 0.1, 3.0]], [0.25, 0.75]),
    "mixture": Mixture([DENSE, np.eye(3), np.ones(3)], [0.5, 0.3, 0.2]),
    "Wishart": WishartCovariances(DENSE, 4),
    "Wishart, one degree": WishartCovariances(np.array([1.0, 2.0, 3.0]), 1),
    "rotated": RotatedSpectrum([0.5, 1.0, 2.0]),
}
OFF = LinearSelfAttention.from_parameters(np.ones(3), 0.4, np.eye(3), np.ones(3))
GAIN = np.random.default_rng(3).standard_normal((3, 3)) / 4


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)
def test_a_sampled_risk_is_the_exact_one(law, whole):
    prompts = RandomCovariancePrompts(law, 6, noise_variance=0.3)
    mean, error = sampled_risk(GAIN, prompts, COUNT, seed=2, whole_prompts=whole)
    assert abs(mean - risk(GAIN, prompts)) < THRESHOLD * error
    assert (mean, error) == sampled_risk(GAIN, prompts, COUNT, seed=2, whole_prompts=whole)


@pytest.mark.parametrize("whole", [False, True])
def test_layers_off_the_block(whole):
    """Exact over a mixture, sampled over all."""
    prompts = RandomCovariancePrompts(LAWS["mixture"], 6, noise_variance=0.3)
    mean, error = sampled_risk(OFF, prompts, 4 * COUNT, seed=1, whole_prompts=whole)
    assert abs(mean - risk(OFF, prompts)) < THRESHOLD * error
    wishart = RandomCovariancePrompts(LAWS["Wishart"], 6, noise_variance=0.3)
    (one, first), (two, second) = (
        sampled_risk(OFF, wishart, COUNT, seed=k, whole_prompts=whole ^ bool(k)) for k in (0, 1)
    )
    assert abs(one - two) < THRESHOLD * np.hypot(first, second)


def test_a_prompt_shares_one_covariance():
    """Covariances of one degree: context and query lie on one line, another for each prompt."""
    law = RandomCovariancePrompts(LAWS["Wishart, one degree"], 5)
    prompts = sample_prompts(law, 50, seed=0)
    for x, query in zip(prompts.x, prompts.x_query, strict=True):
        assert np.linalg.matrix_rank(np.vstack([x, query]), rtol=1e-6) == 1
    statistics = sample_statistics(law, 50, seed=0)
    for h, query in zip(statistics.h, statistics.x_query, strict=True):
        assert np.linalg.matrix_rank(np.vstack([h, query]), rtol=1e-6) == 1


# --- eigenvalues by their spread ---


def test_gamma_eigenvalues_are_those_of_scipy():
    shape = 1 / 0.7**2
    reference = stats.gamma(shape, scale=2.0 / shape)
    found = GammaEigenvalues(0.7, 2.0)
    assert [found.moment(k) for k in (1, 2, 3)] == pytest.approx(
        [reference.moment(k) for k in (1, 2, 3)]
    )
    draws = found.rvs((200, 5), np.random.default_rng(0))
    assert draws.shape == (200, 5)
    assert stats.kstest(draws.ravel(), reference.cdf).pvalue > 1e-4
    exponential = DiagonalEigenvalues(GammaEigenvalues(1), 3)
    assert list(exponential.moments) == [F(1), F(2), F(6)]
    assert (GammaEigenvalues(0, 3).rvs(4, np.random.default_rng(0)) == 3.0).all()


def test_no_spread_is_a_fixed_covariance():
    prompts = RandomCovariancePrompts(DiagonalEigenvalues(GammaEigenvalues(F(0), F(2)), 3), 5)
    fixed = global_minimum(GaussianPrompts([F(2)] * 3, 5))
    assert (global_minimum(prompts).gain == fixed.gain).all()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: GammaEigenvalues(-0.1), r"spread=-0.1\): must be a finite real number >= 0"),
        (lambda: GammaEigenvalues(1.0, 0.0), r"mean=0.0\): must be positive"),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


# --- traced ---


@pytest.mark.parametrize(
    "law",
    [
        lambda s: DiagonalEigenvalues(GammaEigenvalues(s, 1.5), 3),
        lambda s: DiagonalEigenvalues((s, 2 * s**2, 6 * s**3), 3),
        lambda s: RotatedSpectrum(s * np.arange(3)),
    ],
    ids=["spread", "moments", "spectrum"],
)
def test_traced_laws(law):
    def values(spread, length, noise):
        train = RandomCovariancePrompts(law(spread), 20, noise_variance=noise)
        test, minimum = train.replace(context_length=length), global_minimum(train)
        gain = dense(minimum.gain) + 0.1
        return minimum.gain, minimum.loss, risk(gain, test), population_loss(minimum.gain, test)

    with jax.enable_x64(True):
        found = jax.jit(values)(0.6, 7.0, 0.2)
        for one, other in zip(found, values(0.6, 7, 0.2), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-13)
