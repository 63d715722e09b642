"""The white time course: hand values, the two flow equations, its limits, and what it refuses."""

import math
from fractions import Fraction as F

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from lsa_theory import GaussianPrompts, global_minimum, population_loss, white_time_course

PROMPTS = GaussianPrompts(2.0 * np.ones(3), 4)  # γ = 2 (1 + 4/4) = 4


def test_hand_values():
    course = white_time_course(PROMPTS, 0.1)
    limit = 1 / (4 * math.sqrt(3))
    assert course.gain == pytest.approx(1 / 4, rel=1e-15)
    assert course.rate == pytest.approx(8 * math.sqrt(3), rel=1e-15)
    assert course.share(0.0) == pytest.approx(0.01 / limit, rel=1e-14)
    assert course.half_time == pytest.approx(
        math.log(limit / 0.01 - 1) / (8 * math.sqrt(3)), rel=1e-14
    )
    assert course.share(course.half_time) == pytest.approx(0.5, rel=1e-14)


def test_loss_is_that_of_the_layer():
    course = white_time_course(PROMPTS.replace(noise_variance=0.7), 1e-2)
    for time in (0.0, 0.3, course.half_time, 2.0):
        layer = course.layer(time)
        assert course.loss(time) == pytest.approx(population_loss(layer, course.prompts), rel=1e-13)
        assert layer.balance == pytest.approx(0, abs=1e-15)
        gain = course.gain * course.share(time) * np.eye(3)
        np.testing.assert_allclose(layer.gain, gain, rtol=1e-14, atol=0)


@given(
    d=st.integers(1, 12),
    n=st.integers(1, 50),
    scales=st.tuples(*3 * [st.floats(0.2, 5)]),
    noise=st.floats(0, 10),
    start=st.floats(1e-3, 2),
)
def test_solves_the_flow_of_two_numbers(d, n, scales, noise, start):
    covariance, task, query = (scale * np.ones(d) for scale in scales)
    prompts = GaussianPrompts(
        covariance, n, noise_variance=noise, task_covariance=task, query_covariance=query
    )
    course = white_time_course(prompts, start)

    def slope(time, state):  # of U = u I and s, from the loss's definition alone
        u, s = state
        moment = scales[0] * ((n + 1) * scales[0] * scales[1] + d * scales[0] * scales[1] + noise)
        pull = scales[0] * scales[1] - moment / n * s * u
        return [s * scales[2] * pull, d * u * scales[2] * pull]

    times = np.linspace(0, 3 * (1 + abs(math.log(abs(course.odds) + 1e-9))) / course.rate, 7)
    state = [start, math.sqrt(d) * start]
    found = solve_ivp(slope, times[[0, -1]], state, "LSODA", times, rtol=1e-11, atol=1e-14)
    np.testing.assert_allclose(
        course.gain * course.share(times), found.y[0] * found.y[1], rtol=1e-7, atol=0
    )


def test_long_after_and_long_before():
    course = white_time_course(PROMPTS, 1e-150)
    minimum = global_minimum(PROMPTS)
    assert course.share(1e6) == 1
    assert course.loss(1e6) == minimum.loss
    np.testing.assert_allclose(course.layer(1e6).u, minimum.layer().u, rtol=1e-14)
    assert course.loss(0.0) == pytest.approx(population_loss(np.zeros(3), PROMPTS), rel=1e-14)
    odds = 300 * math.log(10) - math.log(4 * math.sqrt(3))
    assert course.half_time == pytest.approx(odds / (8 * math.sqrt(3)), rel=1e-14)


def test_a_hundred_times_smaller_start_delays_the_drop_by_a_constant():
    times = [white_time_course(PROMPTS, 10.0**-k).half_time for k in range(4, 9)]
    np.testing.assert_allclose(np.diff(times), math.log(100) / (8 * math.sqrt(3)), rtol=1e-5)


def test_the_loss_falls_fastest_at_a_third():
    course = white_time_course(PROMPTS, 1e-3)
    third, step = course.time_of(1 / 3), 1e-4
    fall = [
        course.loss(third + k * step - step) - course.loss(third + k * step) for k in range(-2, 4)
    ]
    assert max(fall) == max(fall[2:4])


