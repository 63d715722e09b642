"""Tolerated and not: the table, its risks, its crossings, and the figure."""

from __future__ import annotations

import re
from fractions import Fraction as F

import numpy as np
import pytest

from lsa_theory import GaussianPrompts, global_minimum, risk, shift
from lsa_theory.estimators import LeastSquares, ols_risk
from lsa_theory.plots import saved, tolerance_figure

TRAIN = GaussianPrompts(np.array([2.0, 1.1, 0.6, 0.3]), 30, noise_variance=0.5)
FOUND = shift.tolerance(TRAIN)
ROWS = {row.name: row for row in FOUND.rows}
GAIN = global_minimum(TRAIN).gain
COVARIATE = ["scale", "rotation", "spike", "removal", "interpolation", "spectrum exponent"]
TOLERATED = ["task size", "query scale", "noise", "context length"]


def test_table_of_the_paper():
    assert [row.name for row in FOUND.rows] == [*COVARIATE, *TOLERATED]
    assert [row.name for row in FOUND.rows if row.tolerated] == TOLERATED
    assert {row.kind for row in FOUND.rows if not row.tolerated} == {"covariate"}


@pytest.mark.parametrize("family", FOUND.families, ids=lambda family: family.name)
def test_risks_are_those_of_the_law_and_the_limit_is_approached(family):
    row = ROWS[family.name]
    law = family(row.value)
    zero = risk(np.zeros(4), law)
    assert row.attention == pytest.approx(risk(GAIN, law) / zero, rel=1e-12)
    assert row.least_squares == pytest.approx(ols_risk(law).value / zero, rel=1e-12)
    errors = []
    for n in (10**5, 10**6):
        gain = global_minimum(TRAIN.replace(context_length=n)).gain
        errors.append(risk(gain, law.replace(context_length=n)) / zero - row.limit)
    assert errors[1] == pytest.approx(errors[0] / 10, rel=1e-2)
    assert abs(errors[1]) < 1e-3


def test_a_longer_prompt_alone_leaves_a_bias():
    """Tolerated says N and M: at this N the risk stops short of 0, where the gain misses Λ^{-1}."""
    longest = FOUND.curve(FOUND.families[-1]).attention[-1]
    missed = GAIN * TRAIN.covariance - 1
    bias = (missed**2 * TRAIN.covariance).sum() / TRAIN.covariance.sum()
    assert bias > 1e-3
    assert bias < longest < 1.5 * bias
    assert ROWS["context length"].limit == 0


def test_the_lead_changes_where_the_table_says():
    """At a crossing of an independent grid of signs, and nowhere else."""
    loud = TRAIN.replace(noise_variance=12.0)
    noisy = shift.tolerance(loud, [shift.scaled(loud), shift.spiked(loud), shift.retasked(loud)])
    changes = 0
    for family, row in zip(noisy.families, noisy.rows, strict=True):
        values = np.linspace(*family.interval, 91)[1:-1]
        ahead = np.array([lead(noisy.train, family(x)) > 0 for x in values])
        grid = values[:-1][ahead[1:] != ahead[:-1]]
        assert len(grid) == len(row.crossings)
        assert row.crossings == pytest.approx(grid, abs=0.015 * (values[-1] - values[0]))
        changes += len(grid)
    assert changes >= 2


def lead(train, law):
    return risk(global_minimum(train).gain, law) - sum(LeastSquares().known(law))


def test_lengths_at_which_the_lead_changes():
    """Each the first of the other's, whatever is infinite; and a length is an integer."""
    family = FOUND.families[-1]
    ahead = [lead(TRAIN, family(m)) > 0 for m in range(1, 201)]
    grid = [m + 1 for m in range(1, 200) if ahead[m] != ahead[m - 1]]
    row = ROWS["context length"]
    assert list(row.crossings) == grid
    assert len(grid) == 2
    assert type(row.value) is int
    assert f"  {grid[0]}, {grid[1]}" in str(FOUND).splitlines()[-1]
    white = GaussianPrompts(np.ones(12), 10, noise_variance=0.01)
    assert shift.tolerance(white, [shift.longer(white)]).rows[0].crossings == (11, 14)
    quiet = TRAIN.replace(noise_variance=0.0)
    (row,) = shift.tolerance(quiet, [shift.longer(quiet)]).rows
    assert row.crossings == ()
    assert row.overtaken


