"""The global minimum: stationary and least over every parameter, on exact rationals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles import network_error
from strategies import (
    covariances,
    exact_cases,
    exact_laws,
    positive,
    rational,
)

from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    block_minimum,
    global_minimum,
    population_loss,
    testing,
)
from validation.harness.oracle import RationalLaw

STEP = Fraction(1, 3)


def matrix_of(array: np.ndarray) -> sympy.Matrix:
    return sympy.Matrix(array.shape[0], array.shape[1], [sympy.Rational(x) for x in array.flat])


def fractions_of(matrix: sympy.Matrix) -> np.ndarray:
    return rational(*[[Fraction(int(x.p), int(x.q)) for x in row] for row in matrix.tolist()])


def gradient(function, *arguments: np.ndarray) -> list[Fraction]:
    """Every partial derivative of a polynomial of degree at most 2 in each single argument, for
    which central differences of any step are exact."""
    slopes = []
    for position, argument in enumerate(arguments):
        for index in np.ndindex(argument.shape):
            values = []
            for sign in (1, -1):
                moved = list(arguments)
                moved[position] = argument.copy()
                moved[position][index] += sign * STEP
                values.append(function(*moved))
            slopes.append((values[0] - values[1]) / (2 * STEP))
    return slopes


def loss_of_parameters(prompts: GaussianPrompts):
    def loss(v, s, u, p):
        return population_loss(LinearSelfAttention.from_parameters(v, s[0], u, p), prompts)

    return loss


def exact_minimiser(minimum, s=Fraction(3, 2)):
    """Its parameters, for an `s` that is a rational."""
    gain = minimum.gain if minimum.gain.ndim == 2 else np.diag(minimum.gain)
    zero = 0 * gain[0]
    return zero, rational(s), gain / s, zero


@given(st.integers(1, 3), st.integers(1, 40), st.data())
@settings(max_examples=15)
def test_the_gradient_vanishes_in_every_parameter(dimension, length, data):
    law = data.draw(exact_laws(dimension, length, zero_mean=True))
    prompts = law.prompts
    slopes = gradient(loss_of_parameters(prompts), *exact_minimiser(global_minimum(prompts)))
    assert len(slopes) == (dimension + 1) ** 2
    assert set(slopes) == {0}


def test_the_gradient_of_the_network_itself_vanishes():
    """The same without the library's risk: W^PV and W^KQ entry by entry."""
    law = RationalLaw(
        *([[1, 1], [0, 2]], 2),
        noise=Fraction(1, 2),
        task=[[1, -1], [2, 1]],
        query=[[2, 0], [1, -1]],
    )
    minimum = global_minimum(law.prompts)
    layer = LinearSelfAttention.from_block(minimum.gain / 2, Fraction(2))
    slopes = gradient(lambda pv, kq: network_error(pv, kq, law), layer.pv, layer.kq)
    assert set(slopes) == {0}
    assert network_error(layer.pv, layer.kq, law) == 2 * minimum.loss


@given(exact_cases(longest=40, zero_mean=True))
def test_nothing_is_below_the_minimum(case):
    matrices, law = case
    prompts = law.prompts
    minimum = global_minimum(prompts)
    assert population_loss(LinearSelfAttention(*matrices), prompts) >= minimum.loss
    assert population_loss(minimum.gain, prompts) == minimum.loss


@given(exact_cases(longest=40, zero_mean=True), st.integers(0, 12))
def test_nothing_nearby_is_below_the_minimum(case, exponent):
    """Every parameter moved at once, by steps down to 2^-12, from layers at the minimum."""
    (pv, kq), law = case
    prompts = law.prompts
    minimum = global_minimum(prompts)
    layer = LinearSelfAttention.from_parameters(*_unpacked(exact_minimiser(minimum)))
    step = Fraction(1, 2**exponent)
    moved = LinearSelfAttention(layer.pv + step * pv, layer.kq + step * kq)
    assert population_loss(moved, prompts) >= minimum.loss


def _unpacked(parameters):
    v, s, u, p = parameters
    return v, s[0], u, p


INVERTIBLE = testing.covariances(3, condition=100, exact=True)


