"""Balls hold the exact values, closely, and nothing else."""

from __future__ import annotations

import operator
from fractions import Fraction

import mpmath
import numpy as np
import pytest
from flint import arb
from hypothesis import given
from strategies import rational, rationals

from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    global_minimum,
    population_loss,
    risk,
)
from lsa_theory.single_index import linear_target, square_target
from lsa_theory.targets import theorem_4_2
from lsa_theory.white import white_time_course
from validation.common import enclosures
from validation.common.balls import Ball, ball, balls, eigenvalues, midpoint, radius
from validation.common.rationals import exact_law, fractions
from validation.harness import Setting

LENGTH = 7
CONTEXT = np.array([[2.0, 0.5, 0.25], [0.5, 1.0, -0.25], [0.25, -0.25, 1.5]])
PRIOR = np.array([[1.0, -0.25, 0.0], [-0.25, 2.0, 0.5], [0.0, 0.5, 0.5]])
QUERY = np.array([[0.5, 0.125, 0.0], [0.125, 3.0, 1.0], [0.0, 1.0, 1.25]])
GAIN = np.array([[0.5, -1.0, 0.25], [2.0, 0.125, 0.0], [-0.75, 0.5, 1.0]])
PAPER = GaussianPrompts(CONTEXT, LENGTH)
GENERAL = GaussianPrompts(
    CONTEXT, LENGTH, noise_variance=0.375, task_covariance=PRIOR, query_covariance=QUERY
)
TESTED = GENERAL.replace(task_mean=np.array([1.0, -0.5, 2.0]))


def holds(enclosure: Ball, exact: Fraction) -> bool:
    """The value is in the ball, and the ball is tiny."""
    narrow = radius(enclosure) <= 1e-80 * max(1, abs(float(exact)))
    return narrow and abs(midpoint(enclosure) - exact) <= Fraction(radius(enclosure))


def all_hold(enclosures_, exact) -> bool:
    pairs = zip(np.ravel(enclosures_), np.ravel(exact), strict=True)
    return all(holds(enclosure, value) for enclosure, value in pairs)


# --- the arithmetic ----------------------------------------------------------------------------


@given(rationals, rationals)
def test_operations_hold_the_exact_result(a, b):
    for operation in (operator.add, operator.sub, operator.mul, operator.truediv):
        if operation is operator.truediv and b == 0:
            continue
        exact = operation(a, b)
        for left, right in ((ball(a), ball(b)), (ball(a), b), (a, ball(b))):
            result = operation(left, right)
            assert isinstance(result, Ball)
            assert holds(result, exact)
    assert holds(-ball(a), -a)
    assert holds(abs(ball(a)), abs(a))
    assert holds(ball(a) ** 3, a**3)


def test_roots_and_exponentials_hold_those_of_mpmath():
    with mpmath.workdps(150):
        for value in (0.0625, 0.1, 1e-300, 12345.678):
            root, exponential = ball(value).sqrt(), ball(-value).exp()
            for found, exact in (
                (root, mpmath.sqrt(mpmath.mpf(value))),
                (exponential, mpmath.exp(-mpmath.mpf(value))),
            ):
                assert abs(midpoint(found) - Fraction(str(exact))) <= 2 * Fraction(radius(found))


def test_a_float_is_taken_as_the_number_that_it_is():
    assert midpoint(ball(0.1)) == Fraction(0.1) != Fraction(1, 10)
    assert radius(ball(0.1)) == 0
    assert holds(ball(Fraction(1, 3)), Fraction(1, 3))
    assert balls(np.eye(2, dtype=int)).shape == (2, 2)


def test_a_float_within_a_formula_is_refused():
    for rounded in (0.1, np.float64(0.1)):
        for operation in (operator.add, operator.mul, operator.truediv, operator.lt, operator.eq):
            with pytest.raises(TypeError, match="not a float"):
                operation(ball(1), rounded)
            with pytest.raises(TypeError, match="not a float"):
                operation(rounded, ball(1))
    with pytest.raises(TypeError, match="no float"):
        float(ball(1))


