"""Fixed exact values: the library against the table, the table against the oracle."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

from lsa_theory import (
    block_minimum,
    global_minimum,
    linear_target,
    population_loss,
    prediction_error,
    risk,
    theorem_4_2,
)
from lsa_theory.linalg import dense
from tests import anchors

TABLE = json.loads(anchors.TABLE.read_text(encoding="utf-8"))
ENTRIES = [(row["inputs"], row["values"]) for row in TABLE]
NAMES = [
    f"d={len(case['context'])} N={case['context_length']} {'shifted' if case['mean'] else 'plain'}"
    for case, _ in ENTRIES
]
each = pytest.mark.parametrize(("case", "values"), ENTRIES, ids=NAMES)
plain = pytest.mark.parametrize(("case", "values"), ENTRIES[::2], ids=NAMES[::2])


def same(found, expected):
    assert found.loss == Fraction(expected["loss"])
    assert (dense(found.gain) == anchors.read(expected["gain"])).all()


@each
def test_losses(case, values):
    prompts, layer = anchors.law_of(case).prompts, anchors.layer_of(case)
    gain = anchors.read(case["gain"])
    assert population_loss(layer, prompts) == Fraction(values["population_loss"])
    assert risk(layer, prompts) == 2 * Fraction(values["population_loss"])
    assert population_loss(gain, prompts) == Fraction(values["block_loss"])


@each
def test_minima(case, values):
    same(block_minimum(anchors.law_of(case).prompts), values["block_minimum"])
    same(global_minimum(anchors.law_of(case, mean=None).prompts), values["global_minimum"])


@each
def test_error_on_one_task(case, values):
    """The query's own label noise is in `total`, and not in the loss."""
    law = anchors.one_task(case)
    prompts, gain = law.prompts, anchors.read(case["gain"])
    noise = prompts.noise_variance
    target = linear_target(law.mean, prompts.covariance, law.context_length, noise_variance=noise)
    error = prediction_error(gain, target)
    assert error.excess == 2 * Fraction(values["one_task_loss"])
    assert error.total == error.excess + noise


@plain
def test_theorem_4_2_averaged_over_tasks(case, values):
    """Quadratic in the task and 0 at none, so its mean over N(0, I) is the sum over unit tasks."""
    law = anchors.law_of(case).prompts
    units = np.eye(law.dimension, dtype=int) * Fraction(1)
    targets = [linear_target(unit, law.covariance, law.context_length) for unit in units]
    mean = sum(theorem_4_2(law, target).total for target in targets)
    assert mean == 2 * Fraction(values["global_minimum"]["loss"])


@pytest.mark.parametrize("row", [0, 1, 2, 5])
def test_the_oracle_still_gives_the_table(row):
    case, values = ENTRIES[row]
    assert case == anchors.cases()[row]
    assert anchors.values(case) == values


def test_the_table_has_all_cases():
    assert [case for case, _ in ENTRIES] == anchors.cases()


def test_a_wrong_factor_is_noticed():
    """`n` for `n + 1`: every value of the table that has a context would move."""
    for case, values in ENTRIES:
        law = anchors.law_of(case, mean=None).prompts
        longer = law.replace(context_length=law.context_length + 1)
        assert global_minimum(longer).loss != Fraction(values["global_minimum"]["loss"])
        moved = population_loss(
            anchors.layer_of(case),
            anchors.law_of(case).prompts.replace(context_length=law.context_length + 1),
        )
        assert moved != Fraction(values["population_loss"])
