"""Shifts by a traced parameter, by floats of exact laws, and risks found when asked for."""

from __future__ import annotations

from fractions import Fraction as F

import jax
import numpy as np
import pytest
from strategies import float_covariance

from lsa_theory import GaussianPrompts, risk, shift
from lsa_theory.estimators import Estimator

D = 4


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


TRAIN = GaussianPrompts(float_covariance(np.random.default_rng(5), D), 20, noise_variance=0.2)
FAMILIES = [
    shift.scaled(TRAIN),
    shift.scaled(TRAIN.replace(covariance=np.full(D, F(1, 2))), query=False),
    shift.rotated(TRAIN),
    shift.spiked(TRAIN),
    shift.removed(TRAIN),
    shift.interpolated(TRAIN, np.arange(D)),
    shift.respaced(TRAIN),
    shift.respaced(TRAIN.replace(covariance=np.arange(1.0, D + 1))),
    shift.retasked(TRAIN),
    shift.requeried(TRAIN),
    shift.noisier(TRAIN),
    shift.longer(TRAIN),
]


def shifted(family):
    low, high = family.interval
    return 7 if family.kind == "length" else 0.4 * low + 0.6 * high


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)
def test_a_traced_shift(family):
    def numbers(value):
        return {k: v for k, v in vars(family(value)).items() if v is not None}

    value = shifted(family)
    found = jax.jit(numbers)(float(value))
    for name, expected in numbers(value).items():
        np.testing.assert_allclose(
            found[name], np.asarray(expected, dtype=float), rtol=1e-12, atol=1e-13, err_msg=name
        )


def test_a_report_of_a_traced_shift():
    family = shift.scaled(TRAIN)

    def report(value):
        found = shift.covariate_shift(TRAIN, family(value))
        damage, basis = found.directions
        return (
            (found.attention.bias, found.attention.variance, damage, abs(basis).sum()),
            (found.limit_risk, found.retrained.risk, found.overtaken),
            (found.rescaled.risk, found.rescaled.share, found.rescaled.factor),
            [found.others[name].value for name in ("least squares", "zero")],
        )

    found = jax.tree.leaves(jax.jit(report)(1.7))
    for one, other in zip(found, jax.tree.leaves(report(1.7)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-13)


EXACT = GaussianPrompts(
    [F(1), F(2)], 3, noise_variance=F(1, 3), task_mean=[F(1), F(0)], query_covariance=[F(3), F(1)]
)


@pytest.mark.parametrize(
    "family",
    [
        shift.scaled(EXACT),
        shift.interpolated(EXACT, np.array([F(2), F(2)])),
        shift.retasked(EXACT),
        shift.requeried(EXACT),
        shift.noisier(EXACT),
    ],
    ids=lambda family: family.name,
)
def test_floats_shift_exact_laws_exactly(family):
    values = [risk(np.array([F(1), F(2)]), family(x)) for x in (0.5, np.float64(0.5), F(1, 2))]
    assert values[0] == values[1] == values[2]
    assert isinstance(values[0], F)


def test_beside_floats_exact_laws_are_floats():
    family = shift.interpolated(EXACT, np.eye(2))
    assert family(F(1, 2)).covariance.dtype == np.float64
    assert family(0.5).covariance == pytest.approx(np.diag([1.0, 1.5]))


# --- the report finds what it is asked for ---


def test_other_risks_are_found_when_asked_for(monkeypatch):
    drawn = []
    sampled = Estimator._sampled
    monkeypatch.setattr(
        Estimator, "_sampled", lambda self, *rest: drawn.append(self) or sampled(self, *rest)
    )
    report = shift.covariate_shift(TRAIN, shift.scaled(TRAIN)(2.0))
    assert report.attention.kind == report.others["least squares"].kind == "exact"
    assert report.rescaled.share > 0
    assert not drawn
    assert set(report.others) == {"least squares", "ridge", "bayes", "zero"}
    assert report.others["bayes"] is report.others["bayes"]
    assert len(drawn) == 1
    assert len(dict(report.others)) == len(report.others) == 4
    assert "ridge" in repr(report.others)


def test_nothing_is_repaired_where_nothing_is_avoidable():
    """Another query law moves no minimum: what is left to repair is rounding."""
    report = shift.covariate_shift(TRAIN, shift.requeried(TRAIN)(2.0))
    assert report.rescaled.share == 0
