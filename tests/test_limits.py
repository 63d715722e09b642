"""Learning errors in high dimensions: values by other routes, limits, poles, refusals."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import brentq, minimize_scalar

from lsa_theory.limits import learning_errors, optimal_ridge, transition_errors
from lsa_theory.sample_spectrum import SampleSpectrum, effective_ridge

SETTINGS = [  # alpha, kappa, tau, noise, ridge
    (2.0, 0.5, 3.0, 0.1, 0.1),
    (2.0, 0.5, 0.5, 0.1, 0.1),
    (2.0, 2.0, 0.5, 0.1, 0.0),
    (1.0, 0.5, 1.5, 0.3, 0.0),
    (10.0, 5.0, 0.2, 0.01, 0.5),
    (2.0, 0.5, 1.0, 0.1, 0.3),
]


def by_marchenko_pastur(alpha, kappa, tau, noise, ridge):
    """Lu et al.'s route: the law's own integrals by quadrature, the ridge by a root of them."""
    nodes = 4000
    angle = np.pi * (np.arange(nodes) + 0.5) / nodes
    omega = 1 + 1 / kappa - 2 / np.sqrt(kappa) * np.cos(angle)
    weight = 2 / nodes * np.sin(angle) ** 2 / omega
    empty = max(1 - kappa, 0.0)

    def mean(f):
        return weight @ f(omega) + (empty * f(0.0) if empty else 0.0)

    x = (1 + noise) / alpha

    def excess(xi):
        return xi * mean(lambda r: 1 / (r + x + xi)) - tau * ridge / xi - (1 - tau)

    xi = 0.0 if ridge == 0 and tau > 1 else brentq(excess, 1e-12, 1e6, xtol=1e-15, rtol=1e-14)
    s = x + xi
    g = mean(lambda r: ((r + x) / (r + s)) ** 2) / tau
    inside = noise + mean(lambda r: r * (s / (r + s)) ** 2 + x * (r / (r + s)) ** 2)
    inside /= 1 - g
    outside = noise + mean(lambda r: (s / (r + s)) ** 2 + x * (r / (r + s)) ** 2)
    outside += (1 + x) * inside / tau * mean(lambda r: (r + x) / (r + s) ** 2)
    return inside, outside


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_marchenko_pastur_law_integrated(setting):
    found = learning_errors(
        **dict(zip(("alpha", "kappa", "tau", "noise_variance", "ridge"), setting, strict=True))
    )
    inside, outside = by_marchenko_pastur(*setting)
    np.testing.assert_allclose(found.in_distribution, inside, rtol=1e-10)
    np.testing.assert_allclose(found.out_of_distribution, outside, rtol=1e-10)


def test_published_limits():
    """Few tasks, and the two orders of many examples and many prompts."""
    common = {"noise_variance": 0.1}
    few = learning_errors(alpha=2.0, kappa=1e-7, tau=3.0, **common).out_of_distribution
    assert few == pytest.approx(1.1 + 0.1 / 2 * (1 + 2 / 1.1), rel=1e-5)
    one = learning_errors(alpha=1e3, kappa=0.5, tau=1e6, **common).out_of_distribution
    other = learning_errors(alpha=1e6, kappa=0.5, tau=1e3, **common).out_of_distribution
    assert one == pytest.approx(0.60, abs=5e-3)
    assert other == pytest.approx(46.1, abs=0.1)


@pytest.mark.parametrize("kappa", [0.3, 0.8, 3.0])
@pytest.mark.parametrize("ratio", [0.01, 1.0, 30.0])
def test_the_transition_by_the_integrated_law(kappa, ratio):
    """What is left out at one length, less half of that at twice the length, is of second order."""
    errors = [by_marchenko_pastur(a, kappa, a / ratio, 0.2, 0.0) for a in (5e4, 1e5)]
    found = transition_errors(kappa=kappa, ratio=ratio, noise_variance=0.2)
    once, twice = np.array(errors)
    assert found.in_distribution == 0.2
    values = [found.in_distribution, found.out_of_distribution]
    np.testing.assert_allclose(values, 2 * twice - once, rtol=1e-6)


def test_what_sampled_tasks_do_not_span():
    """By projections off the tasks themselves: of a fresh task that much is missed."""
    d, k, rng = 100, 40, np.random.default_rng(0)
    trained, tested = np.linspace(0.2, 3, d), np.linspace(2, 0.1, d)
    missed = []
    for _ in range(20):
        basis = np.linalg.qr((rng.standard_normal((k, d)) * np.sqrt(trained)).T)[0]
        missed.append(tested.mean() - (tested * (basis**2).sum(axis=1)).mean())
    found = transition_errors(
        kappa=k / d,
        ratio=2.0,
        noise_variance=0.5,
        task_covariance=trained,
        test_task_covariance=tested,
    )
    expected = 0.5 + np.mean(missed) * (1 + 2 * 0.5 / (trained.mean() + 0.5))
    assert found.out_of_distribution == pytest.approx(expected, rel=0.02)


def test_the_ends_of_the_ratio():
    """By hand: few tasks, none, as many as directions, more; with and without noise."""
    kappa = np.array([0.0, 0.5, 1.0, 2.0])
    noisy = transition_errors(kappa=kappa, ratio=[[0.0], [np.inf]], noise_variance=0.1)
    expected = [[1.1, 0.6, 0.1, 0.1], [np.inf, np.inf, np.inf, 0.1]]
    np.testing.assert_allclose(noisy.out_of_distribution, expected, rtol=1e-14)
    assert (noisy.in_distribution == 0.1).all()
    silent = transition_errors(kappa=kappa, ratio=np.inf, noise_variance=0.0)
    np.testing.assert_allclose(silent.out_of_distribution, [1, 0.5, 0, 0], rtol=1e-14)
    roots = {"task_covariance": [1.0, 4.0], "test_task_covariance": [3.0, 0.5]}  # a = 2 at κ = ½
    mixed = transition_errors(kappa=0.5, ratio=1.0, noise_variance=0.5, **roots)
    assert mixed.out_of_distribution == pytest.approx(0.5 + 13 / 12 * (1 + 1 / 6), rel=1e-14)


def test_directions_that_no_task_has():
    """A covariance of rank 1 in three dimensions: its other directions are missed by any pool."""
    setting = {"ratio": np.inf, "noise_variance": 0.1, "task_covariance": np.ones((3, 3))}
    shown = transition_errors(kappa=[0.3, 1 / 3, 0.4], **setting).out_of_distribution
    assert (np.isinf(shown[:2]).all(), shown[2]) == (True, pytest.approx(0.1, rel=1e-12))
    setting |= {"test_task_covariance": np.eye(3), "ratio": 0.0}
    fresh = transition_errors(kappa=[0.4, 5.0], **setting).out_of_distribution
    np.testing.assert_allclose(fresh, 0.1 + 2 / 3, rtol=1e-12)


def test_one_formula_for_isotropic_tasks_given_as_a_matrix():
    setting = {"alpha": 2.0, "kappa": 0.7, "tau": 0.6, "noise_variance": 0.2, "ridge": 0.05}
    plain = learning_errors(**setting)
    rng = np.random.default_rng(0)
    basis = np.linalg.qr(rng.standard_normal((5, 5)))[0]
    turned = basis @ basis.T
    for covariance in (np.ones(5), (turned + turned.T) / 2):
        found = learning_errors(
            task_covariance=covariance, test_task_covariance=np.eye(5), **setting
        )
        for name in ("in_distribution", "out_of_distribution"):
            np.testing.assert_allclose(getattr(found, name), getattr(plain, name), rtol=1e-12)


def test_mismatched_tasks_turn_with_their_basis():
    rng = np.random.default_rng(1)
    trained, tested = np.array([0.2, 1.0, 3.0]), np.array([2.0, 0.5, 0.1])
    basis = np.linalg.qr(rng.standard_normal((3, 3)))[0]

    def turn(values):
        matrix = (basis * values) @ basis.T
        return (matrix + matrix.T) / 2

    setting = {"alpha": 1.5, "kappa": 0.7, "tau": 2.0, "noise_variance": 0.2, "test_alpha": 4.0}
    plain = learning_errors(task_covariance=trained, test_task_covariance=tested, **setting)
    found = learning_errors(
        task_covariance=turn(trained), test_task_covariance=turn(tested), **setting
    )
    assert found.out_of_distribution == pytest.approx(float(plain.out_of_distribution), rel=1e-12)
    swapped = learning_errors(task_covariance=tested, test_task_covariance=trained, **setting)
    assert abs(swapped.out_of_distribution / plain.out_of_distribution - 1) > 0.05


def test_the_pole_and_double_descent():
    setting = {"alpha": 2.0, "kappa": 2.0, "noise_variance": 0.1}
    with pytest.warns(RuntimeWarning, match=r"learning_errors\(tau=1\): is a pole without ridge"):
        assert learning_errors(tau=1.0, **setting).out_of_distribution == np.inf
    assert np.isfinite(learning_errors(tau=1.0, ridge=1e-6, **setting).out_of_distribution)
    below, at, above = (
        float(learning_errors(tau=tau, **setting).out_of_distribution) for tau in (0.4, 0.99, 3.0)
    )
    assert at > 10 * max(below, above)


def test_a_curve_is_its_points():
    tau = np.array([0.3, 0.9, 1.0, 1.7])
    ridge = np.array([[0.0], [0.2]])
    setting = {"alpha": 3.0, "kappa": 0.8, "noise_variance": 0.1}
    with pytest.warns(RuntimeWarning, match="pole"):
        curve = learning_errors(tau=tau, ridge=ridge, **setting).out_of_distribution
    assert curve.shape == (2, 4)
    for (i, j), value in np.ndenumerate(curve):
        if np.isinf(value):
            assert (tau[j], ridge[i, 0]) == (1, 0)
            continue
        one = learning_errors(tau=tau[j], ridge=ridge[i, 0], **setting).out_of_distribution
        assert value == pytest.approx(float(one), rel=1e-13)


@pytest.mark.parametrize(("kappa", "tau"), [(0.5, 3.0), (0.5, 0.5), (20.0, 1.0), (3.0, 20.0)])
def test_the_optimal_ridge_is_least(kappa, tau):
    setting = {"alpha": 2.0, "kappa": kappa, "tau": tau, "noise_variance": 0.1}
    found = optimal_ridge(**setting)

    def error(logarithm):
        return float(learning_errors(ridge=np.exp(logarithm), **setting).out_of_distribution)

    least = minimize_scalar(error, bounds=(-12, 6), method="bounded", options={"xatol": 1e-9})
    if kappa == 3.0:  # enough tasks and prompts: any ridge hurts
        assert (found, least.x < -11.9) == (0, True)
    else:
        assert found == pytest.approx(np.exp(least.x), rel=1e-5)
        assert error(np.log(found)) <= least.fun * (1 + 1e-12)


@given(
    st.floats(0.1, 10), st.floats(0.05, 20), st.lists(st.floats(0.01, 5), min_size=1, max_size=5)
)
def test_means_over_the_sample_spectrum(nu, ratio, spectrum):
    """Derivatives of one another, and sums of positive shares."""
    spectrum, ratio = np.array(spectrum), np.asarray(ratio)

    def at(nu):
        a = effective_ridge(spectrum, np.asarray(nu), ratio)
        return SampleSpectrum(a, ratio, spectrum, spectrum)

    found, step = at(nu), 1e-5 * nu
    assert found.nu == pytest.approx(nu, rel=1e-11)
    resolvent = [(1 - float(at(x).share)) / x for x in (nu - step, nu + step)]
    slope = -(resolvent[1] - resolvent[0]) / (2 * step)
    assert float(found.inverse_square) == pytest.approx(slope, rel=1e-5)
    whole = found.square + 2 * nu * found.first + nu**2 * found.inverse_square
    assert float(whole) == pytest.approx(1.0, rel=1e-10)
    tested = [float(at(x).tested) for x in (nu - step, nu + step)]
    assert float(found.tested_square) == pytest.approx(-np.diff(tested)[0] / (2 * step), rel=1e-5)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"ridge": -1.0}, r"learning_errors\(ridge=-1.0\): must be a number >= 0"),
        ({"alpha": 0.0}, r"learning_errors\(alpha=0.0\): must be a positive number"),
        ({"tau": np.array([1.0, np.nan])}, r"learning_errors\(tau=nan\): must be"),
        ({"kappa": "many"}, r"learning_errors\(kappa='many'\): must be a positive number"),
        ({"task_covariance": [1.0, -1.0]}, r"task_covariance=.* must be non-negative"),
        (
            {"test_task_covariance": 3.0},
            r"test_task_covariance=3.0\): must be a vector or a matrix",
        ),
        ({"tau": [1.0, 2.0], "kappa": [1.0, 2.0, 3.0]}, r"tau=.*broadcasts with alpha and kappa"),
    ],
)
def test_refusals(change, sentence):
    setting = {"alpha": 2.0, "kappa": 1.0, "tau": 2.0, "noise_variance": 0.1}
    with pytest.raises(ValueError, match=sentence):
        learning_errors(**(setting | change))


def test_the_optimal_ridge_is_of_finite_numbers():
    with pytest.raises(ValueError, match=r"optimal_ridge\(tau=inf\): must be a positive number"):
        optimal_ridge(alpha=2.0, kappa=1.0, tau=np.inf, noise_variance=0.1)


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"ratio": -1.0}, r"transition_errors\(ratio=-1.0\): must be a number >= 0"),
        ({"ratio": np.nan}, r"transition_errors\(ratio=nan\): must be a number >= 0"),
        ({"kappa": np.inf}, r"transition_errors\(kappa=inf\): must be a number >= 0"),
        ({"noise_variance": "loud"}, r"transition_errors\(noise_variance='loud'\): must be"),
        ({"kappa": [1.0, 2.0], "ratio": [1.0] * 3}, r"ratio=.*broadcasts with kappa and noise"),
        ({"task_covariance": np.ones(2), "test_task_covariance": np.ones(3)}, r"test_task_cov"),
    ],
)
def test_refusals_at_the_transition(change, sentence):
    setting = {"kappa": 1.0, "ratio": 2.0, "noise_variance": 0.1}
    with pytest.raises(ValueError, match=sentence):
        transition_errors(**(setting | change))
