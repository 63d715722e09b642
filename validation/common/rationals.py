"""Exact rationals: random ones, and floats as those that they are."""

from fractions import Fraction
from typing import NamedTuple

import numpy as np

from lsa_theory.linalg import dense
from lsa_theory.prompts import GaussianPrompts


def fractions(floats):
    """An array of floats as an object array of `Fraction`."""
    return np.array([Fraction(entry) for entry in floats.flat], dtype=object).reshape(floats.shape)


def halves(rng, *shape):
    """Random multiples of ½, none of them zero."""
    signed = rng.integers(1, 6, shape) * rng.choice([-1, 1], shape)
    return np.array([Fraction(int(k), 2) for k in signed.flat], dtype=object).reshape(shape)


def exact_law(law):
    """The same law in exact rationals."""
    names = ("covariance", "task_covariance", "task_mean", "query_covariance")
    arrays = {name: getattr(law, name) for name in names}
    exact = {name: None if a is None else fractions(a) for name, a in arrays.items()}
    return GaussianPrompts(
        context_length=law.context_length, noise_variance=Fraction(law.noise_variance), **exact
    )


def definite(law):
    """Λ is positive definite beyond rounding, so that it is one in exact arithmetic too."""
    eigenvalues = np.linalg.eigvalsh(dense(law.covariance))
    return eigenvalues[0] > 16 * len(eigenvalues) * np.finfo(float).eps * eigenvalues[-1]


class Integers(NamedTuple):
    """A matrix of floats as integers over `2**bits`."""

    entries: np.ndarray
    bits: int


def integers(matrix):
    ratios = [x.as_integer_ratio() for x in matrix.ravel().tolist()]
    bits = max(bottom.bit_length() - 1 for _, bottom in ratios)
    entries = [top * ((1 << bits) // bottom) for top, bottom in ratios]
    return Integers(np.array(entries, dtype=object).reshape(matrix.shape), bits)
