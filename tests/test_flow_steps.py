"""One step of the reduced flow: its order, its exponentials, and the nodes that stand for modes."""

from __future__ import annotations

from functools import partial

import jax
import mpmath
import numpy as np
import pytest

from lsa_theory.flow import modes, steps
from lsa_theory.flow.phi import relaxations

D, ROOT = 5, np.sqrt(5)
GAMMA = 1 + (1 + D) / 20  # white covariates, N = 20


def white(size):
    """Modes and state of a white problem whose z = u^2 is logistic, and that logistic."""
    one = np.ones(D)
    few, _ = modes.few_modes(GAMMA * one, size * one, one / GAMMA)
    blank = np.zeros_like(few.rate)
    state = steps.State(np.zeros(()), np.array(ROOT * size), blank + 1, blank)
    end = 1 / (ROOT * GAMMA)
    return (
        few,
        state,
        lambda t: ROOT * np.sqrt(end / (1 + (end / size**2 - 1) * np.exp(-2 * ROOT * t))),
    )


def slope_of(errors, counts):
    return -np.polyfit(np.log(counts), np.log(errors), 1)[0]


def error_after(step, size, count):
    few, state, exact = white(0.3)
    with jax.enable_x64(True):
        for _ in range(count):
            state = step(few, state, np.array(size), np.array(np.inf)).state
    return abs(float(state.scale) - exact(float(state.time)))


@jax.jit
def by_exponential(few, state, size, goal):
    return steps.exponential_step(few, state, 0.0, size, goal)


@pytest.mark.parametrize(
    ("step", "total", "counts", "order"),
    [(by_exponential, 0.25, [4, 6, 9], 8), (jax.jit(steps.time_step), 2.0, [24, 48, 96], 5)],
)
def test_order_of_a_step(step, total, counts, order):
    errors = [error_after(step, total / count, count) for count in counts]
    assert min(errors) > 1e-14
    assert order - 0.5 < slope_of(errors, counts) < order + 1


def test_order_inside_a_step():
    sizes = np.array([0.025, 0.0125, 0.00625])
    few, state, exact = white(0.3)
    with jax.enable_x64(True):
        goals = 0.3 * sizes / state.scale**2
        pairs = np.stack([sizes, goals], axis=1)
        ends = [by_exponential(few, state, *map(np.array, pair)).state for pair in pairs]
    errors = [abs(float(end.scale) - exact(float(end.time))) for end in ends]
    assert abs(slope_of(errors, 1 / sizes) - (steps.DEGREE + 1)) < 0.5


@pytest.mark.parametrize("degree", [2, 4])
def test_relaxations_to_rounding(degree):
    y = np.concatenate([[0.0, 1e-300], np.logspace(-10, 3, 60), [np.nextafter(2, 0), 2.0, 1e30]])
    with jax.enable_x64(True):
        decay, *psi = jax.jit(partial(relaxations, degree=degree))(y)
    assert np.allclose(decay, np.exp(-y), rtol=1e-13)
    with mpmath.workdps(50):
        for j, values in enumerate(psi):
            exact = [float(mpmath.mpf(x) * mpmath.hyp1f1(1, j + 2, -x) / (j + 1)) for x in y[:-1]]
            assert np.allclose(values, [*exact, 1.0], rtol=1e-15, atol=0)


@pytest.mark.parametrize("decades", [0, 8, 24])
def test_nodes_carry_sums_and_values(decades):
    rng = np.random.default_rng(decades)
    rates = np.where(np.arange(3000) < 10, 0.0, 10 ** rng.uniform(-decades, 0, 3000))
    rest, minimiser = rng.normal(size=(2, 3000))
    few, spread = modes.few_modes(rates, rest, minimiser)
    moving = rates > 0
    for length in 10.0 ** np.arange(0, decades + 2, 4):
        at_nodes, at_modes = np.exp(-few.rate * length), np.exp(-rates * length)
        assert np.allclose(spread(at_nodes)[moving], at_modes[moving], rtol=0, atol=1e-12)
        for weight, product in zip(
            few[1:], (rest * rest, rest * minimiser, minimiser**2), strict=True
        ):
            total = np.abs(product[moving]).sum()
            assert abs(weight @ at_nodes - product[moving] @ at_modes[moving]) <= 1e-13 * total
