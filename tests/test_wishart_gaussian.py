"""Words in the task and the query, beside polynomials in standard Gaussians, exactly."""

from __future__ import annotations

from fractions import Fraction
from functools import cache
from numbers import Rational
from types import SimpleNamespace

import numpy as np
import pytest
import sympy
from strategies import rational
from sympy import QQ
from sympy.polys.rings import ring

from lsa_theory.wishart import expectation
from validation.harness.oracle import expectation as gaussian_mean

# what a word says, with columns `w` and `x`
WORDS = {
    "w": lambda g: g.w,
    "w w'": lambda g: g.w @ g.w.T,
    "tr(w w' A)": lambda g: g.w.T @ g.A @ g.w,
    "S w": lambda g: g.S @ g.w,
    "w' A S B": lambda g: g.w.T @ g.A @ g.S @ g.B,
    "(w' w) w": lambda g: (g.w.T @ g.w) * g.w,
    "w w' S A w": lambda g: g.w @ g.w.T @ g.S @ g.A @ g.w,
    "w' S A w": lambda g: g.w.T @ g.S @ g.A @ g.w,
    "S w w' S": lambda g: g.S @ g.w @ g.w.T @ g.S,
    "S A w w' B S": lambda g: g.S @ g.A @ g.w @ g.w.T @ g.B @ g.S,
    "(w' S w)^2": lambda g: (g.w.T @ g.S @ g.w) ** 2,
    "(w' A w)^3": lambda g: (g.w.T @ g.A @ g.w) ** 3,
    "w' A w w' B S w": lambda g: (g.w.T @ g.A @ g.w) * (g.w.T @ g.B @ g.S @ g.w),
    "w' A w w' B w S": lambda g: (g.w.T @ g.A @ g.w) * (g.w.T @ g.B @ g.w) * g.S,
    "(w' S w) I": lambda g: (g.w.T @ g.S @ g.w) * g.I,
    "tr(S A) w' I B w": lambda g: (g.w.T @ g.B @ g.w) * (g.S @ g.A).trace(),
    "tr(S w w' A) w": lambda g: (g.w.T @ g.A @ g.S @ g.w) * g.w,
    "x_q x_q'": lambda g: g.x @ g.x.T,
    "(x_q' A x_q) x_q x_q' B": lambda g: (g.x.T @ g.A @ g.x) * (g.x @ g.x.T @ g.B),
    "x_q x_q' B x_q x_q' w w'": lambda g: g.x @ (g.x.T @ g.B @ g.x) @ g.x.T @ g.w @ g.w.T,
    "w' S x_q x_q' S w": lambda g: (g.w.T @ g.S @ g.x) ** 2,
    "(w' S A x_q) (w' x_q)": lambda g: (g.w.T @ g.S @ g.A @ g.x) * (g.w.T @ g.x),
    "x_q w' S A x_q": lambda g: g.x @ g.w.T @ g.S @ g.A @ g.x,
    "(w' A x_q)^2 w'": lambda g: (g.w.T @ g.A @ g.x) ** 2 * g.w.T,
    "(w' x_q)^2 (x_q' Ω x_q)^2": lambda g: (g.w.T @ g.x) ** 2 * (g.x.T @ g.Omega @ g.x) ** 2,
    "mu' S w": lambda g: g.mu.T @ g.S @ g.w,
    "tr(S Ω) w' Λ_q w": lambda g: (g.w.T @ g.Lambda_q @ g.w) * (g.S @ g.Omega).trace(),
}
ODD = {
    "x_q": (3, 1),
    "x_q'": (1, 3),
    "S A x_q": (3, 1),
    "x_q' A x_q x_q'": (1, 3),
    "w x_q' S": (3, 3),
    "tr(w x_q') I": (3, 3),
    "w' S x_q": (),
    "tr(x_q w' S)": (),
    "(w' A x_q)^3": (),
}
ODD_IN_THE_TASK = {"w": (3, 1), "S w": (3, 1), "(w' w) w'": (1, 3), "tr(S A) w' S w w": (3, 1)}
N, D = sympy.symbols("N d", integer=True, positive=True)
SIZES = [(1, 3), (2, 2), (3, 2)]


