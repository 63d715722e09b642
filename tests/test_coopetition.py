"""Strategies that share circuits, and when attention that must find its match ignites."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from lsa_theory.transience import Coopetition, Kinetics
from lsa_theory.transience.kinetics import ignition


def test_eight_scalars_are_gradient_descent():
    model = Coopetition.drawn((3, 4, 2, 5), seed=1)
    found = model.descent(200, rate=0.7)
    parts = {name: np.array(model.starts[name]) for name in "abcd"}
    target = model.targets

    def outer(*vectors):
        return np.einsum("i,j,k->ijk", *vectors)

    for step in range(200):
        gaps = {
            first: outer(target[first], target["b"], target["c"])
            - outer(parts[first], parts["b"], parts["c"])
            for first in "ad"
        }
        one, two = ((gaps[first] ** 2).mean() / 2 for first in "ad")
        assert found.in_context[step] == pytest.approx(one, abs=1e-12)
        assert found.in_weights[step] == pytest.approx(two, abs=1e-12)
        slopes = dict.fromkeys("abcd", 0.0)
        for first, weight in (("a", two), ("d", one + 0.1)):
            gap = -weight * gaps[first] / gaps[first].size
            slopes[first] = slopes[first] + np.einsum("ijk,j,k", gap, parts["b"], parts["c"])
            slopes["b"] = slopes["b"] + np.einsum("ijk,i,k", gap, parts[first], parts["c"])
            slopes["c"] = slopes["c"] + np.einsum("ijk,i,j", gap, parts[first], parts["b"])
        both = 0.1 / (parts["a"].size * parts["d"].size)
        slopes["a"] = slopes["a"] + both * parts["a"] * (parts["d"] @ parts["d"])
        slopes["d"] = slopes["d"] + both * parts["d"] * (parts["a"] @ parts["a"])
        parts = {name: parts[name] - 0.7 * slopes[name] for name in "abcd"}


def test_emergence_and_transience_of_a_drawn_model():
    found = Coopetition.drawn(seed=0).descent(16_000, keep=10)
    lowest = found.in_context.argmin()
    assert found.in_context[lowest] < 0.01 < 1 < found.in_context[0]
    assert found.in_context[-1] > 20 * found.in_context[lowest]
    assert found.loss[-1] < 1e-12


def test_the_recursion_is_exact_on_rationals():
    """On starts beside their targets, in numbers that a float does not hold."""
    target = {k: [Fraction(1, 3), Fraction(2)] for k in "abcd"}
    start = {k: [Fraction(n, 7), Fraction(-1, n)] for n, k in enumerate("abcd", start=2)}
    options = {"alpha": Fraction(1, 10), "floor_context": Fraction(1, 5), "floor_weights": 0}
    found = Coopetition(target, start, **options).descent(2, rate=Fraction(1, 2))
    assert all(isinstance(x, Fraction) for x in (*found.loss, *found.share.ravel()))
    floats = Coopetition(
        {k: [float(x) for x in v] for k, v in target.items()},
        {k: [float(x) for x in v] for k, v in start.items()},
        alpha=0.1,
        floor_context=0.2,
    ).descent(2, rate=0.5)
    np.testing.assert_allclose(found.loss.astype(float), floats.loss, rtol=1e-13)
    np.testing.assert_allclose(found.beside.astype(float), floats.beside, rtol=1e-13)


@pytest.mark.parametrize(("without", "alone"), [("d", "in_context"), ("a", "in_weights")])
def test_either_strategy_alone_reaches_its_solution(without, alone):
    found = Coopetition.drawn((4, 4, 4, 8), seed=2).descent(4000, keep=100, without=without)
    assert getattr(found, alone)[-1] < 1e-6
    assert not found.share[:, "abcd".index(without)].any()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Coopetition({}, {}), r"targets=nothing\): must be vectors a, b, c and d"),
        (lambda: Coopetition.drawn(seed=-1), r"drawn\(seed=-1\): must be an integer >= 0"),
        (lambda: Coopetition.drawn((1, 2), seed=0), r"sizes=\(1, 2\)\): must be four integers"),
        (lambda: Coopetition.drawn(seed=0).descent(1, rate=0), r"rate=0\): must be a positive"),
        (lambda: Coopetition.drawn(seed=0).emergence_time("b"), r'time\(without=b\): must be "a"'),
        (lambda: Coopetition.drawn(seed=0).descent(99, rate=1e4), r"the steps do not diverge"),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


@pytest.mark.parametrize("without", [None, "a", "d"])
def test_small_starts_emerge_after_one_over_their_size(without):
    """By descent itself; together sooner than alone from where either alone is the same."""
    targets = {k: np.array([1.0, -2.0, 0.5]) for k in "abcd"}
    starts = {k: 0.003 * np.array([0.5, -1.0, 1.0]) for k in "abcd"}
    model = Coopetition(targets, starts, alpha=0.0, floor_context=0.0)
    time = model.emergence_time(without)
    course = model.descent(int(1.5 * time / 0.05), rate=0.05, without=without)
    error = course.in_weights if without == "a" else course.in_context
    half = (error < error[0] / 2).argmax() * 0.05
    assert half == pytest.approx(time, rel=0.01)
    sooner = 1 if without else math.atanh(math.sqrt(0.5)) / math.sqrt(2)  # R_F(2, 1, 1) / sqrt 2
    assert time == pytest.approx(sooner * model.emergence_time("a"), rel=1e-12)


def test_a_start_against_its_target_passes_the_origin_first():
    """Where two parts are equal Carlson's integral is an arctangent."""
    unit = {k: [1.0] for k in "abcd"}
    starts = {"a": [-0.1], "b": [0.2], "c": [0.2], "d": [0.0]}
    model = Coopetition(unit, starts, alpha=0.0)
    rate, _ = model.growth_rates
    assert rate == 0.5  # the other error at zero
    root = math.sqrt(0.03)
    expected = (math.pi / 2 + math.atan(0.1 / root)) / root  # dx / (x² + 0.03) from -0.1 on
    assert model.emergence_time("d") == pytest.approx(expected / rate, rel=1e-12)
    stuck = Coopetition(unit, starts | {"b": [0.0], "c": [0.0]})
    assert stuck.emergence_time() == math.inf
    assert Coopetition(unit, starts | {"a": [-0.3]}).emergence_time("d") == math.inf


