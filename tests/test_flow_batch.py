"""Batches of flows: against single flows, whatever their neighbours, and what they compile."""

from __future__ import annotations

import numpy as np
import pytest

from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    gradient_flow,
    initial_layer,
    population_loss,
)
from lsa_theory.flow import Status, batch, lockstep

D = 2
TIMES = np.array([0.0, 0.3, 1.0, 1.7, 4.0, 40.0])


def case(seed, commuting=False, diagonal=False, scale=0.2, condition=10.0, noise=0.0):
    rng = np.random.default_rng(seed)
    eigenvalues = condition ** rng.random(D)
    basis = np.linalg.qr(rng.standard_normal((D, D)))[0]
    dense = (basis * eigenvalues) @ basis.T
    theta = np.eye(D) if commuting else rng.standard_normal((D, D))
    theta = theta / np.linalg.norm(theta @ theta.T) ** 0.5
    law = eigenvalues if diagonal else (dense + dense.T) / 2
    return initial_layer(theta, scale), GaussianPrompts(law, 5 + seed, noise_variance=noise)


def turned(case):
    start, law = case
    return LinearSelfAttention.from_block(-start.u, -start.s), law


GENERAL = GaussianPrompts(
    [[2.0, 0.5], [0.5, 1.0]], 8, noise_variance=0.2, task_covariance=[1.0, 0.5]
)
CASES = [
    case(0),
    case(1, noise=0.5),
    case(2, diagonal=True),
    turned(case(3)),
    case(4, scale=4.0),
    case(5, commuting=True),
    case(6, commuting=True, diagonal=True, scale=0.01),
    (case(7)[0], GENERAL),
    (LinearSelfAttention.from_block(np.eye(D), 0.3), case(8)[1]),  # balance -2 + 0.09
    (LinearSelfAttention.from_block(0.1 * np.eye(D), -0.3), case(9)[1]),  # turns
    (case(0)[0], GaussianPrompts([0.0, 1.5], 7)),  # what Λ does not see stays
]
STARTS, LAWS = map(list, zip(*CASES, strict=True))


def numbers(flow):
    layers = (*flow.layers, flow.final)
    states = [np.append(layer.u.ravel(), layer.s) for layer in layers]
    return np.concatenate([flow.times, flow.loss, flow.residual, *states])


@pytest.fixture(scope="module")
def together():
    return gradient_flow(STARTS, LAWS, times=TIMES, rtol=1e-8)


@pytest.mark.parametrize("index", range(len(CASES)))
def test_a_lane_is_the_single_flow(index, together):
    one, flow = gradient_flow(*CASES[index], times=TIMES, rtol=1e-11), together[index]
    assert np.array_equal(flow.times, TIMES)
    for here, there in zip((*flow.layers, flow.final), (*one.layers, one.final), strict=True):
        gap = np.hypot(here.s - there.s, np.linalg.norm(here.u - there.u))
        assert gap <= 2e-7 * np.hypot(there.s, np.linalg.norm(there.u))
        assert abs(here.balance - STARTS[index].balance) <= 1e-12 * (here.s**2 + 1)
    exact = [population_loss(layer, LAWS[index]) for layer in flow.layers]
    assert flow.loss == pytest.approx(exact, rel=1e-11)
    assert flow.loss == pytest.approx(one.loss, rel=1e-6)
    assert flow.residual == pytest.approx(one.residual, rel=1e-4, abs=1e-6 * flow.residual[0])
    limits = flow.limit, one.limit
    assert limits[0].gain == pytest.approx(limits[1].gain, abs=1e-12)
    gap = np.hypot(flow.final.s - limits[1].s, np.linalg.norm(flow.final.u - limits[1].u))
    assert gap <= flow.distance_bound
    assert flow.status in (Status.CONVERGED, Status.END_TIME)


