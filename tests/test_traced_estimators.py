"""Estimators under JAX: any number of a law traced, at every border of the regimes."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import brentq
from strategies import float_covariance

from lsa_theory import GaussianPrompts, ols_risk, ridge_risk, testing
from lsa_theory.estimators import (
    Bayes,
    Estimator,
    GradientDescent,
    LeastSquares,
    LinearAttention,
    Ridge,
    Zero,
    optimal_penalty,
)
from lsa_theory.estimators.base import NoFormula
from lsa_theory.estimators.equivalent import threshold

D = 4
LENGTHS = np.array([1, *range(D - 2, D + 4), 3 * D])
ESTIMATORS = {
    "least squares": lambda law: LeastSquares(),
    "ridge": lambda law: Ridge(0.2),
    "bayes": Bayes,
    "zero": lambda law: Zero(),
    "descent": lambda law: GradientDescent(0.3, 2),
    "attention": LinearAttention.trained,
}


@pytest.fixture(autouse=True)
def double_precision():
    with jax.enable_x64(True):
        yield


def parts(name, length, numbers):
    """Bias and variance, as numbers or traced."""
    law = GaussianPrompts(context_length=length, **numbers)
    estimator = ESTIMATORS[name](law)
    found = estimator.limit(law) if name in ("ridge", "bayes") else estimator.known(law)
    return found.bias + 0.0, found.variance + 0.0


COMPILED = {
    name: jax.jit(jax.vmap(lambda length, numbers, name=name: parts(name, length, numbers),
                           in_axes=(0, None)))
    for name in ESTIMATORS
}  # fmt: skip


@st.composite
def laws(draw, shape):
    """The numbers of a law; every other covariance is a multiple of the identity."""
    matrix = testing.covariances(D, condition=100)
    one = draw(matrix)
    if draw(st.booleans()):
        one = one[0, 0] * np.eye(D)
    names = ("covariance", "task_covariance", "query_covariance")
    found = dict(zip(names, (one, draw(matrix), draw(matrix)), strict=True))
    if shape == "vectors":
        found = {name: array.diagonal() for name, array in found.items()}
    noise = draw(st.sampled_from([0.0, 0.3, 2.0]))
    return found | {"noise_variance": noise}


SHAPES = [(name, "vectors") for name in ESTIMATORS]
SHAPES += [(name, "matrices") for name in ("least squares", "ridge", "bayes")]


@pytest.mark.parametrize(("name", "shape"), SHAPES)
@given(st.data())
@settings(max_examples=5)
def test_traced_is_untraced(name, shape, data):
    numbers = data.draw(laws(shape))
    found = np.array(COMPILED[name](LENGTHS.astype(float), numbers))
    expected = np.array([parts(name, int(length), numbers) for length in LENGTHS]).T
    infinite = np.isinf(expected)
    assert (np.isinf(found) == infinite).all()
    found, expected = (np.where(infinite, 0, x) for x in (found, expected))
    assert (abs(found - expected) <= 1e-12 * abs(expected).sum(axis=0)).all()


@pytest.mark.parametrize(
    ("covariance", "kind"),
    [
        (np.full(D, 0.7), "exact"),
        (0.7 * np.eye(D), "exact"),
        (np.arange(1.0, D + 1), "exact or limit"),
        (np.diag([1.0, 2.0, 3.0, 0.0]), "limit"),
    ],
)
def test_what_is_known_of_a_traced_length(covariance, kind):
    """`error` is 0 where a cell is exact, NaN where it is a limit."""
    kinds, law = [], GaussianPrompts(covariance, 1, noise_variance=0.3)

    def error(length):
        found = ols_risk(law.replace(context_length=length))
        kinds.append(found.kind)
        return found.error + 0.0 * length

    found = jax.jit(jax.vmap(error))(LENGTHS.astype(float))
    assert kinds == [kind]
    exact = [ols_risk(law.replace(context_length=int(m)), count=2).kind for m in LENGTHS]
    np.testing.assert_array_equal(found == 0, np.array(exact) == "exact")
    np.testing.assert_array_equal(np.isnan(found), np.array(exact) == "limit")


def test_a_formula_insisted_on_is_undefined_where_it_does_not_apply():
    law = GaussianPrompts(np.arange(1.0, D + 1), 1, noise_variance=0.3)

    def value(length):
        return ols_risk(law.replace(context_length=length), method="exact").value

    found = jax.jit(jax.vmap(value))(LENGTHS.astype(float))
    np.testing.assert_array_equal(np.isnan(found), LENGTHS < D - 1)


def test_slopes_are_finite_at_every_border():
    spectrum = np.array([0.2, 0.5, 1.0, 3.0])

    def value(scale, length, noise):
        law = GaussianPrompts(scale * spectrum, length, noise_variance=noise)
        return ols_risk(law).value, ridge_risk(law, 0.1).value

    slopes = jax.jit(jax.vmap(jax.jacrev(value, (0, 1, 2)), in_axes=(None, 0, None)))
    found = slopes(1.3, LENGTHS.astype(float), 0.2)
    assert np.isfinite(jax.tree.leaves(found)).all()


def test_the_slope_of_the_limit_is_that_of_differences():
    spectrum, step = np.array([0.2, 0.5, 1.0, 3.0]), 1e-5

    @jax.jit
    def value(scale, length, penalty):
        law = GaussianPrompts(scale * spectrum, length, noise_variance=0.2)
        return Ridge(penalty).risk(law).value

    point = (1.3, 2.0, 0.4)
    for k, slope in enumerate(jax.grad(value, (0, 1, 2))(*point)):
        up, down = (value(*(x + sign * step * (i == k) for i, x in enumerate(point)))
                    for sign in (1, -1))  # fmt: skip
        assert slope == pytest.approx(float(up - down) / (2 * step), rel=1e-7)


# --- the root of the limit ---


def bracketed(eigenvalues, length, penalty):
    """By bisection and the like; the residual written another way."""

    def residual(kappa):
        return (eigenvalues / (eigenvalues + kappa)).sum() / length + penalty / kappa - 1

    high = penalty + eigenvalues.sum() / length
    low = high
    while residual(low) < 0:
        low /= 1e3
    return brentq(residual, low, 2 * high, xtol=1e-300, rtol=1e-15)


SPECTRA = st.lists(st.floats(-14, 0), min_size=6, max_size=6).map(lambda x: 10.0 ** np.array(x))
THRESHOLD = jax.jit(threshold)


@given(SPECTRA, st.integers(1, 5), st.sampled_from([0.0, 1e-12, 1e-3, 1.0, 1e3]))
@settings(max_examples=40)
def test_the_root_over_fourteen_decades(eigenvalues, length, penalty):
    expected = bracketed(eigenvalues, length, penalty)
    assert threshold(eigenvalues, length, penalty) == pytest.approx(expected, rel=2e-13)
    assert THRESHOLD(eigenvalues, float(length), penalty) == pytest.approx(expected, rel=2e-13)


def test_directions_without_variance_are_blind_to_rounding_too():
    """A kernel of rounding, in a matrix; the Bayes predictor leaves the task there whole."""
    root = np.random.default_rng(0).standard_normal((5, 3))
    query, prior = (float_covariance(np.random.default_rng(k), 5) for k in (1, 2))
    law = GaussianPrompts(root @ root.T, 9, task_covariance=prior, query_covariance=query)
    seen = prior @ root @ np.linalg.solve(root.T @ prior @ root, root.T @ prior)
    assert Bayes(law).limit(law).bias == pytest.approx(((prior - seen) * query).sum(), rel=1e-11)
    assert LeastSquares().limit(law.replace(noise_variance=0.1)).variance < np.inf


@pytest.mark.parametrize("length", [2, 3, 4, 5, 6])
def test_the_gap_is_that_of_the_rank(length):
    law = GaussianPrompts(np.array([1.0, 2.0, 3.0, 4.0, 0.0]), length, noise_variance=0.1)
    assert np.isinf(LeastSquares().limit(law).variance) == (length in (3, 4, 5))
    assert LeastSquares().limit(law.replace(noise_variance=0.0)).variance == 0


# --- penalties ---


def test_the_best_penalty_of_a_traced_law():
    law = GaussianPrompts(np.arange(1.0, D + 1), 3, noise_variance=0.2)

    @jax.jit
    def found(length, noise):
        moved = law.replace(context_length=length, noise_variance=noise)
        return optimal_penalty(moved), ridge_risk(moved).value

    assert found(3.0, 0.2)[0] == pytest.approx(0.2 / 3)
    assert found(3.0, 0.2)[1] == pytest.approx(ridge_risk(law, method="limit", count=2).value)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda law: GradientDescent(0.1, 9).risk(law), "to be sampled: for a traced one"),
        (lambda law: Zero().risk(law, method="sampled"), "to be sampled: for a traced one"),
        (
            lambda law: optimal_penalty(law.replace(task_covariance=np.arange(1.0, D + 1))),
            "traced with an isotropic prior",
        ),
        (lambda law: Bayes(law).risk(law, method="exact"), "isotropic priors with noise"),
        (lambda law: Ridge(0.1).risk(law, method="exact"), "takes numbers, not traced ones"),
    ],
)
def test_what_a_traced_law_does_not_have(call, sentence):
    law = GaussianPrompts(np.ones(D), 3, noise_variance=0.2)

    def traced(length):
        call(law.replace(context_length=length))

    with pytest.raises(ValueError, match=sentence):
        jax.make_jaxpr(traced)(3.0)


def test_an_estimator_of_nothing_says_why():
    class Opaque(Estimator):
        def summary_operator(self, sample, length):
            return sample

    law = GaussianPrompts(np.ones(2), 3)
    with pytest.raises(NoFormula, match="no high-dimensional limit"):
        Opaque().known(law)
    assert Opaque().risk(law, count=4).kind == "sampled"
