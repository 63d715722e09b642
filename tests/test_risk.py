"""The exact risk beside the network itself, hand-made values, and whole sampled prompts."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracles import network_error, scalar_error
from strategies import (
    arrays,
    covariances,
    exact_cases,
    float_law,
    float_layer,
    positive,
    rational,
)

from lsa_theory import GaussianPrompts, LinearSelfAttention, population_loss, risk
from validation.harness.oracle import RationalLaw

HALF = Fraction(1, 2)
GAIN = rational([0, 1], [0, 0])
SHIFTED = GaussianPrompts(rational(1, 4), 6, query_covariance=rational(1, 9), noise_variance=2)


# --- the network's own definition --------------------------------------------------------------


@given(exact_cases())
def test_every_parameter_agrees_with_the_network_exactly(case):
    (pv, kq), law = case
    layer, expected = LinearSelfAttention(pv, kq), network_error(pv, kq, law)
    assert risk(layer, law.prompts) == expected
    assert population_loss(layer, law.prompts) == expected / 2


def test_a_law_without_any_zero_agrees_with_the_network_exactly():
    """The witness: every parameter and every argument of the law non-zero, nothing symmetric."""
    law = RationalLaw(
        *([[1, 2, 0], [-1, 1, 1], [HALF, 0, 2]], 2),
        noise=Fraction(2, 3),
        task=[[1, 1, 0], [0, 2, -1], [1, HALF, 1]],
        mean=[1, -2, HALF],
        query=[[2, 0, 1], [1, -1, 1], [0, HALF, 1]],
    )
    pv = rational([1, -1, 2, 1], [2, 1, 1, -2], [1, 3, -1, 1], [HALF, -1, 2, 3])
    kq = rational([1, 2, -1, 1], [HALF, -2, 1, 1], [3, 1, 1, -1], [-1, HALF, 2, 2])
    value = risk(LinearSelfAttention(pv, kq), law.prompts)
    assert isinstance(value, Fraction)
    assert value == network_error(pv, kq, law)


@given(
    arrays(4),
    st.tuples(positive, positive, positive, positive),
    st.integers(1, 10**6),
)
def test_one_feature_agrees_with_the_hand_made_value(parameters, scales, length):
    v, s, u, p = parameters
    covariance, task, noise, query = scales
    layer = LinearSelfAttention.from_parameters(rational(v), s, rational([u]), rational(p))
    prompts = GaussianPrompts(
        rational(covariance),
        length,
        noise_variance=noise,
        task_covariance=rational(task),
        query_covariance=rational(query),
    )
    expected = scalar_error(
        v,
        s,
        u,
        p,
        covariance=covariance,
        context_length=length,
        task=task,
        noise=noise,
        query=query,
    )
    assert risk(layer, prompts) == expected


def test_the_hand_made_value_and_the_network_agree():
    """Two oracles against each other, so that neither is trusted alone."""
    pv, kq = rational([5, 7], [2, HALF]), rational([3, 1], [-1, 4])
    root = Fraction(3, 2)
    law = RationalLaw([2], 3, noise=HALF, task=[root], query=[3])
    assert network_error(pv, kq, law) == scalar_error(
        *(Fraction(2), HALF, Fraction(3), Fraction(-1)),
        covariance=Fraction(4),
        context_length=3,
        task=root**2,
        noise=HALF**2,
        query=Fraction(9),
    )


@pytest.mark.parametrize("seed", range(5))
def test_floats_agree_with_rationals(seed):
    """The error of float64 is a few ulps of the size of the terms, which are all non-negative but
    for those of the query's column and the target."""
    rng = np.random.default_rng(seed)
    prompts, layer = float_law(rng, 4, 3), float_layer(rng, 4)
    exact = GaussianPrompts(
        rational(*prompts.covariance),
        3,
        noise_variance=prompts.noise_variance,
        task_covariance=rational(*prompts.task_covariance),
        task_mean=rational(*prompts.task_mean),
        query_covariance=rational(*prompts.query_covariance),
    )
    value = risk(LinearSelfAttention(rational(*layer.pv), rational(*layer.kq)), exact)
    assert isinstance(value, Fraction)
    size = value + exact.second_moment.dot(prompts.query_covariance).trace()
    assert abs(Fraction(risk(layer, prompts)) - value) <= 64 * np.finfo(float).eps * size


