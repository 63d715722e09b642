"""From where the block flow is known to converge: verdicts, beside the integrated flow."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import solve_ivp

from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    gamma,
    global_minimum,
    initial_layer,
    isotropic_theta,
    known_to_converge,
    population_loss,
)

WHITE = GaussianPrompts(np.eye(2), 3)  # Γ = 2 I, zero predictor's loss 1


def gram(d: int, seed: int, rank: int | None = None) -> np.ndarray:
    half = np.random.default_rng(seed).standard_normal((d, 2 * d))[:, :rank] / np.sqrt(d)
    return half @ half.T


GENERAL = GaussianPrompts(
    gram(3, 0),
    6,
    noise_variance=0.5,
    task_covariance=gram(3, 1, rank=2),
    query_covariance=gram(3, 2),
)


def flow(layer: LinearSelfAttention, prompts: GaussianPrompts, end: float):
    """`U` and `s` along the block flow, from `E h h^T` and `E h w^T` written out."""
    d, n = prompts.dimension, prompts.context_length
    zero = np.zeros((d, d))
    context, task, query = (zero + m for m in (prompts.context, prompts.task, prompts.query))
    variance = np.trace(context @ task) + prompts.noise_variance
    second = (1 + 1 / n) * context @ task @ context + variance / n * context

    def velocity(_, state):
        u, s = state[:-1].reshape(d, d), state[-1]
        along = context @ task @ query - s * second @ u @ query
        return np.append(s * along, (along * u).sum())

    start = np.append(layer.u, layer.s)
    path = solve_ivp(velocity, (0, end), start, method="LSODA", rtol=1e-9, atol=1e-13)
    assert path.success
    return path.y[:-1].T.reshape(-1, d, d), path.y[-1]


def test_verdicts_by_hand():
    """Balance −¼ and B = κ I at Γ = 2 I: L = 1 − 2κ + 2κ², below 1 for 0 < κ < 1 only."""
    for gain, balance, holds in (
        (0.5, -0.25, True),
        (0.999, -0.25, True),
        (1.0, -0.25, False),
        (-0.1, -0.25, False),
        (-0.1, 0.25, True),
        (3.0, 0.25, True),
        (3.0, 0.0, False),
    ):
        squared_s = (balance + np.sqrt(balance**2 + 8 * gain**2)) / 2
        s = np.sqrt(squared_s)
        layer = LinearSelfAttention.from_block(gain / s * np.eye(2), s)
        np.testing.assert_allclose(layer.balance, balance, atol=1e-12)
        found = known_to_converge(layer, WHITE)
        assert (found.holds, found.stuck) == (holds, False), (gain, balance)
        below = max(2 * gain - 2 * gain**2, 0)
        exact = (balance + np.sqrt(balance**2 + 4 * below**2 / 2)) / 2 if holds else 0
        np.testing.assert_allclose(found.scale_bound, np.sqrt(exact), rtol=1e-9)


def test_equality_of_losses_is_not_claimed():
    """`B = 2 Γ^{-1}` has the zero predictor's loss, whatever the covariance."""
    for seed in range(40):
        prompts = GaussianPrompts(gram(4, seed), 7)
        minimum = global_minimum(prompts)
        for factor, holds in ((2, False), (2 + 1e-9, False), (2 - 1e-9, True)):
            gain = factor * minimum.gain
            s = np.linalg.norm(gain) ** 0.5
            layer = LinearSelfAttention.from_block(gain / s, s)
            assert known_to_converge(layer, prompts).holds == holds


def test_orientation():
    """`R = ΛΩΛ_q` is not symmetric: the antisymmetric `R − R^T` helps, its transpose hinders."""
    pull = GENERAL.covariance @ GENERAL.task_covariance @ GENERAL.query_covariance
    spin = 1e-4 * (pull - pull.T)
    for u, holds in ((spin, True), (spin.T, False)):
        layer = LinearSelfAttention.from_block(u, np.linalg.norm(spin) / 2)
        assert known_to_converge(layer, GENERAL).holds == holds


