"""The race at the start, and what becomes of attention beside a table: flip and extinction."""

from __future__ import annotations

import numpy as np
import pytest

from lsa_theory.transience import Regression, race_task_count, share_bound


def test_when_a_flipped_context_no_longer_turns_the_answer():
    model = Regression(8, 3000, 16)
    found = model.trajectory(np.linspace(0, 2 * model.flip_time, 4001))
    last = np.flatnonzero(found.in_context > found.in_weights)[-1]
    assert found.times[last] == pytest.approx(model.flip_time, rel=2e-3)
    flip = model.flip_risk(found.in_context[last], found.in_weights[last])
    assert flip == pytest.approx(1 + model.evidence_noise * found.in_context[last] ** 2, rel=1e-3)


@pytest.mark.parametrize(("share", "left"), [(0.99, True), (1.01, False)])
def test_the_penalty_at_which_attention_dies(share, left):
    edge = share * Regression(4, 5, 16).existence_boundary
    model = Regression(4, 5, 16, l2_attention=edge, l2_table=edge)
    assert model.persists == left
    assert Regression(1, 1, 16).existence_boundary == 0


def test_the_race_at_the_start():
    few, many = Regression(4, 2, 16, initial_share=1e-4), Regression(4, 40, 16, initial_share=1e-4)
    assert 2 < race_task_count(few) == race_task_count(many) < 40
    for model in (few, many):
        found = model.trajectory(np.linspace(0, 50, 201))
        emerged = found.in_context.max() > 0.5 / (1 + model.evidence_noise)
        assert emerged == (model is many)
    assert race_task_count(Regression(4, 2, 16, initial_share=0.9)) == 0
    with pytest.raises(ValueError, match=r"share_bound\(model=one with l2_table = 0.1\): must be"):
        share_bound(Regression(8, 200, 16, l2_table=0.1), 0.5)
