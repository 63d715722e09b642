"""The diagram of convergence: times against SciPy, boundaries and promises against the theorem."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from lsa_theory import convergence_guarantee, initial_layer, isotropic_theta, phase
from lsa_theory.phase.convergence import convergence_times, law

D, N, FRACTION = 4, 12, 1e-2
SCALES, CONDITIONS = np.array([0.05, 0.5, 0.7, 4.0]), np.array([1.0, 8.0, 60.0])


@pytest.fixture(scope="module")
def diagram():
    return phase.convergence(
        D,
        context_length=N,
        fraction=FRACTION,
        scales=[*SCALES],
        conditions=[*CONDITIONS],
        sampled=1,
    )


def observed(scale: float, condition: float) -> float:
    """When LSODA sees the excess loss cross its fraction."""
    eigenvalues = law(condition, D, N).covariance
    gamma = eigenvalues + (eigenvalues + eigenvalues.sum()) / N
    rates, rest = gamma * eigenvalues**2, 1 / gamma

    def excess(s, u):
        return (rates * (s * u - rest) ** 2).sum() / 2

    def slope(_, state):
        pull = rates * (state[0] * state[1:] - rest)
        return np.append(-pull @ state[1:], -state[0] * pull)

    def crossed(_, state):
        return excess(state[0], state[1:]) - goal

    crossed.terminal = True
    start = np.append(scale, np.full(D, scale / D**0.5))
    goal = FRACTION * min(excess(0.0, start[1:]), excess(start[0], start[1:]))
    settings = {"events": crossed, "rtol": 1e-10, "atol": 1e-12}
    return float(solve_ivp(slope, (0, 1e4), start, "LSODA", **settings).t_events[0][0])


def test_times_are_those_of_another_solver(diagram):
    for scale in SCALES:
        for condition in CONDITIONS:
            time = float(diagram.data.time.sel(scale=scale, condition=condition))
            assert time == pytest.approx(observed(scale, condition), rel=1e-5)


def test_promises_are_the_theorems_and_are_kept(diagram):
    data, kinds = diagram.data, set()
    for scale in SCALES:
        for condition in CONDITIONS:
            start, prompts = initial_layer(isotropic_theta(D), scale), law(condition, D, N)
            cell = data.sel(scale=scale, condition=condition)
            for name, sharp in (("promised", False), ("promised_sharp", True)):
                found = convergence_guarantee(start, prompts, sharp=sharp)
                assert found.holds == np.isfinite(float(cell[name]))
                if found.holds:
                    assert float(cell[name]) == pytest.approx(-np.log(FRACTION) / found.rate)
            kinds.add((bool(np.isfinite(cell.promised)), bool(np.isfinite(cell.promised_sharp))))
            assert float(cell.time) < min(float(cell.promised), float(cell.promised_sharp))
    assert kinds == {(True, True), (False, True), (False, False)}


def test_boundaries_are_where_the_hypotheses_fail(diagram):
    for boundary, sharp in zip(diagram.boundaries, (False, True), strict=True):
        for i in range(0, len(boundary.x), 40):
            prompts = law(boundary.y[i], D, N)
            for factor, held in ((1 - 1e-9, True), (1 + 1e-9, False)):
                start = initial_layer(isotropic_theta(D), factor * boundary.x[i])
                assert convergence_guarantee(start, prompts, sharp=sharp).holds is held


def test_a_sampled_point_is_near_its_cell(diagram):
    point = diagram.points.isel(point=0)
    cell = diagram.data.sel(scale=float(point.scale), condition=float(point.condition))
    assert abs(float(point.log_time - cell.log_time)) < 6 * float(point.log_time_error) + 0.01


def test_times_do_not_depend_on_the_shard(diagram):
    settings = {"dimension": D, "context_length": N, "fraction": FRACTION}
    alone = convergence_times(SCALES[2:3], CONDITIONS[1:2], **settings)
    cell = diagram.data.sel(scale=SCALES[2], condition=CONDITIONS[1])
    assert float(alone["time"][0]) == float(cell.time)


def test_no_time_where_the_flow_is_cut_short():
    from lsa_theory.phase.convergence import crossing

    times, excess = np.array([0.0, 1.0, 2.0]), np.exp(-np.array([0.0, 1.0, 2.0]))
    slopes = excess**0.5  # ‖∇L‖² = excess: L' = -L
    assert crossing(times, excess, slopes, np.exp(-1.25)) == pytest.approx(1.25, rel=1e-14)
    assert np.isnan(crossing(times, excess, slopes, np.exp(-2.5)))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"fraction": 1.0}, "convergence(fraction=1.0): must be a number in (0, 1)"),
        ({"dimension": 1}, "convergence(dimension=1): must be an integer >= 2"),
        ({"conditions": [0.5, 2.0]}, "convergence(conditions=array with 0.5): must be at least 1"),
        ({"scales": [0.2, 0.1]}, "convergence(axes['scales']=0.2 before 0.1): must be increasing"),
    ],
)
def test_refusals(arguments, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        phase.convergence(**arguments)