def test_an_open_comparison_is_refused():
    third = 1 / ball(3)
    assert third > 0
    assert third < Fraction(1, 2)
    assert third != 1
    assert ball(0.5) == Fraction(1, 2)
    for compare in (operator.eq, operator.ne, operator.lt, operator.le, operator.gt, operator.ge):
        with pytest.raises(ArithmeticError, match="leave it open"):
            compare(third, Fraction(1, 3))
    with pytest.raises(ArithmeticError, match="leave it open"):
        bool(3 * third - 1)


def test_what_is_not_bounded_has_no_radius():
    assert radius(ball(-1).sqrt()) == np.inf
    assert radius(1 / (ball(1) - 3 * (1 / ball(3)))) == np.inf


def test_the_library_runs_on_balls():
    """Its own source; what needs a float on the way refuses."""
    found, exact = global_minimum(enclosures.in_balls(GENERAL)), global_minimum(exact_law(GENERAL))
    assert all_hold(found.gain, exact.gain)
    assert holds(found.loss, exact.loss)
    assert holds(risk(found.gain, enclosures.in_balls(TESTED)), risk(exact.gain, exact_law(TESTED)))
    with pytest.raises(TypeError, match="no symbol"):
        found.layer()


# --- the enclosures ----------------------------------------------------------------------------


def test_minimum():
    gain, loss = enclosures.minimum(GENERAL)
    exact = global_minimum(exact_law(GENERAL))
    assert all_hold(gain, exact.gain)
    assert holds(loss, exact.loss)


def test_limit():
    inverse = global_minimum(exact_law(PAPER)).gain
    s, u = enclosures.limit(PAPER)
    assert holds(s * s * s * s, (inverse * inverse).sum())
    assert all_hold(s * u, inverse)
    for balance in (3.0, -0.5):
        s, u = enclosures.limit(PAPER, balance, -1)
        assert s < 0
        assert holds(s * s - (u * u).sum(), Fraction(balance))
        assert all_hold(s * u, inverse)


@pytest.mark.parametrize(("kind", "target"), [("linear", linear_target), ("square", square_target)])
def test_error_terms(kind, target):
    task, law = np.array([1.5, -1.0, 0.25]), exact_law(PAPER)
    label = target(fractions(task), law.covariance, 5, noise_variance=Fraction(1, 4))
    exact = theorem_4_2(law, label)
    found = enclosures.error_terms(PAPER, kind, task, 5, 0.5)
    assert all_hold(found, [exact.linear_error, exact.bias, exact.variance])


def test_risk_and_loss():
    exact = exact_law(TESTED)
    assert holds(enclosures.matrix_risk(GAIN, TESTED), risk(fractions(GAIN), exact))
    pv, kq = np.random.default_rng(0).integers(-4, 5, (2, 4, 4)) / 2
    layer = LinearSelfAttention(fractions(pv), fractions(kq))
    enclosed = enclosures.layer_loss(LinearSelfAttention(pv, kq), TESTED)
    assert holds(enclosed, population_loss(layer, exact))


def test_eigenvalues():
    found = eigenvalues(balls(CONTEXT))
    assert found[0] < found[1] < found[2]
    assert holds(sum(found), Fraction(4.5))
    assert holds(sum(x * x for x in found), sum(Fraction(x) ** 2 for x in CONTEXT.flat))


@pytest.mark.parametrize(
    ("spectrum", "sharp", "size", "root"),
    [([12, 15, 20], True, 481, 1), ([1, 2, 3, 4], False, 2 * 4**2, 2)],
)
def test_guarantee(spectrum, sharp, size, root):
    """12⁴ + 15⁴ + 20⁴ = 481², and √4 = 2."""
    n, s, u = 5, Fraction(1, 8), [Fraction(k + 1, 16) for k in range(len(spectrum))]
    law = GaussianPrompts(np.diag(np.array(spectrum, dtype=float)), n)
    layer = LinearSelfAttention.from_block(np.diag(np.array(u, dtype=float)), float(s))
    gammas = [Fraction((n + 1) * x + sum(spectrum), n) for x in spectrum]
    seen = sum(x * x * y for x, y in zip(spectrum, u, strict=True)) / s
    squared = s * s * seen * (2 - root * s * s * gammas[-1]) / (2 * size)
    inverses = [1 / (x * y) for x, y in zip(spectrum, gammas, strict=True)]
    traces = sum(inverses) * sum(Fraction(1, x) for x in spectrum)
    curvature = gammas[0] * spectrum[0] ** 2 if sharp else 1 / traces
    scale, rate = enclosures.guarantee(layer, law, sharp)
    assert holds(scale * scale, squared)
    assert holds(rate, 2 * squared * curvature)


