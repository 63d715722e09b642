"""Limits, rates, bounds and time courses against the table of exact values."""

from __future__ import annotations

from fractions import Fraction
from math import exp, log, sqrt

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import sympy

from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    convergence_guarantee,
    escape_rate,
    final_rate,
    global_minimum,
    gradient_flow,
    initial_layer,
    isotropic_theta,
    known_to_converge,
    run_into_saddle,
    white_time_course,
)
from tests import anchors
from tests.anchors_shared import Bowl, law_of
from tests.anchors_white import GROWTHS, SHARES

WHITE = anchors.rows("white")
GUARANTEES = anchors.rows("guarantees")


def near(value, exact, relative=1e-12):
    """Up to rounding, for a float beside a rational."""
    exact = np.asarray(exact).astype(float)
    return np.all(abs(np.asarray(value) - exact) <= relative * abs(exact).max())


def block(case):
    return LinearSelfAttention.from_block(case["u"], case["scale"])


def roots(polynomial):
    """Of a polynomial by its coefficients, but for those that are 0."""
    coefficients = np.trim_zeros(np.asarray(polynomial).astype(float), "b")
    return np.roots(coefficients).real


@pytest.mark.parametrize(("case", "values"), anchors.rows("limits"))
def test_layers_at_the_minimum(case, values):
    minimum = global_minimum(law_of(case).prompts)
    for sign in (1, -1):
        layer = minimum.layer(float(values["balance"]), sign)
        assert near(layer.s, sign * case["scale"])
        assert near(layer.u, sign * values["u"])
    balanced = minimum.layer()
    assert near(balanced.s**4, values["balanced_fourth_power"])
    assert near(balanced.s * balanced.u, case["scale"] * values["u"])


def test_layer_of_a_zero_gain():
    law = law_of({"context": np.zeros((4, 4), dtype=int) * Fraction(1), "context_length": 2})
    minimum = global_minimum(law.prompts)
    layer = minimum.layer(-1.0)
    assert layer.s == 0
    assert (layer.u == np.eye(4) / 2).all()
    layer = minimum.layer(4.0)
    assert layer.s == 2
    assert not layer.u.any()


@pytest.mark.parametrize(("case", "values"), anchors.rows("rates"))
def test_final_rates(case, values):
    """Half of the rate is the least root; the others are greater, or belong to no variance."""
    found = roots(values["polynomial"])
    rate = final_rate(law_of(case).prompts, float(values["balance"]))
    assert near(rate / 2, found.min() if len(found) else 0, 1e-9)


@pytest.mark.parametrize(("case", "values"), GUARANTEES)
@pytest.mark.parametrize("form", ["paper", "sharp"])
def test_guarantees(case, values, form):
    """To the safe side of the exact bounds, by rounding alone."""
    layer, prompts = initial_layer(case["theta"], float(case["scale"])), law_of(case).prompts
    found = convergence_guarantee(layer, prompts, sharp=form == "sharp")
    assert near(layer.u, case["scale"] * case["theta"] @ case["theta"].T)
    assert near([layer.s, layer.balance + 1], [case["scale"], 1])
    assert near(
        [found.initial_loss, found.least_loss], [values["initial_loss"], values["least_loss"]]
    )
    assert found.holds == found.hypotheses["small"] == values[f"{form}_holds"]
    if not found.holds:
        assert found.scale_bound == found.rate == 0
    elif form in values:
        for value, name in (
            (found.scale_bound**4, "scale_fourth"),
            (found.rate**2, "rate_squared"),
        ):
            assert 1 - 1e-12 <= value / float(values[form][name]) <= 1
        halfway = (values["initial_loss"] + values["least_loss"]) / 2
        time = log(2) / sqrt(values[form]["rate_squared"])
        assert near(found.loss_bound(np.array([0.0, time])), [values["initial_loss"], halfway])


SEMIDEFINITE, SKEWED = [[0.64, 0.48], [0.48, 0.36]], [[0.5, 0.5], [-0.5, 0.5]]


@pytest.mark.parametrize(
    ("s", "shape", "changes", "failing"),
    [
        (0.25, SEMIDEFINITE, {}, ""),
        (-0.25, SEMIDEFINITE, {}, "scale"),
        (0.0, SEMIDEFINITE, {}, "scale seen"),
        (0.25, SKEWED, {}, "semidefinite"),
        (0.25, [[0.8, 0.0], [0.0, -0.6]], {}, "semidefinite"),
        (0.25, [[0.8, 0.0], [0.0, 0.5]], {}, "balance"),
        (0.25, [[0.0, 0.0], [0.0, 1.0]], {"covariance": np.diag([2.0, 0.0])}, "seen covariance"),
        (0.25, SEMIDEFINITE, {"noise_variance": 1.0}, "law"),
        (0.25, SEMIDEFINITE, {"task_mean": np.ones(2)}, "law"),
        (2.0, SEMIDEFINITE, {}, "small"),
    ],
)
def test_hypotheses_by_hand(s, shape, changes, failing):
    prompts = GaussianPrompts(np.array([[2.0, 0.5], [0.5, 1.0]]), 4).replace(**changes)
    layer = LinearSelfAttention.from_block(s * np.array(shape), s)
    found = convergence_guarantee(layer, prompts)
    assert [name for name, held in found.hypotheses.items() if not held] == failing.split()
    assert (found.rate > 0) == (found.scale_bound > 0) == found.holds == (not failing)


