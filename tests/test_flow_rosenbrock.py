"""The exponential Rosenbrock step, and the choice between it and the implicit method."""

from __future__ import annotations

import diffrax
import jax
import mpmath
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from lsa_theory import GaussianPrompts, LinearSelfAttention, gradient_flow
from lsa_theory.flow import full, polynomial
from lsa_theory.flow.rosenbrock import ExponentialRosenbrock, phi

TIME = 0.2
SOLVER = ExponentialRosenbrock()


def one_step(force, size, start, law):
    term = diffrax.ODETerm(lambda t, y, law: force(y, law))
    end, error, *_ = SOLVER.step(term, 0.0, size, start, law, None, False)
    return end, error


def test_phi_to_rounding():
    z = np.concatenate([-np.logspace(-12, 8, 60), [0.0, -2.0, 2.0], np.logspace(-12, 2, 40)])
    with jax.enable_x64(True):
        values = jax.jit(phi)(z)
    with mpmath.workdps(60):
        for k, found in enumerate(values, 1):
            exact = [float(mpmath.hyp1f1(1, k + 1, x) / mpmath.factorial(k)) for x in z]
            assert np.allclose(found, exact, rtol=2e-14, atol=0)


def test_a_linear_force_is_exact_in_one_step():
    """Rates from -1e9 to 3, one of them zero, and an eigenbasis that is not the coordinates'."""
    rates = np.array([-1e9, -2.0, 0.0, 3.0])
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((4, 4)))[0]
    start, rest = rng.standard_normal((2, 4))
    with jax.enable_x64(True):
        matrix = jax.numpy.asarray((basis * rates) @ basis.T)
        step = jax.jit(lambda y: one_step(lambda y, _: matrix @ (y - rest), 0.7, y, None))
        end, error = step(start)
    exact = rest + basis @ (np.exp(0.7 * rates) * (basis.T @ (start - rest)))
    assert np.allclose(end, exact, atol=1e-6)  # rounding of 1e9
    assert abs(np.asarray(error)).max() < 1e-6


@pytest.fixture(scope="module")
def ends():
    """The flow's end at `TIME` by several numbers of equal steps, and by DOP853; and the error
    estimate of the first step."""
    prompts = GaussianPrompts(
        np.array([[2.0, 0.5], [0.5, 1.0]]), 6, task_mean=np.array([0.3, -0.2])
    )
    start = 0.6 * np.random.default_rng(1).standard_normal(9)
    law = polynomial.moments(prompts)

    def force(y, law):
        return -polynomial.gradient(y, law)

    with jax.enable_x64(True):
        step = jax.jit(lambda y, h: one_step(force, h, y, law))
        reference = solve_ivp(
            lambda _, y: np.asarray(force(y, law)),
            (0, TIME),
            start,
            "DOP853",
            rtol=3e-14,
            atol=1e-15,
        ).y[:, -1]
        counts, gaps, estimates = np.array([8, 12, 16, 24]), [], []
        for count in counts:
            y = start
            estimates.append(np.linalg.norm(step(start, TIME / count)[1]))
            for _ in range(count):
                y = step(y, TIME / count)[0]
            gaps.append(np.linalg.norm(y - reference))
    return counts, np.array(gaps), np.array(estimates)


def test_order_of_the_step_and_of_its_error_estimate(ends):
    counts, gaps, estimates = ends
    assert gaps.min() > 1e-12
    assert abs(np.polyfit(np.log(counts), np.log(gaps), 1)[0] + 5) < 0.5
    assert abs(np.polyfit(np.log(counts), np.log(estimates), 1)[0] + 5) < 0.5


def test_the_estimate_is_above_the_error_of_a_step(ends):
    counts, gaps, estimates = ends
    assert (gaps < counts * estimates).all()


@pytest.mark.parametrize(("least", "stiff"), [(0.1, False), (1e-5, True)])
def test_each_method_agrees_with_the_block_method(least, stiff):
    prompts = GaussianPrompts(np.array([1.0, least]), 10)
    start = LinearSelfAttention.from_block(np.array([[0.2, 0.1], [0.0, 0.3]]), 0.4)
    with jax.enable_x64(True):
        assert bool(full._Course.of(start, prompts, 1e-6).spread > full.STIFF) is stiff
    times = [1.0, 10.0, 100.0, 1000.0]
    block = gradient_flow(start, prompts, times=times, rtol=1e-10)
    everything = gradient_flow(start, prompts, times=times, parameters="all", tolerance=1e-12)
    for one, other in zip(block.layers, everything.layers, strict=True):
        assert np.allclose(one.u, other.u, atol=2e-6)
        assert one.s == pytest.approx(other.s, abs=2e-6)


def test_the_implicit_method_in_other_units():
    """Rates of 1e12: slopes are rounded coarsely. Steps allow 1e-8 of numbers of 1e-3."""
    prompts = GaussianPrompts(1e6 * np.array([1.0, 1e-5]), 10)
    start = LinearSelfAttention.from_block(np.diag([2e-4, 1e-4]), 1e-4)
    times = [1e-9, 1e-6, 1e-3]
    found, block = (
        gradient_flow(start, prompts, times=times, parameters=p).layers for p in ("all", "block")
    )
    for one, other in zip(found, block, strict=True):
        assert one.u[0, 0] == pytest.approx(other.u[0, 0], rel=1e-5)
        assert one.s == pytest.approx(other.s, rel=1e-5)
