"""The law of a prompt: what it keeps, what it means by default, how it changes."""

from __future__ import annotations

import dataclasses
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
import sympy
from strategies import rational

from lsa_theory import GaussianPrompts, risk
from lsa_theory.linalg import Diagonal, dense

COVARIANCE = np.array([[2.0, 0.5], [0.5, 1.0]])


def as_matrix(operator):
    return operator.dense() if isinstance(operator, Diagonal) else operator


def test_what_is_left_out():
    prompts = GaussianPrompts(COVARIANCE, 4)
    assert prompts.dimension == 2
    assert prompts.noise_variance == 0
    assert (as_matrix(prompts.task) == np.eye(2)).all()
    assert (as_matrix(prompts.second_moment) == np.eye(2)).all()
    assert (prompts.query == COVARIANCE).all()
    assert (prompts.context == COVARIANCE).all()
    assert prompts.zero_mean


def test_what_is_given():
    mean, task, query = [1.0, -2.0], [[3.0, 1.0], [1.0, 2.0]], [4.0, 5.0]
    prompts = GaussianPrompts(
        *(COVARIANCE, 4),
        noise_variance=2,
        task_covariance=task,
        task_mean=mean,
        query_covariance=query,
    )
    assert prompts.noise_variance == 2
    assert type(prompts.noise_variance) is int
    assert (prompts.task == task).all()
    assert (as_matrix(prompts.second_moment) == [[4.0, -1.0], [-1.0, 6.0]]).all()
    assert isinstance(prompts.query, Diagonal)
    assert (as_matrix(prompts.query) == np.diag(query)).all()
    assert not prompts.zero_mean


def test_vectors_stay_vectors():
    prompts = GaussianPrompts([1, 2], 4)
    assert prompts.covariance.shape == (2,)
    assert isinstance(prompts.context, Diagonal)
    assert isinstance(prompts.task, Diagonal)


def test_a_mean_of_zeros_is_zero():
    assert GaussianPrompts(COVARIANCE, 4, task_mean=[0, 0]).zero_mean
    assert not GaussianPrompts(COVARIANCE, 4, task_mean=[0, 1e-300]).zero_mean


@pytest.mark.parametrize("dtype", [int, np.float32, np.int8, np.uint16])
def test_numbers_become_float64(dtype):
    prompts = GaussianPrompts(np.eye(2, dtype=dtype), np.int64(3), noise_variance=np.float32(0.5))
    assert prompts.covariance.dtype == np.float64
    assert type(prompts.context_length) is int
    assert type(prompts.noise_variance) is float


def test_exact_numbers_stay_exact():
    entries = np.array([[sympy.Rational(2, 3), 0], [0, 1]], dtype=object)
    prompts = GaussianPrompts(entries, 4, noise_variance=0.25, task_mean=rational(1, 2))
    assert prompts.covariance[0, 0] == Fraction(2, 3)
    assert prompts.noise_variance == Fraction(1, 4)
    assert isinstance(prompts.noise_variance, Fraction)
    assert isinstance(risk(rational([1, 0], [0, 1]), prompts), Fraction)


def test_symbols_pass():
    scale = sympy.Symbol("lambda", positive=True)
    prompts = GaussianPrompts(np.array([scale, scale], dtype=object), 2)
    value = sympy.expand(risk(np.array([sympy.Integer(1)] * 2, dtype=object), prompts))
    # per feature λ(λ − 1)² + ½ (2λ·λ·λ + λ·λ²), two features
    assert sympy.expand(value - 2 * scale * (scale - 1) ** 2 - 3 * scale**3) == 0
    noise = sympy.Symbol("sigma", positive=True) ** 2
    noisy = risk(
        np.array([sympy.Integer(1)] * 2, dtype=object), prompts.replace(noise_variance=noise)
    )
    assert sympy.expand(noisy - value - noise * scale**2) == 0  # ½ σ² tr Λ², two features


@pytest.mark.parametrize(
    "number", [Decimal("0.25"), sympy.Float(0.25), np.array(0.25), np.float16(0.25)]
)
def test_any_kind_of_number(number):
    noise = GaussianPrompts(COVARIANCE, 2**53, noise_variance=number).noise_variance
    assert type(noise) is float
    assert noise == 0.25


def test_rounding_is_forgiven_and_more_is_not():
    nearly = COVARIANCE.copy()
    nearly[0, 1] += 1e-16
    kept = GaussianPrompts(nearly, 4).covariance
    assert (kept == kept.T).all()
    singular = np.outer([1.0, 1 / 3, 0.1], [1.0, 1 / 3, 0.1])
    GaussianPrompts(singular - 1e-17 * np.eye(3), 4)
    with pytest.raises(ValueError, match="positive semi-definite"):
        GaussianPrompts(singular - 1e-14 * np.eye(3), 4)
    nearly[0, 1] += 1e-14
    with pytest.raises(ValueError, match="symmetric"):
        GaussianPrompts(nearly, 4)


@pytest.mark.parametrize("scale", [1e-300, 1e-150, 1.0, 1e150, 1e300])
def test_checks_know_no_unit(scale):
    assert (GaussianPrompts(scale * COVARIANCE, 4).covariance == scale * COVARIANCE).all()
    with pytest.raises(ValueError, match="positive semi-definite"):
        GaussianPrompts(scale * np.array([[1.0, 1.1], [1.1, 1.0]]), 4)
    with pytest.raises(ValueError, match="symmetric"):
        GaussianPrompts(scale * np.array([[1.0, 0.1], [0.2, 1.0]]), 4)


def test_zero_is_a_covariance():
    for zero in (np.zeros((2, 2)), np.zeros(2), rational(0, 0), rational([0, 0], [0, 0])):
        assert not GaussianPrompts(zero, 1).covariance.any()


def test_a_law_keeps_its_own_copy_and_cannot_be_changed():
    covariance, mean = COVARIANCE.copy(), np.ones(2)
    prompts = GaussianPrompts(covariance, 4, task_mean=mean, task_covariance=covariance)
    covariance[:], mean[:] = 9, 9
    assert (prompts.covariance == COVARIANCE).all()
    assert (prompts.task_covariance == COVARIANCE).all()
    assert (prompts.task_mean == 1).all()
    for name in ("covariance", "task_mean"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(prompts, name)[0] = 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        prompts.context_length = 5


def test_a_changed_copy():
    prompts = GaussianPrompts(COVARIANCE, 4, noise_variance=1.0, task_mean=[1.0, 2.0])
    longer = prompts.replace(context_length=9, task_mean=None)
    assert (prompts.context_length, longer.context_length) == (4, 9)
    assert longer.zero_mean
    assert not prompts.zero_mean
    assert longer.noise_variance == 1
    assert (dense(longer.covariance) == COVARIANCE).all()
    with pytest.raises(ValueError, match=r"GaussianPrompts\(context_length=0\)"):
        prompts.replace(context_length=0)