@pytest.mark.parametrize("sign", [1, -1])
def test_small_starts_are_decided_below_the_rounding_of_the_loss(sign):
    layer = initial_layer(isotropic_theta(3), 1e-9)
    prompts = GaussianPrompts([1.0, 2.0, 3.0], 5)
    assert population_loss(layer, prompts) == 3.0  # that of the zero predictor, to the last bit
    s = sign * layer.s
    found = known_to_converge(LinearSelfAttention.from_block(sign * layer.u, s), prompts)
    assert found.holds
    assert 0 < found.scale_bound < 1e-9
    assert not known_to_converge(LinearSelfAttention.from_block(-sign * layer.u, s), prompts).holds


def test_run_into_the_saddle_is_not_claimed():
    """White, `U = −u₀ I`, `s = √d u₀`: the flow falls towards `s = 0, U = 0`."""
    layer = LinearSelfAttention.from_block(-0.3 * np.eye(2), 0.3 * np.sqrt(2))
    found = known_to_converge(layer, WHITE)
    assert (found.holds, found.stuck, found.scale_bound) == (False, False, 0.0)
    assert "saddle" in found.reason
    _, scales = flow(layer, WHITE, 8.0)
    assert 0 < scales[-1] < 1e-4


def test_stuck_start():
    spin = np.array([[0.0, 1.0], [-1.0, 0.0]])
    for u in (spin, 0 * spin, np.diag([1.0, -1.0])):
        layer = LinearSelfAttention.from_block(u, 0.0)
        found = known_to_converge(layer, WHITE)
        assert (found.holds, found.stuck) == (False, True)
        us, scales = flow(layer, WHITE, 5.0)
        assert (us[-1] == u).all()
        assert scales[-1] == 0


def test_stuck_only_up_to_rounding():
    """An antisymmetric `U` in rotated coordinates: the trace is rounding, and not claimed."""
    covariance = gram(3, 4)
    spin = np.random.default_rng(0).standard_normal((3, 3))
    layer = LinearSelfAttention.from_block(spin - spin.T, 0.0)
    assert known_to_converge(layer, GaussianPrompts(covariance, 5)).stuck


@pytest.mark.parametrize("entry", [1e-3, -1e-3])
def test_start_through_s_equal_to_zero_converges(entry):
    u = np.diag([entry, 0.0])
    layer = LinearSelfAttention.from_block(u, 0.0)
    found = known_to_converge(layer, WHITE)
    assert (found.holds, found.stuck, found.scale_bound) == (True, False, 0.0)
    us, scales = flow(layer, WHITE, 60.0)
    np.testing.assert_allclose(scales[-1] * us[-1], np.eye(2) / 2, atol=1e-6)
    assert np.sign(scales[-1]) == np.sign(entry)


@pytest.mark.parametrize("prompts", [WHITE, GENERAL], ids=["white", "general"])
@pytest.mark.parametrize("seed", range(4))
def test_scale_bound_and_limit_along_the_flow(prompts, seed):
    """Random unbalanced starts, with `s` above `‖U‖` and below it."""
    rng = np.random.default_rng(seed)
    d = prompts.dimension
    minimum = global_minimum(prompts)
    u = 0.3 * minimum.gain + 0.3 * rng.standard_normal((d, d))
    s = np.linalg.norm(u) * (1.2 if seed % 2 else 0.6)
    layer = LinearSelfAttention.from_block(u, s)
    found = known_to_converge(layer, prompts)
    direct = layer.balance > 0 or population_loss(layer, prompts) < population_loss(0 * u, prompts)
    assert found.holds == direct
    us, scales = flow(layer, prompts, 200.0)
    assert scales.min() >= found.scale_bound * (1 - 1e-7)
    if found.holds:
        loss = population_loss(scales[-1] * us[-1], prompts)
        np.testing.assert_allclose(loss, minimum.loss, rtol=1e-7)


