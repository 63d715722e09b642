"""The reduced path of the flow, against closed forms and an independent Runge–Kutta solver."""

from __future__ import annotations

from typing import NamedTuple

import jax
import numpy as np
import pytest
from scipy.integrate import solve_ivp

from lsa_theory.flow import exponential, modes
from lsa_theory.flow.status import Status

STATUS = tuple(Status)
SPAN = {"size 1e-8": 1 / 300, "balance 100": 1 / 10}  # of these cases, in units of the others'
TIMES = np.array([0.0, 0.5, 2.0, 4.0, 9.0, 21.0, 40.0])


class Case(NamedTuple):
    rates: np.ndarray
    minimiser: np.ndarray
    start: np.ndarray
    scale: float
    balance: float

    def path(self, times=TIMES, **options):
        return exponential.integrate(*self, np.asarray(times), **options)


def identity_prior(eigenvalues, start, scale, balance=None, context_length=20, full=False):
    """ZFB's setting in the eigenbasis of the covariance; the diagonal of U, or all of it."""
    eigenvalues = np.asarray(eigenvalues, dtype=float)
    gamma = eigenvalues + (eigenvalues + eigenvalues.sum()) / context_length
    if full:
        rates = np.outer(gamma * eigenvalues, eigenvalues).ravel()
        minimiser, start = np.diag(1 / gamma).ravel(), np.ravel(start)
    else:
        rates, minimiser = gamma * eigenvalues**2, 1 / gamma
    start = np.broadcast_to(np.asarray(start, dtype=float), rates.shape)
    balance = scale**2 - (start**2).sum() if balance is None else balance
    return Case(rates, minimiser, start, float(scale), float(balance))


SPREAD = np.arange(1, 6) / 5
UNEVEN = np.array([0.5, -1.2, 2.0, 0.3, 1.1])
ROOT = np.sqrt(5)
CASES = {
    "paper": identity_prior(SPREAD, 0.1, 0.1 * ROOT, 0.0),
    "size 1e-8": identity_prior(10 * SPREAD**0, 1e-8, 1e-8 * ROOT, 0.0),
    "s = 0": identity_prior(SPREAD, 0.1, 0.0),
    "through s = 0": identity_prior(SPREAD, 3 * UNEVEN**2, -1.0),
    "20 times the bound": identity_prior(SPREAD, 20 * np.sqrt(2 / 5), 20 * np.sqrt(2), 0.0),
    "balance 100": identity_prior(SPREAD, UNEVEN, np.sqrt(100 + UNEVEN @ UNEVEN), 100.0),
    "balance -112": identity_prior(SPREAD, 4 * UNEVEN, 0.3),
    "singular": identity_prior([0, 0, 0.5, 0.8, 1.0], UNEVEN, 0.7),
}


def reference(case, times):
    """(T, k) and (T,): U and s by Dormand and Prince's eighth-order method, `t` the clock."""

    def slope(_, y):
        pull = case.rates * (y[-1] * y[:-1] - case.minimiser)
        return np.append(-y[-1] * pull, -pull @ y[:-1])

    start = np.append(case.start, case.scale)
    solution = solve_ivp(slope, (0, times[-1]), start, "DOP853", times, rtol=3e-14, atol=1e-30)
    return solution.y[:-1].T, solution.y[-1]


def excess(case, scale, factor):
    return (case.rates * (scale * factor - case.minimiser) ** 2).sum() / 2


@pytest.mark.parametrize("name", CASES)
def test_path_in_time(name):
    case, rtol = CASES[name], 1e-8
    times = TIMES * SPAN.get(name, 1.0)
    factors, scales = reference(case, times)
    path = case.path(times, end_time=times[-1], rtol=rtol)
    size = np.hypot(scales, np.linalg.norm(factors, axis=1))
    distance = np.hypot(path.scales - scales, np.linalg.norm(path.factors - factors, axis=1))
    assert np.all(distance <= 5 * rtol * size)
    assert np.any(distance > 0)

    assert np.isin(times, path.record.time).all()
    balance = path.scales**2 - (path.factors**2).sum(1)
    assert np.allclose(balance, case.balance, rtol=0, atol=2e-15 * (size**2).max())
    rows = np.searchsorted(path.record.time, times)
    loss = [excess(case, *state) for state in zip(path.scales, path.factors, strict=True)]
    assert np.allclose(path.record.excess[rows], loss, rtol=1e-9)
    assert np.all(np.diff(path.record.excess) <= 0)
    pull = case.rates * (path.scales[:, None] * path.factors - case.minimiser)
    gradient = np.hypot(path.scales * np.linalg.norm(pull, axis=1), (pull * path.factors).sum(1))
    assert np.allclose(path.record.residual[rows], gradient, rtol=1e-7)