@pytest.mark.parametrize("row", [0, 2, 8])
def test_where_the_bound_on_the_scale_is_the_drop_of_the_loss(row):
    """Along the largest eigenvector: `s² ‖Λ²‖_F` is then at least what the loss has fallen."""
    case, values = GUARANTEES[row]
    bowl = Bowl(law_of(case))
    drop = bowl.top - values["initial_loss"]
    assert values["sharp"]["scale_fourth"] == drop**2 / (bowl.slope @ bowl.slope)


def test_isotropic_starts():
    for d, entry in ((1, 1), (16, 1 / 2), (81, 1 / 3)):
        assert near(isotropic_theta(d), entry * np.eye(d))


@pytest.mark.parametrize(("case", "values"), anchors.rows("verdicts"))
def test_verdicts(case, values):
    found = known_to_converge(block(case), law_of(case).prompts)
    assert (found.holds, found.stuck) == (case["holds"], case["stuck"])
    polynomial = [Fraction(1), -values["balance"], -values["product_squared"]]
    squared = max(0.0, *roots(polynomial))
    assert squared * (1 - 1e-12) <= found.scale_bound**2 <= squared * (1 + 1e-12)


@pytest.mark.parametrize(("case", "values"), anchors.rows("escapes"))
def test_escapes(case, values):
    layer = LinearSelfAttention.from_block(case["u"], Fraction(0))
    rate = escape_rate(layer, law_of(case).prompts)
    assert near(rate, roots(values["polynomial"]).max(), 1e-9)


# --- white features ----------------------------------------------------------------------------


@pytest.mark.parametrize(("case", "values"), WHITE)
def test_white_time_courses(case, values):
    course = white_time_course(law_of(case).prompts, case["start"])
    for name in ("rate", "odds", "gain", "least_loss"):
        assert getattr(course, name) == values[name]
    times = np.log(np.array(GROWTHS, dtype=float)) / float(values["rate"])
    assert near(course.share(times), values["shares"])
    assert near(course.loss(times), values["losses"])
    assert_path(course, times, values, sign=1)
    if course.odds > 0:
        growths = [exp(values["rate"] * course.time_of(share)) for share in SHARES]
        assert near(growths, values["growths_of_shares"])
        assert near(exp(values["rate"] * course.half_time), values["odds"])


@pytest.mark.parametrize(("case", "values"), WHITE)
def test_paths_into_the_saddle(case, values):
    path, saddle = run_into_saddle(law_of(case).prompts, case["start"]), values["saddle"]
    for name in ("rate", "gain", "least_loss"):
        assert getattr(path, name) == values[name]
    assert (path.odds, path.plateau) == (saddle["odds"], saddle["plateau"])
    times = np.log(np.array(GROWTHS, dtype=float)) / float(values["rate"])
    assert near(path.share(times), saddle["shares"])
    assert near(path.loss(times), saddle["losses"])
    assert_path(path, times, saddle | {"gain": values["gain"]}, sign=-1)


@pytest.mark.parametrize(("case", "values"), WHITE)
def test_courses_at_exact_times(case, values):
    """At `t = ln(k)/r`, which SymPy holds, both are rational."""
    prompts, start, saddle = law_of(case).prompts, case["start"], values["saddle"]
    for course, exact in (
        (white_time_course(prompts, start), values),
        (run_into_saddle(prompts, start), saddle),
    ):
        for growth, share, loss in zip(GROWTHS, exact["shares"], exact["losses"], strict=True):
            time = sympy.log(growth) / sympy.Rational(values["rate"])
            assert course.share(time) == share
            assert course.loss(time) == loss


def test_courses_at_traced_times():
    case, values = WHITE[3]
    course = white_time_course(law_of(case).prompts, case["start"])
    path = run_into_saddle(law_of(case).prompts, case["start"])
    with jax.enable_x64(True):
        times = jnp.log(jnp.array(GROWTHS, dtype=float)) / float(values["rate"])
        assert near(course.share(times), values["shares"])
        assert near(course.loss(times), values["losses"])
        assert near(path.share(times), values["saddle"]["shares"])
        assert near(path.loss(times), values["saddle"]["losses"])


def assert_path(course, times, values, sign):
    """`s²`, and `s U` a multiple of the identity."""
    for time, squared, share in zip(times, values["scales_squared"], values["shares"], strict=True):
        layer = course.layer(time)
        assert layer.s > 0
        assert near(layer.s**2, squared)
        exact = sign * values["gain"] * share * np.eye(layer.dimension, dtype=int)
        assert near(layer.s * layer.u, exact)


def test_the_flow_follows():
    case, values = WHITE[3]
    prompts = law_of(case).prompts
    times = np.log(np.array(GROWTHS, dtype=float)) / float(values["rate"])
    start = white_time_course(prompts, case["start"]).layer(0.0)
    flow = gradient_flow(start, prompts, times=times)
    assert near(flow.loss, values["losses"], 1e-6)
    for layer, share in zip(flow.layers, values["shares"], strict=True):
        exact = values["gain"] * share * np.eye(layer.dimension, dtype=int)
        assert near(layer.gain, exact, 1e-6)
