"""Words in the inverse of a sample covariance beside Bartlett's decomposition, exactly."""

from __future__ import annotations

from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from strategies import rational

from lsa_theory.linalg import solve
from lsa_theory.wishart import expectation
from validation.common.bartlett import InverseLaw
from validation.common.rationals import halves

ONCE = {
    "S^-1": lambda p, a, b: p,
    "A S^-1 B": lambda p, a, b: a @ p @ b,
    "tr(S^-1 B) A": lambda p, a, b: a * (p @ b).trace(),
    "S^-1 Lambda A": lambda p, a, b: p @ LAWS[len(p)].covariance @ a,
}
TWICE = {
    "(S^-1)^2": lambda p, a, b: p @ p,
    "S^-1 B S^-1": lambda p, a, b: p @ b @ p,
    "S^-1 B' S^-1": lambda p, a, b: p @ b.T @ p,
    "A' S^-1 B S^-1 A": lambda p, a, b: a.T @ p @ b @ p @ a,
    "tr(S^-1) S^-1": lambda p, a, b: p * p.trace(),
    "tr(S^-1 B) S^-1": lambda p, a, b: p * (p @ b).trace(),
    "tr(S^-1 A S^-1 B)": lambda p, a, b: (p @ a @ p @ b).trace(),
    "tr(S^-1 A) tr(S^-1 B)": lambda p, a, b: (p @ a).trace() * (p @ b).trace(),
    "tr(S^-1 A) B S^-1 A'": lambda p, a, b: b @ p @ a.T * (p @ a).trace(),
}
FACTORS = {
    1: rational([Fraction(3, 2)]),
    2: rational([2, Fraction(1, 3)], [-1, Fraction(1, 2)]),
    3: rational([1, Fraction(1, 2), 0], [-2, 1, Fraction(1, 3)], [0, 1, 3]),
}
LAWS = {d: InverseLaw(factor, d) for d, factor in FACTORS.items()}


def constants(d):
    return halves(np.random.default_rng(d), 2, d, d)


@cache
def law_and_inverse(d, excess):
    law = InverseLaw(FACTORS[d], d + excess)
    return law, law.inverse


def value(word, law, a, b):
    given = {name: matrix for name, matrix in (("A", a), ("B", b)) if name in word}
    return expectation(word).evaluate(
        covariance=law.covariance, context_length=law.context_length, **given
    )


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize(("words", "limit"), [(ONCE, 1), (TWICE, 3)])
def test_just_above_the_limit(d, words, limit):
    a, b = constants(d)
    for excess in range(limit + 1, limit + 5):
        law, inverse = law_and_inverse(d, excess)
        for word, function in words.items():
            mean = law.mean(function(inverse, a, b))
            assert np.all(value(word, law, a, b) == mean), (word, excess)
            assert isinstance(np.ravel(mean)[0], Fraction)


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize(("words", "limit"), [(ONCE, 1), (TWICE, 3)])
def test_refused_exactly_where_it_does_not_exist(d, words, limit):
    a, b = constants(d)
    for excess in range(limit + 3):
        law, inverse = law_and_inverse(d, excess)
        for word, function in words.items():
            exists = law.exists(function(inverse, a, b))
            assert exists == (excess > limit)
            if not exists:
                rule = rf"context_length={d + excess}\): must be above d \+ {limit} = {d + limit}"
                with pytest.raises(ValueError, match=rule):
                    value(word, law, a, b)


def test_special_constants_may_have_an_expectation_below_the_limit():
    """At d = 2 and B = -B', `S^-1 B S^-1 = B / det S`; a general B decides what is refused."""
    law, inverse = law_and_inverse(2, 2)
    turn = rational([0, 1], [-1, 0])
    word = inverse @ turn @ inverse
    assert law.exists(word)
    n = law.context_length  # n² det S / det Λ is χ²_n χ²_{n-1}
    determinant = law.covariance[0, 0] * law.covariance[1, 1] - law.covariance[0, 1] ** 2
    assert (law.mean(word) == Fraction(n**2, (n - 2) * (n - 3)) * turn / determinant).all()
    with pytest.raises(ValueError, match=r"above d \+ 3"):
        value("S^-1 B S^-1", law, turn, turn)


@pytest.mark.parametrize("d", [1, 2, 3])
def test_the_oracle_inverts(d):
    """Its polynomials at rational numbers are the inverse of `F T T' F' / N`."""
    law, inverse = law_and_inverse(d, 4)
    ring = inverse[0, 0].ring
    numbers = [Fraction(k + 2, 3) for k in range(ring.ngens)]
    triangle = np.diag(np.array([1 / r for r in numbers[:d]], dtype=object))
    triangle[np.tril_indices(d, -1)] = numbers[d:]
    root = law.factor @ triangle
    sample = root @ root.T / law.context_length
    found = np.vectorize(lambda entry: entry.compose(list(zip(ring.gens, numbers, strict=True))))
    product = sample @ np.vectorize(fraction, otypes=[object])(found(inverse))
    assert (product == np.eye(d, dtype=int)).all()
    assert (solve(law.factor, root) == triangle).all()


def fraction(constant):
    number = constant.coeff(1)
    return Fraction(int(number.numerator), int(number.denominator))


def test_published_inverse_moments():
    """Haff 1979; Gupta and Nagar, Matrix Variate Distributions, Theorem 3.3.16; n S is Wishart."""
    a, b = constants(3)
    for n in (7, 8, 20):
        law = InverseLaw(FACTORS[3], n)
        precision = solve(law.covariance, np.eye(3, dtype=int) * Fraction(1))
        m = n - 3
        c2 = Fraction(n**2, m * (m - 1) * (m - 3))
        c1 = (m - 2) * c2
        pap, pbp = precision @ a @ precision, precision @ b @ precision
        tra, trb = (precision @ a).trace(), (precision @ b).trace()
        twice = c1 * pbp + c2 * (pbp.T + trb * precision)
        assert (value("S^-1", law, a, b) == Fraction(n, m - 1) * precision).all()
        assert (value("S^-1 B S^-1", law, a, b) == twice).all()
        twice = c1 * trb * precision + c2 * (pbp + pbp.T)
        assert (value("tr(S^-1 B) S^-1", law, a, b) == twice).all()
        twice = c1 * tra * trb + c2 * ((pap @ b).trace() + (pap.T @ b).trace())
        assert value("tr(S^-1 A) tr(S^-1 B)", law, a, b) == twice
        square = precision @ precision * Fraction(n**2, m * (m - 3)) + c2 * (
            precision.trace() * precision
        )
        assert (value("(S^-1)^2", law, a, b) == square).all()