@pytest.mark.parametrize("rtol", [1e-5, 1e-8, 1e-11])
def test_white_time_course_is_logistic(rtol):
    case = identity_prior(np.ones(5), 1e-3, 1e-3 * ROOT, 0.0)
    end = 1 / (ROOT * case.rates[0])  # of z = u^2
    growth = 2 * ROOT
    times = np.linspace(0, 5, 7)
    exact = end / (1 + (end / 1e-6 - 1) * np.exp(-growth * times))
    path = case.path(times, end_time=5.0, rtol=rtol)
    error = np.abs(path.scales**2 / (5 * exact) - 1)
    assert error.max() <= 20 * rtol  # 14 e-folds of growth carry the first steps' errors along
    assert np.ptp(path.factors, axis=1).max() <= 1e-15


LIMITS = CASES | {
    "size 1e-100": identity_prior(SPREAD, 1e-100, 1e-100 * ROOT, 0.0),
    "size 1e4": identity_prior(SPREAD, 1e4, 1e4 * ROOT, 0.0),
    "U = 0": identity_prior(SPREAD, 0.0, 1.0),
    "balance 1e12": identity_prior(SPREAD, UNEVEN, 1e6, 1e12),
    "balance -1e6": identity_prior(SPREAD, 1e3 * UNEVEN, -1.0),
    "balance -1e12": identity_prior(SPREAD, 1e6 * UNEVEN, 0.0),
    "turned": identity_prior(SPREAD, -UNEVEN, -2.0),
    "at the limit": identity_prior(SPREAD, 2 / (1.25 * SPREAD + 0.0), 1.0),
}


@pytest.mark.parametrize("name", LIMITS)
@pytest.mark.parametrize("rtol", [1e-2, 1e-6])
def test_limit_is_exact_whatever_the_tolerance(name, rtol):
    case = LIMITS[name]
    path = case.path((), rtol=rtol)
    moving = case.rates > 0
    target = case.minimiser[moving]
    balance = case.balance + (case.start[~moving] ** 2).sum()
    size = np.hypot(balance, 2 * np.linalg.norm(target))
    square = (size + balance) / 2 if balance > 0 else 2 * target @ target / (size - balance)
    limit = np.sign(path.scale) * np.sqrt(square)
    assert STATUS[path.status] is Status.CONVERGED
    assert np.linalg.norm(path.scale * path.factor[moving] - target) <= 1e-10 * np.linalg.norm(
        target
    )
    assert np.hypot(path.scale - limit, np.linalg.norm(path.factor[moving] - target / limit)) <= (
        1.1e-12 * np.sqrt(size)
    )
    assert np.array_equal(path.factor[~moving], case.start[~moving])
    if balance > 0:
        assert np.sign(path.scale) == np.sign(case.scale)


def test_run_into_the_saddle():
    case = identity_prior(np.ones(5), -0.3, 0.3 * ROOT, 0.0)
    end = 1 / (ROOT * case.rates[0])
    times = np.linspace(0, 3, 7)
    exact = end / ((end / 0.09 + 1) * np.exp(2 * ROOT * times) - 1)
    path = case.path(times, end_time=3.0)
    assert STATUS[path.status] is Status.END_TIME
    assert np.allclose(path.scales**2, 5 * exact, rtol=1e-6)
    assert path.scales[-1] < 1e-2 * path.scales[0]
    assert STATUS[case.path((), max_steps=100).status] is Status.STEP_LIMIT


