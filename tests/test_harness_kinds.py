"""Each kind of evidence accepts a truth and refutes a falsehood close to its edge."""

from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from validation.harness import Bound, Close, Equal, Flow, Rate, Setting, Sigma, batch_means
from validation.harness.kinds import ACCEPTED, EPS, REFUTED, UNDECIDED, threshold

ALARM = 1e-8


def outcome(observation, false_alarm=ALARM):
    return observation.verdict(false_alarm).outcome


x, y = sympy.symbols("x y")


@pytest.mark.parametrize(
    "zero",
    [
        0,
        Fraction(0),
        np.array([[Fraction(0), 0]], dtype=object),
        np.zeros(3, dtype=int),
        (x + y) ** 2 - x**2 - 2 * x * y - y**2,
        1 / (x + 1) - (x - 1) / (x**2 - 1),
        sympy.Matrix([[x - x, 0]]),
    ],
)
def test_equal_accepts_what_is_exactly_zero(zero):
    assert outcome(Equal(zero)) == ACCEPTED


@pytest.mark.parametrize(
    "small", [Fraction(1, 10**40), np.array([0, -1]), x**2 - x, sympy.Matrix([[0, sympy.sqrt(2)]])]
)
def test_equal_refutes_the_smallest_difference(small):
    assert outcome(Equal(small)) == REFUTED


@pytest.mark.parametrize("inexact", [0.0, np.zeros(2), sympy.Float(0.5) * x, sympy.nan, "0", []])
def test_equal_refuses_what_cannot_be_exact(inexact):
    with pytest.raises(ValueError, match="Equal"):
        Equal(inexact).verdict(ALARM)


@given(st.fractions(min_value=1, max_value=100), st.floats(1, 1e6))
def test_close_edge_is_ulps_times_condition(exact, condition):
    """Just inside is accepted and just outside is not, with the difference taken exactly."""
    allowed = 3 * EPS * condition * float(exact)
    for factor, verdict in ((0.99, ACCEPTED), (1.01, REFUTED)):
        shifted = exact + Fraction(factor * allowed)
        value = np.array([shifted, 0], dtype=object)
        observation = Close(value, np.array([exact, 0], dtype=object), 3, condition)
        assert outcome(observation) == verdict


def test_close_scale_is_the_largest_entry():
    exact = np.array([1.0, 1e-30])
    assert outcome(Close(exact + np.array([0, EPS]), exact, ulps=2)) == ACCEPTED
    assert outcome(Close(exact + np.array([0, 4 * EPS]), exact, ulps=2)) == REFUTED


def test_close_takes_the_radius_of_an_enclosure():
    ulps = 0.375 / EPS
    assert outcome(Close(1.5, 1.0, ulps, radius=0.125)) == ACCEPTED
    assert outcome(Close(1.5, 1.0, ulps, radius=0.12)) == REFUTED


def test_close_accepts_nothing_by_a_wide_enclosure():
    assert outcome(Close(1.5, 1.0, ulps=1, radius=0.6)) == UNDECIDED
    assert outcome(Close(1.0, 1.0, ulps=1, radius=0.6)) == UNDECIDED
    assert outcome(Close(1.0, 0.0, ulps=1, radius=2.0)) == UNDECIDED
    assert outcome(Close(1.5, 1.0, ulps=1, radius=0.4)) == REFUTED
    with pytest.raises(ValueError, match=r"radius=.*finite"):
        outcome(Close(1.0, 1.0, ulps=1, radius=np.inf))


@pytest.mark.parametrize("exact", [[1.0, 2.0], [[1.0]], []])
def test_close_refuses_another_shape(exact):
    with pytest.raises(ValueError, match="shape"):
        Close(np.array([1.0]), np.array(exact), ulps=1).verdict(ALARM)


def test_close_to_zero_has_no_scale():
    assert outcome(Close(0.0, 0.0, ulps=1)) == ACCEPTED
    assert outcome(Close(1e-300, 0.0, ulps=1e6)) == REFUTED


