"""Ridge regression on white covariates: means over the eigenvalues of a Wishart matrix."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, stats
from strategies import float_covariance

from lsa_theory import GaussianPrompts, ols_risk, ridge_risk
from lsa_theory.estimators import Bayes, Ridge
from lsa_theory.estimators.white_spectrum import WhiteSpectrum

SIZES = [(1, 1), (1, 6), (2, 2), (3, 2), (3, 7), (8, 8), (21, 30), (50, 49), (40, 400), (5, 10**4)]
THRESHOLD = 5.0  # standard errors, for each of a dozen comparisons: 1e-5 in all
COUNT = 8_000


def law(d, length, scale=0.6):
    rng = np.random.default_rng(d)
    return GaussianPrompts(
        np.full(d, scale),
        length,
        noise_variance=0.3,
        task_covariance=float_covariance(rng, d),
        task_mean=np.linspace(-1, 1, d),
        query_covariance=float_covariance(rng, d),
    )


@pytest.mark.parametrize(("d", "length"), SIZES)
def test_moments_of_a_wishart_matrix(d, length):
    """`E tr X`, `E (tr X)²`, `E tr X²` and `E tr X^{-1}` of Z^T Z, in closed form."""
    spectrum, product = WhiteSpectrum(d, length, 1.0), d * length
    assert spectrum.mean(lambda x: x) == pytest.approx(product, rel=1e-13)
    assert spectrum.mean_square(lambda x: x) == pytest.approx(product * (product + 2), rel=1e-13)
    assert spectrum.mean(lambda x: x * x) == pytest.approx(product * (d + length + 1), rel=1e-13)
    assert spectrum.mean_square(np.ones_like) == pytest.approx(min(d, length) ** 2, rel=1e-13)
    if abs(d - length) > 1:
        expected = min(d, length) / (abs(d - length) - 1)
        assert spectrum.mean(lambda x: 1 / x) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("penalty", [1e-4, 0.2, 5.0])
def test_one_feature_is_an_integral_over_chi_squared(penalty):
    prompts, length = law(1, 5), 5
    s = 0.6 / length

    def mean(function):
        density = stats.chi2(length).pdf
        pieces = ((0, 1e-2), (1e-2, 1), (1, 200))
        return sum(
            integrate.quad(lambda x: function(s * x) * density(x), *p, epsabs=0, epsrel=1e-12)[0]
            for p in pieces
        )

    query, task = float(prompts.query_covariance[0, 0]), float(prompts.task_covariance[0, 0]) + 1
    found = Ridge(penalty).exact(prompts)
    assert found.bias == pytest.approx(
        task * query * mean(lambda x: (penalty / (x + penalty)) ** 2), rel=1e-9
    )
    expected = 0.3 / length * query * mean(lambda x: x / (x + penalty) ** 2)
    assert found.variance == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("d", "length"), [(2, 2), (3, 5), (5, 3), (8, 7)])
def test_both_parts_are_those_of_samples(d, length):
    prompts = law(d, length)
    for case, seed in ((prompts, 1), (prompts.replace(noise_variance=0.0), 2)):
        found = Ridge(0.2).risk(case)
        assert found.kind == "exact"
        sampled = Ridge(0.2).risk(case, method="sampled", count=COUNT, seed=seed)
        assert abs(found.value - sampled.value) < THRESHOLD * sampled.error


@pytest.mark.parametrize(("d", "length"), [(8, 3), (8, 20), (40, 20)])
def test_without_penalty_it_is_least_squares(d, length):
    """Linear in a small penalty: the gap falls by 100 from 1e-6 to 1e-8."""
    prompts = law(d, length)
    gaps = [
        abs(sum(Ridge(penalty).exact(prompts)) / ols_risk(prompts).value - 1)
        for penalty in (1e-6, 1e-8)
    ]
    assert gaps[0] / gaps[1] == pytest.approx(100, rel=1e-2)


def test_a_square_context_over_many_decades_of_penalty():
    """One eigenvalue near 0, of density `1 / sqrt(2 pi x)` for one sample of one feature:
    `E D² = (pi / 4) sqrt(2 penalty / pi)` to leading order."""
    prompts = GaussianPrompts(np.ones(1), 1)
    for penalty in (1e-10, 1e-20, 1e-30):
        expected = np.pi / 4 * (2 * penalty / np.pi) ** 0.5
        assert Ridge(penalty).exact(prompts).bias == pytest.approx(expected, rel=1e-4)


def test_the_limit_is_approached_like_one_over_d():
    gaps = []
    for d in (10, 20, 40, 80):
        prompts = GaussianPrompts(
            np.ones(d), d // 2, noise_variance=0.3, task_covariance=np.ones(d) / d
        )
        gaps.append(abs(sum(Ridge(0.3).limit(prompts)) / sum(Ridge(0.3).exact(prompts)) - 1))
    assert np.array(gaps[:-1]) / gaps[1:] == pytest.approx(2, rel=0.07)


def test_an_isotropic_prior_makes_it_bayes():
    prompts = law(4, 6).replace(task_covariance=np.full(4, 2.0), task_mean=None)
    best = ridge_risk(prompts)
    bayes = Bayes(prompts).risk(prompts)
    assert best.kind == bayes.kind == "exact"
    assert bayes.value == pytest.approx(best.value, rel=1e-14)
    for other in (0.5, 2.0):
        penalty = other * 0.3 / (6 * 2.0)
        assert Ridge(penalty).risk(prompts).value > best.value
    shifted = Bayes(prompts.replace(task_mean=np.ones(4)))
    expected = Ridge(0.3 / 12).exact(prompts.replace(task_mean=np.ones(4)))
    assert sum(shifted.exact(prompts)) == pytest.approx(sum(expected), rel=1e-13)


def test_what_has_no_quadrature_has_a_limit():
    assert Ridge(0.2).risk(law(3, 4).replace(covariance=np.arange(1.0, 4)), count=2).kind == "limit"
    large = GaussianPrompts(np.ones(129), 129, noise_variance=0.1)
    with pytest.raises(ValueError, match="up to 128 samples or features"):
        Ridge(0.2).risk(large, method="exact")
    assert Ridge(0.2).risk(large.replace(context_length=5)).kind == "exact"
