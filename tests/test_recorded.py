"""What a run left in its folder: read while it goes on, refused when damaged; its milestones."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from bursty_runs import CHANCE
from bursty_runs import folder as made_up

from lsa_theory.transformer.recorded import recorded
from lsa_theory.transience.milestones import emergence_step, evidence_noise, flip_step


def test_a_line_that_is_being_written_is_left_out(tmp_path):
    folder = made_up(tmp_path / "run", last=750)
    with (folder / "history.jsonl").open("a") as file:
        file.write('{"step": 1000, "loss": [0.1, ')
    assert recorded(folder).steps.tolist() == [0, 250, 500, 750]
    np.savez(folder / "analysis.npz", grid=np.eye(2))
    np.testing.assert_array_equal(recorded(folder).analysis["grid"], np.eye(2))


def test_arrays_keep_their_axes(tmp_path):
    folder = made_up(tmp_path / "run", last=500)
    lines = (folder / "history.jsonl").read_text().splitlines()
    rows = [json.loads(line) for line in lines]
    for k, row in enumerate(rows):
        row["grid"] = (np.arange(12).reshape(2, 2, 3) + 100 * k).tolist()
    (folder / "history.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    grid = recorded(folder).values["grid"]
    assert grid.shape == (2, 3, 2, 3)
    np.testing.assert_array_equal(grid[1, 2], np.arange(6, 12).reshape(2, 3) + 200)


@pytest.mark.parametrize(
    ("file", "content", "sentence"),
    [
        ("settings.json", "{", "settings.json is not damaged"),
        ("settings.json", '{"seeds": [0, 1]}', "settings.json is not damaged"),
        ("history.jsonl", "", "an evaluation in its history.jsonl"),
        ("history.jsonl", '{"step": 0, "a": [1, 2]}\n{"st\n', "not damaged, as line 2 is"),
        ("history.jsonl", '{"step": 0, "a": [1, 2]}\n{"step": 1}\n', "same numbers in every line"),
        ("history.jsonl", '{"step": 0, "a": [1, 2, 3]}\n', "goes up and has 2 seeds"),
        ("history.jsonl", 2 * '{"step": 0, "a": [1, 2]}\n', "goes up and has 2 seeds"),
        ("analysis.npz", "PK nothing", "analysis.npz is not damaged"),
    ],
)
def test_damaged_folders_are_refused(file, content, sentence, tmp_path):
    folder = made_up(tmp_path / "run", last=250)
    (folder / file).write_text(content)
    with pytest.raises(ValueError, match=sentence):
        recorded(folder)


def test_figures_need_no_jax():
    code = """if True:
        import sys
        import lsa_theory.plots.modular, lsa_theory.plots.transience
        import lsa_theory.transformer.plan, lsa_theory.transformer.recorded
        assert not {"jax", "equinox", "optax"} & sys.modules.keys()"""
    subprocess.run([sys.executable, "-c", code], check=True)


# --- milestones ---

STEPS = np.array([0, 100, 200, 300, 400])


def test_emergence_is_halfway_to_the_peak():
    rows = np.array(
        [[0.1, 0.1, 0.3, 0.9, 0.5], [0.1, 0.15, 0.1, 0.1, 0.1], [0.9, 0.5, 0.1, 0.9, 0]]
    )
    found = emergence_step(STEPS, rows, 0.1)
    assert found[0] == pytest.approx(200 + 100 * 0.2 / 0.6)  # 0.5 between 0.3 and 0.9
    assert np.isnan(found[1])  # no twice chance
    assert found[2] == 0


def test_flip_is_half_of_the_peak_after_it():
    rows = np.array(
        [[0.1, 0.2, 0.8, 0.5, 0.3], [0.1, 0.2, 0.4, 0.8, 0.7], [0.1, 0.1, 0.15, 0.0, 0.0]]
    )
    found = flip_step(STEPS, rows, 0.1)
    assert found[0] == pytest.approx(350)  # 0.4 between 0.5 and 0.3; not where it was rising
    assert np.isnan(found[1:]).all()  # not yet, and never there


def test_milestones_of_a_run(tmp_path):
    run = recorded(made_up(tmp_path / "run"))
    found = flip_step(run.steps, run.values["flip"], CHANCE)
    for row, step in zip(run.values["flip"], found, strict=True):
        assert np.interp(step, run.steps, row) == pytest.approx(row.max() / 2)
    assert (found > emergence_step(run.steps, run.values["icl"], CHANCE)).all()


@pytest.mark.parametrize(("dimension", "pairs", "burst", "noise"), [(6, 4, 2, 1.2), (5, 7, 2, 0.5)])
def test_evidence_noise_against_sampling(dimension, pairs, burst, noise):
    rng, count, batches = np.random.default_rng(0), 2000, 40

    def drawn(means):
        fresh = rng.standard_normal(means.shape)
        return (means + noise * fresh) / np.sqrt(1 + noise**2)

    ratios = []
    for _ in range(batches):
        own, other = rng.standard_normal((2, count, dimension))
        query, evidence = drawn(own), np.zeros(count)
        for k in range(pairs):
            if k < 2 * burst:
                sign, means = (1, own) if k < burst else (-1, other)
            else:
                sign, means = rng.choice([-1, 1], count), rng.standard_normal((count, dimension))
            evidence += sign * (query * drawn(means)).sum(1)
        ratios.append(evidence.var() / (burst * dimension / (1 + noise**2)) ** 2)
    mean, error = np.mean(ratios), np.std(ratios) / np.sqrt(batches)
    exact = evidence_noise(dimension, pairs, burst, noise)
    assert abs(mean - exact) < 5 * error
    assert abs(mean - evidence_noise(dimension, pairs, burst - 1, noise)) > 20 * error


def test_evidence_noise_of_clean_matches_is_that_of_the_model():
    """Without noise and with one match, `v = (N - 1)/D` but for the norms' own fluctuation, 2/D."""
    assert evidence_noise(50, 9, 1, 0.0) == pytest.approx((9 - 1) / 50 + 2 / 50)
    with pytest.raises(ValueError, match=r"burst=3\): must be at most half of the 4 pairs"):
        evidence_noise(5, 4, 3, 1.0)