def factor(d, turn):
    entries = np.arange(d * d).reshape(d, d)
    return rational(*(np.eye(d, dtype=int) + (entries + turn) % 3)) / (1 + turn)


@cache
def law(d):
    names = ("covariance", "task_covariance", "query_covariance")
    found = {name: factor(d, turn) @ factor(d, turn).T for turn, name in enumerate(names)}
    return {**found, "task_mean": rational(3, -2, 1)[:d] / 2}


@cache
def constants(d):
    entries = np.arange(d * d).reshape(d, d)
    return {"A": rational(*(entries * 3 % 5 - 2)), "B": rational(*(1 - entries * entries % 4))}


def arguments(word, d, **changes):
    """The moments and constants that the word holds."""
    held = {letter.rstrip("'") for letter in expectation(word).expansion.word.letters}
    holders = {
        "task_covariance": {"w", "Omega"},
        "task_mean": {"w", "mu"},
        "query_covariance": {"x_q", "Lambda_q"},
        "A": {"A"},
        "B": {"B"},
    }
    known = {**law(d), **constants(d)}
    given = {name: known[name] for name, letters in holders.items() if held & letters}
    return {"covariance": known["covariance"], "context_length": 7, **given, **changes}


def value(word, d=3, **changes):
    return expectation(word).evaluate(**arguments(word, d, **changes))


def in_ring(array):
    return np.vectorize(lambda x: QQ(x.numerator, x.denominator), otypes=[object])(array)


@cache
def polynomials(d, n):
    """The letters, those that are random as polynomials in standard Gaussians."""
    z = np.array(ring([f"z{k}" for k in range(d * (n + 2))], QQ)[1:], dtype=object)
    z = z.reshape(d, n + 2)
    context, task, query = (in_ring(factor(d, turn)) for turn in range(3))
    x, mean = context @ z[:, :n], in_ring(law(d)["task_mean"])[:, None]
    return SimpleNamespace(
        S=x @ x.T * QQ(1, n),
        w=task @ z[:, n:-1] + mean,
        x=query @ z[:, -1:],
        A=in_ring(constants(d)["A"]),
        B=in_ring(constants(d)["B"]),
        mu=mean,
        Omega=task @ task.T,
        Lambda_q=query @ query.T,
        I=np.eye(d, dtype=int),
    )


@pytest.mark.parametrize(("d", "n"), SIZES)
@pytest.mark.parametrize("word", WORDS)
def test_every_word_is_the_mean_of_its_polynomial(word, d, n):
    given = polynomials(d, n)
    one = given.S[0, 0].ring.one
    mean = np.vectorize(lambda x: gaussian_mean(x * one), otypes=[object])(WORDS[word](given))
    found = value(word, d, context_length=n)
    assert np.shape(found) in (mean.shape, ())
    assert np.shape(found) or mean.shape == (1, 1)
    assert (found == mean).all()
    assert isinstance(np.ravel(found)[0], Fraction)


@pytest.mark.parametrize("word", ODD)
def test_words_odd_in_the_query_vanish(word):
    for changes in ({}, floats(word)):
        found = value(word, **changes)
        assert np.shape(found) == ODD[word]
        assert (np.ravel(found) == 0).all()
        assert isinstance(np.ravel(found)[0], Rational) != bool(changes)
    assert expectation(word).latex() == "0"
    form = expectation(word).sympy()
    assert form == 0 if ODD[word] == () else form.subs(D, 3).shape == ODD[word]


@pytest.mark.parametrize("word", ODD_IN_THE_TASK)
def test_words_odd_in_a_task_of_mean_zero_vanish(word):
    found = value(word, task_mean=None)
    assert found.shape == ODD_IN_THE_TASK[word]
    assert (found == 0).all()
    assert (value(word) != 0).any()


def test_moments_are_those_of_prompts_by_default():
    """Tasks N(0, I), and queries as the context."""
    defaults = {"task_mean": None, "task_covariance": None, "query_covariance": None}
    covariance, trace = law(3)["covariance"], law(3)["covariance"].trace()
    assert (value("w w'", **defaults) == np.eye(3, dtype=int)).all()
    assert value("(w' x_q)^2", **defaults) == trace
    assert (value("x_q x_q'", query_covariance=None) == covariance).all()
    assert value("w' S w", **defaults) == trace