def test_too_few_pairs_for_least_squares():
    few = shift.tolerance(TRAIN.replace(context_length=4), at={"context length": 4})
    assert all(np.isinf(row.least_squares) and not row.overtaken for row in few.rows)
    assert not any(row.crossings for row in few.rows[:-1])
    assert few.rows[-1].crossings


def test_what_shifts_nothing_is_left_out():
    white = shift.tolerance(GaussianPrompts(np.ones(3), 20))
    assert [row.name for row in white.rows] == ["scale", "spike", "removal", *TOLERATED]
    assert len(shift.tolerance(GaussianPrompts(np.array([2.0]), 20)).rows) == 1 + len(TOLERATED)


def test_tolerated_is_no_matter_of_size():
    """A covariance off by 1e-6 is not tolerated; ill-conditioned ones cost no tolerance."""
    family = [shift.scaled(TRAIN)]
    (near,) = shift.tolerance(TRAIN, family, at={"scale": 1 + 1e-6}).rows
    (none,) = shift.tolerance(TRAIN, family, at={"scale": 1.0}).rows
    assert none.tolerated
    assert not near.tolerated
    rng = np.random.default_rng(3)
    basis, _ = np.linalg.qr(rng.standard_normal((6, 6)))
    harsh = GaussianPrompts((basis * np.geomspace(1, 1e-7, 6)) @ basis.T, 50)
    rows = shift.tolerance(harsh, [shift.rotated(harsh), shift.retasked(harsh)]).rows
    assert [row.tolerated for row in rows] == [False, True]


def test_rationals_and_task_means():
    exact = GaussianPrompts(np.array([F(2), F(1)]), 20, noise_variance=F(1, 2))
    floats = GaussianPrompts(np.array([2.0, 1.0]), 20, noise_variance=0.5)
    pair = [shift.scaled(floats), shift.requeried(floats)]
    assert str(shift.tolerance(exact, pair)) == str(shift.tolerance(floats, pair))
    centred = TRAIN.replace(task_mean=np.ones(4))
    rows = shift.tolerance(centred, [shift.scaled(centred), shift.retasked(centred)]).rows
    assert [row.tolerated for row in rows] == [False, True]


def test_as_text():
    lines = str(FOUND).splitlines()
    assert lines[0].startswith("A layer trained at N = 30, d = 4")
    assert len(lines) == 4 + len(FOUND.rows)
    assert len(lines[3]) == max(map(len, lines[2:]))
    assert [line[11:].split("  ")[0] for line in lines[4:]] == list(ROWS)
    assert {line.split()[0] for line in lines[4:]} == {row.kind for row in FOUND.rows}
    assert " no " in next(line for line in lines if "rotation" in line)
    assert " yes " in next(line for line in lines if "query scale" in line)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (
            lambda: shift.tolerance(GaussianPrompts(np.array([1.0, 0.0]), 9)),
            "tolerance(train.covariance=a singular matrix): must be positive definite",
        ),
        (
            lambda: shift.tolerance(
                GaussianPrompts(np.ones(2), 9, task_covariance=np.array([1.0, 0.0]))
            ),
            "tolerance(train.task_covariance=a singular matrix): must be positive definite",
        ),
        (lambda: shift.tolerance(TRAIN, at={"tilt": 1.0}), "tolerance(at='tilt'): must be by name"),
        (
            lambda: shift.tolerance(TRAIN, [shift.retasked(TRAIN)], at={"task size": 0.0}),
            "tolerance(at=task size 0): must be a shift that leaves some signal",
        ),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(ValueError, match=re.escape(sentence)):
        call()


def test_figure_is_the_same_every_time(tmp_path):
    found = shift.tolerance(TRAIN, [shift.scaled(TRAIN), shift.noisier(TRAIN)])
    figure = tolerance_figure(found)
    heads = [block.get_suptitle() for block in figure.subfigs]
    assert [head.split(":")[0] for head in heads] == ["Not tolerated", "Tolerated"]
    first, second = (
        saved(one, tmp_path / f"{k}.svg").read_bytes()
        for k, one in enumerate([figure, tolerance_figure(found)])
    )
    assert first == second
