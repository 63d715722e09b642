"""Random laws and layers: exact ones for hypothesis, floating-point ones from a generator."""

from __future__ import annotations

from fractions import Fraction
from functools import partial

import numpy as np
from hypothesis import strategies as st

from lsa_theory import GaussianPrompts, LinearSelfAttention, testing
from validation.harness.oracle import RationalLaw

rationals = testing.rationals()
positive = testing.positive_rationals()
arrays = partial(testing.arrays, exact=True)


def covariances(dimension: int):
    """Any rank."""
    return testing.covariances(dimension, rank=st.integers(0, dimension), condition=100, exact=True)


@st.composite
def exact_laws(draw, dimension: int, context_length: int, *, zero_mean: bool = False):
    square = arrays(dimension, dimension)
    mean = np.full(dimension, Fraction(0)) if zero_mean else draw(arrays(dimension))
    noise = draw(positive)
    context, task, query = draw(square), draw(square), draw(square)
    return RationalLaw(context, context_length, noise=noise, task=task, mean=mean, query=query)


def weights(dimension: int):
    """`W^PV` and `W^KQ`."""
    return st.tuples(*[arrays(dimension + 1, dimension + 1)] * 2)


@st.composite
def exact_cases(draw, *, longest: int = 3, zero_mean: bool = False):
    """The matrices of a layer and a law, every argument of the law given."""
    dimension = draw(st.integers(1, 3))
    length = draw(st.integers(1, longest))
    law = draw(exact_laws(dimension, length, zero_mean=zero_mean))
    return draw(weights(dimension)), law


def rational(*rows: object) -> np.ndarray:
    """An array of fractions from numbers or nested sequences of them."""
    return np.vectorize(Fraction, otypes=[object])(np.array(rows, dtype=object))


def float_covariance(rng: np.random.Generator, dimension: int) -> np.ndarray:
    root = rng.standard_normal((dimension, dimension + 2))
    return root @ root.T / dimension


def float_law(rng: np.random.Generator, dimension: int, context_length: int, **changes):
    arguments = {
        "noise_variance": 0.3,
        "task_covariance": float_covariance(rng, dimension),
        "task_mean": rng.standard_normal(dimension),
        "query_covariance": float_covariance(rng, dimension),
    }
    return GaussianPrompts(
        float_covariance(rng, dimension), context_length, **{**arguments, **changes}
    )


def float_layer(rng: np.random.Generator, dimension: int, scale: float = 0.5):
    size = dimension + 1
    return LinearSelfAttention(
        scale * rng.standard_normal((size, size)), scale * rng.standard_normal((size, size))
    )
