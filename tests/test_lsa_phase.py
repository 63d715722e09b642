"""`lsa phase`: ready-made diagrams from the command line."""

from __future__ import annotations

import inspect
import re

import numpy as np
import pytest
from commands import asked, documented, fill, refused, shown
from hypothesis import given
from hypothesis import strategies as st

from lsa_theory import GaussianPrompts, global_minimum, phase, risk
from lsa_theory.command_line import diagrams
from lsa_theory.command_line.phase import DIAGRAMS

NOISE = ("noise", "--covariance", "white:d=4", "--context-lengths", "8,16", "--noises", "0.1,1")


@pytest.fixture(scope="module")
def noise_run(tmp_path_factory):
    """One small diagram: its JSON and the folder of its files."""
    folder = tmp_path_factory.mktemp("phase")
    files = ["--out", folder / "n.nc", "--plot", folder / "n.svg", "--store", folder / "store"]
    return asked("phase", *NOISE, "--train-length", 40, "--sampled", 2, "--seed", 5, *files), folder


def test_diagram_is_the_library_s(noise_run):
    import xarray

    found, folder = noise_run
    assert found.keys() == documented("phase")
    assert found["name"] == "noise"
    assert [axis["name"] for axis in found["axes"]] == ["length_ratio", "noise"]
    assert found["axes"][0]["values"] == [2.0, 4.0]
    data = xarray.load_dataset(folder / "n.nc", engine="h5netcdf")
    law = GaussianPrompts(np.ones(4), 40)
    gain = global_minimum(law).gain
    for length in (8, 16):
        for level in (0.1, 1.0):
            cell = data.sel(context_length=length, noise=level)
            test = law.replace(context_length=length, noise_variance=4 * level)
            assert float(cell.attention) == pytest.approx(risk(gain, test), rel=1e-13)
            by_hand = 4 * level * 4 / (length - 4 - 1)  # σ² d / (M − d − 1)
            assert float(cell.least_squares) == pytest.approx(by_hand, rel=1e-13)
    ranges = found["variables"]["least_squares"]
    assert ranges == {"cells": 4, "infinite": 0, "missing": 0} | {
        "least": data.least_squares.min().item(),
        "most": data.least_squares.max().item(),
    }
    assert (folder / "n.svg").read_text().startswith("<?xml")
    assert found["files"] == [str(folder / "n.nc"), str(folder / "n.svg")]


def test_boundary_is_where_both_risks_are_equal(noise_run):
    """On white features with M > d + 1: a + b σ² = σ² d / (M − d − 1)."""
    curve = noise_run[0]["boundaries"][0]
    gain = global_minimum(GaussianPrompts(np.ones(4), 40)).gain
    for ratio, level in zip(curve["x"], curve["y"], strict=True):
        test = GaussianPrompts(np.ones(4), round(4 * ratio), noise_variance=4 * level)
        assert risk(gain, test) == pytest.approx(4 * level * 4 / (4 * ratio - 5), rel=1e-12)


def test_sampled_points_are_near(noise_run):
    points = noise_run[0]["points"]
    assert len(points["value"]) == 4
    assert min(points["error"]) > 0


def test_run_again_it_comes_from_the_store(noise_run, monkeypatch):
    from lsa_theory.sweeps import executors

    found, folder = noise_run
    monkeypatch.setattr(executors.InProcess, "run", lambda *_: pytest.fail("computed again"))
    again = asked("phase", *NOISE, "--train-length", 40, "--store", folder / "store")
    assert again["variables"] == found["variables"]
    said = refused("phase", *NOISE, "--train-length", 41, "--store", folder / "store")
    assert "train_length" in said


def test_netcdf_on_a_full_disk_is_one_sentence(noise_run, monkeypatch, tmp_path):
    stored = [*NOISE, "--train-length", 40, "--store", noise_run[1] / "store"]
    fill(monkeypatch)
    said = refused("phase", *stored, "--out", tmp_path / "a.nc", code=1)
    assert said == f"lsa phase noise: error: {tmp_path / 'a.nc'}: No space left on device"
    assert not list(tmp_path.iterdir())