def test_white_course():
    """At the start, in rationals; later against 60 digits."""
    numbers = {"task_covariance": 0.75, "query_covariance": 1.5}
    options = {name: np.full(4, value) for name, value in numbers.items()}
    law, start = GaussianPrompts(np.full(4, 0.5), 6, noise_variance=0.25, **options), 0.125
    shares, losses = enclosures.white_course(law, start, [0.0, 3.0])
    course = white_time_course(exact_law(law), Fraction(start))
    layer = LinearSelfAttention.from_block(rational(*(np.eye(4) * start)), Fraction(2 * start))
    assert holds(shares[0], 1 / (1 + course.odds))
    assert holds(losses[0], population_loss(layer, exact_law(law)))
    with mpmath.workdps(60):
        fall = mpmath.exp(-3 * mpmath.mpf(course.rate.numerator) / course.rate.denominator)
        odds = mpmath.mpf(course.odds.numerator) / course.odds.denominator * fall
        assert abs(Fraction(str(1 / (1 + odds))) - midpoint(shares[1])) < Fraction(1, 10**58)
    assert float(midpoint(losses[1])) == pytest.approx(
        white_time_course(law, start).loss(3.0), rel=1e-14
    )


def test_a_wrong_formula_is_outside():
    """`N` for `N + 1`, by which the truth moves little."""
    law = GENERAL.replace(context_length=10**12)
    right, _ = enclosures.minimum(law)
    wrong = global_minimum(exact_law(law.replace(context_length=10**12 + 1))).gain
    assert not any(holds(x, y) for x, y in zip(right.flat, wrong.flat, strict=True))
    wrong_law = exact_law(law)
    context, n = wrong_law.covariance, law.context_length
    shifted = n * context + context.trace() * np.eye(3, dtype=int)
    product = shifted @ enclosures.gamma_inverse(law)
    assert not holds(product[0, 0], Fraction(n))


@pytest.mark.parametrize("general", [False, True])
def test_enclosures_are_narrow_at_every_condition_number(general):
    laws = enclosures.laws(Setting(), general=general)
    assert len(laws) == 10
    for law in laws.values():
        gain, loss = enclosures.minimum(law)
        assert max(radius(entry) for entry in [*gain.flat, loss]) < 1e-60
        eigenvalues = np.linalg.eigvalsh(law.covariance)
        assert eigenvalues[-1] == pytest.approx(1)
    assert eigenvalues[0] == pytest.approx(1e-12, rel=1e-3)


def test_pairs_are_judged_each_in_its_own_unit():
    exact = balls([1e9, 1.0])
    near = enclosures.close(zip([1e9, 1.0 + 1e-9], exact, strict=True), ulps=8, condition=1)
    assert near.verdict(1e-9).outcome == "refuted"
    same = enclosures.close([(np.array([1e9, 1.0]), exact)], ulps=8, condition=1)
    assert same.verdict(1e-9).outcome == "accepted"
    assert enclosures.close([(0.0, ball(0))], 8, 1).verdict(1e-9).outcome == "accepted"
    assert enclosures.close([(1e-9, ball(0))], 8, 1).verdict(1e-9).outcome == "refuted"


def test_a_wide_enclosure_is_not_accepted():
    wide = Ball(arb(1.0, 0.5))
    assert enclosures.close([(1.0, wide)], ulps=8, condition=1).verdict(1e-9).outcome == "undecided"
