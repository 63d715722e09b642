"""Words in the task and the query: how their means are written, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from strategies import rational

from lsa_theory.wishart import expectation, moments, terms


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("w", r"\mu"),
        ("w w'", r"\Omega + \mu \mu^{\top}"),
        ("w' S A w", r"\operatorname{tr}(A \Omega \Lambda) + \mu^{\top} \Lambda A \mu"),
        (
            "(w' w)^2",
            r"2 \, \operatorname{tr}(\Omega^{2}) + 4 \, \mu^{\top} \Omega \mu + "
            r"\operatorname{tr}(\Omega)^{2} + 2 \, \operatorname{tr}(\Omega) \, \mu^{\top} \mu + "
            r"(\mu^{\top} \mu)^{2}",
        ),
        ("(w' w) I", r"\operatorname{tr}(\Omega) \, I + \mu^{\top} \mu \, I"),
        ("x_q x_q'", r"\Lambda_q"),
    ],
)
def test_latex_form(word, written):
    assert expectation(word).latex() == written


@pytest.mark.parametrize(
    ("word", "given", "message"),
    [
        ("S", {"task_mean": [1, 2]}, "task_mean=[1, 2]): must be left out: the word holds neither"),
        ("w' S w", {"query_covariance": np.eye(2)}, "holds neither x_q nor Lambda_q"),
        ("w", {"task_mean": np.ones(3)}, "task_mean=array of shape (3,)): must be of dimension 2"),
        ("w", {"task_mean": np.eye(2)}, "task_mean=array of shape (2, 2)): must be a vector"),
        ("w w'", {"task_covariance": np.eye(3)}, "of shape (3, 3)): must be of dimension 2"),
        ("w w'", {"task_covariance": -np.eye(2)}, "must be positive semi-definite"),
        (
            "w",
            {"mu": np.ones(2)},
            "evaluate(mu=array of shape (2,)): must be left out, or given as",
        ),
        ("S", {"Omega": np.eye(2)}, "or given as task_covariance"),
        ("S", {"Lambda": np.eye(2)}, "or given as covariance"),
        ("w' C w", {"C": np.ones((3, 2))}, "that fits: w' has 2 columns and C 3 rows"),
    ],
)
def test_bad_values(word, given, message):
    with pytest.raises(ValueError, match="must be") as caught:
        expectation(word).evaluate(covariance=np.eye(2), context_length=3, **given)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("(w' w)^4 w", "of degree at most 8 in w, not 9"),
        ("(x_q' A x_q)^5", "of degree at most 8 in x_q, not 10"),
        ("w w", "a product that fits in every dimension, but w stands before w"),
        ("mu mu", "a product that fits in every dimension, but mu stands before mu"),
        ("S w'", "a product that fits in every dimension, but S stands before w'"),
        ("w S A", "a product that fits in every dimension, but w stands before S"),
        ("tr(A Lambda w')", "but Lambda stands before w'"),
        ("S lambda", "the start of lambda, which is not a name for a matrix"),
        ("S \N{FULLWIDTH LATIN CAPITAL LETTER B}", "which is not a name for a matrix"),
        ("(" * 300 + "S" + ")" * 300, "is inside more than 30 brackets"),
        ("task_mean S", "is the start of task_mean, which is not a name for a matrix"),
    ],
)
def test_bad_words(word, message):
    with pytest.raises(ValueError, match="must be") as caught:
        expectation(word)
    assert message in str(caught.value)


def test_too_many_terms(monkeypatch):
    for module in (moments, terms):
        monkeypatch.setattr(module, "MOST_TERMS", 100)
    with pytest.raises(ValueError, match="of an expectation of at most 100 terms; it has at least"):
        expectation("w' C w w' D w w' E w w' F w")


def test_a_symbol_for_the_context_length():
    """The value is then a function of it, whether or not it exists for all numbers."""
    n = sympy.Symbol("N", integer=True, positive=True)
    law = rational([2, 1], [1, 3])
    for word in ("S^2", "w' S w", "S^-1"):
        found = expectation(word).evaluate(covariance=law, context_length=n)
        at_seven = expectation(word).evaluate(covariance=law, context_length=7)
        assert (
            np.vectorize(lambda x: sympy.sympify(x).subs(n, 7))(np.asarray(found)) == at_seven
        ).all()