def test_some_starts_of_both_kinds_were_seen():
    kinds = set()
    for seed in range(4):
        u = 0.3 * global_minimum(GENERAL).gain
        u = u + 0.3 * np.random.default_rng(seed).standard_normal((3, 3))
        s = np.linalg.norm(u) * (1.2 if seed % 2 else 0.6)
        kinds.add(known_to_converge(LinearSelfAttention.from_block(u, s), GENERAL).reason[:12])
    assert len(kinds) > 1


@settings(max_examples=25)
@given(st.integers(0, 2**32 - 1), st.integers(1, 4), st.floats(1e-3, 3))
def test_verdict_is_that_of_balance_and_loss(seed, d, size):
    rng = np.random.default_rng(seed)
    prompts = GaussianPrompts(
        rng.exponential(size=d), 5, task_covariance=gram(d, seed), noise_variance=0.1
    )
    layer = LinearSelfAttention.from_block(
        size * rng.standard_normal((d, d)), rng.standard_normal()
    )
    below = population_loss(layer, prompts) < population_loss(np.zeros((d, d)), prompts)
    found = known_to_converge(layer, prompts)
    assert found.holds == (layer.balance > 0 or below)
    assert (found.scale_bound > 0) == found.holds
    assert found.scale_bound <= abs(layer.s)


def test_singular_law_speaks_of_the_determined_part():
    layer = initial_layer(isotropic_theta(2), 0.1)
    singular = known_to_converge(layer, GaussianPrompts([1.0, 0.0], 4))
    assert singular.holds
    assert "the determined part of the gain converges" in singular.reason
    assert "determined" not in known_to_converge(layer, WHITE).reason
    us, scales = flow(layer, GaussianPrompts([1.0, 0.0], 4), 80.0)
    entry = 1 / gamma(GaussianPrompts([1.0, 0.0], 4))[0]
    np.testing.assert_allclose((scales[-1] * us[-1])[0, 0], entry, rtol=1e-6)
    assert us[-1][1, 1] == layer.u[1, 1]


def test_zero_gain_that_is_a_minimum_is_not_stuck():
    silent = GaussianPrompts([1.0, 2.0], 4, task_covariance=[0.0, 0.0])
    still = LinearSelfAttention.from_block(np.eye(2), 0.0)
    for prompts in (silent, silent.replace(noise_variance=1.0)):
        found = known_to_converge(still, prompts)
        assert (found.holds, found.stuck) == (True, False)
    moving = LinearSelfAttention.from_block(np.eye(2), 1.0)
    assert known_to_converge(moving, silent).holds
    assert not known_to_converge(moving, silent.replace(noise_variance=1.0)).holds


def test_off_the_block_nothing_is_known():
    layer = LinearSelfAttention.from_parameters([0.1, 0.0], 1.0, np.eye(2) / 2, [0.0, 0.0])
    assert "v or p" in known_to_converge(layer, WHITE).reason
    block = LinearSelfAttention.from_block(np.eye(2) / 2, 1.0)
    assert known_to_converge(block, WHITE).holds
    mean = known_to_converge(block, WHITE.replace(task_mean=[1.0, 0.0]))
    assert not mean.holds
    assert "task mean" in mean.reason


def test_exact_rationals_are_judged_in_floating_point():
    exact = GaussianPrompts([Fraction(1), Fraction(2)], 3, noise_variance=Fraction(1, 2))
    floats = GaussianPrompts([1.0, 2.0], 3, noise_variance=0.5)
    layer = initial_layer(isotropic_theta(2), 0.4)
    assert known_to_converge(layer, exact) == known_to_converge(layer, floats)


def test_wrong_dimension():
    sentence = r"known_to_converge\(layer=dimension 1\): must be of the prompts' dimension 2"
    with pytest.raises(ValueError, match=sentence):
        known_to_converge(LinearSelfAttention.from_block(np.eye(1), 1.0), WHITE)