def test_start_at_or_above_the_limit():
    course = white_time_course(PROMPTS, 3.0)
    assert math.isnan(course.half_time)
    shares = course.share(np.linspace(0, 1, 5))
    assert (np.diff(shares) < 0).all()
    assert shares[-1] > 1


@pytest.mark.parametrize("start", [0.5, 3.0, 1e3, 1e6, 1e60])
def test_a_start_of_any_size_keeps_its_digits(start):
    """At first and soon after; `d z / dt = r z (1 − z / z_∞)`."""
    course = white_time_course(PROMPTS, start)
    layer = course.layer(0.0)
    np.testing.assert_allclose(layer.u, start * np.eye(3), rtol=4e-16)
    assert course.loss(0.0) == pytest.approx(population_loss(layer, PROMPTS), rel=1e-14)
    soon = 1e-10 / (course.rate * (1 + course.share(0.0)))
    fallen = 1 / course.share(soon) - 1 / course.share(0.0)
    slope = course.rate * (1 - 1 / course.share(0.0)) * soon
    assert fallen == pytest.approx(slope, rel=1e-3, abs=4e-16 / course.share(0.0))


def test_derivative_in_a_start_above_the_limit():
    def share(start):
        return white_time_course(PROMPTS, start).share(1e-9)

    with jax.enable_x64(True):
        slope = float(jax.jit(jax.grad(share))(1e3))
    assert slope == pytest.approx((share(1e3 + 1e-2) - share(1e3 - 1e-2)) / 2e-2, rel=1e-8)


def test_exact_rates_where_the_dimension_is_a_square():
    course = white_time_course(GaussianPrompts(np.array([F(2)] * 4), 10), F(1, 100))
    assert (course.rate, course.gain, course.odds) == (F(16), F(1, 3), F(4997, 3))
    shares = course.share(np.array([0.0, 1.0]))
    assert shares.dtype == np.float64
    assert course.loss(np.array([0.0, 1.0])).dtype == np.float64
    assert shares[0] == pytest.approx(3 / 5000, rel=1e-14)


def test_a_dense_multiple_of_the_identity_is_one():
    rotation, _ = np.linalg.qr(np.random.default_rng(0).standard_normal((5, 5)))
    turned = GaussianPrompts(rotation @ (3.0 * np.eye(5)) @ rotation.T, 7)
    diagonal = white_time_course(GaussianPrompts(3.0 * np.ones(5), 7), 0.01)
    assert white_time_course(turned, 0.01).loss(0.2) == pytest.approx(diagonal.loss(0.2), rel=1e-12)


def test_derivative_in_the_covariance():
    def loss(scale, module):
        return white_time_course(GaussianPrompts(scale * module.ones(3), 4), 0.1).loss(0.3)

    with jax.enable_x64(True):
        slope = float(jax.jit(jax.grad(lambda scale: loss(scale, jax.numpy)))(2.0))
    assert slope == pytest.approx((loss(2 + 1e-5, np) - loss(2 - 1e-5, np)) / 2e-5, rel=1e-8)


@pytest.mark.parametrize(
    ("changes", "start", "sentence"),
    [
        ({}, 0, r"white_time_course\(start=0\): must be positive"),
        ({}, -1.0, r"white_time_course\(start=-1.0\): must be a finite real number >= 0"),
        ({"covariance": np.array([1.0, 1.0, 1.1])}, 0.1, r"prompts.covariance=.*multiple"),
        ({"covariance": np.zeros(3)}, 0.1, r"prompts.covariance=.*positive multiple"),
        ({"task_covariance": np.diag([1.0, 2, 3])}, 0.1, r"prompts.task_covariance=.*multiple"),
        ({"query_covariance": np.ones((3, 3))}, 0.1, r"prompts.query_covariance=.*multiple"),
        ({"task_mean": np.ones(3)}, 0.1, r"prompts.task_mean=.*must be zero"),
    ],
)
def test_refusals(changes, start, sentence):
    with pytest.raises(ValueError, match=sentence):
        white_time_course(PROMPTS.replace(**changes), start)


def test_share_outside_the_unit_interval_is_refused():
    with pytest.raises(ValueError, match=r"time_of\(share=1.5\): must be in \(0, 1\)"):
        white_time_course(PROMPTS, 0.1).time_of(1.5)
