"""Random covariances: moments against draws, minima exactly, and the flow's end."""

from __future__ import annotations

from fractions import Fraction as F

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from strategies import rational

from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    RandomCovariancePrompts,
    global_minimum,
    gradient_flow,
    population_loss,
    risk,
    testing,
)
from lsa_theory.linalg import array, dense, operator
from lsa_theory.random_covariance import (
    DiagonalEigenvalues,
    Mixture,
    RotatedSpectrum,
    WishartCovariances,
    mean_minimiser,
)

WIDE = rational([2, 1], [1, 1])
SKEW = rational([1, 0], [0, 3])
DENSE = np.array([[1.0, 0.3, 0.1], [0.3, 0.8, -0.2], [0.1, -0.2, 0.5]])
LAWS = {
    "exponential": DiagonalEigenvalues(stats.expon(), 3),
    "log-normal": DiagonalEigenvalues(stats.lognorm(0.3), 3),
    "diagonal mixture": Mixture([[1.0, 2.0, 0.0], [0.5, 0.1, 3.0]], [0.25, 0.75]),
    "mixture": Mixture([DENSE, np.eye(3), np.ones(3)], [0.5, 0.3, 0.2]),
    "Wishart": WishartCovariances(DENSE, 4),
    "Wishart, one degree": WishartCovariances(np.array([1.0, 2.0, 3.0]), 1),
    "rotated": RotatedSpectrum([0.5, 1.0, 2.0]),
}
EVERY = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)


def random_gain(seed=3):
    return np.random.default_rng(seed).standard_normal((3, 3))


def matrices(law, count):
    draws = law.sample(count, seed=5)
    return np.array([dense(draw) for draw in draws])


@EVERY
def test_moments_are_those_of_draws(law):
    gain, draws = random_gain(), matrices(law, 4000)
    traces = np.trace(draws, axis1=1, axis2=2)[:, None, None]
    summary = (8 * draws @ draws + (traces + 0.4) * draws) / 7
    for values, stated in (
        (draws, dense(array(law.mean))),
        (draws @ draws, dense(array(law.square))),
        (summary @ gain @ draws, law.pull(gain, 7, 0.4)),
    ):
        error = values.std(axis=0) / np.sqrt(len(values))
        assert (abs(values.mean(axis=0) - stated) <= 5 * error + 1e-12).all()


@EVERY
def test_a_diagonal_gain_is_pulled_like_its_matrix(law):
    gain = np.array([1.0, -2.0, 0.5])
    sparse, full = law.pull(operator(gain), 7, 0.4), law.pull(np.diag(gain), 7, 0.4)
    np.testing.assert_allclose(dense(array(sparse)), full, rtol=1e-13, atol=1e-14)


@EVERY
def test_the_map_is_self_adjoint(law):
    left, right = random_gain(1), random_gain(2)
    products = (left * law.pull(right, 4, 0.1)).sum(), (law.pull(left, 4, 0.1) * right).sum()
    assert products[0] == pytest.approx(products[1], rel=1e-12)


@EVERY
def test_risk_is_the_mean_of_the_risks_on_draws(law):
    gain, prompts = random_gain() / 5, RandomCovariancePrompts(law, 6, noise_variance=0.3)
    given_draws = [
        risk(gain, GaussianPrompts(draw, 6, noise_variance=0.3)) for draw in law.sample(400, seed=1)
    ]
    error = np.std(given_draws) / np.sqrt(len(given_draws))
    assert abs(np.mean(given_draws) - risk(gain, prompts)) < 5 * error
    layer = LinearSelfAttention.from_block(gain / 2, 2.0)
    assert risk(layer, prompts) == pytest.approx(risk(gain, prompts), rel=1e-13)
    assert population_loss(layer, prompts) == pytest.approx(risk(gain, prompts) / 2, rel=1e-13)


