"""Attention against least squares: cells, boundaries and sampled points, each by another way."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from lsa_theory import GaussianPrompts, block_minimum, phase, risk, shift
from lsa_theory.estimators import LeastSquares
from lsa_theory.phase.branches import branches
from lsa_theory.phase.points import sampled_points
from lsa_theory.phase.rivals import spectrum
from lsa_theory.phase.rotation import turned_risk
from lsa_theory.phase.scale import equal_scales

ROUNDING = 1e-10  # relative, of risks at a boundary
WHITE, POWER = np.ones(8), 1.0 / np.arange(1, 9)


def noise_contest(covariance, n, training=0.0):
    train = GaussianPrompts(covariance, n, noise_variance=training * covariance.sum())
    gain = block_minimum(train).gain

    def contest(ratio, level):
        law = train.replace(
            context_length=round(ratio * len(covariance)),
            noise_variance=level * covariance.sum(),
        )
        return gain, law

    return contest


def scale_contest(covariance, n, noise):
    train = GaussianPrompts(covariance, n, noise_variance=noise * covariance.sum())
    gain, family = block_minimum(train).gain, shift.scaled(train)
    return lambda ratio, c: (
        gain,
        family(c).replace(context_length=round(ratio * len(covariance))),
    )


def rotation_contest(covariance, m, noise):
    test = GaussianPrompts(covariance, m, noise_variance=noise * covariance.sum())
    family = shift.rotated(test)  # the planes of the two ends, in dense matrices

    def contest(ratio, degrees):
        train = test.replace(context_length=round(ratio * len(covariance)))
        return block_minimum(train).gain, family(np.radians(degrees))

    return contest


LENGTHS = [3, 5, 7, 9, 10, 12, 20, 60]
CASES = {
    "noise, white": (
        phase.noise,
        {"covariance": WHITE, "context_lengths": LENGTHS, "noises": [0.01, 0.1, 1.0]},
        noise_contest(WHITE, 16),
    ),
    "noise, power law": (
        phase.noise,
        {"covariance": POWER, "training_noise": 0.5, "train_length": 40}
        | {"context_lengths": LENGTHS, "noises": [0.01, 0.1, 1.0]},
        noise_contest(POWER, 40, 0.5),
    ),
    "scale": (
        phase.scale,
        {"covariance": POWER, "context_lengths": LENGTHS, "scales": [0.1, 0.6, 1.0, 3.0]},
        scale_contest(POWER, 80, 2.0),
    ),
    "rotation": (
        phase.rotation,
        {"covariance": POWER, "train_lengths": LENGTHS, "angles": [0.0, 0.3, 1.0, np.pi / 2]},
        rotation_contest(POWER, 16, 1.0),
    ),
}
diagrams = pytest.mark.parametrize("name", CASES)
_made: dict[str, phase.PhaseDiagram] = {}


def made(name):
    function, arguments, _ = CASES[name]
    if name not in _made:
        _made[name] = function(**arguments)
    return _made[name]


def exact_risks(contest, x, y):
    gain, law = contest(x, y)
    least = (
        np.inf if abs(law.context_length - law.dimension) <= 1 else sum(LeastSquares().known(law))
    )
    return float(risk(gain, law)), float(least)


@diagrams
def test_cells_hold_the_risks_of_the_public_functions(name):
    diagram, contest = made(name), CASES[name][2]
    data = diagram.data
    for i, x in enumerate(data[diagram.x].values):
        for k, y in enumerate(data[diagram.y].values):
            layer, least = exact_risks(contest, x, y)
            cell = data.isel({data[diagram.x].dims[0]: i, data[diagram.y].dims[0]: k})
            assert np.isclose(float(cell.attention), layer, rtol=1e-11), (x, y)
            assert np.isclose(float(cell.least_squares), least, rtol=1e-8), (x, y)
            with np.errstate(divide="ignore"):
                assert np.isclose(float(cell.log_ratio), np.log10(layer / least), atol=1e-8)


def boundary_points(name):
    return [point for b in made(name).boundaries for point in zip(b.x, b.y, strict=True)]


@diagrams
def test_risks_are_equal_on_the_boundary_and_nowhere_near(name):
    """On it to rounding; one per cent above it and below it they differ, and who is ahead does."""
    contest = CASES[name][2]
    points = boundary_points(name)
    assert len(points) > 10
    signs = []
    for x, y in points[::2]:
        layer, least = exact_risks(contest, x, y)
        assert abs(layer - least) <= ROUNDING * least, (x, y)
        below, above = (
            np.subtract(*exact_risks(contest, x, factor * y)) for factor in (0.99, 1.01)
        )
        assert min(abs(below), abs(above)) > 100 * ROUNDING * least
        signs.append(below * above < 0)
    assert np.mean(signs) > 0.9  # but for folds


@diagrams
def test_no_change_of_lead_is_missed(name):
    """At every length of the axis, along the other axis: as many changes between fine steps as
    boundary points there."""
    diagram, contest = made(name), CASES[name][2]
    low, high = (float(diagram.data[diagram.y][k]) for k in (0, -1))
    low = low or 1.0
    steps = np.geomspace(low, high, 20) if name != "rotation" else np.linspace(low, high, 20)
    points = np.array(boundary_points(name))
    for x in diagram.data[diagram.x].values:
        lead = [np.sign(np.subtract(*exact_risks(contest, x, y))) for y in steps]
        changes = int(np.count_nonzero(np.diff(lead)))
        here = points[np.isclose(points[:, 0], x)][:, 1]
        assert changes == np.count_nonzero((here > low) & (here < high)), x


def test_white_noise_boundary_has_the_closed_form_on_both_sides_of_the_gap():
    d, n = 8, 16
    b = n / (n + 1 + d)
    for x, y in boundary_points("noise, white"):
        m = round(x * d)
        bias, slope = (0, d / (m - d - 1)) if m > d + 1 else (d - m, m / (d - m - 1))
        layer = d * ((1 - b) ** 2 + b**2 * (d + 1) / m)
        assert np.isclose(y * d, (layer - bias) / (slope - d * b**2 / m), rtol=1e-12)
    sides = {np.sign(b.x - 1).mean() for b in made("noise, white").boundaries}
    assert sides == {-1.0, 1.0}


def test_the_gap_is_infinite_for_least_squares_only():
    data = made("noise, power law").data
    gap = np.isinf(data.least_squares).all("noise").values
    assert list(data.context_length.values[gap]) == [7, 9]
    assert np.isfinite(data.attention).all()


def test_boundary_folds_where_three_scales_have_equal_risks():
    train = GaussianPrompts(np.ones(4), 80, noise_variance=24.0)
    gain, lengths = block_minimum(train).gain, range(100, 146)
    roots = [equal_scales(gain, train.replace(context_length=m)) for m in lengths]
    assert {len(found) for found in roots} == {1, 3}
    assert len(branches(np.array(lengths), roots)) == 1


def test_a_plane_and_the_rest_are_labels_to_each_other():
    for covariance in (np.array([3.0, 0.5]), POWER):
        gain, law = rotation_contest(covariance, 16, 0.5)(5.0, 40.0)
        straight = GaussianPrompts(covariance, 16, noise_variance=law.noise_variance)
        assert np.isclose(
            turned_risk(gain, straight, np.radians(40.0)), risk(gain, law), rtol=1e-12
        )


def test_only_eigenvalues_matter():
    turned = np.linalg.qr(np.random.default_rng(3).standard_normal((8, 8)))[0]
    assert np.allclose(spectrum("noise", turned @ np.diag(POWER) @ turned.T), POWER, atol=1e-14)
    assert (spectrum("noise", POWER[::-1]) == POWER).all()


# --- sampled points ---

MOST = 5.0  # standard errors: beyond it a normal variable is once in 1.7 million draws


@pytest.mark.parametrize("name", ["noise, white", "scale", "rotation"])
def test_sampled_points_agree_with_the_formulas_and_not_with_others(name):
    function, arguments, contest = CASES[name]
    diagram = function(**arguments, sampled=2, seed=11)
    points = diagram.points
    assert points.sizes["point"] == 4
    worst = []
    for k in range(4):
        x, y = (float(points[axis][k]) for axis in (diagram.x, diagram.y))
        exact = exact_risks(contest, x, y)
        for variable, value in zip(("attention", "least_squares"), exact, strict=True):
            away = (float(points[variable][k]) - value) / float(points[f"{variable}_error"][k])
            assert abs(away) < MOST, (x, y, variable)
            worst.append(float(points[f"{variable}_error"][k]) / value)
        ratio = float(points.log_ratio[k]) - np.log10(exact[0] / exact[1])
        assert abs(ratio) < MOST * float(points.log_ratio_error[k])
    assert max(worst) < 0.1  # a formula that is off by half is seen


def test_sampled_points_depend_on_the_seed_alone():
    one, same, other = (
        sampled_points([(2.5, 0.1)], ("x", "y"), noise_contest(WHITE, 16), seed)
        for seed in (1, 1, 2)
    )
    assert one.identical(same)
    assert not np.isclose(one.attention, other.attention).any()


# --- curves ---


def test_branches_end_begin_and_turn_back():
    x = np.arange(6.0)
    roots = [[1.0], [1.1, 4.0, 5.0], [1.2, 3.5, 6.0], [1.3, 3.0, 7.0], [2.0, 2.1, 8.0], [9.0]]
    (curve,) = branches(x, roots)
    assert sorted(zip(*curve, strict=True)) == sorted(
        (place, root) for place, found in zip(x, roots, strict=True) for root in found
    )
    steps = np.abs(np.diff(np.log(curve[1])))
    assert steps.max() < 0.5
    assert [curve[1][0], curve[1][-1]] in ([1.0, 9.0], [9.0, 1.0])


def test_branches_apart_stay_apart():
    curves = branches(np.arange(4.0), [[1.0], [2.0], [], [3.0, 4.0]])
    assert [list(y) for _, y in curves] == [[1.0, 2.0], [3.0, 4.0]]


# --- arguments ---


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: phase.noise(np.array([1.0, 0.0])),
            r"noise\(covariance=.*\): must be positive definite",
        ),
        (lambda: phase.noise(noises=[0.0, 1.0]), r"noise\(noises=.*\): must be .* positive"),
        (lambda: phase.noise(context_lengths=[9, 4]), r"noise\(.*\): must be increasing"),
        (lambda: phase.noise(training_noise=-1.0), r"noise\(training_noise=-1.0\): must be a fin"),
        (lambda: phase.scale(noise=0.0), r"scale\(noise=0.0\): must be a positive number"),
        (lambda: phase.scale(sampled=-1), r"scale\(sampled=-1\): must be an integer >= 0"),
        (
            lambda: phase.rotation(context_length=21),
            r"rotation\(context_length=21\): must be .* 22",
        ),
        (lambda: phase.rotation(angles=[0.0, 3.0]), r"rotation\(angles=.*\): must be at most π/2"),
        (
            lambda: phase.rotation(np.array([2.0])),
            r"rotation\(covariance=.*\): must be of two dimensions",
        ),
        (lambda: phase.Colours("", "hue"), r"Colours\(kind=hue\): must be ratio or"),
    ],
)
def test_bad_arguments_are_refused_in_a_sentence(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


def test_names_are_known_before_anything_heavy_is_loaded():
    code = "import sys, lsa_theory.phase as p; print(*p.DIAGRAMS, *sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert {"noise", "scale", "rotation"} <= loaded
    assert not loaded & {"jax", "xarray", "matplotlib", "scipy", "pandas"}


def test_a_sweep_takes_its_options():
    function, arguments, _ = CASES["scale"]
    assert function(**arguments, cells_per_shard=4).data.identical(made("scale").data)
