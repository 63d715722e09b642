"""`gradient_flow`: both methods against each other, closed forms and what they may not claim."""

import jax
import numpy as np
import pytest

from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    Parameters,
    block_minimum,
    global_minimum,
    gradient_flow,
    population_loss,
)
from lsa_theory.flow import Status, full, polynomial

D = 2
PROMPTS = GaussianPrompts([[2.0, 0.5], [0.5, 1.0]], 10)
NOISY = GaussianPrompts(
    [[2.0, 0.5], [0.5, 1.0]],
    10,
    noise_variance=0.3,
    task_covariance=[[1.0, 0.2], [0.2, 0.5]],
    query_covariance=[[1.0, -0.3], [-0.3, 3.0]],
)
WITH_MEAN = NOISY.replace(task_mean=[0.5, -0.2])
SMALL = LinearSelfAttention.from_block(0.1 * np.eye(D) / D**0.5, 0.1)
TIMES = np.array([0.5, 2.0, 5.0])


def random_layer(seed: int, size: float = 0.3) -> LinearSelfAttention:
    rng = np.random.default_rng(seed)
    return LinearSelfAttention(*(size * rng.standard_normal((2, D + 1, D + 1))))


def distance(left: LinearSelfAttention, right: LinearSelfAttention) -> float:
    pairs = zip(left.parameters, right.parameters, strict=True)
    return float(np.sqrt(sum(((a - b) ** 2).sum() for a, b in pairs)))


@pytest.fixture(scope="module")
def everywhere():
    """One batch by the all-parameter method, since each shape costs seconds to compile: a start on
    the block, one off it, and with a task mean the block's minimiser and a random start."""
    laws = [NOISY, NOISY, WITH_MEAN, WITH_MEAN]
    starts = [SMALL, random_layer(1), block_minimum(WITH_MEAN).layer(), random_layer(2)]
    return starts, laws, gradient_flow(starts, laws, parameters="all")


def test_the_polynomial_is_the_population_loss():
    law = WITH_MEAN
    for seed in range(5):
        layer = random_layer(seed, 1.0)
        with jax.enable_x64(True):
            flat, coefficients = polynomial.flatten(layer.parameters), polynomial.moments(law)
            value = float(polynomial.loss(flat, coefficients))
        assert value == pytest.approx(population_loss(layer, law), rel=1e-12)


def test_times_after_convergence_hold_the_end_and_unreached_ones_are_left_out(everywhere):
    starts, laws, _ = everywhere
    times = np.array([1.0, 2.0, 1e9])
    for parameters in ("all", "block"):
        over = "all" if parameters == "all" else "auto"
        lanes = starts if parameters == "all" else starts[:1] * 4
        law = laws if parameters == "all" else NOISY
        flow = gradient_flow(lanes, law, times=times, parameters=over)[0]
        assert (flow.times == times).all()
        assert distance(flow.layers[-1], flow.final) == 0
        assert flow.final_time < 1e9
        assert flow.loss[0] == pytest.approx(population_loss(flow.layers[0], NOISY), rel=1e-9)
    short = gradient_flow(SMALL, NOISY, times=times, max_steps=20)
    assert short.status is Status.STEP_LIMIT
    assert len(short.times) == len(short.loss) == len(short.layers) < 3


def test_both_methods_agree(everywhere):
    """At seven of the steps, a number of times that another test compiles for."""
    starts, laws, flows = everywhere
    rows = np.linspace(1, len(flows[0].times) - 1, 7).astype(int)
    block = gradient_flow(starts[0], laws[0], times=flows[0].times[rows])
    assert block.loss == pytest.approx(flows[0].loss[rows], rel=1e-6)
    assert block.residual == pytest.approx(flows[0].residual[rows], rel=1e-3, abs=1e-6)
    layers = [flows[0].layers[row] for row in rows]
    assert max(distance(a, b) for a, b in zip(block.layers, layers, strict=True)) < 1e-6


def test_off_the_block_the_flow_ends_at_the_minimiser(everywhere):
    starts, laws, flows = everywhere
    minimum = global_minimum(laws[1])
    flow = flows[1]
    assert flow.converged
    sign = 1 if flow.final.s > 0 else -1
    exact = minimum.layer(starts[1].balance, sign)
    assert distance(flow.final, exact) <= flow.distance_bound
    assert flow.distance_bound < 1e-5
    assert distance(flow.limit, exact) < 1e-12
    assert flow.loss[-1] == pytest.approx(minimum.loss, rel=1e-9)


