"""What may not change the risk, exactly; and its shapes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import (
    arrays,
    exact_cases,
    exact_laws,
    float_law,
    rationals,
    weights,
)

from lsa_theory import GaussianPrompts, LinearSelfAttention, risk

HALF = Fraction(1, 2)


@given(exact_cases(longest=50), st.data())
def test_a_change_of_features_changes_nothing(case, data):
    """`x → T x`, `w → T^{-T} w` for any invertible T; rotations are a special case."""
    matrices, law = case
    layer = LinearSelfAttention(*matrices)
    d = layer.dimension
    lower = np.tril(data.draw(arrays(d, d)), -1) + np.eye(d, dtype=int)
    inverse = np.eye(d, dtype=int) - (lower - np.eye(d, dtype=int))
    if d == 3:  # (I + L)^{-1} = I − L + L²
        inverse = inverse + (lower - np.eye(d, dtype=int)) @ (lower - np.eye(d, dtype=int))
    forward, inverse = lower.T @ lower, inverse @ inverse.T
    prompts, (v, s, u, p) = law.prompts, layer.parameters
    turned = GaussianPrompts(
        forward @ prompts.covariance @ forward.T,
        law.context_length,
        noise_variance=prompts.noise_variance,
        task_covariance=inverse.T @ prompts.task_covariance @ inverse,
        task_mean=inverse.T @ prompts.task_mean,
        query_covariance=forward @ prompts.query_covariance @ forward.T,
    )
    same = LinearSelfAttention.from_parameters(
        inverse.T @ v, s, inverse.T @ u @ inverse, inverse.T @ p
    )
    assert (forward @ inverse == np.eye(d)).all()
    assert risk(same, turned) == risk(layer, prompts)


@given(exact_cases(longest=50), rationals)
def test_only_products_of_the_two_matrices_matter(case, factor):
    assume(factor != 0)
    matrices, law = case
    layer = LinearSelfAttention(*matrices)
    scaled = LinearSelfAttention(layer.pv * factor, layer.kq / factor)
    assert risk(scaled, law.prompts) == risk(layer, law.prompts)


@given(exact_cases(longest=50), st.data())
def test_unseen_entries_do_not_matter(case, data):
    matrices, law = case
    layer = LinearSelfAttention(*matrices)
    pv, kq = data.draw(weights(layer.dimension))
    pv[-1], kq[:, :-1] = layer.pv[-1], layer.kq[:, :-1]
    assert risk(LinearSelfAttention(pv, kq), law.prompts) == risk(layer, law.prompts)
    assert risk(layer.parameters, law.prompts) == risk(layer, law.prompts)


@given(arrays(3, 3), rationals, exact_laws(3, 7))
def test_on_the_block_a_layer_is_its_gain(u, s, law):
    layer = LinearSelfAttention.from_block(u, s)
    assert risk(layer, law.prompts) == risk(s * u, law.prompts)


@given(st.data(), st.lists(st.booleans(), min_size=4, max_size=4))
def test_a_vector_is_a_diagonal_matrix(data, as_matrix):
    """Every mixture of vectors and matrices gives the same value."""
    vectors = [abs(data.draw(arrays(3))) for _ in range(4)]
    mean = data.draw(st.none() | arrays(3))
    chosen = [np.diag(v) if dense else v for v, dense in zip(vectors, as_matrix, strict=True)]

    def value(gain, covariance, task, query):
        prompts = GaussianPrompts(
            covariance,
            5,
            noise_variance=HALF,
            task_covariance=task,
            task_mean=mean,
            query_covariance=query,
        )
        return risk(gain, prompts)

    assert value(*chosen) == value(*map(np.diag, vectors))


@given(exact_cases(zero_mean=True))
def test_defaults_are_identity_zero_and_the_context(case):
    matrices, law = case
    layer = LinearSelfAttention(*matrices)
    covariance, eye = law.prompts.covariance, np.eye(layer.dimension, dtype=int)
    spelt = GaussianPrompts(
        covariance,
        3,
        task_covariance=eye * Fraction(1),
        task_mean=law.mean,
        query_covariance=covariance,
    )
    assert risk(layer, GaussianPrompts(covariance, 3)) == risk(layer, spelt)


def test_arguments_are_not_changed():
    rng = np.random.default_rng(3)
    gain = rng.standard_normal((3, 3))
    prompts, before = float_law(rng, 3, 4), gain.copy()
    assert risk(gain, prompts) == risk(gain, prompts)
    assert (gain == before).all()
    assert gain.flags.writeable


def test_a_million_features_on_the_diagonal():
    d = 10**6
    prompts = GaussianPrompts(np.full(d, 2.0), 10, task_covariance=np.full(d, 3.0))
    # per feature: 2·3·(2b − 1)² and (1/10)(b²·2·2·tr + b²·2·2·2·3), b = 1/2, tr = 6 d
    assert risk(np.full(d, 0.5), prompts) == pytest.approx(d * (6 * d + 6) / 10, rel=1e-12)
