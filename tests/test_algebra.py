"""The algebra of the derivations: words against NumPy, exactly, and the checks that it makes."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from derivations import algebra
from derivations.algebra import (
    LENGTH,
    calculus,
    derivative,
    evaluated,
    functions_of_covariance,
    gradient,
    identity,
    inverse_pair,
    latex,
    mean,
    reduced,
    scalar,
    slope,
    substituted,
    symbols,
    symmetric,
    without,
)
from derivations.algebra.numbers import check_derivative
from lsa_theory import (
    GaussianPrompts,
    global_minimum,
)
from lsa_theory.wishart import expectation

A, B, S, LAMBDA = symbols("A B S Lambda")
a, b, w = symbols("a b w")
t = sympy.Symbol("t")
RNG = np.random.default_rng(0)


def rationals(*shape):
    return np.array([Fraction(int(k), 2) for k in RNG.integers(-3, 4, np.prod(shape))]).reshape(
        shape
    )


VALUES = {
    "A": rationals(3, 3),
    "B": rationals(3, 3),
    "a": rationals(3),
    "b": rationals(3),
    "Lambda": (lambda root: root @ root.T)(rationals(3, 3)),
}
MATRICES = st.sampled_from([(A, VALUES["A"]), (B, VALUES["B"]), (LAMBDA, VALUES["Lambda"])])
VECTORS = st.sampled_from([(a, VALUES["a"]), (b, VALUES["b"])])


def value(words, **scalars):
    return evaluated(words, VALUES, scalars)


def flat(array):
    """A column as a vector."""
    array = np.asarray(array, dtype=object)
    return array[:, 0] if array.ndim == 2 and array.shape[1] == 1 else array


@st.composite
def matrices(draw, depth=3):
    """A matrix of words beside the array that it stands for."""
    if depth == 0 or draw(st.booleans()):
        return draw(MATRICES)
    words, array = draw(matrices(depth=depth - 1))
    kind = draw(st.sampled_from(["product", "sum", "transpose", "outer", "trace", "identity"]))
    if kind == "transpose":
        return words.T, array.T
    if kind == "identity":
        return words - identity(), array - np.eye(3, dtype=int)
    if kind == "outer":
        (left, x), (right, y) = draw(VECTORS), draw(VECTORS)
        return words @ left.outer(right), array @ np.outer(x, y)
    others, other = draw(matrices(depth=depth - 1))
    if kind == "product":
        return words @ others, array @ other
    if kind == "trace":
        return words.trace() * others, array.trace() * other
    return words + 2 * others, array + 2 * other


@given(matrices(), VECTORS, VECTORS)
def test_words_are_what_arrays_are(pair, left, right):
    (words, array), (x, u), (y, v) = pair, left, right
    assert (value(words) == array).all()
    assert (flat(value(words @ y)) == array @ v).all()
    assert (flat(value(x @ words)) == u @ array).all()
    assert value(x @ words @ y) == u @ array @ v
    assert value(words.trace()) == array.trace()
    assert value((words * words).sum()) == (array * array).sum()


@given(matrices(), matrices(), matrices())
def test_normal_forms_are_unique(one, two, three):
    (f, _), (g, _), (h, _) = one, two, three
    assert ((f @ g) @ h - f @ (g @ h)).is_zero()
    assert ((f @ g).trace() - (g.T @ f.T).trace()).is_zero()
    assert ((f @ g @ h).trace() - (h @ f @ g).trace()).is_zero()
    assert (a @ f @ b - b @ f.T @ a).is_zero()
    assert (f @ (g + h) - f @ g - f @ h).is_zero()


@given(matrices(), matrices())
def test_different_forms_are_not_equal(one, two):
    (f, x), (g, y) = one, two
    if (x != y).any():
        assert not (f - g).is_zero()


def test_what_does_not_commute_is_not_equal():
    assert not (A @ B - B @ A).is_zero()
    assert not ((A @ B @ A.T).trace() - (A @ A @ B).trace()).is_zero()
    assert not (A - A.T).is_zero()
    assert (LAMBDA - LAMBDA.T).is_zero()


@settings(max_examples=20)
@given(matrices())
def test_gradient_is_the_exact_derivative(pair):
    """The derivative of a polynomial along a direction, from its exact values on a line."""
    words, _ = pair
    scalars = words.trace() + a @ words @ b
    move = VALUES["B"] - 2 * VALUES["A"]
    changed = VALUES | {"A": VALUES["A"] + t * move}
    along = sympy.diff(sympy.expand(evaluated(scalars, changed, {})), t).subs(t, 0)
    assert (value(gradient(scalars, "A")) * move).sum() == along
    direction = substituted(derivative(scalars, {"A": symbols("X")[0]}), {"X": B - 2 * A})
    assert value(direction) == along


def test_gradient_by_a_vector_and_by_a_scalar():
    square = scalar(t) * (a @ A @ a) * (a @ b)
    expected = scalar(t) * ((a @ b) * ((A + A.T) @ a) + (a @ A @ a) * b)
    assert (gradient(square, "a") - expected).is_zero()
    assert (gradient(square * scalar(t), t) - 2 * square).is_zero()


def test_a_wrong_derivative_is_caught(monkeypatch):
    right = calculus._slopes

    def forgotten_transpose(words, variable):
        for value, others, tidy, rest in right(words, variable):
            yield value, others, tidy, calculus.transposed(rest)

    monkeypatch.setattr(calculus, "_slopes", forgotten_transpose)
    with pytest.raises(ArithmeticError, match="derivative by A"):
        gradient((A @ A @ B).trace(), "A")


@pytest.mark.parametrize(
    ("rates", "wrong"),
    [
        ({"A": B @ A}, lambda right: 2 * right),
        ({"A": B @ A, "a": B @ a}, lambda right: right - A @ b),
        ({t: 3}, lambda right: right - 2 * right),
        ({t: A.trace(), "A": B}, lambda right: right + scalar(t) * (A @ b)),
    ],
)
def test_a_wrong_derivative_along_rates_is_caught(rates, wrong):
    words = scalar(t**2) * (A @ A @ a) + A @ b
    right = derivative(words, rates)
    check_derivative(words, rates, right)
    with pytest.raises(ArithmeticError, match="derivative by"):
        check_derivative(words, rates, wrong(right))


def test_a_wrong_slope_is_caught(monkeypatch):
    assert slope(t**3, t) == 3 * t**2
    monkeypatch.setattr(sympy, "diff", lambda expression, variable: 2 * variable**2)
    with pytest.raises(ArithmeticError, match="slope in t"):
        slope(t**3, t)


@pytest.mark.parametrize("word", ["S A S", "tr(S A) S B S", "w' S A w", "S w w' S", "tr(S)^3"])
def test_mean_is_the_engine_s(word):
    built = {
        "S A S": S @ A @ S,
        "tr(S A) S B S": (S @ A).trace() * (S @ B @ S),
        "w' S A w": w @ S @ A @ w,
        "S w w' S": S @ w.outer(w) @ S,
        "tr(S)^3": S.trace() * S.trace() * S.trace(),
    }[word]
    arrays = VALUES | {"mu": VALUES["a"], "Omega": np.eye(3, dtype=int)}
    found = evaluated(mean(built), arrays, {"N": Fraction(7)})
    task = {"task_mean": VALUES["a"]} if "w" in word else {}
    constants = {name: VALUES[name] for name in ("A", "B") if name in word}
    exact = expectation(word).evaluate(
        covariance=VALUES["Lambda"], context_length=7, **task, **constants
    )
    assert (np.asarray(found) == exact).all()


def test_inverse_moments():
    (inverse,) = symmetric("S^-1")
    found = mean(inverse).terms
    assert list(found.values()) == [LENGTH / (LENGTH - algebra.DIMENSION - 1)]


def test_declared_inverses():
    """Of multiples too: formulas with a resolvent run on words."""
    n, task = scalar(LENGTH), symbols("Omega")[0]
    (F,) = symmetric("F")
    matrix = (n + 1) * task + task.trace() * identity()
    inverse_pair(matrix / n, F)
    assert (global_minimum(GaussianPrompts(task, n)).gain - F).is_zero()
    assert ((3 * matrix).inverse() - F / (3 * n)).is_zero()
    assert ((n * identity()).inverse() - identity() / n).is_zero()
    with pytest.raises(ValueError, match="no declared inverse"):
        (matrix + task).inverse()


def test_relations_hold_at_any_turn_and_transposed():
    P, Q = symmetric("P_T Q_T")
    relations = {("P_T", "Q_T"): identity(), ("Q_T", "P_T"): identity()}
    assert (reduced((Q @ A @ P).trace(), relations) - A.trace()).is_zero()
    assert (reduced(a @ P @ Q @ b, relations) - a @ b).is_zero()
    assert (reduced((P @ Q).trace(), relations) - scalar(algebra.DIMENSION)).is_zero()
    nilpotent = {("A", "A"): 0 * A}
    assert reduced(A.T @ A.T + B, nilpotent).terms == B.terms


def test_functions_of_the_covariance_commute():
    F, G = functions_of_covariance("F_T G_T")
    assert (F @ LAMBDA @ G - LAMBDA @ G @ F).is_zero()
    assert ((A @ F @ LAMBDA @ B @ G).trace() - (B @ G @ A @ LAMBDA @ F).trace()).is_zero()
    assert ((G @ A @ F).trace() - (A @ G @ F).trace()).is_zero()
    assert ((A @ G @ F).trace() - (F @ G @ A.T).trace()).is_zero()
    assert not (F @ A @ G - G @ A @ F).is_zero()
    assert (
        reduced(a @ G @ LAMBDA @ F @ b, {("F_T", "G_T"): identity()}) - a @ LAMBDA @ b
    ).is_zero()
    found = gradient((F @ LAMBDA @ A @ G @ A.T).trace(), "A")  # and so do those it is checked at
    assert (found - 2 * LAMBDA @ F @ A @ G).is_zero()
    with pytest.raises(ValueError, match="for ever"):
        reduced(A, {("A", "B"): B @ A})


def test_a_letter_is_of_one_kind():
    """Normal forms are shared: what commutes in one derivation would commute in all."""
    symmetric("K_T")
    symmetric("K_T")
    for declared in (symbols, functions_of_covariance):
        with pytest.raises(ValueError, match="letter K_T: must be symmetric, as elsewhere"):
            declared("K_T")


def test_a_unit_vector_that_nothing_sees():
    (e,) = symbols("e")
    words = (e @ e) * A.trace() + (e @ A @ e) * B.trace() + (a @ e) * (e @ b)
    assert (without(words, e) - A.trace()).is_zero()


def test_scalars_are_replaced_by_words():
    words = scalar(t**2 + 1) * A
    found = substituted(words, {t: LAMBDA.trace()})
    assert (found - LAMBDA.trace() * LAMBDA.trace() * A - A).is_zero()
    assert (substituted(words, {t: 2}) - 5 * A).is_zero()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: A + a, "a sum of arrays"),
        (lambda: A @ scalar(t), "between a scalar and an array"),
        (lambda: A.sum(), "depends on the coordinates"),
        (lambda: A / A.trace(), "is not a coefficient"),
        (lambda: gradient(A, "A"), "of a scalar"),
        (lambda: gradient(LAMBDA.trace(), "Lambda"), "of free entries"),
    ],
)
def test_what_makes_no_sense_is_refused(wrong, sentence):
    with pytest.raises(ValueError, match=sentence):
        wrong()


def test_print():
    words = scalar(t) * (a @ A.T @ b) * A @ A / 2 - LAMBDA.trace() * identity()
    assert "A A" in repr(words)
    assert "tr(Λ) I" in repr(words)
    assert r"\operatorname{tr}(\Lambda)" in latex(words)
    assert r"A^{2}" in latex(words)
    assert latex(0 * A) == "0"
