"""Targets and expectations of words against the table of exact values."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lsa_theory import (
    GaussianPrompts,
    TargetPrompts,
    linear_target,
    prediction_error,
    single_index_target,
    square_target,
    tanh_target,
    theorem_4_2,
)
from lsa_theory.wishart import expectation
from tests import anchors
from tests.anchors_targets import LENGTHS, TRAINED

EXACT = {"linear": ((0, 1), linear_target), "square": ((0, 0, 1), square_target)}
TARGETS = anchors.rows("targets")


def near(value, exact, relative=1e-12):
    exact = np.asarray(exact).astype(float)
    return np.all(abs(np.asarray(value) - exact) <= relative * abs(exact).max())


def covariance(case):
    return case["context"] @ case["context"].T


@pytest.mark.parametrize("name", EXACT)
def test_exact_targets(name):
    powers, target = EXACT[name]
    rows = [row for row in TARGETS if tuple(row[0]["function"]) == powers]
    assert len(rows) == 2
    for case, values in rows:
        noise = case["noise"] ** 2
        found = target(case["task"], covariance(case), 1, noise_variance=noise)
        assert (found.coefficients == values["coefficients"]).all()
        assert (found.label_covariance.dense() == values["label_covariance"]).all()
        assert found.linear_error == values["linear_error"]
        for length, error in zip(LENGTHS, values["errors"], strict=True):
            found = target(case["task"], covariance(case), length, noise_variance=noise)
            assert prediction_error(case["gain"], found).total == error


@pytest.mark.parametrize(("case", "values"), TARGETS)
def test_targets_by_quadrature(case, values):
    powers = [float(c) for c in case["function"]]
    given = [np.asarray(x, dtype=float) for x in (case["task"], covariance(case))]
    found = single_index_target(
        lambda z: np.polynomial.polynomial.polyval(z, powers),
        *given,
        2,
        noise_variance=float(case["noise"]) ** 2,
    )
    assert near(found.coefficients + 1, values["coefficients"] + 1, 1e-9)  # 0 for an even function
    assert near(found.label_covariance.dense(), values["label_covariance"], 1e-9)
    assert near(found.linear_error + 1, values["linear_error"] + 1, 1e-9)


@pytest.mark.parametrize(("case", "values"), anchors.rows("tanh"))
def test_tanh(case, values):
    task, variance = np.array([float(case["task"])]), np.array([[float(case["context"]) ** 2]])
    found = tanh_target(task, variance, 3, noise_variance=float(case["noise"]) ** 2)
    assert near(found.coefficients, values["coefficient"], 1e-9)
    assert near(found.label_covariance.dense(), values["label_covariance"], 1e-9)
    assert near(found.linear_error, values["linear_error"], 1e-9)


@pytest.mark.parametrize(("case", "values"), TARGETS)
def test_prediction_errors(case, values):
    """Twice the length, half the variance: so two errors tell it from the bias."""
    law = GaussianPrompts(covariance(case), TRAINED)
    moments = [values[k] for k in ("coefficients", "label_covariance", "linear_error")]
    targets = [TargetPrompts(covariance(case), length, *moments) for length in LENGTHS]
    for name, function in (
        ("errors", lambda target: prediction_error(case["gain"], target)),
        ("trained_errors", lambda target: theorem_4_2(law, target)),
    ):
        found, (once, twice) = [function(target) for target in targets], values[name]
        assert [error.total for error in found] == [once, twice]
        assert found[0].variance == 2 * (once - twice)
        assert found[0].bias == found[1].bias == 2 * twice - once - values["linear_error"]
        assert found[0].excess == once - values["linear_error"]


@pytest.mark.parametrize("topic", ["words", "inverse words"])
def test_expectations(topic):
    for case, values in anchors.rows(topic):
        law = {"context_length": case["context_length"], "covariance": covariance(case)}
        for word, exact in values.items():
            given = {"B": case["B"]} if "B" in word else {}
            if "w" in word:
                given |= {
                    "task_mean": case["mean"],
                    "task_covariance": case["task"] @ case["task"].T,
                }
            if "x_q" in word:
                given |= {"query_covariance": case["query"] @ case["query"].T}
            if exact is None:
                with pytest.raises(ValueError, match="must be above d"):
                    expectation(word).evaluate(**law, **given)
                continue
            found = expectation(word).evaluate(**law, **given)
            assert np.shape(found) == np.shape(exact)
            assert np.all(found == exact), word
            assert isinstance(np.ravel(found)[0], Fraction)
