"""Solvable models of transience: their flows, fixed points, closed-form times and reductions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from midpoint import euler

from lsa_theory.transience import (
    Classification,
    Coopetition,
    Kinetics,
    Regression,
)

START = 1e-4 * math.sqrt(8)
TIMES = np.linspace(0, 3000, 1501)
SOLVERS = "lsoda", "kvaerno5"


def regression(**options):
    return Regression(8, 200, 16, initial_share=START, **options)


# --- regression ---


@pytest.fixture(scope="module")
def course():
    return regression().trajectory(TIMES)


def test_transience_and_its_times(course):
    """Published run: peak 0.634, fall to peak/e in 571 (formula 556), end in the weights."""
    model = regression()
    peak = course.in_context.argmax()
    assert course.in_context[peak] == pytest.approx(0.634, abs=2e-3)
    assert model.peak_height == pytest.approx(0.64)
    later = course.in_context[peak:] < course.in_context[peak] / math.e
    assert TIMES[peak:][later.argmax()] - TIMES[peak] == pytest.approx(model.lifetime, rel=0.03)
    assert course.in_weights[-1] > 0.99
    assert (np.diff(course.loss) <= 1e-9).all()


def test_without_a_table_the_share_is_logistic():
    model = regression(table_rate=1e-9)
    times = np.linspace(0, 6, 31)
    found = model.trajectory(times).in_context
    top = 1 / (1 + model.evidence_noise)
    expected = top / (1 + (top / START - 1) * np.exp(-2 * math.sqrt(8) * times))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    half = np.interp(model.emergence_time, times, expected)
    assert half == pytest.approx(top / 2, rel=0.02)


def test_the_flow_against_the_midpoint_rule():
    model = regression(l2_attention=0.02, l2_table=0.01, table_rate=0.1)
    noise, u = model.evidence_noise, math.sqrt(START / math.sqrt(8))

    def force(z):
        pull = 1 - z[0] * z[1] - z[2] - noise * z[0] * z[1]
        return np.array(
            [
                z[1] * pull - 0.02 * z[0],
                8 * z[0] * pull - 0.02 * z[1],
                0.1 * (1 - z[0] * z[1] - z[2]) - 0.01 * z[2],
            ]
        )

    expected = euler(force, np.array([u, math.sqrt(8) * u, 0.0]), 5.0, 20_000)
    found = model.trajectory(np.array([0.0, 5.0])).states[-1]
    np.testing.assert_allclose(found, expected, rtol=2e-6)


@pytest.mark.parametrize("penalties", [(1e-2, 1e-2), (0.0, 3e-3), (0.3, 0.05), (3.0, 0.05)])
def test_the_fixed_point_is_where_the_flow_ends(penalties):
    model = regression(l2_attention=penalties[0], l2_table=penalties[1])
    found = model.trajectory(np.array([0.0, 2e4]))
    np.testing.assert_allclose(
        [found.in_context[-1], found.in_weights[-1]], model.fixed_point, atol=1e-7
    )
    assert model.persists == (penalties[0] < 3)
    ends = {(a, b): stable for a, b, stable in model.stationary_points()}
    assert [end for end, stable in ends.items() if stable] == [model.fixed_point]


def test_a_table_with_hardly_a_penalty():
    assert regression(l2_table=1e-310).fixed_point == pytest.approx((0, 1), abs=1e-300)


def test_published_fixed_point():
    found = regression(l2_attention=1e-2, l2_table=1e-2).fixed_point
    np.testing.assert_allclose(found, (0.540, 0.154), atol=6e-4)


def test_the_persistence_boundary():
    model = regression()
    edge = model.persistence_boundary
    kept = regression(l2_attention=edge, l2_table=edge).fixed_point[0]
    assert kept == pytest.approx(1 / (2 * (1 + model.evidence_noise)), rel=1e-12)
    assert edge * 200 == pytest.approx(model.evidence_noise / (1 + model.evidence_noise), rel=0.01)


def test_without_noise_in_the_evidence_nothing_decays():
    model = Regression(8, 200, math.inf, initial_share=START)
    assert (model.lifetime, model.peak_time, model.persists) == (math.inf, math.inf, True)
    assert math.isnan(model.table_at_peak)
    found = model.trajectory(np.array([0.0, 100.0, 5000.0]))
    assert found.in_context[-1] == pytest.approx(found.in_context[1], rel=1e-6)
    assert found.in_context[1] == pytest.approx(model.fixed_point[0], rel=1e-6)
    assert found.in_context[1] > 0.9


@pytest.mark.parametrize("count", [1, 3, 1000])
@pytest.mark.parametrize("dimension", [1, 8])
def test_on_the_line_of_rest_points_the_race_decides(count, dimension):
    model = Regression(dimension, count, math.inf, initial_share=1e-2)
    found = model.trajectory(np.array([0.0, 60.0 * count]))
    np.testing.assert_allclose(
        [found.in_context[-1], found.in_weights[-1]], model.fixed_point, atol=1e-8
    )
    assert all(stable for *_, stable in model.stationary_points())


def test_the_table_at_the_peak():
    model = Regression(8, 3000, 16, initial_share=1e-3)
    found = model.trajectory(model.peak_time + np.linspace(-1, 1, 2001))
    top = found.in_context.argmax()
    assert found.in_weights[top] == pytest.approx(model.table_at_peak, rel=2e-3)
    expected = (1 - model.table_at_peak) / (1 + model.evidence_noise)
    assert found.in_context[top] == pytest.approx(expected, rel=1e-5)
    assert found.times[top] == pytest.approx(model.peak_time, abs=0.02)


def test_one_dimension_is_classification():
    """`d = 1` and `N` pairs are a noise-to-signal ratio of `(2 + σ²)/N`."""
    penalties = {"l2_attention": 0.03}
    model = Regression(1, 40, 8, noise_variance=0.5, l2_table=0.002, **penalties)
    other = Classification(40, model.evidence_noise, l2_memory=0.002, **penalties)
    times = np.linspace(0, 200, 11)
    np.testing.assert_allclose(
        model.trajectory(times).in_context, other.trajectory(times).in_context, atol=1e-8
    )
    np.testing.assert_allclose(model.fixed_point, other.fixed_point, rtol=1e-12)


@pytest.mark.parametrize("times", [[0.0], [0.0, 1.0, 200.0, 2e4]])
def test_the_three_scalars_by_the_simulator(times):
    model = regression(l2_table=1e-4)
    one, other = (model.trajectory(np.array(times), solver=s) for s in SOLVERS)
    np.testing.assert_allclose(one.states, other.states, atol=1e-7)
    assert len(other.times) == len(times)


# --- classification ---


def test_the_flip_and_the_peak():
    model = Classification(200, 0.25)
    found = model.trajectory(TIMES)
    crossed = TIMES[(found.in_context > found.in_weights).nonzero()[0][-1]]
    assert crossed == pytest.approx(model.flip_time, rel=0.05)
    assert model.flip_time == pytest.approx(588, abs=1)
    assert found.in_context.max() == pytest.approx(model.peak_height, rel=0.04)
    assert TIMES[found.in_context.argmax()] == pytest.approx(model.peak_time, abs=3)
    assert model.flip_accuracy(found.in_context, found.in_weights)[0] == pytest.approx(
        model.in_context_accuracy(0.1), rel=1e-9
    )
    assert (np.diff(found.loss) <= 1e-12).all()


@pytest.mark.parametrize("penalties", [(0.0, 1e-3), (0.1, 1e-3), (0.9, 1e-4)])
def test_where_classification_ends(penalties):
    model = Classification(50, 0.25, l2_attention=penalties[0], l2_memory=penalties[1])
    found = model.trajectory(np.array([0.0, 2e5]))
    np.testing.assert_allclose(found.states[-1], model.fixed_point, atol=1e-6)
    assert model.transient == (model.fixed_point[0] <= 0)


def test_half_of_the_peak_is_kept_at_the_boundary():
    edge = Classification(50, 0.25).persistence_boundary
    model = Classification(50, 0.25, l2_memory=edge)
    assert model.fixed_point[0] == pytest.approx(model.peak_height / 2, rel=1e-12)


@pytest.mark.parametrize("noise", [0.0, 0.25])
def test_attention_is_left_above_a_boundary(noise):
    for pull, edge in ((0.0, 0.0), (0.2, 0.25 / 50), (0.5, 1 / 50)):
        model = Classification(50, noise, l2_attention=pull)
        assert model.existence_boundary == pytest.approx(edge)
        for factor, persists in ((0.99, False), (1.01, True)):
            penalty = factor * edge if edge else 1e-6 * persists
            left = Classification(50, noise, l2_attention=pull, l2_memory=penalty)
            assert left.transient is not (persists or noise == pull == 0)
    assert Classification(50, noise, l2_attention=1.0).existence_boundary == math.inf


@pytest.mark.parametrize("start", [1e-10, 1e-24])
def test_small_starts_are_followed_to_the_same_digits(start):
    """In the logarithm of the share, with a method of its own."""
    from scipy.integrate import solve_ivp

    times = np.linspace(0, 60, 200)

    def reference(rate, noise, count):
        def force(time, state):
            left = 1 - state[1] - math.exp(state[0])
            return [rate * (left - noise * math.exp(state[0])), left / count]

        options = {"method": "DOP853", "rtol": 1e-12, "atol": 1e-12, "t_eval": times}
        return solve_ivp(force, (0, 60), [math.log(start), 0.0], **options).y[0]

    found = Classification(100, 0.25, initial_strength=start).trajectory(times).in_context
    np.testing.assert_allclose(np.log(found), reference(2, 0.25, 100), atol=1e-7)
    found = Regression(5, 100, 20, initial_share=start).trajectory(times).in_context
    np.testing.assert_allclose(np.log(found), reference(2 * 5**0.5, 0.3, 100), atol=1e-7)


def test_transient_if_and_only_if_the_evidence_is_noisy():
    assert Classification(50, 1e-3).transient
    assert not Classification(50, 0.0).transient
    model = Classification(50, 0.0)
    kept = model.trajectory(np.array([0.0, 50.0, 5000.0])).in_context
    assert kept[-1] == pytest.approx(kept[1], rel=1e-6) == model.fixed_point[0]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Regression(0, 2, 3), r"Regression\(dimension=0\): must be an integer >= 1"),
        (lambda: Regression(2, 2, 3, l2_table=-1), r"l2_table=-1\): must be"),
        (lambda: Regression(2, 2, 3, initial_share=1.5), r"must be a number in \(0, 1\)"),
        (lambda: Classification(2, -0.1), r"evidence_noise=-0.1\): must be"),
        (lambda: Kinetics(1, 2), r"context_length=1\): must be an integer >= 2"),
        (lambda: Coopetition({"a": [1.0]}, {}), r"targets=a\): must be vectors a, b, c and d"),
        (
            lambda: Coopetition.drawn(seed=0).descent(1, without="b"),
            r'without=b\): must be "a", "d" or None',
        ),
        (lambda: regression().trajectory(np.array([1.0, 0.5])), r"non-negative and increasing"),
        (lambda: regression().trajectory(TIMES, solver="bdf"), r"'bdf'\): must be .lsoda. or .kv"),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
