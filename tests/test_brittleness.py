"""Random covariances in a phase diagram: cells, boundaries, limit and sampled points."""

from __future__ import annotations

import re

import numpy as np
import pytest
from scipy.stats import gamma, lognorm

from lsa_theory import global_minimum, phase, risk
from lsa_theory.estimators import ols_risk
from lsa_theory.phase.brittleness import fraction, overtaking_length, saturation_length
from lsa_theory.plots import brittleness_curves, saved
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.random_covariance import DiagonalEigenvalues, RandomCovariancePrompts

D, NOISE = 6, 0.7
SPREADS, LENGTHS = [0.0, 0.3, 1.0, 1.9], [8, 9, 14, 30, 100, 3000]
GRID = {"noise": NOISE, "spreads": SPREADS, "context_lengths": LENGTHS}
MADE = {name: phase.brittleness(D, eigenvalues=name, **GRID) for name in ("gamma", "log-normal")}
DISTRIBUTIONS = {
    "gamma": lambda s: gamma(s**-2, scale=s**2),
    "log-normal": lambda s: lognorm(np.log1p(s * s) ** 0.5, scale=(1 + s * s) ** -0.5),
}
both = pytest.mark.parametrize("name", MADE)


def prompts_of(name, spread, length):
    """By SciPy's moments; at spread 0 by those of a constant."""
    distribution = DISTRIBUTIONS[name](spread) if spread else (1.0, 1.0, 1.0)
    law = DiagonalEigenvalues(distribution, D)
    return RandomCovariancePrompts(law, length, noise_variance=NOISE * D)


def layer_risk(name, spread, length):
    prompts = prompts_of(name, spread, length)
    return risk(global_minimum(prompts).gain, prompts) / D


def least_squares_risk(length):
    """On a covariance drawn at random: it is the same on all."""
    draw = np.random.default_rng(length).gamma(1.0, size=D)
    return ols_risk(GaussianPrompts(draw, length, noise_variance=NOISE * D)).value / D


@both
def test_cells_are_the_library_s_risks_on_scipy_s_distributions(name):
    data = MADE[name].data
    layer = [[layer_risk(name, s, n) for n in LENGTHS] for s in SPREADS]
    assert np.allclose(data.attention, layer, rtol=1e-12)
    assert np.allclose(data.least_squares, [least_squares_risk(n) for n in LENGTHS], rtol=1e-12)


@both
def test_limit_is_what_long_contexts_leave(name):
    data = MADE[name].data
    far = [layer_risk(name, s, 10**9) for s in SPREADS]
    assert np.allclose(data.limit, far, rtol=1e-5, atol=1e-7)
    assert data.limit[0] == 0
    assert (data.limit[1:] > 0).all()
    shares = {"gamma": [0.09 / 1.18, 1 / 3], "log-normal": [0.09 / 1.09, 1 / 2]}
    assert np.allclose(data.limit[1:3], shares[name])


@both
def test_least_squares_overtakes_once_and_where_the_boundary_says(name):
    settings = {"dimension": D, "eigenvalues": name, "noise": NOISE}
    for s in SPREADS:
        root = overtaking_length(s, 1e9, **settings)
        lengths = np.unique(np.geomspace(D + 2, 3000, 200).astype(int))
        a, b, c, e = fraction(s, **settings)
        ahead = (a * lengths + b) / (c * lengths + e) < NOISE * D / (lengths - D - 1)
        assert np.array_equal(ahead, lengths < root)
        for n in (int(root), int(root) + 1):
            assert (layer_risk(name, s, n) < least_squares_risk(n)) == (n < root)


@both
def test_saturated_from_the_boundary_on(name):
    settings = {"dimension": D, "eigenvalues": name, "noise": NOISE}
    for s, limit in zip(SPREADS[1:], MADE[name].data.limit[1:], strict=True):
        root = saturation_length(s, 1e9, **settings)
        for n in (int(root), int(root) + 1):
            assert (layer_risk(name, s, n) < 1.1 * float(limit)) == (n > root)
    assert np.isnan(saturation_length(0.0, np.inf, **settings))
    assert np.isnan(saturation_length(0.3, 50, **settings))


def test_diagram():
    diagram = MADE["gamma"]
    equal, saturated = diagram.boundaries
    assert {*SPREADS} <= {*equal.x}
    assert np.isfinite(equal.y).all()
    assert np.isnan(saturated.y[0])
    assert np.isfinite(saturated.y[-1])
    assert np.allclose(diagram.data.length_ratio * D, LENGTHS)
    assert np.allclose(10**diagram.data.log_attention, diagram.data.attention)
    shares = np.sum([region.where for region in diagram.regions], axis=0)
    assert (shares == 1).all()


def test_sampled_points_agree():
    grid = GRID | {"spreads": [0.0, 0.3, 1.0]}
    points = phase.brittleness(D, **grid, sampled=3, seed=4).points
    assert points.sizes == {"point": 9}
    exact = [
        layer_risk("gamma", float(s), round(float(r) * D))
        for s, r in zip(points.spread, points.length_ratio, strict=True)
    ]
    z = (points.attention - exact) / points.attention_error
    assert (abs(z) < 4.5).all()  # 9 of them: a false alarm in 16 000
    assert (points.attention_error < 0.1 * points.attention).all()
    assert phase.brittleness(D, **grid, sampled=3, seed=4).points.identical(points)


def test_log_normal_points_agree():
    grid = GRID | {"spreads": [0.0, 0.5], "context_lengths": [10, 60]}
    points = phase.brittleness(D, eigenvalues="log-normal", **grid, sampled=2).points
    for k in range(4):
        place = points.isel(point=k)
        exact = layer_risk("log-normal", float(place.spread), round(float(place.length_ratio) * D))
        assert abs(place.attention - exact) < 4.5 * place.attention_error


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"dimension": 0}, "brittleness(dimension=0): must be an integer >= 1"),
        ({"eigenvalues": "cauchy"}, "brittleness(eigenvalues='cauchy'): must be gamma or log-no"),
        ({"noise": 0.0}, "brittleness(noise=0.0): must be a positive number"),
        ({"spreads": [-0.5, 1.0]}, "brittleness(spreads=array of shape (2,)): must be two numb"),
        ({"spreads": [1.0, 0.5]}, "must be increasing"),
        ({"context_lengths": [7, 9]}, "brittleness(context_lengths=array with 7): must be at le"),
        ({"sampled": -1}, "brittleness(sampled=-1): must be an integer >= 0"),
    ],
)
def test_refusals(options, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        phase.brittleness(**({"dimension": D} | options))


def test_cuts_through_the_diagram(tmp_path):
    figure = brittleness_curves(MADE["gamma"], spreads=(0.0, 1.0))
    left, _ = figure.axes
    curve = left.lines[0].get_xydata()
    assert np.allclose(curve[:, 1], MADE["gamma"].data.attention[0])
    path = saved(figure, tmp_path / "cuts.svg")
    assert path.read_bytes() == saved(figure, tmp_path / "again.svg").read_bytes()