def test_a_lane_does_not_depend_on_its_neighbours(together):
    for index in range(len(CASES)):
        (alone,) = gradient_flow(STARTS[index : index + 1], LAWS[index], times=TIMES, rtol=1e-8)
        assert np.array_equal(numbers(alone), numbers(together[index]))
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(len(CASES)), 30))
    many = gradient_flow([STARTS[i] for i in order], [LAWS[i] for i in order], times=TIMES)
    for place in range(0, len(order), 23):
        same = together[order[place]]
        assert many[place].distance_bound == same.distance_bound
        assert np.array_equal(numbers(many[place]), numbers(same))


def test_every_step_to_the_limit():
    flows = gradient_flow(STARTS, LAWS, rtol=1e-4)
    for flow, start, law in zip(flows, STARTS, LAWS, strict=True):
        assert flow.converged
        assert flow.times[0] == 0
        assert flow.times[-1] == flow.final_time
        assert np.all(np.diff(flow.times) > 0)
        assert np.all(np.diff(flow.loss) <= 1e-4**2 * flow.loss[0])  # quadratic near its minimum
        assert flow.layers[0].u == pytest.approx(start.u, abs=1e-14)
        assert flow.layers[-1].gain == pytest.approx(flow.final.gain, abs=1e-15)
        assert population_loss(flow.final, law) == pytest.approx(
            population_loss(flow.limit, law), rel=1e-12
        )


@pytest.mark.parametrize("rtol", [1e-3, 1e-4, 1e-6])
def test_the_error_is_of_the_size_of_the_tolerance(rtol, together):
    lanes = range(8)
    flows = gradient_flow(STARTS[:8], LAWS[:8], times=TIMES, rtol=rtol)
    for index in lanes:
        pairs = zip(flows[index].layers, together[index].layers, strict=True)
        gaps = [np.linalg.norm(x.gain - y.gain) / np.linalg.norm(y.gain) for x, y in pairs]
        assert max(gaps) <= 5 * rtol


def test_an_end_before_the_limit():
    (flow, at_once) = gradient_flow(STARTS[:2], LAWS[:2], end_time=1.0)
    assert flow.status is Status.END_TIME
    assert flow.final_time == flow.times[-1] == 1.0
    (same,) = gradient_flow(STARTS[:1], LAWS[0], times=[1.0])
    assert np.array_equal(same.final.u, flow.final.u)
    start = at_once.limit
    (still,) = gradient_flow([start], LAWS[1], times=TIMES)
    assert still.converged
    assert still.final_time == 0
    assert all(np.allclose(layer.u, start.u, atol=1e-14) for layer in still.layers)


def test_hard_lanes_run_alone(monkeypatch):
    """Those that may run into the saddle or turn; and all of a tolerance beyond the lockstep's."""
    alone = []
    single = batch.reduced_flow

    def counted(start, *arguments, **options):
        alone.append(start)
        return single(start, *arguments, **options)

    monkeypatch.setattr(batch, "reduced_flow", counted)
    saddle = LinearSelfAttention.from_block(-0.3 * np.eye(D), 0.3 * D**0.5)
    white = GaussianPrompts(np.ones(D), 5)
    found = gradient_flow([STARTS[0], saddle], [LAWS[0], white], max_steps=300)
    assert alone == [saddle]
    assert found[0].converged
    gradient_flow(STARTS[:2], LAWS[:2], rtol=1e-12)
    assert alone == [saddle, *STARTS[:2]]


def test_one_program_serves_batches_of_all_sizes_and_times(together):
    compiled = lockstep._chunk._cache_size()
    for count in (1, 2, 5):
        gradient_flow(STARTS[:count], LAWS[:count], times=np.linspace(0, 1, 3 + count), rtol=1e-5)
    assert lockstep._chunk._cache_size() == compiled


def test_a_bad_lane_is_refused_before_anything_runs(monkeypatch):
    monkeypatch.setattr(batch, "paths", lambda *_: pytest.fail("integrated"))
    with pytest.raises(ValueError, match=r"lane 1 with a layer of 2 and prompts of 3"):
        gradient_flow(STARTS[:2], [LAWS[0], GaussianPrompts([1.0, 2.0, 3.0], 5)])
