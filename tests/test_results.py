"""The stored runs: made by the commands beside them, and showing what the pages say."""

from __future__ import annotations

import json
import re
import shlex
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "docs" / "_ext"))

import results
import stored
from bursty_runs import CHANCE, folder
from effects import NONE, NOT, PARTLY, REPRODUCED, Effect, Measure, seeds_that_keep_all
from modular_runs import made_up

from lsa_theory import command_line
from lsa_theory.modular import effects as modular
from lsa_theory.modular.ceilings import ratio_accuracy
from lsa_theory.transformer import windows
from lsa_theory.transformer.recorded import recorded
from lsa_theory.transience import effects as transience

RUNS = [(chapter, name) for chapter in stored.CHAPTERS for name in stored.commands()[chapter]]
VERDICTS = {  # what the tables of the pages say
    "transience": {
        "emergence": REPRODUCED,
        "transience": REPRODUCED,
        "memory": REPRODUCED,
        "loss": REPRODUCED,
        "classes": REPRODUCED,
        "penalty": REPRODUCED,
        "decay": REPRODUCED,
        "circuits": REPRODUCED,
        "two_way": NOT,
        "two_way_quick": NOT,
        "images": REPRODUCED,
    },
    "modular": {
        "new_tasks": REPRODUCED,
        "larger": REPRODUCED,
        "ratio": REPRODUCED,
        "diversity": REPRODUCED,
        "transience": PARTLY,
        "one_block": REPRODUCED,
        "four_blocks": REPRODUCED,
        "inputs": PARTLY,
        "early": REPRODUCED,
        "circles": NOT,
        "regression": NOT,
        "held_out": PARTLY,
    },
}
BOUNDS = {  # fixed before the runs were made: least and most
    "transience": {
        "emergence": [(0.8, None)],
        "transience": [(None, 0.55), (None, 0.2)],
        "memory": [(4, None)],
        "loss": [(None, 0.5)],
        "classes": [(1.5, None), (1.5, None)],
        "penalty": [(0.5, None), (0.5, None), (0.5, None), (-0.02, None)],
    },
    "modular": {
        "new_tasks": [(2.5, None), (2.5, None)],
        "larger": [(2.5, None), (2.5, None)],
        "four_blocks": [(0.05, None)],
        "ratio": [(None, 0.05), (0.8, None), (0.05, None)],
        "diversity": [(0.15, None), (0.0, None), (0.0, None), (0.15, None)],
        "one_block": [(None, 0.05), (0.15, None)],
    },
}
SEEDS = {
    "transience": 1,
    "held_out": 2,
    "inputs": 0,
}  # that keep every bound, of those that hold partly
TRIED = {"p11": (0,)}  # with fewer seeds
TRIED |= {f"p5-{count}-inputs{share}": (0, 1) for count in (8, 14, 20) for share in (40, 60)}
UNREAD = "not read"
EFFECTS = [(chapter, name) for chapter in VERDICTS for name in VERDICTS[chapter]]


# --- where they come from ---


def test_every_run_has_its_command_and_every_command_its_run():
    for chapter, commands in stored.commands().items():
        assert sorted(commands) == stored.names(chapter)
        for name, command in commands.items():
            assert command.startswith(f"lsa {chapter} train ")
            assert command.endswith(f"--folder runs/{chapter}/{name}")
            run = stored.run(chapter, name)
            assert run.finished
            assert run.seeds == TRIED.get(name, (0, 1, 2, 3, 4))
            assert not (stored.RESULTS / chapter / name / "checkpoint.bin").exists()


def unread(drawings, embedding="fixed", dimension=64, seed=0):
    """As many classes as Omniglot's images have, without the images."""
    from lsa_theory.transience.drawn import DrawnClasses

    values = np.broadcast_to(np.float32(0), (8 * 242, 20, dimension))
    return DrawnClasses(values, 0.0, 1.0, embedding, seed, UNREAD)


@pytest.fixture
def made(monkeypatch):
    """From a command to the settings that its run would have."""
    found: list[dict] = []

    def kept(experiment, optimisation, *, seeds, every, **_):
        settings = {"experiment": experiment.as_dict(), "optimisation": asdict(optimisation)}
        found.append(settings | {"seeds": list(seeds), "every": every})
        raise ValueError("not now")

    monkeypatch.setattr("lsa_theory.transformer.training.trained", kept)
    monkeypatch.setattr("lsa_theory.transience.presets.drawings", lambda folder: None)
    monkeypatch.setattr("lsa_theory.transience.presets.drawn_classes", unread)

    def settings(command):
        assert command_line.main(shlex.split(command)[1:]) == command_line.REFUSED
        return json.loads(json.dumps(found.pop()))

    return settings


