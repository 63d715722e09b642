"""Published moments of Wishart matrices, written down from the literature."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from functools import cache
from math import comb, factorial, prod

import numpy as np
import pytest
from strategies import rational

from lsa_theory.wishart import expectation

COVARIANCE = rational(
    [2, 1, 0, 0], [1, 3, 1, 0], [0, 1, 1, Fraction(1, 2)], [0, 0, Fraction(1, 2), 1]
)
A = rational([1, 2, 0, 1], [0, -1, 3, 2], [1, 1, 1, 0], [2, 0, -1, 1])
B = rational([0, 1, 4, -1], [2, 2, -1, 0], [5, 0, 1, 1], [1, 1, 0, -2])
LENGTH = 5


def value(word, covariance=COVARIANCE, n=LENGTH, **constants):
    return expectation(word).evaluate(covariance=covariance, context_length=n, **constants)


@pytest.mark.parametrize("power", range(1, 13))
def test_chi_squared(power):
    for n in (1, 2, 9):
        moment = Fraction(prod(n + 2 * k for k in range(power)), n**power)
        assert value(f"S^{power}", rational([3]), n) == moment * 3**power


WHITE = {  # the mean of tr W^k, W with n degrees of freedom: Hanlon, Stanley, Stembridge 1992
    1: lambda n, d: 1,
    2: lambda n, d: n + d + 1,
    3: lambda n, d: n**2 + d**2 + 3 * n * d + 3 * n + 3 * d + 4,
    4: lambda n, d: (
        (n**3 + d**3 + 6 * n**2 * d + 6 * n * d**2)
        + (6 * n**2 + 6 * d**2 + 17 * n * d)
        + (21 * n + 21 * d + 20)
    ),
}


@pytest.mark.parametrize("power", WHITE)
def test_white_traces(power):
    """A polynomial of degree `power` in `n` and in `d` by its values."""
    for d in range(1, 6):
        white = np.eye(d, dtype=int) * Fraction(1)
        for n in range(1, 6):
            trace = Fraction(n * d * WHITE[power](n, d), n**power)
            assert value(f"tr(S^{power})", white, n) == trace
            assert (value(f"S^{power}", white, n) == trace / d * white).all()


@pytest.mark.parametrize("power", range(1, 9))
def test_leading_order_in_a_high_dimension(power):
    """Narayana numbers, the moments of Marchenko and Pastur's law: `Σ N(k, j) (d/n)^(j-1)`."""
    leading = Counter()
    for term in expectation(f"tr(S^{power})").terms:
        for order, coefficient in enumerate(term.coefficients):
            assert coefficient == 0 or len(term.traces) <= order + 1
            if len(term.traces) == order + 1:
                leading[order] += coefficient
    narayana = {j: comb(power, j) * comb(power, j + 1) // power for j in range(power)}
    assert +leading == narayana


def test_second_moments_with_constants():
    """Gupta and Nagar, Matrix Variate Distributions, Theorem 3.3.15."""
    n, one = LENGTH, COVARIANCE
    a, b = (one @ A).trace(), (one @ B).trace()
    assert (value("S A S", A=A) * n == one @ A.T @ one + a * one + n * one @ A @ one).all()
    assert (value("tr(A S) S", A=A) * n == one @ A @ one + one @ A.T @ one + n * a * one).all()
    crossed = (A @ one @ B @ one).trace() + (A.T @ one @ B @ one).trace()
    assert value("tr(A S) tr(B S)", A=A, B=B) * n == crossed + n * a * b


@pytest.mark.parametrize("power", range(1, 9))
def test_powers_of_a_trace(power):
    """`tr S C` for a symmetric C has cumulants `2^(k-1) (k-1)! tr (ΛC)^k / n^(k-1)`."""
    c = A + A.T
    product, cumulants, moments = COVARIANCE @ c, [], [Fraction(1)]
    for k in range(1, power + 1):
        trace = np.linalg.matrix_power(product, k).trace()
        cumulants.append(Fraction(2 ** (k - 1) * factorial(k - 1), LENGTH ** (k - 1)) * trace)
        terms = zip(cumulants, reversed(moments), strict=True)
        moments.append(sum(comb(k - 1, j) * x * y for j, (x, y) in enumerate(terms)))
    assert value(f"tr(S C)^{power}", C=c) == moments[power]


# --- zonal polynomials ---------------------------------------------------------------------------


def partitions(total, largest=None):
    largest = total if largest is None else largest
    if total == 0:
        yield ()
    for part in range(min(total, largest), 0, -1):
        for rest in partitions(total - part, part):
            yield (part, *rest)


@cache
def mean_power_sums(parts):
    return value(" ".join(f"tr(S^{part})" for part in parts))


@cache
def power_sums(parts):
    return prod(np.linalg.matrix_power(COVARIANCE, part).trace() for part in parts)


def class_size(parts):
    """`1 / z`: the share of the permutations that have these cycles."""
    return Fraction(1, prod(k**m * factorial(m) for k, m in Counter(parts).items()))


@pytest.mark.parametrize("degree", range(1, 9))
def test_elementary_symmetric_and_top_zonal_polynomials(degree):
    """`e_k(n S)` has the mean `n (n-1) ... (n-k+1) e_k(Λ)` (Muirhead 1982, Theorem 3.2.15 for the
    determinant), the coefficients of `det(1 - tS)^(-1/2)` that with `n (n+2) ... (n+2k-2)`."""
    signs, n = {}, LENGTH
    for parts in partitions(degree):
        signs[parts] = class_size(parts) * (-1) ** (degree - len(parts))
    elementary = sum(c * mean_power_sums(parts) for parts, c in signs.items())
    exact = sum(c * power_sums(parts) for parts, c in signs.items())
    assert elementary * n**degree == prod(n - k for k in range(degree)) * exact
    halved = {parts: abs(c) / 2 ** len(parts) for parts, c in signs.items()}
    top = sum(c * mean_power_sums(parts) for parts, c in halved.items())
    exact = sum(c * power_sums(parts) for parts, c in halved.items())
    assert top * n**degree == prod(n + 2 * k for k in range(degree)) * exact


ZONAL = {  # by power sums: James 1964; Muirhead 1982, Section 7.2
    (2,): {(1, 1): 1, (2,): 2},
    (1, 1): {(1, 1): 1, (2,): -1},
    (3,): {(1, 1, 1): 1, (2, 1): 6, (3,): 8},
    (2, 1): {(1, 1, 1): 1, (2, 1): 1, (3,): -2},
    (1, 1, 1): {(1, 1, 1): 1, (2, 1): -3, (3,): 2},
    (4,): {(1, 1, 1, 1): 1, (2, 1, 1): 12, (2, 2): 12, (3, 1): 32, (4,): 48},
    (3, 1): {(1, 1, 1, 1): 1, (2, 1, 1): 5, (2, 2): -2, (3, 1): 4, (4,): -8},
    (2, 2): {(1, 1, 1, 1): 1, (2, 1, 1): 2, (2, 2): 7, (3, 1): -8, (4,): -2},
    (2, 1, 1): {(1, 1, 1, 1): 1, (2, 1, 1): -1, (2, 2): -2, (3, 1): -2, (4,): 4},
    (1, 1, 1, 1): {(1, 1, 1, 1): 1, (2, 1, 1): -6, (2, 2): 3, (3, 1): 8, (4,): -6},
}


@pytest.mark.parametrize("shape", ZONAL)
def test_zonal_polynomials(shape):
    """Constantine 1963: `Z(n S)` has the mean `2^k (n/2)_κ Z(Λ)`; up to degree 4 these determine
    the mean of every product of traces of powers."""
    mean = sum(c * mean_power_sums(parts) for parts, c in ZONAL[shape].items())
    exact = sum(c * power_sums(parts) for parts, c in ZONAL[shape].items())
    factor = prod(LENGTH - i + 2 * j for i, part in enumerate(shape) for j in range(part))
    assert mean * LENGTH ** sum(shape) == factor * exact


# --- a tilted law --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "word",
    [
        "S",
        "S^2",
        "tr(S) S",
        "S A S",
        "S A S' B S",
        "tr(S A S) S B S",
        "S A S B S A' S",
        "S^2 A S^3",
    ],
)
def test_a_trace_more(word):
    """The density times `exp(t n tr SC)` is Wishart again, of a covariance with the derivative
    `2ΛCΛ`; so `E[tr(SC) F] = tr(ΛC) E[F]` and `1/n` of the derivative of `E[F]`."""
    c = (B + B.T) / 1000
    direction = 2 * COVARIANCE @ c @ COVARIANCE
    given = {name: matrix for name, matrix in (("A", A), ("B", B)) if name in word}
    weights = {1: Fraction(45, 60), 2: Fraction(-9, 60), 3: Fraction(1, 60)}  # exact to degree 6
    derivative = sum(
        weight * sign * value(word, COVARIANCE + sign * step * direction, **given)
        for step, weight in weights.items()
        for sign in (-1, 1)
    )
    mean = (COVARIANCE @ c).trace() * value(word, **given) + derivative / LENGTH
    assert (value(f"tr(S C) {word}", C=c, **given) == mean).all()
