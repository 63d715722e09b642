"""Expectations beside polynomials in standard Gaussians, exactly, and beside samples.

The oracle knows nothing of Wishart matrices: every fourth moment of the entries of
`S = (1/N) F Z Z' F'` is the mean of a polynomial in the entries of Z. A word's expectation is
linear in its constants, so one word of each shape, with generic constants in all of its gaps,
stands for every word of that shape.
"""

from __future__ import annotations

import itertools
import os
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from strategies import float_covariance, rational
from sympy import QQ
from sympy.polys.rings import ring

from lsa_theory.wishart import expectation
from validation.harness.oracle import expectation as gaussian_mean

NAMES = ("A1", "A2", "A3", "A4")
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"  # twelve seconds more
SIZES = [(d, n) for d in (1, 2, 3) for n in range(1, 6) if d < 3 or n == 3 or THOROUGH]


def partitions(total, largest=None):
    largest = total if largest is None else largest
    if total == 0:
        yield ()
    for part in range(min(total, largest), 0, -1):
        for rest in partitions(total - part, part):
            yield (part, *rest)


def shapes(degree):
    """The number of `S` in the open word (0: no open word) and in each trace."""
    yield from ((0, traces) for traces in partitions(degree))
    for size in range(1, degree + 1):
        yield from ((size, traces) for traces in partitions(degree - size))


SHAPES = [shape for degree in range(1, 5) for shape in shapes(degree)]


def factor(d):
    return rational(*(np.eye(d, dtype=int) * 2 + np.arange(d * d).reshape(d, d) % 3))


def constants(d):
    rng = np.random.default_rng(d)
    return {name: rational(*rng.integers(-3, 4, (d, d))) for name in NAMES}


@cache
def moment_tensor(d, n, degree):
    """`E[S_ij S_kl ...]`, of shape (d,) * 2 degree."""
    z = np.array(ring([f"z{k}" for k in range(d * n)], QQ)[1:], dtype=object).reshape(d, n)
    white = z @ z.T * QQ(1, n)
    pairs = list(itertools.combinations_with_replacement(range(d), 2))
    means = {}
    for chosen in itertools.combinations_with_replacement(pairs, degree):
        means[chosen] = gaussian_mean(np.prod([white[pair] for pair in chosen]))
    tensor = np.empty((d, d) * degree, dtype=object)
    for index in np.ndindex(tensor.shape):
        ends = zip(index[::2], index[1::2], strict=True)
        tensor[index] = means[tuple(sorted(tuple(sorted(pair)) for pair in ends))]
    for axis in range(2 * degree):
        tensor = np.moveaxis(np.tensordot(factor(d), tensor, (1, axis)), 0, axis)
    return tensor


def word_and_mean(shape, d, n, backwards):
    """The text of a word, and its expectation by contraction of the moment tensor."""
    opened, traces = shape
    degree = opened + sum(traces)
    tensor, values = moment_tensor(d, n, degree), constants(d)
    letter, texts, links = 0, [], []
    for size, closed in [(opened, False)] * bool(opened) + [(size, True) for size in traces]:
        text, first = [], letter
        for k in range(size):
            transposed = backwards and letter % 2
            text.append(f"S {NAMES[letter]}" + ("'" if transposed else ""))
            matrix = values[NAMES[letter]].T if transposed else values[NAMES[letter]]
            after = first if closed and k == size - 1 else letter + 1
            ends_open = not closed and k == size - 1
            links.append((letter, None if ends_open else after, matrix))
            letter += 1
        texts.append(f"tr({' '.join(text)})" if closed else " ".join(text))
    axes = list(range(2 * degree))
    for start, after, matrix in links:  # the right end of a letter, through a constant, to the next
        axis = axes.index(2 * start + 1)
        tensor = np.moveaxis(np.tensordot(matrix, tensor, (0, axis)), 0, axis)
        if after is not None:
            other = axes.index(2 * after)
            tensor = tensor.trace(axis1=axis, axis2=other)
            axes = [a for a in axes if a not in (2 * start + 1, 2 * after)]
    return " ".join(texts), tensor


@pytest.mark.parametrize(("d", "n"), SIZES)
def test_every_shape_up_to_degree_four(d, n):
    given = constants(d)
    covariance = factor(d) @ factor(d).T
    for shape, backwards in itertools.product(SHAPES, (False, True)):
        word, mean = word_and_mean(shape, d, n, backwards)
        used = {name: given[name] for name in NAMES if name in word}
        value = expectation(word).evaluate(covariance=covariance, context_length=n, **used)
        assert np.shape(value) == np.shape(mean)
        assert (value == mean).all() if shape[0] else value == mean, word
        assert isinstance(np.ravel(value)[0], Fraction)


def test_contraction_of_the_oracle():
    """The oracle's own wiring: at N = 1 and d = 1 it is (2k - 1)!! times powers."""
    word, mean = word_and_mean((2, (1,)), 1, 1, False)
    scale = factor(1)[0, 0] ** 6
    product = np.prod([constants(1)[name][0, 0] for name in NAMES[:3]])
    assert word == "S A1 S A2 tr(S A3)"
    assert mean[0, 0] == 15 * scale * product


def samples(covariance, n, count):
    root = np.linalg.cholesky(covariance)
    x = np.random.default_rng(7).standard_normal((count, n, len(covariance))) @ root.T
    return np.swapaxes(x, 1, 2) @ x / n


def traces(matrices):
    return np.trace(matrices, axis1=1, axis2=2)


@pytest.mark.parametrize(
    ("word", "function"),
    [
        ("S B S B' S", lambda s, b: s @ b @ s @ b.T @ s),
        ("tr(S B)^2 S", lambda s, b: traces(s @ b)[:, None, None] ** 2 * s),
        ("S^2 B S B' S^3", lambda s, b: s @ s @ b @ s @ b.T @ s @ s @ s),
        ("tr(S B S^2) tr(S B')", lambda s, b: traces(s @ b @ s @ s) * traces(s @ b.T)),
        ("S^-1", lambda s, b: np.linalg.inv(s)),
        ("S^-1 B S^-1", lambda s, b: np.linalg.inv(s) @ b @ np.linalg.inv(s)),
        (
            "tr(S^-1 B) S^-1",
            lambda s, b: traces(np.linalg.inv(s) @ b)[:, None, None] * np.linalg.inv(s),
        ),
    ],
)
def test_samples(word, function):
    rng = np.random.default_rng(3)
    covariance, b, n, count = float_covariance(rng, 5), rng.standard_normal((5, 5)), 24, 20_000
    drawn = function(samples(covariance, n, count), b)
    given = {"B": b} if "B" in word else {}
    exact = expectation(word).evaluate(covariance=covariance, context_length=n, **given)
    error = drawn.std(axis=0, ddof=1) / np.sqrt(count)
    assert (abs(drawn.mean(axis=0) - exact) < 5 * error).all()
