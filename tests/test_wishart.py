"""Words, their published expectations, invariances, arithmetics, refusals."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy
from strategies import float_covariance, rational

from lsa_theory.wishart import expectation

EXACT = rational([2, 1, 0], [1, 3, 1], [0, 1, 1])
A, B = rational([1, 2, 0], [0, -1, 3], [1, 1, 1]), rational([0, 1, 4], [2, 2, -1], [5, 0, 1])


def value(word, covariance=EXACT, n=7, **constants):
    return expectation(word).evaluate(covariance=covariance, context_length=n, **constants)


def test_published_moments():
    """n S is Wishart with n degrees of freedom: second and third moments, in powers of 1/n."""
    n, one = Fraction(7), EXACT
    two, three, t1, t2 = one @ one, one @ one @ one, one.trace(), (one @ one).trace()
    assert (value("S^2") == (n + 1) / n * two + t1 / n * one).all()
    third = (n**2 + 3 * n + 4) * three + 2 * (n + 1) * t1 * two + ((n + 1) * t2 + t1**2) * one
    assert (value("S^3") == third / n**2).all()
    assert value("tr(S)^2") == t1**2 + 2 * t2 / n
    assert value("tr(S)^3") == t1**3 + 6 * t1 * t2 / n + 8 * three.trace() / n**2
    assert value("tr(S^2)") == (n + 1) / n * t2 + t1**2 / n


def test_inverse_of_a_chi_squared():
    for n in range(5, 9):
        covariance = rational([3])
        once, twice = Fraction(n, n - 2) / 3, Fraction(n**2, (n - 2) * (n - 4)) / 9
        assert value("S^-1", covariance, n) == once
        assert value("tr(S^-1) S^-1", covariance, n) == twice
        assert value("S^-1 S^-1", covariance, n) == twice


def test_inverse_at_dimension_two_is_the_adjugate_over_the_determinant():
    """Bartlett: n² det S = χ²_n χ²_{n-1}, so S^{-1} with S_11 = e'Se known is 1 / Schur."""
    n = 9
    covariance = rational([1, 0], [0, 1])
    corner = rational([1, 0], [0, 0])
    schur = value("S^-1 E S^-1", covariance, n, E=corner)[0, 0]  # (S^{-1})_11 = n / χ²_{n-1}
    assert schur == Fraction(n**2, (n - 3) * (n - 5))
    assert value("tr(S^-1 E) tr(S^-1 E)", covariance, n, E=corner) == schur


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("tr(S A S B)", "tr(S B S A)"),
        ("tr(S A S B)", "tr(B' S A' S)"),
        ("(S A S B)'", "B.T S A.T S"),
        ("tr(S A) S B", "S B tr(A S)"),
        ("S I A S B", "S A S B"),
        ("(S A)^2 tr(B)", "S A S A tr(B)"),
        ("tr(S^-1 A) S^-1 B", "S^-1 B tr(A' S^-1)"),
    ],
)
def test_equal_words(left, right):
    constants = {"A": A, "B": B}
    assert np.all(value(left, **constants) == value(right, **constants))


def test_linear_change_of_the_covariates():
    """S → M S M' carries Λ → M Λ M'."""
    moved = value("S A S B S", A @ EXACT @ A.T, A=B, B=A)
    inner = value("S A S B S", A=A.T @ B @ A, B=A.T @ A @ A)
    assert (moved == A @ inner @ A.T).all()


def test_identity_and_covariance_in_a_word():
    assert value("tr(I) tr(S)") == 3 * EXACT.trace()
    assert (value("tr(S) I") == EXACT.trace() * np.eye(3, dtype=int)).all()
    assert (value("S Λ") == EXACT @ EXACT).all()
    assert (value("Lambda S^-1", n=9) == Fraction(9, 5) * np.eye(3, dtype=int)).all()
    assert (value("A", A=A) == A).all()


def test_vectors_are_diagonals_and_constants_may_be_rectangular():
    tall = A[:, :1]
    assert value("W' S W", W=tall) == tall.T @ EXACT @ tall
    diagonal = value("S A S", np.array([1.0, 2.0]), A=np.array([3.0, 4.0]))
    plain = value("S A S", np.diag([1.0, 2.0]), A=np.diag([3.0, 4.0]))
    assert np.array_equal(diagonal, plain)


@pytest.mark.parametrize(
    "word", ["S A S", "tr(S A) tr(S B) S", "S^-1 A S^-1", "tr(I) tr(S) S A'", "tr(S^-1 A)"]
)
def test_sympy_form(word):
    """Substitution in the symbolic form gives the value."""
    names = {"Lambda": EXACT, "A": A, "B": B}
    used = {name: names[name] for name in "AB" if name in word}
    n, d = sympy.symbols("N d", integer=True, positive=True)
    form = expectation(word).sympy().subs({n: 9, d: 3})
    for name, matrix in names.items():
        form = form.subs(sympy.MatrixSymbol(name, 3, 3), sympy.Matrix(matrix))
    found = np.array(form.doit(), dtype=object)
    assert np.all(found == value(word, n=9, **used))


