"""Task diversity in a phase diagram: cells, boundaries and sampled points."""

from __future__ import annotations

import numpy as np
import pytest

from lsa_theory import phase
from lsa_theory.diversity import limit_task_risks
from lsa_theory.nearest import predictor_distances
from lsa_theory.phase.diversity import generalising_ratio, memorising_ratio

NOISE, TASKS, LENGTHS = 0.3, [0.2, 1.0, 6.0, 20.0], [0.5, 4.0, 90.0]
GRID = {"noise": NOISE, "task_ratios": TASKS, "length_ratios": LENGTHS}


@pytest.fixture(scope="module")
def made():
    return phase.diversity(dimension=16, sampled=2, seed=1, **GRID)


def test_cells_are_the_library_s_limits(made):
    for k in TASKS:
        for n in LENGTHS:
            cell = made.data.sel(task_ratio=k, length_ratio=n)
            found = limit_task_risks(k, (1 + NOISE) / n)
            assert float(cell.old_tasks) == pytest.approx(float(found.in_distribution), rel=1e-13)
            assert float(cell.new_tasks) == pytest.approx(
                float(found.out_of_distribution), rel=1e-13
            )
    far = limit_task_risks(1e9, (1 + NOISE) / np.array(LENGTHS))
    np.testing.assert_allclose(made.data.endless[0], far.out_of_distribution, rtol=1e-8)


def test_boundaries_are_where_they_are_said_to_be():
    for n in (0.5, 7.0, 300.0):
        at = limit_task_risks(memorising_ratio(n, NOISE), (1 + NOISE) / n)
        assert float(at.out_of_distribution / at.in_distribution) == pytest.approx(2, rel=1e-9)
        at = limit_task_risks(generalising_ratio(n, NOISE), (1 + NOISE) / n)
        least = (1 + NOISE) / (n + 1 + NOISE)
        assert float(at.out_of_distribution) == pytest.approx(1.1 * least, rel=1e-9)


def test_where_the_layer_changes_sides(made):
    (curve,) = [one for one in made.boundaries if one.label == "midway"]
    keep = np.isfinite(curve.x)
    assert keep.sum() > 10
    found = predictor_distances(curve.x[keep], curve.y[keep], noise=NOISE)
    np.testing.assert_allclose(found.task_list, found.ridge, rtol=1e-12)


def test_as_many_tasks_as_dimensions_in_the_end():
    assert memorising_ratio(1e8, NOISE) == pytest.approx(1, abs=0.01)
    assert generalising_ratio(1e8, NOISE) == pytest.approx(1, abs=0.02)
    assert np.isnan(memorising_ratio(1e-9, NOISE)) or memorising_ratio(1e-9, NOISE) < 1e-2


def test_sampled_points_are_near_the_limit(made):
    points = made.points
    tau = (1 + NOISE) / points.length_ratio.values
    found = limit_task_risks(points.task_ratio.values, tau)
    limit = np.log10(found.out_of_distribution / found.in_distribution)
    allowed = 6 * points.log_ratio_error.values + 0.05  # and what a finite dimension is off
    assert (abs(points.log_ratio.values - limit) < allowed).all()


def test_refusals():
    with pytest.raises(ValueError, match=r"diversity\(noise=-1\): must be a number >= 0"):
        phase.diversity(noise=-1)
    with pytest.raises(ValueError, match=r"diversity\(task_ratios=.*two numbers or more, positive"):
        phase.diversity(task_ratios=[0.0, 1.0])
