"""Singular and vanishing laws: the loss, and which gains attain it."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import (
    arrays,
    positive,
    rational,
)

from lsa_theory import (
    GaussianPrompts,
    global_minimum,
    population_loss,
)


@given(arrays(3, 1), positive, st.integers(1, 40), arrays(3, 3))
def test_a_covariance_of_rank_one(direction, scale, length, change):
    """`Λ = κ e e^T / |e|²`: one feature of variance κ, and the rest of the gain is free."""
    assume((direction != 0).any())
    projection = direction @ direction.T / (direction.T @ direction)[0, 0]
    prompts = GaussianPrompts(scale * projection, length)
    minimum = global_minimum(prompts)
    gamma = scale * Fraction(length + 2, length)
    assert (projection @ minimum.gain @ projection == projection / gamma).all()
    assert minimum.loss == scale * (1 - scale / gamma) / 2
    assert minimum.free_directions == 8
    assert not minimum.unique
    free = change - projection @ change @ projection
    assert population_loss(minimum.gain + free, prompts) == minimum.loss
    moved = minimum.gain + projection
    assert population_loss(moved, prompts) > minimum.loss


@pytest.mark.parametrize(
    ("covariance", "task", "noise", "query", "free"),
    [
        ([1, 1, 1], [1, 1, 1], 0, None, 0),
        ([1, 0, 0], [1, 1, 1], 0, None, 8),
        ([1, 1, 0], [1, 1, 1], 0, None, 5),
        ([1, 1, 0], [1, 1, 1], 0, [1, 1, 1], 3),
        ([1, 1, 1], [1, 1, 1], 0, [1, 0, 0], 6),
        ([1, 1, 1], [1, 0, 0], 0, None, 0),  # noise-like labels still penalise the rest
        ([1, 0, 0], [0, 1, 1], 0, None, 9),  # labels are zero
        ([1, 0, 0], [0, 1, 1], 1, None, 8),
        ([1, 1, 1], [0, 0, 0], 0, None, 9),
        ([0, 0, 0], [1, 1, 1], 1, None, 9),
    ],
)
@pytest.mark.parametrize("form", [list, np.diag, rational], ids=["vector", "matrix", "exact"])
def test_free_directions(covariance, task, noise, query, free, form):
    def given_as(entries):
        return form(entries) if form is not rational else rational(*entries)

    prompts = GaussianPrompts(
        given_as(covariance),
        4,
        noise_variance=noise,
        task_covariance=given_as(task),
        query_covariance=None if query is None else given_as(query),
    )
    minimum = global_minimum(prompts)
    assert minimum.free_directions == free == 9 - _hessian_rank(prompts)
    assert minimum.unique == (free == 0)
    assert population_loss(minimum.gain, prompts) == pytest.approx(float(minimum.loss), abs=1e-15)


def _hessian_rank(prompts):
    """By exact second differences of the loss in the gain."""
    exact = prompts.replace(
        **{
            name: rational(*getattr(prompts, name))
            for name in ("covariance", "task_covariance", "query_covariance")
            if getattr(prompts, name) is not None
        },
        noise_variance=Fraction(prompts.noise_variance),
    )
    basis = [unit.reshape(3, 3) for unit in rational(*np.eye(9, dtype=int))]
    loss = {}
    for i, left in enumerate(basis):
        for j, right in enumerate(basis[: i + 1]):
            loss[i, j] = loss[j, i] = population_loss(left + right, exact)
    single = [population_loss(unit, exact) for unit in basis]
    zero = population_loss(0 * basis[0], exact)
    return sympy.Matrix(
        9, 9, lambda i, j: sympy.Rational(loss[i, j] - single[i] - single[j] + zero)
    ).rank()


@pytest.mark.parametrize("sigma", [0, 1])
@pytest.mark.parametrize("shape", ["vector", "matrix", "exact vector", "exact matrix"])
def test_no_signal(shape, sigma):
    """Λ = 0 and Ω = 0, with and without label noise: `h` is zero, or noise alone."""
    zero, one = np.zeros(2), np.ones(2)
    if "exact" in shape:
        zero, one = rational(0, 0), rational(1, 1)
    if "matrix" in shape:
        zero, one = np.diag(zero), np.diag(one)
    flat = global_minimum(GaussianPrompts(zero, 3, noise_variance=sigma))
    assert flat.loss == 0
    assert flat.gain.shape == zero.shape
    assert flat.gain.dtype == zero.dtype
    assert (flat.gain == (3 * one if sigma else zero)).all()
    idle = global_minimum(GaussianPrompts(one, 3, noise_variance=sigma, task_covariance=zero))
    assert idle.loss == 0
    assert idle.gain.shape == zero.shape
    assert not idle.gain.any()


@pytest.mark.parametrize("scale", [0.0, 1.0])
def test_mixed_shapes(scale):
    """A matrix among Λ and Ω makes the gain one, with labels or without; the query's does not."""
    vector, matrix = np.ones(2), np.eye(2)
    for covariance, task, query, shape in (
        (matrix, scale * vector, vector, (2, 2)),
        (scale * vector, matrix, vector, (2, 2)),
        (scale * vector, vector, matrix, (2,)),
    ):
        prompts = GaussianPrompts(covariance, 3, task_covariance=task, query_covariance=query)
        gain = global_minimum(prompts).gain
        assert gain.shape == shape
        assert gain.any() == bool(scale)