def test_tables(noise_run):
    text = shown("phase", *NOISE, "--train-length", 40, "--store", noise_run[1] / "store")
    assert text.startswith("Attention against least squares: label noise\n")
    assert "trained on prompts of N = 40 pairs" in text
    assert "Boundaries, from roots" in text


def test_every_diagram_is_listed():
    assert asked("phase", "--list")["diagrams"].keys() == phase.DIAGRAMS.keys()
    assert asked("phase")["diagrams"].keys() == phase.DIAGRAMS.keys()
    text = shown("phase", "--list")
    assert all(f"  {name} " in text for name in phase.DIAGRAMS)


@pytest.mark.parametrize("name", DIAGRAMS)
def test_every_setting_is_an_option_with_a_description(name):
    signature = inspect.signature(DIAGRAMS[name]).parameters
    words = diagrams.descriptions(inspect.getdoc(DIAGRAMS[name]))
    own = [p.name for p in signature.values() if p.kind is not p.VAR_KEYWORD]
    assert {"sampled", "seed"} < set(own) <= words.keys()
    for parameter in own:
        assert diagrams._kind(parameter, str(signature[parameter].annotation)), parameter
        assert not re.search(r"[\\`]|:math|None", words[parameter]), words[parameter]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=5))
def test_grid_of_numbers_comes_back_digit_for_digit(values):
    assert diagrams.grid(",".join(map(repr, values))) == values


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1,2.5,4", [1, 2.5, 4]),
        ("0:1:5", [0, 0.25, 0.5, 0.75, 1]),
        ("log:0.01:1:3", [0.01, 0.1, 1]),
    ],
)
def test_grids(text, values):
    assert diagrams.grid(text) == pytest.approx(values, rel=1e-14)


def test_grids_of_lengths_are_integers_once():
    assert diagrams.whole("log:4:64:5") == [4, 8, 16, 32, 64]
    assert diagrams.whole("1:3:9") == [1, 2, 3]
    assert all(isinstance(value, int) for value in diagrams.whole("1:3:9"))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["phases"], "argument NAME: invalid choice: 'phases'"),
        (["noise", "--noises", "1:2"], "LOW:HIGH:COUNT"),
        (["noise", "--noises", "log:0:2:3"], "with positive numbers"),
        (["noise", "--noises", "0:2:1"], "with an integer COUNT >= 2"),
        (["noise", "--noises", "0:2:inf"], "with an integer COUNT >= 2"),
        (["noise", "--noises", "log:2:1:3"], "with LOW < HIGH"),
        (["noise", "--context-lengths", "10:1:5"], "10:1:5: must be numbers between commas"),
        (["noise", "--context-lengths", "4:4:5"], "with LOW < HIGH"),
        (["noise", "--noises", "1,x"], "finite numbers, has 'x'"),
        (["noise", "--out", "a.csv"], "ends in .nc"),
        (["noise", "--context-lengths", "2.5"], "2.5: must be integers"),
        (["noise", "--context-lengths", "8,4"], "lsa phase noise: error: noise("),
        (["noise", "--train-length", "0"], "must be an integer >= 1"),
    ],
)
def test_bad_input_gets_one_sentence(arguments, sentence):
    assert sentence in refused("phase", *arguments)


def test_scheduler_that_does_not_answer_is_a_failure(monkeypatch):
    monkeypatch.setattr("lsa_theory.sweeps.cluster.ANSWER", 0.5)
    said = refused("phase", *NOISE, "--scheduler", "tcp://127.0.0.1:1", code=1)
    assert said.startswith("lsa phase noise: error: sweep(scheduler=tcp://127.0.0.1:1): must be")