def test_ends_other_than_the_limit():
    case = CASES["paper"]
    assert STATUS[case._replace(start=0 * SPREAD, scale=0.0).path(()).status] is Status.STATIONARY
    assert STATUS[case._replace(scale=np.nan).path(()).status] is Status.FAILED
    path = case.path((), end_time=3.5)
    assert (STATUS[path.status], path.time) == (Status.END_TIME, 3.5)
    assert STATUS[case.path((), max_steps=5).status] is Status.STEP_LIMIT
    nothing = case._replace(minimiser=0 * SPREAD)  # no signal: s or U goes to 0
    path = nothing._replace(scale=1.0, balance=1 - 0.05).path(())
    assert (STATUS[path.status], np.abs(path.factor).max() < 1e-12) == (Status.CONVERGED, True)
    path = nothing._replace(scale=0.1, balance=0.01 - 0.05).path(())
    assert (STATUS[path.status], abs(path.scale) < 1e-12) == (Status.CONVERGED, True)
    path = case._replace(rates=0 * SPREAD).path(())
    assert (path.steps, path.scale) == (0, case.scale)


def test_states_beyond_the_end():
    case = CASES["paper"]
    times = np.array([0.0, 0.1, 1.0, 1.0, 1e9, 1e10, 1e11])
    short = case.path(times, end_time=2.0)
    assert np.isnan(short.scales[4:]).all()
    assert np.isnan(short.factors[4:]).all()
    whole = case.path(times)
    assert np.array_equal(whole.scales[4:], [whole.scale] * 3)
    assert np.array_equal(whole.factors[6], whole.factor)
    assert np.array_equal(whole.factors[0], case.start)
    assert np.allclose(short.scales[:4], whole.scales[:4], rtol=1e-12)


def test_condition_number_1e8():
    rng = np.random.default_rng(3)
    factor = rng.normal(size=(30, 30))
    start = 0.1 * (product := factor @ factor.T) / np.linalg.norm(product)
    case = identity_prior(np.logspace(-8, 0, 30), start, 0.1, 0.0, full=True)
    path = case.path((), rtol=1e-3)
    assert STATUS[path.status] is Status.CONVERGED
    error = np.linalg.norm(path.scale * path.factor - case.minimiser)
    assert error <= 1e-11 * np.linalg.norm(case.minimiser)
    assert path.steps < 100


def test_many_modes_act_as_few():
    rng = np.random.default_rng(5)
    rates, minimiser, start = (
        10 ** rng.uniform(-9, 0, 400),
        rng.normal(size=400),
        rng.normal(size=400),
    )
    few = Case(rates, minimiser, start, 0.5, 0.25 - start @ start)
    shares = rng.dirichlet(np.ones(3), 400).T ** 0.5
    many = few._replace(
        rates=np.tile(rates, 3),
        minimiser=(shares * minimiser).ravel(),
        start=(shares * start).ravel(),
    )
    assert many.rates.size > modes.WIDTHS[-1] > few.rates.size
    times = np.array([1.0, 100.0, 1e5])
    one, other = few.path(times, rtol=1e-6), many.path(times, rtol=1e-6)
    assert np.allclose(other.scales, one.scales, rtol=1e-9)
    assert np.allclose(other.factors, (shares * one.factors[:, None]).reshape(3, -1), atol=1e-9)
    assert np.allclose(other.factor, (shares * one.factor).ravel(), atol=1e-11)
    rows = np.searchsorted(other.record.time, times)
    loss = [excess(many, *state) for state in zip(other.scales, other.factors, strict=True)]
    assert np.allclose(other.record.excess[rows], loss, rtol=1e-9)


def test_vmap_equals_single():
    cases = [CASES[name] for name in ("paper", "through s = 0", "balance -112")]
    problems, fronts = [], []
    for case in cases:
        few, _ = modes.few_modes(case.rates, case.start, case.minimiser)
        stops = np.append(TIMES, np.inf)
        problems.append(exponential.Problem(few, case.balance, stops, 40.0, 1e-6, 1e-12, 4096))
        fronts.append(exponential.beginning(problems[-1], case.scale, 0.0))
    problem, front = (
        jax.tree.map(lambda *x: np.stack(x), *entries) for entries in (problems, fronts)
    )
    with jax.enable_x64(True):
        ends = jax.jit(jax.vmap(exponential.advance))(problem, front)
    for i, case in enumerate(cases):
        path = case.path(end_time=40.0, rtol=1e-6)
        assert np.allclose(ends.front.saved.scale[i][:3], path.scales[:3], rtol=1e-9)
        assert np.isclose(ends.front.state.scale[i], path.scale, rtol=1e-9)
        assert int(ends.filled[i]) == path.steps + 1