@EVERY
def test_nothing_is_below_the_minimum(law):
    prompts = RandomCovariancePrompts(law, 6, noise_variance=0.3)
    minimum, rng = global_minimum(prompts), np.random.default_rng(0)
    gain = dense(minimum.gain)
    residual = prompts.pull(gain) - dense(array(law.square))
    assert abs(residual).max() < 1e-13 * abs(dense(array(law.square))).max()
    for size in np.logspace(-4, 0, 20):
        assert risk(gain + size * rng.standard_normal((3, 3)), prompts) >= 2 * minimum.loss


@EVERY
def test_the_flow_ends_at_the_minimum(law):
    prompts = RandomCovariancePrompts(law, 6, noise_variance=0.3)
    start = LinearSelfAttention.from_block(0.05 * np.eye(3), 0.05 * np.sqrt(3))
    flow, limit = gradient_flow(start, prompts), global_minimum(prompts).layer()
    assert flow.converged
    assert flow.distance_bound < 1e-9
    if global_minimum(prompts).unique:
        np.testing.assert_allclose(flow.final.gain, limit.gain, atol=1e-8)
    assert flow.loss[-1] == pytest.approx(global_minimum(prompts).loss, rel=1e-9)
    assert flow.loss[0] == pytest.approx(population_loss(start, prompts), rel=1e-12)
    assert (np.diff(flow.loss) <= 1e-14).all()
    assert np.ptp(flow.balance) < 1e-12


@EVERY
def test_free_directions_are_the_kernel_of_the_map(law):
    found = global_minimum(RandomCovariancePrompts(law, 6)).free_directions
    units = np.eye(9).reshape(9, 3, 3)
    columns = np.array([law.pull(unit, 6, 0.0).ravel() for unit in units])
    assert found == 9 - np.linalg.matrix_rank(columns)


def test_a_spectrum_of_one_direction_leaves_gains_undetermined():
    assert [RotatedSpectrum([1.0] * k + [0.0] * (3 - k)).determined for k in range(4)] == [
        0,
        6,
        9,
        9,
    ]
    assert RotatedSpectrum([2.0]).determined == 1


# --- exactly ---


def test_exponential_eigenvalues():
    for d, n in ((1, 1), (3, 7), (10, 100)):
        law = DiagonalEigenvalues((F(1), F(2), F(6)), d)
        gain = global_minimum(RandomCovariancePrompts(law, n)).gain
        assert set(gain) == {F(2 * n, 6 * (n + 1) + 2 * d + 4)}
        floats = RandomCovariancePrompts(DiagonalEigenvalues(stats.expon(), d), n)
        np.testing.assert_allclose(mean_minimiser(floats), gain.astype(float), rtol=1e-14)


def test_moments_and_length_may_be_symbols():
    moments, n = sympy.symbols("m1:4", positive=True), sympy.Symbol("N", positive=True)
    law = DiagonalEigenvalues(np.array(moments), 2)
    found = global_minimum(RandomCovariancePrompts(law, n)).gain[0]
    m1, m2, m3 = moments
    assert sympy.simplify(found - n * m2 / ((n + 2) * m3 + m1 * m2)) == 0


def test_independent_eigenvalues_are_the_mixture_of_their_products():
    """Two values, 1 and 3, with probabilities 1/4 and 3/4: four matrices in two dimensions."""
    p = {F(1): F(1, 4), F(3): F(3, 4)}
    moments = [sum(weight * x**k for x, weight in p.items()) for k in (1, 2, 3)]
    pairs = [(x, y) for x in p for y in p]
    mixture = Mixture(rational(*pairs), rational(*[p[x] * p[y] for x, y in pairs]))
    one, two = (
        RandomCovariancePrompts(law, 4, noise_variance=F(1, 2))
        for law in (DiagonalEigenvalues(np.array(moments), 2), mixture)
    )
    gain = rational([1, 2], [F(-1, 3), 4])
    assert (one.pull(gain) == two.pull(gain)).all()
    assert population_loss(gain, one) == population_loss(gain, two)
    assert (mean_minimiser(one) == mean_minimiser(two)).all()
    assert global_minimum(one).loss == global_minimum(two).loss