@pytest.mark.parametrize(("chapter", "name"), RUNS)
def test_a_command_makes_the_settings(chapter, name, made):
    command = stored.commands()[chapter][name]
    written = json.loads((stored.RESULTS / chapter / name / "settings.json").read_text())
    if "images" in written["experiment"]:
        assert re.fullmatch("[0-9a-f]{64}", written["experiment"]["images"])
        written["experiment"]["images"] = UNREAD
    assert made(command) == written
    assert made(f"{command} --learning-rate 0.0019") != written


# --- what they show ---


@pytest.mark.parametrize(("chapter", "name"), EFFECTS)
def test_an_effect_is_what_the_page_says(chapter, name):
    verdict, measures = results.EFFECTS[chapter][name].judged(chapter)
    assert verdict == VERDICTS[chapter][name], "; ".join(map(str, measures))
    if name in BOUNDS[chapter] and verdict != NONE:
        assert [(one.least, one.most) for one in measures] == BOUNDS[chapter][name]
    if verdict == PARTLY:
        assert seeds_that_keep_all(measures) == SEEDS[name]


def test_all_effects_are_in_the_tables():
    for chapter, effects in results.EFFECTS.items():
        assert effects.keys() == VERDICTS[chapter].keys()
        text = results.verdicts(chapter)
        for effect in effects.values():
            assert text.count(f"| {effect.words} |") == 1
        for table in (results.seeds, results.commands):
            shown = table(chapter)
            assert all(f"`{name}`" in shown for name in stored.names(chapter))


def test_a_verdict_is_of_the_means():
    low, high = Measure("x", np.array([0.1, 0.5]), most=0.4), Measure("y", 0.3, least=0.4)
    assert (low.holds, high.holds) == (True, False)
    assert str(low) == "✓ x: 0.30 (0.10 to 0.50; 1 of 2 seeds), at most 0.4"
    assert not Measure("z", np.array([np.nan, 1.0]), least=0.4).holds
    assert not Measure("one seed of three", np.array([0.0, 0.0, 9.0]), least=0.4).holds
    for measures, verdict in (([low], REPRODUCED), ([low, high], PARTLY), ([high], NOT)):
        effect = Effect("", (), lambda found=measures: found)
        assert effect.judged("transience") == (verdict, measures)
    assert Effect("", ("nowhere",), lambda run: []).judged("modular") == (NONE, [])


# --- how it is counted ---


def test_windows_and_slopes():
    steps = np.arange(0, 60, 10)
    values = np.array([[0.0, 3, 6, 0, 0, 3]])
    assert windows.windows(values).tolist() == [[3, 3, 2, 1]]
    assert windows.middles(steps).tolist() == [10, 20, 30, 40]
    line = 0.5 * steps[None] + 7
    assert windows.late_slope(steps, line) == pytest.approx([0.5])
    with pytest.raises(ValueError, match=r"windows\(values=2 evaluations\): must be at least 3"):
        windows.windows(values[:, :2])


def test_effects_of_a_bursty_run(tmp_path):
    run = recorded(folder(tmp_path / "run"))
    found = transience.effects(run)
    for row, seed in enumerate(run.values["icl"]):
        means = np.convolve(seed, np.ones(3) / 3, "valid")
        at = int(means.argmax())
        assert found.peak[row] == pytest.approx(means[at])
        assert found.peak_step[row] == run.steps[at + 1]
        assert found.end[row] == pytest.approx(seed[-3:].mean())
        grown = run.values["iwl"][row, -3:].mean() / run.values["iwl"][row, at : at + 3].mean()
        assert found.memory_growth[row] == pytest.approx(grown)
    assert (found.loss_kept < 1).all()
    level = (found.memory_at_peak + found.memory_end)[:, None] / 2
    there = transience.flip_at_memory(run, np.hstack([level, level + 1, 0 * level]))
    share = 1 - (level[:, 0] - CHANCE) / 0.6  # of what the flip was, by how the runs are made
    assert there[:, 0] == pytest.approx(CHANCE + (0.8 - CHANCE) * share, abs=0.01)
    assert np.isnan(there[:, 1]).all()
    assert there[:, 2] == pytest.approx(found.flip_at_peak)
    assert transience.flip_at_step(run, run.steps[-2]) == pytest.approx(found.flip_end)


def test_effects_of_a_modular_run():
    run = made_up()
    found = modular.effects(run)
    new = run.values["accuracy"][:, :, 2, -1]
    assert found.new == pytest.approx(new[:, -3:].mean(axis=1))
    assert (found.lost > 0.1).all()
    assert found.ceiling[1] == ratio_accuracy(5, 5, inputs=run.analysis["inputs"][1])
    assert found.peak[0] == pytest.approx(np.convolve(new[0], np.ones(3) / 3, "valid").max())
    like = modular.followed(run)
    assert like["ratio"].tolist() == [1, 1, 1]  # by how the grids are made
    assert (np.maximum(like["copy"], like["regression"]) < 0.9).all()
    assert (modular.stopping(run).gain > 0).all()
    run.analysis.clear()
    with pytest.raises(ValueError, match=r"effects\(run='made-up'\): must be finished"):
        modular.effects(run)
