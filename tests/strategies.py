"""Random laws and layers: exact ones for hypothesis, floating-point ones from a generator."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
from hypothesis import strategies as st

from lsa_theory import GaussianPrompts, LinearSelfAttention
from validation.harness.oracle import RationalLaw

VALUES = [Fraction(n, m) for m in (1, 2, 3) for n in (0, 1, -1, 2, -2, 3, -5)]
rationals = st.sampled_from(VALUES)
positive = st.sampled_from([value for value in VALUES if value > 0])


@st.composite
def arrays(draw, *shape: int) -> np.ndarray:
    array = np.empty(shape, dtype=object)
    array.flat = draw(st.lists(rationals, min_size=array.size, max_size=array.size))
    return array


@st.composite
def covariances(draw, dimension: int) -> np.ndarray:
    """Any rank."""
    root = draw(arrays(dimension, dimension))
    return root @ root.T


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
