"""The phase diagram of what survives beside a table."""

from __future__ import annotations

import numpy as np
import pytest

from lsa_theory.phase import survival
from lsa_theory.phase.survival import slow, survival_shares
from lsa_theory.transience import Regression

SMALL = {"task_counts": [10, 100, 1000], "cells_per_shard": 4}


def test_a_cell_is_the_flow():
    """Many cells in one integration, against each on its own."""
    cells = {"task_count": np.array([3.0, 50.0, 2000.0]), "penalty": np.array([0.1, 0.0, 1e-3])}
    found = survival_shares(**cells, dimension=4, time=300.0, context_length=16, initial_share=1e-3)
    for k, (count, penalty) in enumerate(zip(*cells.values(), strict=True)):
        model = Regression(
            4, int(count), 16, l2_attention=penalty, l2_table=penalty, initial_share=1e-3
        )
        course = model.trajectory(np.array([0.0, 300.0]))
        for name, share in (("in_context", course.in_context), ("in_weights", course.in_weights)):
            assert found[name][k] == pytest.approx(share[-1], rel=1e-4, abs=1e-7)
        assert found["kept"][k] * model.peak_height == pytest.approx(found["in_context"][k] * (
            model.peak_height * (1 + model.evidence_noise)), rel=1e-12)  # fmt: skip


@pytest.mark.parametrize(
    ("versus", "values", "settings"),
    [
        ("penalty", [1e-4, 1e-2, 0.5], {}),
        ("length", [4, 40, 400], {}),
        ("start", [1e-6, 1e-4, 1e-2], {}),
        ("start", [1e-6, 1e-4, 1e-2], {"penalty": 0.002}),
    ],
)
def test_boundaries_are_where_half_is_left(versus, values, settings):
    """Up to the order of 1/K; and only where attention emerged."""
    found = survival(versus=versus, values=values, **SMALL, **settings)
    fixed = {"context_length": 16, "penalty": 0.0, "initial_share": 1e-3} | settings
    curves = [one for one in found.boundaries if one.label == "half peak"]
    assert curves
    for curve in curves:
        keep = curve.x > 30
        cells = {"task_count": curve.x[keep], found.y: curve.y[keep]}
        shares = survival_shares(**fixed | cells, dimension=4, time=1000.0)
        np.testing.assert_allclose(shares["kept"], 0.5, atol=2 / curve.x[keep].min())


def test_emergence_is_a_race():
    """Beside few tasks a small start never emerges, however long one waits."""
    settings = {"dimension": 4, "context_length": 16, "penalty": 0.0, "initial_share": 1e-8}
    edge = np.log(1e8 * 16 / 21 - 1) / 4
    assert slow(0.99 * edge, time=1e9, **settings).emerged < 0
    assert slow(1.01 * edge, time=1e9, **settings).emerged > 0
    model = Regression(4, 2, 16, initial_share=1e-8)
    assert model.trajectory(np.linspace(0, 100, 201)).in_context.max() < 1e-3
    assert model.peak_height > 0.7


def test_random_tasks_lie_near():
    found = survival(values=[1e-3, 1e-1], time=50.0, sampled=2, **SMALL)
    for place in range(found.points.sizes["point"]):
        point = found.points.isel(point=place)
        cell = found.data.sel(task_count=point.task_count, penalty=point.penalty)
        assert float(point.kept_error) > 0
        assert float(cell.kept) == pytest.approx(float(point.kept), abs=0.15)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"versus": "depth"}, r"versus='depth'\): must be penalty or length or start"),
        ({"time": 0}, r"time=0\): must be a positive number"),
        ({"versus": "start", "values": [0.5, 2.0]}, r"values=.*: must be shares below 1"),
        ({"initial_share": 1.0}, r"initial_share=1.0\): must be a number in \(0, 1\)"),
    ],
)
def test_refusals(options, sentence):
    with pytest.raises(ValueError, match=sentence):
        survival(**options)