def sampled_errors(layer, prompts, count, rng):
    """Squared errors of whole prompts, each embedding built and put through the network."""
    d, n = prompts.dimension, prompts.context_length
    root = np.linalg.cholesky(prompts.covariance)
    w = rng.multivariate_normal(prompts.task_mean, prompts.task_covariance, count)
    x = rng.standard_normal((count, n, d)) @ root.T
    y = np.einsum("bnd,bd->bn", x, w)
    y += np.sqrt(prompts.noise_variance) * rng.standard_normal((count, n))
    x_query = rng.multivariate_normal(np.zeros(d), prompts.query_covariance, count)
    embedding = np.zeros((count, d + 1, n + 1))
    embedding[:, :d, :n], embedding[:, d, :n] = x.transpose(0, 2, 1), y
    embedding[:, :d, n] = x_query
    scores = embedding.transpose(0, 2, 1) @ layer.kq @ embedding[:, :, n:]
    output = embedding[:, :, n:] + layer.pv @ embedding @ scores / n
    return (output[:, d, 0] - (w * x_query).sum(1)) ** 2


def test_whole_prompts_agree_with_the_exact_risk():
    rng = np.random.default_rng(20240802)
    prompts, layer = float_law(rng, 3, 5), float_layer(rng, 3, scale=0.3)
    means = sampled_errors(layer, prompts, 200_000, rng).reshape(100, -1).mean(1)
    z = (means.mean() - risk(layer, prompts)) / (means.std(ddof=1) / 10)
    assert abs(z) < 5
    wrong = prompts.replace(context_length=6)  # what the same sample must tell apart
    assert abs(means.mean() - risk(layer, wrong)) > 5 * means.std(ddof=1) / 10


# --- values by hand ----------------------------------------------------------------------------


def test_an_asymmetric_gain_and_its_transpose_by_hand():
    """Λ = diag(1, 4), Λ_q = diag(1, 9), tr Λ + σ² = 7: for B = e₁e₂^T the bias is 10 + 9 and
    B Λ_q B^T = diag(9, 0); for its transpose 1 + 25 and diag(0, 1)."""
    assert risk(GAIN, SHIFTED) == 19 + Fraction(7 * 9 + 9, 6)
    assert risk(GAIN.T, SHIFTED) == 26 + Fraction(7 * 4 + 16, 6)


def test_a_zero_predictor_pays_the_variance_of_the_target():
    assert risk(rational(0, 0), SHIFTED) == 10
    assert risk(rational(0, 0), SHIFTED.replace(task_mean=rational(2, 1))) == 10 + 4 + 9
    assert population_loss(rational(0, 0), SHIFTED) == 5


@given(arrays(2, 2), covariances(2), st.integers(1, 50))
def test_the_loss_of_the_paper(gain, covariance, length):
    """Lemmas 5.1 and 5.2, written out."""
    gamma = covariance * Fraction(length + 1, length)
    gamma = gamma + covariance.trace() * np.eye(2, dtype=int) / Fraction(length)
    quadratic = (gamma @ covariance @ gain @ covariance @ gain.T).trace()
    linear = (covariance @ covariance @ gain.T).trace()
    expected = quadratic / 2 - linear + covariance.trace() / 2
    assert population_loss(gain, GaussianPrompts(covariance, length)) == expected


@given(arrays(2, 2), covariances(2), covariances(2), arrays(2), positive, st.integers(1, 50))
def test_theorem_4_2_for_one_task(inverse, covariance, query, w, noise, length):
    """A fixed task, `Ω = 0` and `μ = w`: bias and variance with `Σ = Cov(x y)`."""
    prompts = GaussianPrompts(
        covariance,
        length,
        noise_variance=noise,
        task_covariance=rational(0, 0),
        task_mean=w,
        query_covariance=query,
    )
    signal = covariance @ w
    spread = (w @ signal + noise) * covariance + signal[:, None] * signal
    bias = inverse.T @ signal - w
    expected = bias @ query @ bias + (spread @ inverse @ query @ inverse.T).trace() / length
    assert risk(inverse, prompts) == expected


def test_a_long_context_leaves_the_bias():
    prompts = GaussianPrompts(np.diag([1.0, 2.0]), 2**53, noise_variance=1.0)
    assert risk(np.eye(2), prompts) == pytest.approx(2.0, rel=1e-14)  # (1−1)²·1 + (2−1)²·2
