"""Layers at the global minimum: any balance, both signs."""

from __future__ import annotations

import numpy as np
import pytest
from strategies import (
    float_covariance,
    rational,
)

from lsa_theory import (
    GaussianPrompts,
    global_minimum,
    population_loss,
)

EPSILON = np.finfo(np.float64).eps


BALANCES = [0.0, 1.0, -1.0, 0.3, 1e12, -1e12, 1e-300, -1e-300, 7]


@pytest.mark.parametrize("balance", BALANCES)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_layer_of_any_balance(balance, sign):
    prompts = GaussianPrompts(float_covariance(np.random.default_rng(2), 4), 10)
    minimum = global_minimum(prompts)
    layer = minimum.layer(balance, sign)
    assert np.sign(layer.s) == sign
    assert not layer.v.any()
    assert not layer.p.any()
    assert layer.balance == pytest.approx(balance, abs=32 * EPSILON * (layer.s**2 + abs(balance)))
    np.testing.assert_allclose(layer.gain, minimum.gain, rtol=4 * EPSILON)
    assert population_loss(layer, prompts) == pytest.approx(minimum.loss, rel=1e-13)


def test_the_limit_of_theorem_4_1():
    prompts = GaussianPrompts(np.array([[2.0, 1.0], [1.0, 3.0]]), 5)
    gamma = np.array([[3.4, 1.2], [1.2, 4.6]])  # 6/5 Λ + I
    inverse = np.linalg.inv(gamma)
    layer = global_minimum(prompts).layer()
    size = np.trace(inverse @ inverse) ** 0.25
    expected = np.zeros((3, 3))
    expected[2, 2] = size
    np.testing.assert_allclose(layer.pv, expected, rtol=1e-14)
    expected[2, 2], expected[:2, :2] = 0, inverse / size
    np.testing.assert_allclose(layer.kq, expected, rtol=1e-14)


def test_a_layer_of_a_diagonal_minimum():
    eigenvalues = np.array([0.5, 1.0, 3.0])
    vector, matrix = (GaussianPrompts(form, 8) for form in (eigenvalues, np.diag(eigenvalues)))
    layer, expected = (global_minimum(prompts).layer(0.5, -1) for prompts in (vector, matrix))
    np.testing.assert_allclose(layer.pv, expected.pv, rtol=1e-14)
    np.testing.assert_allclose(layer.kq, expected.kq, rtol=1e-14)


def test_a_layer_of_an_exact_minimum_is_in_floats():
    layer = global_minimum(GaussianPrompts(rational([2, 1], [1, 3]), 5)).layer(balance=1)
    assert layer.pv.dtype == layer.kq.dtype == np.float64
    assert layer.balance == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("balance", [0.0, 2.0, -2.0])
def test_a_layer_of_a_zero_gain(balance):
    layer = global_minimum(GaussianPrompts(np.zeros((2, 2)), 5)).layer(balance)
    assert not layer.gain.any()
    assert layer.balance == pytest.approx(balance, rel=4 * EPSILON)


def test_results_are_not_tied_to_the_arguments():
    covariance = np.array([[2.0, 1.0], [1.0, 3.0]])
    prompts = GaussianPrompts(covariance, 5)
    before = global_minimum(prompts)
    kept = before.gain.copy()
    covariance[:] = 9
    assert (global_minimum(prompts).gain == kept).all()
    before.gain[:] = 0
    assert (global_minimum(prompts).gain == kept).all()
