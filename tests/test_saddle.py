"""The path into the saddle, beside the flow's equations and the integrated flow."""

from fractions import Fraction

import numpy as np
import pytest
import sympy

from lsa_theory import gradient_flow
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.basin import known_to_converge
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss
from lsa_theory.saddle import escape_rate, run_into_saddle

WHITE = GaussianPrompts(np.full(4, 0.7), 5)


def test_begins_at_the_start_and_ends_at_the_plateau():
    path = run_into_saddle(WHITE, 0.3)
    layer = path.layer(0.0)
    np.testing.assert_allclose(layer.u, -0.3 * np.eye(4), rtol=1e-14)
    assert layer.s == pytest.approx(0.6, rel=1e-14)
    assert path.loss(1e9) == path.plateau == pytest.approx(0.7 * 4 / 2)
    assert path.layer(1e9).s == 0
    assert known_to_converge(path.layer(1e9), WHITE).stuck


@pytest.mark.parametrize(
    "law", [WHITE, WHITE.replace(noise_variance=2.0, task_covariance=np.full(4, 3.0))]
)
def test_moves_down_the_gradient(law):
    path, step = run_into_saddle(law, 1.5), 1e-5
    times = np.array([0.0, 0.1, 0.5, 2.0])
    layers = [path.layer(time) for time in times]
    np.testing.assert_allclose(
        path.loss(times), [population_loss(layer, law) for layer in layers], rtol=1e-13
    )
    for time in times:
        ahead, here, behind = (path.layer(time + k * step) for k in (1, 0, -1))
        slope = (path.loss(time + step) - path.loss(time - step)) / (2 * step)
        speed = np.append((ahead.u - behind.u).ravel(), ahead.s - behind.s) / (2 * step)
        assert slope == pytest.approx(-(speed @ speed), rel=1e-6)  # L' = -|z'|²
        assert here.balance == pytest.approx(0, abs=1e-15)


@pytest.mark.parametrize("start", [1e-3, 1.0, 1e3, 1e6, 1e60])
def test_a_start_of_any_size_keeps_its_digits(start):
    noisy = WHITE.replace(noise_variance=1e12)
    for law in (WHITE, noisy):
        path = run_into_saddle(law, start)
        np.testing.assert_allclose(path.layer(0.0).u, -start * np.eye(4), rtol=4e-16)
        assert path.loss(0.0) == pytest.approx(population_loss(path.layer(0.0), law), rel=1e-14)


def test_rationals_stay_exact_for_a_symbol():
    law = GaussianPrompts(np.array([Fraction(2)] * 4), 10)
    path, time = run_into_saddle(law, Fraction(1, 3)), sympy.Symbol("t")
    assert path.share(time).subs(time, 0) == Fraction(1, 9) * 2 / path.gain
    assert not path.loss(time).has(sympy.Float)


def test_refuses_a_law_that_is_not_white_and_a_start_at_zero():
    with pytest.raises(ValueError, match="a positive multiple of identity"):
        run_into_saddle(GaussianPrompts(np.array([1.0, 2.0]), 5), 0.3)
    with pytest.raises(ValueError, match="start"):
        run_into_saddle(WHITE, 0.0)


@pytest.mark.parametrize("off", [0.0, 1.0])
def test_escape_rate_is_the_negative_curvature(off):
    rng = np.random.default_rng(0)
    root, prior, query = (m @ m.T + np.eye(3) for m in rng.standard_normal((3, 3, 3)))
    law = GaussianPrompts(
        root, 4, noise_variance=0.3, task_covariance=prior, query_covariance=query
    )
    pull = root @ prior @ query
    u = rng.standard_normal((3, 3))
    u = off * (u - (pull * u).sum() / (pull * pull).sum() * pull)

    def loss(flat):
        layer = LinearSelfAttention.from_block(u + flat[1:].reshape(3, 3), flat[0])
        return population_loss(layer, law)

    steps = np.eye(10)
    hessian = [
        [
            sum(loss(i * a / 2 + j * b / 2) * i * j for i in (1, -1) for j in (1, -1))
            if a is not b
            else loss(a) + loss(-a) - 2 * loss(0 * a)
            for a in steps
        ]
        for b in steps
    ]
    stuck = LinearSelfAttention.from_block(u, 0.0)
    least = np.linalg.eigvalsh(hessian)[0]
    assert least == pytest.approx(-escape_rate(stuck, law), rel=1e-10)


def test_escape_rate_refuses_a_layer_that_moves():
    with pytest.raises(ValueError, match="stationary at s = 0"):
        escape_rate(LinearSelfAttention.from_block(np.eye(4), 0.0), WHITE)


def test_a_balance_of_the_size_of_rounding_bounds_no_flow():
    """On the way into the saddle, √3 u₀ rounded up makes the balance positive."""
    law, seen = GaussianPrompts(np.ones(3), 20), 0
    for size in np.random.default_rng(0).uniform(0.1, 1, 60):
        start = LinearSelfAttention.from_block(-size * np.eye(3), np.sqrt(3) * size)
        if start.balance > 0:
            flow = gradient_flow(start, law, end_time=3.0)
            assert flow.limit is None
            assert flow.distance_bound == np.inf
            seen += 1
    assert seen
