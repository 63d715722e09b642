"""Targets of one direction: moments by hand, against adaptive quadrature and against samples."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from scipy.integrate import quad

from lsa_theory import (
    linear_target,
    prediction_error,
    single_index_target,
    square_target,
    tanh_target,
)

THRESHOLD = 5.0  # standard errors; fixed beforehand, a false alarm of 6e-7 each

COVARIANCE = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, -0.3], [0.0, -0.3, 0.5]])
TASK = np.array([1.0, -0.5, 2.0])


def gaussian_mean(function) -> float:
    """`E function(z)` by adaptive quadrature."""

    def integrand(z: float) -> float:
        return function(z) * np.exp(-z * z / 2) / np.sqrt(2 * np.pi)

    halves = [
        quad(integrand, *ends, epsabs=1e-14, epsrel=1e-13, limit=400)[0]
        for ends in ((-40, 0), (0, 40))
    ]
    return sum(halves)


def close(value, exact, rtol=1e-12):
    np.testing.assert_allclose(
        np.asarray(value, float), np.asarray(exact, float), rtol=rtol, atol=1e-14
    )


def test_linear_target_by_hand():
    """`Var(x²) = 2 λ²` at d = 1, plus `σ² λ`."""
    target = linear_target([3.0], [2.0], 5, noise_variance=0.5)
    assert target.coefficients == [3.0]
    assert target.linear_error == 0.5
    assert target.label_covariance.dense() == 9 * 2 * 2**2 + 0.5 * 2


def test_square_target_by_hand():
    """`E y² = 3 λ²` and `Var(x³) = 15 λ³` at d = 1."""
    target = square_target([1.0], [2.0], 5, noise_variance=0.5)
    assert target.coefficients == [0.0]
    assert target.linear_error == 3 * 2**2 + 0.5
    assert target.label_covariance.dense() == 15 * 2**3 + 0.5 * 2


@pytest.mark.parametrize("scale", [1e-6, 0.3, 1.0, 4.0, 20.0])
def test_tanh_target_against_adaptive_quadrature(scale):
    target = tanh_target([scale], [1.0], 5, noise_variance=0.25)
    slope = gaussian_mean(lambda z: z * np.tanh(scale * z))
    close(target.coefficients[0], slope, 1e-9)
    residual = gaussian_mean(lambda z: (np.tanh(scale * z) - slope * z) ** 2)
    close(target.linear_error, residual + 0.25, 1e-9)
    variance = gaussian_mean(lambda z: (z * np.tanh(scale * z) - slope) ** 2)
    close(target.label_covariance.dense(), variance + 0.25, 1e-9)


def test_tanh_target_at_small_scale_is_linear():
    """`E(tanh(τz) − κτz)² = (τ³/3)² Var(z³ − 3z) = 2τ⁶/3`, far under the rounding of `E y²`."""
    target = tanh_target([1.0], [1e-6], 5)
    close(target.linear_error, 2e-18 / 3, 1e-4)


@pytest.mark.parametrize(
    ("function", "closed"), [(lambda g: g, linear_target), (lambda g: g**2, square_target)]
)
def test_quadrature_agrees_with_closed_forms(function, closed):
    arguments = (TASK, COVARIANCE, 7)
    found = single_index_target(function, *arguments, noise_variance=0.3)
    exact = closed(*arguments, noise_variance=0.3)
    assert abs(found.coefficients - exact.coefficients).max() < 1e-12
    close(found.linear_error, exact.linear_error)
    close(found.label_covariance.dense(), exact.label_covariance.dense())


def test_functions_with_a_kink_at_zero():
    """relu: `E φ² = τ²/2`, half of the slope; |x|: no slope at all. Symmetric nodes are exact."""
    variance = TASK @ COVARIANCE @ TASK
    relu = single_index_target(lambda g: np.maximum(g, 0), TASK, COVARIANCE, 7)
    close(relu.coefficients, TASK / 2)
    close(relu.linear_error, variance / 4)
    modulus = single_index_target(abs, TASK, COVARIANCE, 7)
    assert abs(modulus.coefficients).max() < 1e-14
    close(modulus.linear_error, variance)


def test_label_covariance_of_a_target_in_three_dimensions():
    """`Cov(xy)` of `y = tanh(<w, x>) + ε` against a plain sample of it."""
    target = tanh_target(TASK, COVARIANCE, 7, noise_variance=0.5)
    rng = np.random.default_rng(31)
    x = rng.standard_normal((200_000, 3)) @ np.linalg.cholesky(COVARIANCE).T
    y = np.tanh(x @ TASK) + np.sqrt(0.5) * rng.standard_normal(len(x))
    xy = x * y[:, None] - COVARIANCE @ target.coefficients
    assert (abs(xy.mean(axis=0)) < THRESHOLD * xy.std(axis=0) / np.sqrt(len(x))).all()
    products = xy[:, :, None] * xy[:, None, :]
    error = products.std(axis=0) / np.sqrt(len(x))
    gap = abs(products.mean(axis=0) - target.label_covariance.dense())
    assert (gap < THRESHOLD * error).all()
    without_rank_one = target.label_covariance.matrix
    assert (abs(products.mean(axis=0) - without_rank_one) > THRESHOLD * error).any()


@pytest.mark.parametrize("constructor", [tanh_target, linear_target])
def test_rationals_are_taken_in_floating_point_where_they_cannot_stay(constructor):
    """Quadrature is floating point; so is a closed form of which one argument is."""
    exact = np.array([Fraction(1, 2), Fraction(3)])
    task = exact if constructor is tanh_target else exact.astype(float)
    found = constructor(task, exact, 4, noise_variance=Fraction(1, 4))
    floats = constructor(exact.astype(float), exact.astype(float), 4, noise_variance=0.25)
    assert found.covariance.dtype == found.coefficients.dtype == np.float64
    assert found.linear_error == floats.linear_error
    assert (found.label_covariance.dense() == floats.label_covariance.dense()).all()


def test_constant_label():
    """`w^T Λ w = 0`: nothing depends on the covariates."""
    target = single_index_target(np.cos, [0.0, 3.0], [1.0, 0.0], 4, noise_variance=0.5)
    assert not target.coefficients.any()
    close(target.linear_error, 1.5)
    close(target.label_covariance.dense(), np.diag([1.5, 0.0]))
    assert prediction_error(np.zeros(2), target).excess == 0


def test_kernel_of_a_singular_covariance_is_not_seen():
    half = np.array([[1.0, 2.0], [0.5, -1.0], [2.0, 0.0]])
    singular = half @ half.T
    kernel = np.linalg.svd(half)[0][:, 2]
    errors = [
        prediction_error(np.eye(3), tanh_target(TASK + shift * kernel, singular, 6))
        for shift in (0, 10)
    ]
    close(errors[0].total, errors[1].total, 1e-10)
    close(errors[0].excess, errors[1].excess, 1e-10)
    assert tanh_target(kernel, singular, 6).linear_error < 1e-15


@pytest.mark.parametrize(
    ("function", "sentence"),
    [
        (np.sign, "smooth and of moderate growth"),
        (lambda g: np.exp(g**2), "finite on the real line|smooth and of moderate growth"),
        (lambda g: np.exp(0.3 * g**2), "smooth and of moderate growth"),
        (np.sqrt, "finite on the real line"),
        (lambda g: g[:3], "real and act entry by entry"),
        (lambda g: g + 1j, "real and act entry by entry"),
    ],
)
def test_functions_that_are_refused(function, sentence):
    with pytest.raises(ValueError, match=f"single_index_target.function=.*must be ({sentence})"):
        single_index_target(function, [1.0], [1.0], 3)


def test_too_steep_a_tanh_is_refused():
    with pytest.raises(ValueError, match=r"tanh_target\(function=tanh \(moments still change by"):
        tanh_target([1_000.0], [1.0], 3)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: tanh_target([1.0], [1.0, 2.0], 3), r"tanh_target\(task=array of shape \(1,\)\)"),
        (lambda: tanh_target([1.0], [-1.0], 3), r"tanh_target\(covariance=.*non-negative"),
        (lambda: square_target([1.0], [1.0], 0), r"square_target\(context_length=0\)"),
        (
            lambda: linear_target([1.0], [1.0], 3, noise_variance=-1.0),
            r"linear_target\(noise_variance=-1.0\): must be a finite real number >= 0",
        ),
    ],
)
def test_bad_input(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