def test_bound_edge_is_rounding():
    assert outcome(Bound(1.0, 1.0)) == ACCEPTED
    assert outcome(Bound([2.0, 1.0], [1.0, 1.0 + 15 * EPS])) == ACCEPTED
    assert outcome(Bound([2.0, 1.0], [1.0, 1.0 + 18 * EPS])) == REFUTED


def test_bound_rounding_is_that_of_the_terms():
    """A small difference of large terms has their rounding, when that is said."""
    assert outcome(Bound(0.0, 1e-14)) == REFUTED
    assert outcome(Bound(0.0, 1e-14, scale=100.0)) == ACCEPTED
    assert outcome(Bound(0.0, 1e-12, scale=100.0)) == REFUTED


def test_bound_reports_its_tightest_slack():
    verdict = Bound([2.0, 1.0005], [1.0, 1.0]).verdict(ALARM)
    assert verdict.used == pytest.approx(1 / 1.0005)
    assert "0.0005" in verdict.summary
    assert "rounding" not in verdict.summary


def test_bound_reports_the_rounding_beside_a_negative_slack():
    verdict = Bound(1.0, 1.0 + 8 * EPS).verdict(ALARM)
    assert verdict.outcome == ACCEPTED
    assert (
        verdict.summary == "tightest slack -1.78e-15 of the larger side, rounding allowed 3.6e-15"
    )


def test_bound_reports_the_inequality_that_fails():
    """Not one whose slack is further below zero, but within the rounding of its terms."""
    verdict = Bound([1.0, 1.0], [1.0 + 1e-12, 1.0 + 64 * EPS], scale=[1e4, 1.0]).verdict(ALARM)
    assert verdict.outcome == REFUTED
    assert "-1.42e-14 " in verdict.summary


def test_flow_edge_is_what_is_allowed():
    assert outcome(Flow(0.99e-9, 1e-9, "tolerance over rate")) == ACCEPTED
    assert outcome(Flow(1.01e-9, 1e-9, "tolerance over rate")) == REFUTED


@pytest.mark.parametrize(("distance", "allowed"), [(0.0, 0.0), (0.0, np.inf), (-1.0, 1.0)])
def test_flow_refuses_a_void_allowance(distance, allowed):
    with pytest.raises(ValueError, match="Flow"):
        Flow(distance, allowed, "").verdict(ALARM)


def test_sigma_threshold_is_the_quantile():
    """Two-sided, from tables: 1.96 at 5 %, 2.0423 with 30 degrees of freedom."""
    assert threshold(0.05) == pytest.approx(1.959964, abs=1e-6)
    assert threshold(0.05, 30) == pytest.approx(2.042272, abs=1e-6)
    assert threshold(1e-6 / 50) == pytest.approx(5.6121, abs=1e-3)


@pytest.mark.parametrize("degrees", [None, 63])
def test_sigma_edge_is_the_threshold(degrees):
    edge = threshold(ALARM, degrees)
    assert outcome(Sigma(2 + 0.1 * 0.99 * edge, 0.1, 2.0, degrees)) == ACCEPTED
    assert outcome(Sigma(2 - 0.1 * 1.01 * edge, 0.1, 2.0, degrees)) == REFUTED


@pytest.mark.parametrize("numbers", [(1.0, 0.0, 1.0), (np.nan, 1.0, 1.0), (1.0, np.inf, 1.0)])
def test_sigma_refuses_what_measures_nothing(numbers):
    with pytest.raises(ValueError, match="Sigma"):
        Sigma(*numbers).verdict(ALARM)