def test_with_a_task_mean_the_flow_goes_below_the_block(everywhere):
    _, laws, flows = everywhere
    assert flows[2].loss[-1] < block_minimum(laws[2]).loss * 0.999
    assert flows[2].converged
    assert flows[2].limit is None


def test_a_local_minimum_is_not_called_global(everywhere):
    """This start ends where the Hessian is positive off the orbit, above the block's minimum."""
    _, laws, flows = everywhere
    assert flows[3].loss[-1] > 1.4 * block_minimum(laws[3]).loss
    assert flows[3].status is Status.LOCAL_MINIMUM
    assert flows[3].distance_bound < 1e-5
    assert not flows[3].converged


def test_conserved_and_descending(everywhere):
    starts, _, flows = everywhere
    for start, flow in zip(starts, flows, strict=True):
        assert flow.balance == pytest.approx(np.full(len(flow.times), start.balance), abs=1e-6)
        assert (np.diff(flow.loss) <= 1e-12).all()
        assert (np.diff(flow.times) > 0).all()


def test_reported_loss_and_residual_are_those_of_the_layers(everywhere):
    _, laws, flows = everywhere
    law, flow = laws[1], flows[1]
    slopes = jax.jit(jax.grad(lambda z: population_loss(z, law)))
    for i in (0, len(flow.times) // 2):
        layer = flow.layers[i]
        assert flow.loss[i] == pytest.approx(population_loss(layer, law), rel=1e-10)
        with jax.enable_x64(True):
            slope = slopes(layer.parameters)
            norm = np.sqrt(sum(float((part**2).sum()) for part in slope))
        assert flow.residual[i] == pytest.approx(norm, rel=1e-8)


def test_unseen_entries_stay(everywhere):
    starts, _, flows = everywhere
    assert (flows[1].final.pv[:D] == starts[1].pv[:D]).all()
    assert (flows[1].final.kq[:, D] == starts[1].kq[:, D]).all()


def test_limit_of_theorem_4_1():
    """W^KQ → tr(Γ^{-2})^{-1/4} Γ^{-1} and W^PV → tr(Γ^{-2})^{1/4}, with Γ written out."""
    covariance = np.array([[2.0, 0.5], [0.5, 1.0]])
    gamma = 1.1 * covariance + 0.3 * np.eye(2)
    inverse = np.linalg.inv(gamma)
    scale = np.trace(inverse @ inverse) ** 0.25
    flow = gradient_flow(SMALL, PROMPTS)
    assert flow.converged
    assert flow.final.s == pytest.approx(scale, rel=1e-9)
    assert flow.final.u == pytest.approx(inverse / scale, rel=1e-9)
    assert flow.loss[-1] == pytest.approx(
        0.5 * np.trace(covariance - inverse @ covariance @ covariance)
    )


def test_white_logistic():
    """z = u² is logistic for Λ = λ I, U(0) = u0 I, s = √d u."""
    d, n, lam, u0 = 3, 20, 1.7, 0.05
    law = GaussianPrompts(np.full(d, lam), n)
    times = np.linspace(0.05, 4, 7)
    start = LinearSelfAttention.from_block(u0 * np.eye(d), d**0.5 * u0)
    flow = gradient_flow(start, law, times=times)
    end = 1 / (d**0.5 * ((1 + 1 / n) * lam + d * lam / n))
    exact = end / (1 + (end / u0**2 - 1) * np.exp(-2 * d**0.5 * lam**2 * times))
    assert np.array([layer.u[1, 1] ** 2 for layer in flow.layers]) == pytest.approx(exact, rel=1e-7)
    assert gradient_flow(start, law, times=times[:3]).status is Status.END_TIME


@pytest.mark.parametrize("balance", [-2.0, 0.0, 3.0])
@pytest.mark.parametrize("sign", [1, -1])
def test_limit_from_unbalanced_starts(balance, sign):
    u = np.array([[1.2, 0.4], [-0.3, 0.9]])
    u *= np.sqrt((1.0 + max(-balance, 0)) / (u**2).sum())
    s = sign * np.sqrt(balance + (u**2).sum())
    flow = gradient_flow(LinearSelfAttention.from_block(sign * u, s), NOISY)
    assert flow.converged
    limit = global_minimum(NOISY).layer(balance, sign)
    assert distance(flow.final, limit) <= flow.distance_bound < 1e-9


def test_the_distance_bound_holds_along_the_way():
    """Cut short, the flow is no farther from its limit than the bound says."""
    limit = global_minimum(NOISY).layer(SMALL.balance)
    for end_time in (5.0, 10.0, 30.0):
        flow = gradient_flow(SMALL, NOISY, end_time=end_time)
        assert distance(flow.final, limit) <= flow.distance_bound
        assert flow.distance_bound < 2 * distance(flow.final, limit) + 1e-12
        assert not flow.converged or flow.distance_bound < 1e-9


def test_the_saddle_is_not_called_a_limit():
    """White Λ with U(0) = −u0 I and s = √d u0 runs into s = 0, U = 0."""
    law = GaussianPrompts(np.ones(3), 20)
    start = LinearSelfAttention.from_block(-0.3 * np.eye(3), 0.3 * 3**0.5)
    flow = gradient_flow(start, law, end_time=4.0)
    assert abs(flow.final.s) < 1e-2 * start.s
    assert not flow.converged
    assert flow.distance_bound == np.inf
    assert flow.limit is None


def test_stuck_start():
    law = GaussianPrompts(np.ones(2), 20)
    start = LinearSelfAttention.from_block(np.array([[0.0, 1.0], [-1.0, 0.0]]), 0.0)
    flow = gradient_flow(start, law)
    assert flow.status is Status.STATIONARY
    assert (flow.final.u == start.u).all()
    assert flow.residual[-1] == 0
    assert flow.distance_bound == np.inf


@pytest.mark.parametrize("size", [1e-8, 1e-3])
def test_tiny_starts_and_starts_at_zero_scale(size):
    for s in (0.0, size * D**0.5):
        flow = gradient_flow(LinearSelfAttention.from_block(size * np.eye(D), s), PROMPTS)
        assert flow.converged
        assert flow.final.gain == pytest.approx(global_minimum(PROMPTS).gain, rel=1e-9)


def test_crossing_zero():
    """s(0) < 0 with tr(Λ² U^T) > 0: s rises through 0 and U follows."""
    flow = gradient_flow(LinearSelfAttention.from_block(np.eye(D), -0.05), PROMPTS)
    assert flow.converged
    assert flow.final.s > 0


def test_singular_covariance_leaves_the_kernel_alone():
    law = GaussianPrompts(np.array([3.0, 1.0, 0.0]), 8)
    rng = np.random.default_rng(3)
    u = rng.standard_normal((3, 3))
    flow = gradient_flow(LinearSelfAttention.from_block(u, 2.0), law)
    assert flow.converged
    assert (flow.final.u[2] == u[2]).all()
    assert (flow.final.u[:, 2] == u[:, 2]).all()
    inverse = 1 / (9 / 8 * np.array([3.0, 1.0]) + 0.5)
    assert flow.final.gain[:2, :2] == pytest.approx(np.diag(inverse), abs=1e-9)


def test_ill_conditioned_limit():
    """Condition number 1e8, commuting and not: the limit to 1e-10."""
    rng = np.random.default_rng(4)
    d = 30
    basis = np.linalg.qr(rng.standard_normal((d, d)))[0]
    law = GaussianPrompts((basis * np.logspace(0, -8, d)) @ basis.T, 20)
    gain = global_minimum(law).gain
    for u in (np.eye(d) / d**0.5, rng.standard_normal((d, d)) / d):
        flow = gradient_flow(LinearSelfAttention.from_block(0.1 * u, 0.1), law)
        assert flow.converged
        assert np.linalg.norm(flow.final.gain - gain) < 1e-10 * np.linalg.norm(gain)


def test_batches_are_lanes():
    starts = [SMALL, LinearSelfAttention.from_block(np.eye(D), -0.05)]
    batch = gradient_flow(starts, [PROMPTS, NOISY])
    for start, law, lane in zip(starts, [PROMPTS, NOISY], batch, strict=True):
        alone = gradient_flow(start, law)
        assert distance(alone.final, lane.final) < 1e-9
    over_laws = gradient_flow(SMALL, [PROMPTS, NOISY])
    assert [flow.converged for flow in over_laws] == [True, True]


def test_zero_labels():
    """With no signal and no noise every layer on the block is a minimiser: nothing moves."""
    law = GaussianPrompts(np.ones(2), 5, task_covariance=np.zeros(2))
    flow = gradient_flow(SMALL, law)
    assert (flow.final.u == SMALL.u).all()
    assert flow.loss[-1] == 0


def test_the_callers_precision_is_left_alone():
    gradient_flow(SMALL, PROMPTS)
    assert jax.numpy.ones(1).dtype == np.float32


def test_curvature_of_a_saddle_bounds_nothing():
    with jax.enable_x64(True):
        law = polynomial.moments(PROMPTS)
        flat = polynomial.flatten(Parameters(np.zeros(2), 1e-6, np.zeros((2, 2)), np.zeros(2)))
        assert full.distance_bound(flat, law) == np.inf
