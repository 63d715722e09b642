"""The same formulas under JAX: compiled, differentiated, batched; its settings left alone."""

from __future__ import annotations

from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from strategies import float_covariance, float_law, float_layer, rational

from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    Parameters,
    block_minimum,
    global_minimum,
    population_loss,
    risk,
)


@pytest.fixture(autouse=True)
def double_precision_that_ends():
    before = dict(jax.config.values)
    with jax.enable_x64(True):
        yield
    assert jax.config.values == before
    assert jnp.zeros(1).dtype == jnp.float32


@pytest.fixture
def rng():
    return np.random.default_rng(17)


def pytree(layer):
    return Parameters(*(jnp.asarray(part) for part in layer.parameters))


def test_the_risk_of_a_layer_compiled_and_batched(rng):
    prompts, layers = float_law(rng, 3, 4), [float_layer(rng, 3) for _ in range(4)]
    stacked = jax.tree.map(lambda *parts: jnp.stack(parts), *map(pytree, layers))
    values = jax.jit(jax.vmap(lambda parameters: risk(parameters, prompts)))(stacked)
    assert values.dtype == jnp.float64
    np.testing.assert_allclose(values, [risk(layer, prompts) for layer in layers], rtol=1e-13)


def test_the_gradient_is_the_exact_one(rng):
    """Central differences of a polynomial that is quadratic in each entry, over the rationals."""
    prompts, layer = float_law(rng, 2, 3), float_layer(rng, 2)
    slopes = jax.jit(jax.grad(lambda parameters: population_loss(parameters, prompts)))(
        pytree(layer)
    )
    exact_law = GaussianPrompts(
        rational(*prompts.covariance),
        3,
        noise_variance=prompts.noise_variance,
        task_covariance=rational(*prompts.task_covariance),
        task_mean=rational(*prompts.task_mean),
        query_covariance=rational(*prompts.query_covariance),
    )
    parts = [rational(*np.atleast_1d(part)) for part in layer.parameters]
    for position, (part, slope) in enumerate(zip(parts, slopes, strict=True)):
        for index in np.ndindex(part.shape):
            difference = Fraction(0)
            for sign in (1, -1):
                moved = list(parts)
                moved[position] = part.copy()
                moved[position][index] += sign
                v, s, u, p = moved
                difference += sign * population_loss(Parameters(v, s[0], u, p), exact_law) / 2
            assert np.atleast_1d(slope)[index] == pytest.approx(float(difference), rel=1e-11)


@pytest.mark.parametrize("shape", ["vector", "matrix"])
def test_laws_compiled_and_batched(rng, shape):
    covariances = np.stack([float_covariance(rng, 3) for _ in range(4)])
    task, gain = float_covariance(rng, 3), rng.standard_normal((3, 3))
    if shape == "vector":
        covariances, task = covariances.diagonal(axis1=1, axis2=2), task.diagonal()

    def values(covariance):
        prompts = GaussianPrompts(covariance, 7, noise_variance=0.2, task_covariance=task)
        minimum = global_minimum(prompts)
        return minimum.gain, minimum.loss, risk(gain, prompts), population_loss(gain, prompts)

    batched = jax.jit(jax.vmap(values))(covariances)
    for lane, covariance in enumerate(covariances):
        for found, expected in zip(batched, values(covariance), strict=True):
            np.testing.assert_allclose(found[lane], expected, rtol=1e-12, atol=1e-14)


def test_every_argument_of_a_law_may_be_traced(rng):
    prompts = float_law(rng, 3, 4)
    names = ("covariance", "noise_variance", "task_covariance", "task_mean", "query_covariance")

    def losses(context_length, arguments):
        law = GaussianPrompts(context_length=context_length, **arguments)
        return block_minimum(law).loss, population_loss(jnp.eye(3), law)

    arguments = {name: jnp.asarray(getattr(prompts, name)) for name in names}
    found = jax.jit(losses)(4.0, arguments)
    expected = block_minimum(prompts).loss, population_loss(np.eye(3), prompts)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_the_slope_of_the_least_loss_in_the_noise(rng):
    """The envelope theorem: `dL*/dσ² = ½ tr(B Λ_q B^T Λ)/N` at the minimiser held fixed."""
    prompts = float_law(rng, 3, 4, task_mean=None)

    def least(noise):
        return global_minimum(prompts.replace(noise_variance=noise)).loss

    gain = global_minimum(prompts).gain
    expected = (gain @ prompts.query_covariance @ gain.T @ prompts.covariance).trace() / 8
    assert jax.jit(jax.grad(least))(prompts.noise_variance) == pytest.approx(expected, rel=1e-11)


def test_a_layer_made_and_used_inside(rng):
    layer, prompts = float_layer(rng, 3), float_law(rng, 3, 4)
    x, y, query = rng.standard_normal((6, 3)), rng.standard_normal(6), rng.standard_normal(3)

    def inside(parameters, x, y, query):
        made = LinearSelfAttention.from_parameters(*parameters)
        return made.predict(x, y, query), made.gain, made.balance, risk(made, prompts)

    found = jax.jit(inside)(pytree(layer), x, y, query)
    expected = layer.predict(x, y, query), layer.gain, layer.balance, risk(layer, prompts)
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12)


def test_predictions_over_a_batch(rng):
    layer = float_layer(rng, 3)
    x, y = rng.standard_normal((5, 6, 3)), rng.standard_normal((5, 6))
    query = rng.standard_normal((5, 3))
    found = jax.jit(jax.vmap(layer.predict))(x, y, query)
    expected = [layer.predict(*prompt) for prompt in zip(x, y, query, strict=True)]
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_concrete_arrays_of_jax_are_arrays():
    prompts = GaussianPrompts(jnp.array([[2.0, 0.5], [0.5, 1.0]]), 4)
    assert isinstance(prompts.covariance, np.ndarray)
    assert risk(jnp.eye(2), prompts) == pytest.approx(float(risk(np.eye(2), prompts)), rel=1e-14)
    with pytest.raises(ValueError, match="symmetric"):
        GaussianPrompts(jnp.array([[1.0, 2.0], [0.0, 1.0]]), 4)


@pytest.mark.parametrize(
    ("shape", "sentence"),
    [
        ((2, 3), r"^GaussianPrompts\(covariance=array of shape \(2, 3\)\): must be square"),
        ((2, 2, 2), r"^GaussianPrompts\(covariance=array of shape \(2, 2, 2\)\): must be a vector"),
    ],
)
def test_shapes_are_checked_without_values(shape, sentence):
    with pytest.raises(ValueError, match=sentence):
        jax.jit(lambda covariance: global_minimum(GaussianPrompts(covariance, 4)).loss)(
            jnp.ones(shape)
        )


def test_dimensions_are_checked_without_values():
    prompts = GaussianPrompts(np.eye(2), 4)
    with pytest.raises(ValueError, match=r"^risk\(predictor=dimension 3\)"):
        jax.jit(lambda gain: risk(gain, prompts))(jnp.eye(3))
    with pytest.raises(ValueError, match=r"^GaussianPrompts\(task_mean=array of shape \(3,\)\)"):
        jax.jit(lambda mean: risk(np.eye(2), prompts.replace(task_mean=mean)))(jnp.ones(3))