def test_sigma_of_batches_uses_one_seed_a_batch():
    seeds = []

    def mean(seed):
        seeds.append(seed)
        return float(np.random.default_rng(seed).standard_normal(100).mean())

    observation = Sigma.of_batches(mean, 0.0, Setting(path=("claim", "check", "case")))
    assert len(set(seeds)) == 64
    assert observation.standard_error == pytest.approx(0.1 / 8, rel=0.3)
    assert outcome(observation) == ACCEPTED
    shifted = Sigma(observation.estimate + 0.2, observation.standard_error, 0.0, 63)
    assert outcome(shifted) == REFUTED


def test_sigma_of_batches_rejects_as_many_truths_as_it_says():
    """Of heavy-tailed squares; 2,000 truths at 5 % give 100 rejections, give or take 10."""
    rng, truths = np.random.default_rng(5), 2000
    squares = (rng.standard_normal((truths, 64 * 50)) ** 2).reshape(truths, 64, 50).mean(axis=2)
    verdicts = [outcome(Sigma(*batch_means(row, 64), 1.0, 63), 0.05) for row in squares]
    assert 70 <= verdicts.count(REFUTED) <= 130


def test_batch_means_are_the_plain_mean_and_its_spread():
    values = np.arange(12.0)
    mean, error = batch_means(values, 3)
    assert mean == 5.5
    assert error == pytest.approx(4 / np.sqrt(3))  # batch means 1.5, 5.5, 9.5
    for batches in (1, 5, 13):
        with pytest.raises(ValueError, match="batch_means"):
            batch_means(values, batches)


SIZES = 2.0 ** np.arange(5, 10)


@pytest.mark.parametrize("order", [0.5, 1.0, 2.0])
def test_rate_accepts_its_order_and_refutes_the_controls(order):
    errors = 3 * SIZES**-order * (1 + 2 / SIZES)
    assert outcome(Rate(SIZES, errors, order, order + 1)) == ACCEPTED
    assert outcome(Rate(SIZES, errors, order + 1, order)) == REFUTED


def test_rate_refutes_an_order_that_is_a_little_off():
    errors = SIZES**-1.0 * (1 + 1 / SIZES)
    assert outcome(Rate(SIZES, errors, 1.01, 1.5)) == REFUTED


def test_rate_without_power_decides_nothing():
    """An uncertainty of half the distance to the control's order is too coarse, sampled or not."""
    errors = 1 / SIZES
    assert outcome(Rate(SIZES, errors, 1, 1.5, standard_errors=1e-3 * errors)) == ACCEPTED
    assert outcome(Rate(SIZES, errors, 1, 1.5, standard_errors=0.02 * errors)) == UNDECIDED
    assert outcome(Rate(SIZES, errors, 1, 1.5, numerical=0.1 * errors)) == UNDECIDED
    assert outcome(Rate(SIZES, 1 / SIZES + 2 / SIZES**0.1, 1, 1.1)) != ACCEPTED


def test_rate_uses_the_run_wide_threshold():
    rate = Rate(SIZES, 1 / SIZES, 1, 2, standard_errors=0.015 / SIZES)
    assert outcome(rate, 1e-2) == ACCEPTED
    assert outcome(rate, 1e-12) == UNDECIDED


@pytest.mark.parametrize(
    ("sizes", "errors"),
    [([1, 2, 4], [3, 2, 1]), ([1, 2, 4, 9], [4, 3, 2, 1]), ([1, 2, 4, 8], [4, 2, 1, 0])],
)
def test_rate_refuses_what_has_no_slope(sizes, errors):
    with pytest.raises(ValueError, match="Rate"):
        Rate(sizes, errors, 1, 2).verdict(ALARM)


@pytest.mark.parametrize(
    "observation",
    [
        Close(np.nan, 1.0, 1),
        Close(1.0, 1.0, np.inf),
        Bound(np.inf, 1.0),
        Flow(np.nan, 1.0, ""),
        Rate(SIZES, [1, 1, 1, 1, np.nan], 1, 2),
    ],
)
def test_numbers_that_are_not_finite_are_no_evidence(observation):
    with pytest.raises(ValueError, match="finite"):
        observation.verdict(ALARM)
