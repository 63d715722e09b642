"""The benchmark's own pieces: the opponent trains on the right law, and the table says so."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from benchmarks import adam, curves, flows, training
from benchmarks.__main__ import PARTS, main, table
from benchmarks.prompts import chi_squared, sufficient_statistics, whole_prompts
from benchmarks.row import HEADINGS, advantage, cost, duration, ratio
from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    global_minimum,
    gradient_flow,
    population_loss,
    risk,
)
from lsa_theory.limits import learning_errors

EIGENVALUES = np.array([0.5, 1.0, 2.0])
LAW = GaussianPrompts(EIGENVALUES, 6)
COUNT = 100_000


@pytest.mark.parametrize("kind", [whole_prompts, sufficient_statistics])
def test_the_opponent_samples_the_law(kind):
    rng = np.random.default_rng(4)
    v, p, *u = 0.3 * rng.standard_normal((5, 3))
    s, u = 0.9, np.eye(3) + u
    parameters = (v, s, u, p) if kind is whole_prompts else (s, u)
    errors = jax.jit(kind(EIGENVALUES, 6), static_argnums=2)(parameters, jax.random.key(0), COUNT)
    squares = np.asarray(errors, dtype=np.float64) ** 2
    layer = LinearSelfAttention.from_parameters(v, s, u, p)
    predictor = layer if kind is whole_prompts else layer.s * layer.u
    error = squares.std() / COUNT**0.5
    assert abs(squares.mean() - risk(predictor, LAW)) < 5 * error
    assert abs(squares.mean() - risk(predictor, LAW.replace(context_length=5))) > 5 * error


def test_the_opponents_chi_squared():
    z = np.asarray(chi_squared(jax.random.key(1), 8, COUNT), dtype=np.float64)
    assert abs(z.mean() - 8) < 5 * (16 / COUNT) ** 0.5
    assert z.var() == pytest.approx(16, rel=0.05)


def test_the_opponent_arrives():
    """Adam as in the benchmark, on the statistic, well inside the grid."""
    prompts = GaussianPrompts(np.ones(5), 20)
    _, s, u, _ = training.start(off_block=False).parameters
    train = adam.training(sufficient_statistics(np.ones(5), 20), 256)
    start = np.float32(s), np.float32(u)
    quick = {"xla_backend_optimization_level": 3}  # tests are compiled to run once
    s, u = train.lower(start, 0, 1, 1.0).compile(compiler_options=quick)(start, 0, 1000, 0.03)
    excess = population_loss(np.asarray(s * u, dtype=np.float64), prompts)
    assert 1 <= excess / global_minimum(prompts).loss < 1.001


def test_starts():
    on, off = training.start(off_block=False), training.start(off_block=True)
    assert on.balance == pytest.approx(0, abs=1e-15)
    assert not on.v.any()
    assert off.v.all()
    assert off.p.all()


@pytest.mark.parametrize("commuting", [True, False])
def test_the_flows_are_the_same_on_both_sides(commuting):
    one = flows.flow(np.random.default_rng(2), 5.0, commuting)
    assert len(one.rates) == (10 if commuting else 100)
    times = np.array([0.0, 0.5, 2.0, 10.0])
    beside = flows.lsoda(one, times, 1e-10)
    ours = flows.states(one, gradient_flow(one.start, one.law, times=times, rtol=1e-10))
    assert flows.error([ours], [beside]) < 1e-7
    loose = flows.lsoda(one, times, 1e-3)
    assert 1e-6 < flows.error([loose], [beside]) < 1e-1
    found = flows.first_within(1e-4, lambda x: [flows.lsoda(one, times, x)], [beside])
    assert 1e-6 < found < 1e-2


def test_the_curves_are_the_same_on_both_sides():
    for tau in (0.3, 2.0):
        found = learning_errors(tau=tau, **curves.WHITE)
        errors = float(found.in_distribution), float(found.out_of_distribution)
        assert curves.by_root(tau=tau, **curves.WHITE) == pytest.approx(errors, rel=1e-12)
    trained, tested = (matrix[:6, :6] for matrix in curves.covariances())
    found = learning_errors(task_covariance=trained, test_task_covariance=tested, **curves.TWO)
    beside = curves.by_roots(trained, tested, **curves.TWO)
    assert beside == pytest.approx(float(found.out_of_distribution), rel=1e-10)


def test_aims():
    assert ratio("a", 1.0, "b", 1.0, 1.2).met
    assert not ratio("a", 1.3, "b", 1.0, 1.2).met
    assert advantage("a", 1.0, "b", 300.0, 300).met
    assert not advantage("a", 1.0, "b", 299.0, 300).met
    assert cost("a", 0.1, 0.2).met
    assert not cost("a", 0.3, 0.2).met


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(None, ""), (2.5, "2.5 s"), (0.0123, "12.3 ms"), (4.2e-5, "42 µs")],
)
def test_durations(seconds, text):
    assert duration(seconds) == text


def test_the_table():
    text = table([cost("quick", 0.001, 0.2), ratio("slow", 3.0, "other", 1.0, 1.2)])
    head, rule, quick, slow = text.splitlines()
    assert set(rule) == {"-"}
    assert all(heading in head for heading in HEADINGS)
    assert "≤ 0.2 s" in quick
    assert "yes" in quick
    assert "3 ×" in slow
    assert "NO" in slow


def test_an_unknown_part_is_refused(capsys):
    assert main(["speed"]) == 2
    expected = f"benchmarks(part=speed): must be one of {', '.join(PARTS)}\n"
    assert capsys.readouterr().err == expected
