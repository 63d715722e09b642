"""The oracle, anchored by moments computed by hand."""

import itertools
from fractions import Fraction as F

import numpy as np
import pytest
from sympy import QQ
from sympy.polys.rings import ring

from lsa_theory import LinearSelfAttention, population_loss
from validation.harness import oracle
from validation.harness.oracle import RationalLaw

_, a, b = ring("a b", QQ)


@pytest.mark.parametrize(
    ("polynomial", "mean"),
    [
        (a**0, 1),
        (a, 0),
        (a**2, 1),
        (a**4, 3),
        (a**6, 15),
        (a**8 * b**2, 105),
        (a**3 * b, 0),
        ((a + b) ** 4, 12),  # (√2 z)⁴
        (QQ(2, 3) * a**2 - QQ(1, 2) * b**4 + a * b + 5, F(25, 6)),  # 2/3 − 3/2 + 5
    ],
)
def test_means_by_hand(polynomial, mean):
    assert oracle.expectation(polynomial) == mean
    assert oracle.product_expectation(polynomial, a**0) == mean


def test_mean_of_a_product_is_that_of_the_expanded_product():
    left, right = (a + 2 * b + 1) ** 3, (a - b**2) ** 2 + a * b
    assert oracle.product_expectation(left, right) == oracle.expectation(left * right)


def exact(rows):
    return np.array(rows, dtype=object) * F(1)


def test_one_dimension_one_pair_by_hand():
    """d = N = 1, Λ = λ, label noise σ²: ``E(g y x x_q − w x_q)²`` with y = w x + ε is
    λ [g² (3λ² + σ² λ) − 2 g λ + 1], from E x⁴ = 3λ²."""
    g, root, sigma = F(2, 5), F(3, 2), F(1, 3)
    scale = root**2
    layer = LinearSelfAttention(exact([[0, 0], [0, 1]]), exact([[g, 0], [0, 0]]))
    risk = scale * (g**2 * (3 * scale**2 + sigma**2 * scale) - 2 * g * scale + 1)
    assert oracle.loss(layer, RationalLaw([root], 1, noise=sigma)) == risk / 2


def test_key_of_the_label_by_hand():
    """Only p and s: ``ŷ = s p y² x_q`` at d = N = 1, Λ = 1, no noise: E w⁴ x⁴ = 9, and the
    cross term with ``w x_q`` is odd in w."""
    layer = LinearSelfAttention(exact([[0, 0], [0, 2]]), exact([[0, 0], [3, 0]]))
    assert oracle.loss(layer, RationalLaw([1], 1)) == F(36 * 9 + 1, 2)


def test_value_of_the_query_itself_by_hand():
    """Only v and U: ``ŷ = v u (x² + x_q²) x_q`` at d = N = 1, Λ = 1: E (x² + q²)² q² is
    3 + 2 · 3 + 15 = 24."""
    layer = LinearSelfAttention(exact([[0, 0], [2, 0]]), exact([[3, 0], [0, 0]]))
    assert oracle.loss(layer, RationalLaw([1], 1)) == F(36 * 24 + 1, 2)


def test_parameters_that_the_prediction_does_not_see():
    pv, kq = exact(np.zeros((3, 3), dtype=int)), exact(np.zeros((3, 3), dtype=int))
    pv[:2] = F(7)
    kq[:, 2] = F(-3)
    assert oracle.loss(LinearSelfAttention(pv, kq), RationalLaw([1, 2], 2)) == F(5, 2)


def test_law_by_factors_is_the_law_by_covariances():
    law = RationalLaw([[1, 2], [0, 1]], 3, noise=F(1, 2), task=[2, 1], mean=[1, 0], query=[1, 3])
    prompts = law.prompts
    assert (prompts.covariance == exact([[5, 2], [2, 1]])).all()
    assert (prompts.task_covariance == exact([4, 1])).all()
    assert (prompts.query_covariance == exact([1, 9])).all()
    assert prompts.noise_variance == F(1, 4)


@pytest.mark.parametrize("hidden", [False, True])
def test_whole_layer_with_everything_switched_on(hidden):
    """A dense law with mean, noise and its own query, against the library's closed form."""
    entries = itertools.cycle([F(1), F(-1, 2), F(2, 3), F(1, 3), F(-2)])
    pv, kq = (exact([[next(entries) for _ in range(4)] for _ in range(4)]) for _ in range(2))
    if hidden:
        pv[-1, :-1] = 0
        kq[-1] = 0
    law = RationalLaw(
        [[1, 0, 0], [F(1, 2), 1, 0], [0, -1, 2]], 2, F(1, 2), [1, 2, 1], [1, 0, F(1, 3)], [2, 1, 1]
    )
    layer = LinearSelfAttention(pv, kq)
    assert oracle.loss(layer, law) == population_loss(layer, law.prompts)