# --- kinetics ---


@pytest.mark.parametrize(("length", "count", "sharpness"), [(400, 10**6, 0), (400, 400, -1)])
def test_ignition(length, count, sharpness):
    """Late by less than two roots of 2 ln N; without the drag it would be due a tenth earlier."""
    model = Kinetics(length, count, initial_sharpness=sharpness)
    found = model.trajectory(np.linspace(0, 1.2 * model.ignition_time, 4001))
    lit = (found.match > 0.5).argmax()
    late = found.clock[lit] - model.ignition_clock
    assert 0 < late < 2 * math.sqrt(2 * math.log(length))
    assert found.times[lit] == pytest.approx(model.ignition_time, rel=0.05)
    np.testing.assert_allclose(found.memory, found.clock / count, atol=1e-9)
    undragged = length * math.exp(-sharpness) * math.sqrt(math.pi / 2)
    assert found.clock[lit] > 1.1 * undragged


def test_the_ignition_clock_for_a_small_drag():
    first = math.sqrt(math.pi / 2) + (1 - math.pi / 4) * 1e-4 / 2
    assert ignition(1e-4, 0.0) == pytest.approx(first, abs=1e-9)


def test_memory_delays_ignition():
    few, many = Kinetics(100, 30), Kinetics(100, 10**9)
    assert many.ignition_time == pytest.approx(2 * many.ignition_clock, rel=1e-6)
    assert few.ignition_time > 3 * many.ignition_time
    assert few.threshold_task_count(few.ignition_time) == pytest.approx(30, rel=1e-8)
    assert few.threshold_task_count(many.ignition_time / 2) == math.inf


def test_one_end_or_two_and_what_parts_them():
    """From attention at rest and from far beyond the ignition: for a long context two ends."""
    options = {"l2_attention": 0.01, "l2_memory": 0.01}
    model = Kinetics(100, 30, **options)
    low, between, high = model.stationary_points()
    assert [point[-1] for point in (low, between, high)] == [True, False, True]
    for strength, sharpness, end in ((0.0, 0.0, low), (6.0, 8.0, high)):
        begun = Kinetics(100, 30, initial_strength=strength, initial_sharpness=sharpness, **options)
        found = begun.trajectory(np.array([0.0, 3000.0])).states[-1, :3]
        np.testing.assert_allclose(found, end[:3], atol=1e-8)
    (only,) = Kinetics(20, 30, **options).stationary_points()
    assert only == pytest.approx((3.74715, 3.96719, 0.17289, True), abs=1e-5)


def test_without_a_penalty_nothing_rests():
    for options in ({}, {"l2_attention": 0.1}, {"l2_memory": 0.1}):
        model = Kinetics(10, 5, **options)
        assert model.stationary_points() == []
        states = model.trajectory(np.geomspace(1e4, 1e8, 5)).states[:, :3]
        assert (np.diff(states, axis=0).max(axis=1) > 0.5).all()
    weak = Kinetics(10, 5, l2_attention=1e-12, l2_memory=1.0)
    with pytest.raises(ValueError, match=r"l2_attention=1e-12\): must be at least 1e-8 of"):
        weak.stationary_points()
