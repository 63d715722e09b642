"""When attention that must find its match ignites, and where it ends."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lsa_theory.transience import Kinetics
from lsa_theory.transience.kinetics import ignition


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
