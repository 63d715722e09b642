"""What is no law of covariances, or has no formula over one, is refused in a sentence."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest
from scipy import stats
from strategies import rational
from test_checks import sentence

from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    RandomCovariancePrompts,
    global_minimum,
    gradient_flow,
    risk,
)
from lsa_theory.random_covariance import (
    DiagonalEigenvalues,
    Mixture,
    RotatedSpectrum,
    WishartCovariances,
)

ROTATED = RotatedSpectrum([0.5, 1.0, 2.0])
DENSE = np.array([[1.0, 0.3, 0.1], [0.3, 0.8, -0.2], [0.1, -0.2, 0.5]])

REFUSED = [
    (lambda: DiagonalEigenvalues(stats.expon(), 0), "dimension=0", "an integer >= 1"),
    (lambda: DiagonalEigenvalues(stats.norm(), 2), "distribution=one that reaches -inf",
     "on the reals >= 0"),
    (lambda: DiagonalEigenvalues((1.0, 2.0), 2), "distribution=2 moments",
     "a SciPy distribution or three moments"),
    (lambda: DiagonalEigenvalues((1.0, 0.5, 2.0), 2), "distribution=moments 1.0, 0.5, 2.0",
     "with m_2 >= m_1^2, as any law on the reals >= 0"),
    (lambda: DiagonalEigenvalues((F(1), F(2), F(3)), 2), "distribution=moments 1, 2, 3",
     "with m_1 m_3 >= m_2^2, as any law on the reals >= 0"),
    (lambda: DiagonalEigenvalues((0.0, 0.0, 0.0), 2), "distribution=moments 0.0, 0.0, 0.0",
     "with m_1 > 0, as any law on the reals >= 0"),
    (lambda: DiagonalEigenvalues((1.0, np.inf, 6.0), 2), "distribution=array with inf at 1",
     "finite"),
    (lambda: DiagonalEigenvalues((1.0, 2.0, 6.0), 2).sample(1, seed=0),
     "distribution=(1.0, 2.0, 6.0)", "a SciPy distribution to be drawn from, not its moments"),
    (lambda: Mixture([]), "covariances=none", "at least one"),
    (lambda: Mixture(3), "covariances=3", "a sequence of covariances"),
    (lambda: Mixture([np.eye(2), np.eye(3)]), "covariances[1]=array of shape (3, 3)",
     "of dimension 2"),
    (lambda: Mixture([np.eye(2), -np.ones(2)]), "covariances[1]=array with -1.0 at 0",
     "non-negative (a vector is the diagonal of a matrix)"),
    (lambda: Mixture([np.eye(2)], [0.5, 0.5]), "weights=2 of them", "1 of them"),
    (lambda: Mixture([np.eye(2)] * 2, [1.5, -0.5]), "weights=array with -0.5", "non-negative"),
    (lambda: Mixture([np.eye(2)] * 2, [0.5, 0.6]), "weights=array of sum 1.1", "of sum 1"),
    (lambda: WishartCovariances(np.eye(2), 0), "degrees=0", "an integer >= 1"),
    (lambda: WishartCovariances(-np.eye(2), 3), "scale=matrix with eigenvalue -1",
     "positive semi-definite"),
    (lambda: RotatedSpectrum(np.eye(2)), "spectrum=array of shape (2, 2)", "a vector"),
    (lambda: RotatedSpectrum([1.0, -1.0]), "spectrum=array with -1.0 at 1",
     "non-negative (a vector is the diagonal of a matrix)"),
    (lambda: ROTATED.sample(0, seed=0), "count=0", "an integer >= 1"),
    (lambda: RandomCovariancePrompts(np.eye(2), 3), "law=array of shape (2, 2)",
     "a CovarianceLaw"),
    (lambda: RandomCovariancePrompts(ROTATED, 0), "context_length=0", "an integer >= 1"),
    (lambda: RandomCovariancePrompts(ROTATED, 3, noise_variance=-1.0),
     "noise_variance=-1.0", "a finite real number >= 0"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "shown", "rule"), REFUSED)
def test_what_is_no_law_is_refused(call, shown, rule):
    assert sentence(call).partition("(")[2] == f"{shown}): must be {rule}"


@pytest.mark.parametrize("heavy", [stats.pareto(2.5), stats.halfcauchy(), stats.invgamma(2.0)])
def test_a_distribution_without_third_moments_is_refused(heavy):
    assert sentence(lambda: DiagonalEigenvalues(heavy, 2)).endswith("with three finite moments")


PROMPTS = RandomCovariancePrompts(WishartCovariances(DENSE, 4), 5)
OFF = LinearSelfAttention.from_parameters(np.ones(3), 0.4, np.eye(3), np.ones(3))


def test_what_has_no_formula_is_refused():
    assert sentence(lambda: risk(OFF, PROMPTS)) == (
        "risk(predictor=layer with v or p non-zero): must be on the block v = p = 0"
    )
    assert sentence(lambda: risk(np.eye(2), PROMPTS)) == (
        "risk(predictor=dimension 2): must be of the prompts' dimension 3"
    )
    block = LinearSelfAttention.from_block(np.eye(3), 0.4)
    for layer, options in ((OFF, {}), (block, {"parameters": "all"})):
        assert sentence(lambda a=layer, b=options: gradient_flow(a, PROMPTS, **b)) == (
            "gradient_flow(prompts=random covariances): must be GaussianPrompts off the block "
            "v = p = 0"
        )
    flat = rational([1, 1], [1, 1])
    exact = RandomCovariancePrompts(Mixture([flat, 2 * flat]), 3)
    assert sentence(lambda: global_minimum(exact)).startswith(
        "Mixture(covariances=exact ones with a common kernel): must be"
    )


def test_a_batch_may_mix_both_kinds_of_laws():
    start = LinearSelfAttention.from_block(0.05 * np.eye(3), 0.1)
    fixed, random = gradient_flow(start, [GaussianPrompts(DENSE, 5), PROMPTS])
    assert fixed.converged
    assert random.converged
