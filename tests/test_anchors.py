"""Fixed exact values: the library against the table, the table against the oracle."""

from __future__ import annotations

import json
from fractions import Fraction

import numpy as np
import pytest

from lsa_theory import (
    block_minimum,
    gamma,
    global_minimum,
    linear_target,
    population_loss,
    prediction_error,
    risk,
    theorem_4_2,
)
from lsa_theory.linalg import dense
from tests import anchors
from tests.anchors_losses import layer_of, one_task
from tests.anchors_shared import law_of, on_block, spelt
from validation.harness.oracle import loss

ENTRIES = anchors.rows("losses")
NAMES = [
    f"d={len(case['context'])} N={case['context_length']} "
    + ("plain" if case["mean"] is None else "shifted")
    for case, _ in ENTRIES
]
each = pytest.mark.parametrize(("case", "values"), ENTRIES, ids=NAMES)
plain = pytest.mark.parametrize(("case", "values"), ENTRIES[::2], ids=NAMES[::2])


def same(found, expected):
    assert found.loss == expected["loss"]
    assert (dense(found.gain) == expected["gain"]).all()


@each
def test_losses(case, values):
    prompts, layer = law_of(case).prompts, layer_of(case)
    assert population_loss(layer, prompts) == values["population_loss"]
    assert risk(layer, prompts) == 2 * values["population_loss"]
    assert population_loss(case["gain"], prompts) == values["block_loss"]


@each
def test_minima(case, values):
    same(block_minimum(law_of(case).prompts), values["block_minimum"])
    same(global_minimum(law_of(case, mean=None).prompts), values["global_minimum"])


@plain
def test_gamma(case, values):
    """The inverse of the gain that training reaches."""
    product = gamma(law_of(case).prompts) @ values["global_minimum"]["gain"]
    assert (product == np.eye(len(product))).all()


@each
def test_error_on_one_task(case, values):
    """The query's own label noise is in `total`, and not in the loss."""
    law, gain = one_task(case), case["gain"]
    prompts = law.prompts
    noise = prompts.noise_variance
    target = linear_target(law.mean, prompts.covariance, law.context_length, noise_variance=noise)
    error = prediction_error(gain, target)
    assert error.excess == 2 * values["one_task_loss"]
    assert error.total == error.excess + noise


@plain
def test_theorem_4_2_averaged_over_tasks(case, values):
    """Quadratic in the task and 0 at none, so its mean over N(0, I) is the sum over unit tasks."""
    law = law_of(case).prompts
    units = np.eye(law.dimension, dtype=int) * Fraction(1)
    targets = [linear_target(unit, law.covariance, law.context_length) for unit in units]
    mean = sum(theorem_4_2(law, target).total for target in targets)
    assert mean == 2 * values["global_minimum"]["loss"]


@pytest.mark.parametrize(("case", "values"), anchors.rows("singular"))
def test_singular_laws(case, values):
    law = law_of(case)
    found = global_minimum(law.prompts)
    assert found.free_directions == values["free_directions"]
    assert found.unique == (values["free_directions"] == 0)
    assert found.loss == values["loss"]
    assert loss(on_block(dense(found.gain)), law) == values["loss"]


@pytest.mark.parametrize(("case", "values"), anchors.rows("layers"))
def test_layers(case, values):
    layer = layer_of(case)
    assert layer.predict(case["x"], case["y"], case["x_query"]) == values["predict"]
    assert (layer.gain == values["gain"]).all()
    assert layer.balance == values["balance"]


# --- the table itself --------------------------------------------------------------------------


@pytest.mark.parametrize("topic", anchors.TOPICS)
def test_the_table_has_all_cases(topic):
    table = json.loads(anchors.TABLE.read_text(encoding="utf-8"))
    assert sorted(table) == sorted(anchors.TOPICS)
    assert [row["inputs"] for row in table[topic]] == spelt(anchors.TOPICS[topic].cases())


@pytest.mark.parametrize("topic", anchors.TOPICS)
def test_the_oracle_still_gives_the_table(topic):
    for case, values in anchors.rows(topic):
        assert spelt(anchors.made(topic, case)) == spelt(values)


def test_a_wrong_factor_is_noticed():
    """`n` for `n + 1`: every value of the table that has a context would move."""
    for case, values in ENTRIES:
        law = law_of(case, mean=None).prompts
        longer = law.replace(context_length=law.context_length + 1)
        assert global_minimum(longer).loss != values["global_minimum"]["loss"]
        moved = law_of(case).prompts.replace(context_length=law.context_length + 1)
        assert population_loss(layer_of(case), moved) != values["population_loss"]
