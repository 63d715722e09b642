"""Other estimators and shifts against the table of exact values."""

from __future__ import annotations

import numpy as np
import pytest

from lsa_theory import covariate_shift, ols_risk
from lsa_theory.estimators import GradientDescent
from tests import anchors
from tests.anchors_shared import law_of


def exactly(found, bias, variance):
    """No variance in the table is an infinite one."""
    assert found.kind == "exact"
    assert found.error == 0
    assert found.bias == bias
    assert found.variance == (np.inf if variance is None else variance)
    assert found.value == found.bias + found.variance


@pytest.mark.parametrize(("case", "values"), anchors.rows("determined"))
def test_least_squares(case, values):
    exactly(ols_risk(law_of(case).prompts), 0, values["variance"])


@pytest.mark.parametrize(("case", "values"), anchors.rows("fewer samples"))
def test_least_squares_of_fewer_samples_than_features(case, values):
    context = np.eye(case["d"], dtype=int) * case["scale"]
    found = ols_risk(law_of(case, context=context).prompts)
    exactly(found, values.get("bias", found.bias), values["variance"])


@pytest.mark.parametrize(("case", "values"), anchors.rows("descent"))
def test_gradient_descent(case, values):
    found = GradientDescent(case["step"], case["steps"]).risk(law_of(case).prompts)
    exactly(found, values["bias"], values["variance"])


@pytest.mark.parametrize(("case", "values"), anchors.rows("shifts"))
def test_covariate_shifts(case, values):
    train, test = law_of(case["train"]).prompts, law_of(case["test"]).prompts
    found = covariate_shift(train, test)
    exactly(found.attention, values["bias"], values["variance"])
    exactly(found.others["zero"], values["zero"], 0)
    limits = [found.limit_risk, found.limit_map.trace()]
    assert limits == pytest.approx([float(values[k]) for k in ("limit_risk", "limit_trace")])
    repairs = [found.retrained.risk, found.rescaled.risk, found.rescaled.factor]
    repairs += [found.rescaled.share]
    exact = [float(values[k]) for k in ("retrained", "rescaled", "factor", "share")]
    assert repairs == pytest.approx(exact, rel=1e-9)
    assert found.directions[0].sum() == pytest.approx(float(values["bias"] + values["variance"]))