@given(st.integers(1, 3), st.integers(1, 30), st.data())
@settings(max_examples=20)
def test_one_matrix_is_a_fixed_covariance(dimension, length, data):
    covariance = data.draw(testing.covariances(dimension, condition=100, exact=True))
    fixed = global_minimum(GaussianPrompts(covariance, length, noise_variance=F(1, 3)))
    law = Mixture([covariance])
    found = global_minimum(RandomCovariancePrompts(law, length, noise_variance=F(1, 3)))
    assert (dense(found.gain) == dense(fixed.gain)).all()
    assert found.loss == fixed.loss


def test_matrices_that_do_not_commute_have_an_asymmetric_minimiser():
    prompts = RandomCovariancePrompts(Mixture([WIDE, SKEW], [F(1, 3), F(2, 3)]), 5)
    gain = mean_minimiser(prompts)
    assert (prompts.pull(gain) == prompts.law.square).all()
    assert (gain != gain.T).any()
    floats = Mixture([WIDE.astype(float), SKEW.astype(float)], [1 / 3, 2 / 3])
    near = mean_minimiser(prompts.replace(law=floats))
    np.testing.assert_allclose(near, gain.astype(float), rtol=1e-12)


def test_a_common_kernel_is_left_out_in_floats():
    flat = np.array([[1.0, 1.0], [1.0, 1.0]])
    prompts = RandomCovariancePrompts(Mixture([flat, 2 * flat]), 5)
    minimum = global_minimum(prompts)
    assert minimum.free_directions == 3
    np.testing.assert_allclose(prompts.pull(minimum.gain), prompts.law.square, atol=1e-13)
    gain = minimum.gain
    np.testing.assert_allclose(gain, gain[0, 0] * np.ones((2, 2)), atol=1e-14)  # of least norm


def test_wishart_minimum_is_exact_and_of_the_published_form_at_a_white_scale():
    d, k, n = 3, 5, 7
    law = WishartCovariances(rational(*[1] * d), k)
    second = 1 + F(d + 1, k)
    third = 1 + F(3 * (d + 1), k) + F(d * d + 3 * d + 4, k * k)
    expected = n * second / ((n + 1) * third + (d + F(4, k)) * second)
    assert set(mean_minimiser(RandomCovariancePrompts(law, n))) == {expected}


def test_wishart_minimum_turns_with_its_scale():
    turn, _ = np.linalg.qr(np.random.default_rng(4).standard_normal((3, 3)))
    scale = np.array([0.0, 1.0, 2.0])
    flat, turned = (
        dense(mean_minimiser(RandomCovariancePrompts(WishartCovariances(s, 4), 9)))
        for s in (scale, turn @ np.diag(scale) @ turn.T)
    )
    np.testing.assert_allclose(turned, turn @ flat @ turn.T, atol=1e-13)
    assert flat[0, 0] == 0


def test_many_degrees_are_the_scale_itself():
    prompts = RandomCovariancePrompts(WishartCovariances(DENSE, 2**40), 8)
    fixed = global_minimum(GaussianPrompts(DENSE, 8))
    np.testing.assert_allclose(mean_minimiser(prompts), fixed.gain, rtol=1e-9, atol=1e-9)


def test_mixtures_take_layers_off_the_block():
    prompts = RandomCovariancePrompts(LAWS["mixture"], 5, noise_variance=0.1)
    layer = LinearSelfAttention.from_parameters(np.ones(3), 0.4, np.eye(3), np.ones(3))
    draws = [GaussianPrompts(c, 5, noise_variance=0.1) for c in prompts.law.covariances]
    expected = np.average([risk(layer, draw) for draw in draws], weights=prompts.law.weights)
    assert risk(layer, prompts) == pytest.approx(expected, rel=1e-14)


def test_sampling_is_reproducible():
    for law in LAWS.values():
        np.testing.assert_array_equal(law.sample(40, seed=9), law.sample(40, seed=9))
        assert (law.sample(40, seed=9) != law.sample(40, seed=8)).any()
