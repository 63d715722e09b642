"""Words in the task and the query: how their means are written, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

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
        ("w w", {}, "covariance=array of shape (2, 2)): must be of a shape that fits: w has 1 col"),
        ("mu mu", {}, "task_mean=array of shape (2, 1)): must be of a shape that fits: mu has 1"),
    ],
)
def test_bad_values(word, given, message):
    with pytest.raises(ValueError, match="must be") as caught:
        expectation(word).evaluate(covariance=np.eye(2), context_length=3, **given)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("(w' w)^6 w", "of degree at most 12 in w, not 13"),
        ("(x_q' A x_q)^7", "of degree at most 12 in x_q, not 14"),
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