@given(INVERTIBLE, covariances(3), positive, st.integers(1, 40))
def test_the_textbook_forms(covariance, task, noise, length):
    identity, n = sympy.eye(3), sympy.Integer(length)
    lam, omega = matrix_of(covariance), matrix_of(task)

    gamma = (1 + 1 / n) * lam + lam.trace() / n * identity
    plain = global_minimum(GaussianPrompts(covariance, length))
    assert (plain.gain == fractions_of(gamma.inv())).all()
    assert plain.loss == Fraction(str((lam - gamma.inv() * lam**2).trace() / 2))
    shifted = lam + lam.trace() * identity
    assert plain.loss == Fraction(str((shifted * gamma.inv() * lam).trace() / (2 * n)))

    tau = ((lam * omega).trace() + sympy.Rational(noise)) / n
    expected = ((1 + 1 / n) * omega * lam + tau * identity).inv() * omega
    prompts = GaussianPrompts(covariance, length, task_covariance=task, noise_variance=noise)
    assert (global_minimum(prompts).gain == fractions_of(expected)).all()


def test_white_features_by_hand():
    """Γ = (1 + 1/20 + 5/20) I = 1.3 I, and the loss is 5/2 (1 − 1/1.3) = 15/26."""
    minimum = global_minimum(GaussianPrompts(rational(1, 1, 1, 1, 1), 20))
    assert (minimum.gain == Fraction(10, 13)).all()
    assert minimum.loss == Fraction(15, 26)
    assert minimum.unique
    assert all(isinstance(entry, Fraction) for entry in [*minimum.gain, minimum.loss])


def test_one_feature_by_hand():
    """λ = 2, ω = 3, σ² = 4, N = 2: `E h² = λ²ω (N + 1)/N + λ (λω + σ²)/N = 18 + 10` and
    `E h w = 6`; at a query of variance 5 the loss is ½ · 5 (3 − 6²/28)."""
    prompts = GaussianPrompts(
        *(rational([2]), 2),
        noise_variance=4,
        task_covariance=rational([3]),
        query_covariance=rational([5]),
    )
    minimum = global_minimum(prompts)
    assert minimum.gain == rational([Fraction(6, 28)])
    assert minimum.loss == Fraction(5, 2) * (3 - Fraction(36, 28))


@given(st.integers(1, 3), st.integers(1, 40), st.data())
@settings(max_examples=15)
def test_the_block_minimum_is_stationary_on_the_block(dimension, length, data):
    prompts = data.draw(exact_laws(dimension, length)).prompts
    minimum = block_minimum(prompts)
    assert set(gradient(lambda gain: population_loss(gain, prompts), minimum.gain)) == {0}
    assert population_loss(minimum.gain, prompts) == minimum.loss
    second_moment = prompts.task + np.outer(prompts.task_mean, prompts.task_mean)
    centred = prompts.replace(task_mean=None, task_covariance=second_moment)
    assert (global_minimum(centred).gain == minimum.gain).all()
    assert global_minimum(centred).loss == minimum.loss


def test_with_a_task_mean_something_off_the_block_is_lower():
    prompts = GaussianPrompts(rational(1, 2), 5, task_mean=rational(1, -1))
    minimum = block_minimum(prompts)
    parameters = exact_minimiser(minimum)
    slopes = np.array(gradient(loss_of_parameters(prompts), *parameters))
    v, s, u, p = _unpacked(parameters)
    along_v, on_block, along_p = slopes[:2], slopes[2:7], slopes[7:]
    assert along_v.all()
    assert along_p.all()
    assert not on_block.any()
    for moved in ((v - along_v / 100, s, u, p), (v, s, u, p - along_p / 1000)):
        lower = LinearSelfAttention.from_parameters(*moved)
        assert population_loss(lower, prompts) < minimum.loss
    with pytest.raises(ValueError, match="block_minimum"):
        global_minimum(prompts)


def test_a_mean_of_zeros_is_no_mean():
    prompts = GaussianPrompts(np.diag([1.0, 2.0]), 5)
    spelt = global_minimum(prompts.replace(task_mean=np.zeros(2)))
    assert (spelt.gain == global_minimum(prompts).gain).all()
    assert (block_minimum(prompts).gain == spelt.gain).all()
