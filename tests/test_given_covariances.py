"""Covariances that a user may give: of low rank, of any size and spread, of one feature."""

import numpy as np
import pytest

from lsa_theory.prompts import GaussianPrompts
from validation import singular_covariance, unbalanced_starts
from validation.harness.kinds import ACCEPTED, REFUTED
from validation.harness.setting import Setting

ALARM = 1e-6


def law(seed):
    """Of random rank; every third of small integers, whose sums cancel."""
    rng = np.random.default_rng(seed)
    d = int(rng.integers(2, 9))
    shape = (d, int(rng.integers(1, d)))
    root = rng.standard_normal(shape) * 10.0 ** rng.uniform(-4, 0, shape[1])
    if seed % 3 == 0:
        root = rng.integers(1, 4, shape).astype(float)
    return GaussianPrompts(root @ root.T * 10.0 ** rng.uniform(-6, 6), int(10 ** rng.uniform(0, 4)))


def curvature(formula, prompts, seed=0):
    return singular_covariance.curved.check(formula, prompts, Setting(seed)).verdict(ALARM)


def test_equal_features():
    """Rank 1, where the bound on the curvature is attained."""
    ones = GaussianPrompts(np.ones((2, 2)), 40)
    for seed in range(20):
        verdict = curvature(singular_covariance.minimisers, ones, seed)
        assert verdict.outcome == ACCEPTED, verdict.summary
        assert curvature(singular_covariance.whole_space, ones, seed).outcome == REFUTED


@pytest.mark.parametrize("seed", range(40))
def test_low_rank(seed):
    verdict = curvature(singular_covariance.minimisers, law(seed), seed)
    assert verdict.outcome == ACCEPTED, verdict.summary


def test_one_feature():
    """Where the start with the least loss on its ray is at the limit already."""
    setting = Setting(quick=True, covariances={"one": np.array([[2.0]])})
    starts = {k: v for k, v in unbalanced_starts.block_starts(setting).items() if "one" in k}
    assert len(starts) == 3
    for case in starts.values():
        observation = unbalanced_starts.reduced.check(
            unbalanced_starts.Minimum.layer, case, setting
        )
        assert observation.verdict(ALARM).outcome == ACCEPTED