def test_a_task_without_variance_is_a_constant():
    fixed = law(3)["task_mean"]
    zero, column = 0 * law(3)["covariance"], fixed[:, None]
    for word, same in (("(w' S w)^2", "tr(S M M')^2"), ("S w w' S A", "S M M' S A")):
        given = arguments(word, 3)
        del given["task_covariance"], given["task_mean"]
        beside = expectation(same).evaluate(M=column, **given)
        assert np.all(value(word, task_covariance=zero) == beside)


def test_constants_may_be_rectangular():
    tall, column = rational([1, 2], [0, 1], [3, -1]), rational([1], [0], [2])
    mean = law(3)["task_mean"][:, None]
    second = law(3)["task_covariance"] + mean @ mean.T
    assert (value("C' w w' C", C=tall) == tall.T @ second @ tall).all()
    assert (value("C' w", C=tall) == tall.T @ mean).all()
    assert value("tr(w z')^2", z=column) == column.T @ second @ column


def floats(word):
    given = arguments(word, 3)
    del given["context_length"]
    return {name: array.astype(float) for name, array in given.items()}


@pytest.mark.parametrize("word", ["(w' S w)^2", "S A w w' B S", "(w' A x_q)^2 w'", "(w' S w) I"])
def test_every_arithmetic(word):
    import jax

    exact, single = value(word), value(word, **floats(word))
    assert np.asarray(single).dtype == np.float64
    np.testing.assert_allclose(single, np.asarray(exact, dtype=float), rtol=1e-12)
    symbols = np.vectorize(sympy.Rational, otypes=[object])
    changes = {name: symbols(array) for name, array in arguments(word, 3).items() if np.ndim(array)}
    assert np.all(value(word, **changes) == exact)
    with jax.enable_x64(True):
        traced = jax.jit(lambda given: value(word, **given))(floats(word))
    np.testing.assert_allclose(traced, single, rtol=1e-12)


@pytest.mark.parametrize("word", ["(w' S w)^2", "w' A w w' B S w", "(w' S A x_q) (w' x_q)"])
def test_jax_differentiates_by_the_task_mean(word):
    """The exact derivative along a direction is that of a polynomial in one symbol."""
    import jax

    step, direction = sympy.Symbol("t"), rational(1, -3, 2)
    along = value(word, task_mean=law(3)["task_mean"] + step * direction)
    exact = sympy.diff(sympy.expand(along), step).subs(step, 0)
    given = floats(word)

    def at(mean):
        return value(word, **{**given, "task_mean": mean})

    with jax.enable_x64(True):
        slope = jax.jit(jax.grad(at))(given["task_mean"])
    np.testing.assert_allclose(np.asarray(slope) @ direction.astype(float), float(exact), 1e-12)


def test_jax_differentiates_what_vanishes():
    import jax

    given = floats("w' S x_q")
    with jax.enable_x64(True):
        slope = jax.grad(lambda mean: value("w' S x_q", **{**given, "task_mean": mean}))(
            given["task_mean"]
        )
    assert not np.asarray(slope).any()


@pytest.mark.parametrize(
    "word", ["(w' S w)^2", "S A w w' B S", "(w' w) w", "(w' S w) I", "x_q w' S A x_q", "mu' S w"]
)
def test_sympy_form(word):
    """Substitution in the symbolic form gives the value."""
    form = expectation(word).sympy().subs({N: 7, D: 3})
    names = {"Lambda": "covariance", "Omega": "task_covariance", "Lambda_q": "query_covariance"}
    known = {letter: law(3)[name] for letter, name in names.items()} | constants(3)
    for name, matrix in (known | {"mu": law(3)["task_mean"][:, None]}).items():
        form = form.subs(sympy.MatrixSymbol(name, *matrix.shape), sympy.Matrix(matrix))
    assert np.all(np.array(form.doit(), dtype=object) == value(word))
