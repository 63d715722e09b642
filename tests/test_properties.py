"""What must hold on every law: symmetries, order, convexity, one value in all arithmetics."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    Parameters,
    block_minimum,
    gamma,
    global_minimum,
    population_loss,
    risk,
)
from lsa_theory.definiteness import rank
from lsa_theory.testing import (
    arrays,
    commuting_pairs,
    covariances,
    layers,
    orthogonal_matrices,
    positive_rationals,
    prompts,
)

FULL = {"noise_variance": True, "task_covariance": True, "query_covariance": True}
CENTRED = prompts(exact=True, **FULL)
LAWS = prompts(exact=True, task_mean=True, **FULL)
PLANE = prompts(2, exact=True, task_mean=True, **FULL)
factors = positive_rationals()


def changed(law, forward, backward):
    """Features `x → T x` and tasks `w → T^{-T} w`, for `forward` T and `backward` its inverse."""
    return law.replace(
        covariance=forward @ law.covariance @ forward.T,
        query_covariance=forward @ law.query_covariance @ forward.T,
        task_covariance=backward.T @ law.task_covariance @ backward,
        task_mean=None if law.task_mean is None else backward.T @ law.task_mean,
    )


# --- symmetries --------------------------------------------------------------------------------


@given(PLANE, orthogonal_matrices(2, exact=True), layers(2, exact=True))
def test_rotated_features(law, turn, layer):
    turned, (v, s, u, p) = changed(law, turn, turn.T), layer.parameters
    moved = LinearSelfAttention.from_parameters(turn @ v, s, turn @ u @ turn.T, turn @ p)
    assert risk(moved, turned) == risk(layer, law)
    assert population_loss(moved, turned) == population_loss(layer, law)
    assert moved.balance == layer.balance
    before, after = block_minimum(law), block_minimum(turned)
    assert (after.gain == turn @ before.gain @ turn.T).all()
    assert after.loss == before.loss


@given(LAWS, factors, st.data())
def test_scaled_features(law, factor, data):
    """`x → c x`, `w → w / c`: the gain, which is quadratic in x, falls by c²."""
    unit = np.eye(law.dimension, dtype=int)
    scaled = changed(law, factor * unit, unit / factor)
    v, s, u, p = data.draw(layers(law.dimension, exact=True)).parameters
    before, after = block_minimum(law), block_minimum(scaled)
    assert (after.gain == before.gain / factor**2).all()
    assert after.loss == before.loss
    moved = Parameters(v / factor, s, u / factor**2, p / factor)
    assert risk(moved, scaled) == risk(Parameters(v, s, u, p), law)


@given(LAWS, factors, st.data())
def test_scaled_labels(law, factor, data):
    """`w → c w`, `ε → c ε`: the gain stays, every loss grows by c²."""
    scaled = law.replace(
        task_covariance=factor**2 * law.task_covariance,
        task_mean=factor * law.task_mean,
        noise_variance=factor**2 * law.noise_variance,
    )
    v, s, u, p = data.draw(layers(law.dimension, exact=True)).parameters
    before, after = block_minimum(law), block_minimum(scaled)
    assert (after.gain == before.gain).all()
    assert after.loss == factor**2 * before.loss
    moved = Parameters(factor * v, s, u, p / factor)
    assert risk(moved, scaled) == factor**2 * risk(Parameters(v, s, u, p), law)


@given(LAWS, factors, st.booleans(), st.data())
def test_only_products_of_value_and_key_matter(law, size, negative, data):
    """`(v, s, U, p) → (c v, c s, U/c, p/c)`, which the loss, though not the balance, ignores."""
    factor = -size if negative else size
    v, s, u, p = data.draw(layers(law.dimension, exact=True)).parameters
    moved = Parameters(factor * v, factor * s, u / factor, p / factor)
    assert risk(moved, law) == risk(Parameters(v, s, u, p), law)
    assert (moved.gain == Parameters(v, s, u, p).gain).all()


# --- order -------------------------------------------------------------------------------------


@given(CENTRED, st.integers(1, 40), factors)
def test_longer_contexts_and_less_noise_lower_the_least_loss(law, more, noise):
    least = global_minimum(law).loss
    assert global_minimum(law.replace(context_length=law.context_length + more)).loss < least
    noisier = law.replace(noise_variance=law.noise_variance + noise)
    assert global_minimum(noisier).loss > least
    unexplained = population_loss(np.zeros(law.dimension, dtype=int) * Fraction(1), law)
    assert 0 < least < unexplained


@given(PLANE, arrays(2, 2, exact=True), arrays(2, 2, exact=True), st.integers(1, 7))
def test_the_risk_is_convex_in_the_gain(law, left, right, eighths):
    """Strictly, as every matrix of the law is invertible; over all parameters it is not convex."""
    share = Fraction(eighths, 8)
    between = risk(share * left + (1 - share) * right, law)
    chord = share * risk(left, law) + (1 - share) * risk(right, law)
    assert between <= chord
    assert (between < chord) == (left != right).any()


@given(PLANE, arrays(2, 2, exact=True))
def test_the_block_minimum_is_the_only_one(law, change):
    """The risk around it is a quadratic without a linear part."""
    minimum = block_minimum(law)
    up, down = (population_loss(minimum.gain + sign * change, law) for sign in (1, -1))
    assert up == down
    assert (up > minimum.loss) == change.any()


@given(covariances(exact=True), st.integers(1, 40))
def test_gamma_commutes_with_the_covariance(covariance, length):
    law = GaussianPrompts(covariance, length)
    inverse = global_minimum(law).gain
    assert (gamma(law) @ covariance == covariance @ gamma(law)).all()
    assert (gamma(law) @ inverse == np.eye(law.dimension)).all()


@given(commuting_pairs(exact=True), st.integers(1, 40), factors)
def test_the_gain_commutes_where_tasks_and_features_do(pair, length, noise):
    covariance, task = pair
    law = GaussianPrompts(covariance, length, noise_variance=noise, task_covariance=task)
    gain = global_minimum(law).gain
    assert (gain @ covariance == covariance @ gain).all()
    assert (gain @ task == task @ gain).all()


@given(covariances(3, rank=st.integers(0, 3), exact=True), st.integers(1, 40))
def test_free_directions_are_those_that_features_never_take(covariance, length):
    minimum = global_minimum(GaussianPrompts(covariance, length))
    assert minimum.free_directions == 9 - rank(covariance) ** 2
    assert minimum.unique == (rank(covariance) == 3)


@given(prompts(3, exact=True, diagonal=True, task_mean=True, **FULL), st.data())
def test_a_vector_of_eigenvalues_stands_for_the_diagonal_matrix(law, data):
    names = ("covariance", "task_covariance", "query_covariance")
    whole = law.replace(**{name: np.diag(getattr(law, name)) for name in names})
    layer = data.draw(layers(3, exact=True))
    for predictor in (layer, layer.u, layer.p):
        assert risk(predictor, law) == risk(predictor, whole)
    assert (np.diag(gamma(law)) == gamma(whole)).all()
    centred, dense = law.replace(task_mean=None), whole.replace(task_mean=None)
    found, expected = global_minimum(centred), global_minimum(dense)
    assert found.gain.shape == (3,)
    assert (np.diag(found.gain) == expected.gain).all()
    assert found.loss == expected.loss
    assert block_minimum(law).loss == block_minimum(whole).loss


# --- one value in all arithmetics --------------------------------------------------------------

FIELDS = ("covariance", "context_length", "noise_variance", "task_covariance")
REST = ("task_mean", "query_covariance")
EPSILON = np.finfo(float).eps


def floats(law):
    """The arguments of a law, and of the law rounded to float64."""
    return {
        name: np.asarray(getattr(law, name), dtype=float)
        for name in (*FIELDS, *REST)
        if name != "context_length"
    } | {"context_length": law.context_length}


def losses(arguments, parameters):
    law = GaussianPrompts(**arguments)
    return {"layer": population_loss(parameters, law), "gain": risk(parameters.u, law)}


def minimum(arguments, parameters):
    found = block_minimum(GaussianPrompts(**arguments))
    return {"gain": found.gain, "loss": found.loss}


compiled = cache(jax.jit)


def fractions_of(array):
    """An array of floats as the rationals that they are."""
    return np.vectorize(Fraction, otypes=[object])(array)[()]


@pytest.mark.parametrize("values", [losses, minimum])
@settings(max_examples=30)
@given(law=PLANE, layer=layers(2, exact=True))
def test_float64_jax_and_rationals_agree(values, law, layer):
    """Rounding of the law is no part of the difference: it is rounded before all three."""
    arguments = floats(law)
    parameters = Parameters(*(np.asarray(part, dtype=float) for part in layer.parameters))
    exact = {
        name: fractions_of(value) if np.ndim(value) else value for name, value in arguments.items()
    }
    exact["noise_variance"] = Fraction(float(arguments["noise_variance"]))
    whole = Parameters(*(fractions_of(part) for part in parameters))
    whole = whole._replace(s=Fraction(float(parameters.s)))
    expected = values(exact, whole)
    with jax.enable_x64(True):
        compiled_values = jax.tree.map(np.asarray, compiled(values)(arguments, parameters))
    condition = np.prod(
        [np.linalg.cond(arguments[name]) for name in ("covariance", "task_covariance")]
    )
    for found in (
        values(arguments | {"noise_variance": float(law.noise_variance)}, parameters),
        compiled_values,
    ):
        for name, value in expected.items():
            gap = np.max(np.abs(fractions_of(np.asarray(found[name])) - value))
            assert gap <= 64 * EPSILON * condition * (1 + np.max(np.abs(value))), name


def is_rational(value):
    return all(isinstance(entry, (int, Fraction)) for entry in np.asarray(value, dtype=object).flat)


@given(LAWS, st.data())
def test_exact_in_exact_out(law, data):
    layer = data.draw(layers(law.dimension, exact=True))
    minimum = block_minimum(law)
    found = [risk(layer, law), population_loss(layer.gain, law), layer.gain, layer.balance]
    found += [minimum.gain, minimum.loss, gamma(law)]
    assert all(map(is_rational, found))
    assert not is_rational(minimum.layer().u)  # a root leaves them


@pytest.mark.parametrize("block", [False, True])
@given(data=st.data())
def test_draws_are_exact_on_request_only(block, data):
    law = data.draw(prompts(2, exact=block, task_mean=True, **FULL))
    layer = data.draw(layers(2, block=block, exact=block))
    assert is_rational(law.covariance) == is_rational(layer.kq) == block
    assert is_rational(risk(layer, law)) == block