def test_latex_form():
    assert expectation("S B S").latex() == (
        r"\Lambda B \Lambda + \frac{1}{N} \, \Lambda B^{\top} \Lambda + "
        r"\frac{1}{N} \, \operatorname{tr}(B \Lambda) \, \Lambda"
    )
    assert r"\left( 1 + \frac{3}{N} + \frac{4}{N^{2}} \right)" in expectation("S^3").latex()
    assert expectation("tr(I)^2").latex() == "d^{2}"
    assert expectation("S^-1").latex().startswith(r"\frac{N}{N - d - 1}")


def test_every_arithmetic():
    exact = value("tr(S A) S B S", A=A, B=B)
    floats = {"A": A.astype(float), "B": B.astype(float)}
    single = value("tr(S A) S B S", EXACT.astype(float), **floats)
    assert single.dtype == np.float64
    np.testing.assert_allclose(single, exact.astype(float), rtol=1e-13)
    symbols = np.vectorize(sympy.Rational, otypes=[object])
    assert (value("tr(S A) S B S", symbols(EXACT), A=symbols(A), B=B.astype(int)) == exact).all()
    x = sympy.Symbol("x")
    assert sympy.expand(value("tr(S^2)", np.array([[x]]), 5) - x**2 * Fraction(7, 5)) == 0


def test_jax_gradient():
    import jax

    covariance = float_covariance(np.random.default_rng(1), 3)
    word, b = expectation("tr(S B S) tr(S)"), B.astype(float)

    def scalar(matrix, n):
        return word.evaluate(covariance=matrix, context_length=n, B=b)

    with jax.enable_x64(True):
        by_matrix, by_length = jax.jit(jax.grad(scalar, argnums=(0, 1)))(covariance, 6.0)
    step = 1e-5 * np.array([[1.0, 2, 0], [2, -1, 1], [0, 1, 3]])
    change = scalar(covariance + step, 6) - scalar(covariance - step, 6)
    np.testing.assert_allclose((np.asarray(by_matrix) * 2 * step).sum(), change, rtol=1e-7)
    assert float(by_length) < 0
    assert scalar(covariance, 7) < scalar(covariance, 6)


@pytest.mark.parametrize(("word", "terms"), [("S^6", 19), ("S A S B S B S A S A S B'", 999)])
def test_equal_words_are_merged(word, terms):
    """There is not one term for each of the 10,395 pairings."""
    assert len(expectation(word).terms) == terms
    assert expectation(word).terms is expectation(word).terms


def test_coefficients_count_the_pairings():
    """At N = d = 1 and Λ = 1 every pairing counts once: (2k - 1)!! of them."""
    for word, pairings in (("S^4", 105), ("tr(S)^2 S^2 tr(S^2)", 10395), ("tr(S^8)", 2027025)):
        assert np.all(value(word, rational([1]), 1) == pairings)


PARSED = "a product of matrices and traces, but character"


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("S )", f"{PARSED} 3, ')', is not opened before"),
        ("S B + S", f"{PARSED} 5, '+', is neither"),
        ("tr(S", f"{PARSED} 3, '(', is not closed"),
        ("S tr(A tr(S))", f"{PARSED} 3, 't', is a trace that holds a trace"),
        ("", f"{PARSED} 1, the end, is not the start of a factor"),
        ("tr()", f"{PARSED} 4, ')', is not the start of a factor"),
        ("B^-1", f"{PARSED} 2, '^', is a power other than"),
        ("((S^50)^50)^50", f"{PARSED} 8, '^', is a power that makes more than 1000 factors"),
        ("S N", f"{PARSED} 3, 'N', is the start of N, which is not a name for a matrix"),
        ("S S^-1", "a word in S or in S^-1, not in both"),
        ("S^13", "of degree at most 12 in S, not 13"),
        ("tr(S^-1) (S^-1)^2", "of degree at most 2 in S^-1, not 3"),
        (7, "a string"),
    ],
)
def test_bad_words(word, message):
    with pytest.raises(ValueError, match="must be") as caught:
        expectation(word)
    assert str(caught.value).startswith(f"expectation(word={word!r}): must be {message}")


def test_too_many_terms(monkeypatch):
    from lsa_theory.wishart import moments, terms

    monkeypatch.setattr(moments, "MOST_TERMS", 100)
    monkeypatch.setattr(terms, "MOST_TERMS", 100)
    with pytest.raises(ValueError, match="of an expectation of at most 100 terms; it has at"):
        expectation("S C S D S C' S D' S E")


@pytest.mark.parametrize(
    ("word", "arguments", "message"),
    [
        ("S B", {}, "evaluate(B=None): must be a matrix, since the word holds B"),
        ("S B", {"B": A, "C": A}, "must be left out: the word's constants are B"),
        ("S B S", {"B": A[:, :2]}, "shape that fits: B has 2 columns and S 3 rows"),
        ("tr(S B)", {"B": A[:2]}, "shape that fits: S has 3 columns and B 2 rows"),
        ("S^-1", {"n": 4}, "context_length=4): must be above d + 1 = 4 for the expectation"),
        ("S^-1 S^-1", {"n": 6}, "above d + 3 = 6 for the expectation to exist"),
        ("S", {"n": 0}, "context_length=0): must be an integer >= 1"),
        ("S^-1", {"covariance": np.diag([1.0, 0, 1])}, "covariance=a singular matrix): must be"),
    ],
)
def test_bad_values(word, arguments, message):
    with pytest.raises(ValueError, match="must be") as caught:
        value(word, **arguments)
    assert message in str(caught.value)
