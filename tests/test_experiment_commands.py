"""`lsa transience` and `lsa modular`: what they train, keep, go on from and refuse."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from commands import asked, documented, ran, refused, shown

from lsa_theory.command_line import experiments
from lsa_theory.transformer.recorded import recorded

TRAIN = ("train", "--preset", "tiny", "--folder", "F")
TINY = ("transience", "train", "--preset", "tiny")
REGRESSION = ("--dimension", "8", "--task-count", "200", "--context-length", "16")


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """The tiny preset, trained once: its folder and its JSON."""
    folder = tmp_path_factory.mktemp("runs") / "tiny"
    return folder, asked(*TINY, "--folder", folder)


# --- train ---


def test_training_leaves_what_it_answers(run):
    folder, found = run
    assert found.keys() == documented("transience train")
    assert (found["preset"], found["seeds"], found["steps"]) == ("tiny", [0, 1], [0, 2, 4, 6])
    assert found["settings"]["experiment"]["data"]["class_count"] == 8
    names = {"loss", "norm", "icl", "icl_two_way", "flip", "iwl", "copy", "match"}
    assert names <= found["values"].keys()
    read = recorded(folder)
    assert read.finished
    assert (read.name, read.seeds, read.steps.tolist()) == ("tiny", (0, 1), [0, 2, 4, 6])
    for name, values in read.values.items():
        assert values.shape == (2, 4)
        shown = np.array(found["values"][name], dtype=float)
        np.testing.assert_array_equal(values, shown)


def test_a_run_that_was_interrupted_goes_on(run, tmp_path, monkeypatch):
    folder = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr("lsa_theory.sweeps.progress.Progress.advance", _interrupt)
        said = refused(*TINY, "--folder", folder, code=130)
    assert said == (
        f"lsa transience train: interrupted; {folder} keeps what is finished, and the same command "
        "goes on from it"
    )
    assert recorded(folder).steps.tolist() == [0, 2]  # while it could be going on
    assert not recorded(folder).finished
    found = asked(*TINY, "--folder", folder)
    assert found["values"] == run[1]["values"]  # the same bits


def _interrupt(*_):
    raise KeyboardInterrupt


@pytest.mark.parametrize("own", [None, "--xla_cpu_multi_thread_eigen=true"])
def test_training_is_on_one_thread_unless_the_environment_says_more(own, tmp_path, monkeypatch):
    """So that the order of sums, and the bits, do not depend on the number of cores."""
    seen = []

    def told(*args, **options):
        seen.append(os.environ["XLA_FLAGS"])
        raise KeyboardInterrupt

    monkeypatch.setattr("lsa_theory.transformer.training.trained", told)
    monkeypatch.setenv("XLA_FLAGS", own or "")
    if own is None:
        monkeypatch.delenv("XLA_FLAGS")
    refused(*TINY, "--folder", tmp_path / "run", code=130)
    one_thread = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    assert seen == [own or one_thread]


def test_a_finished_run_is_shown_again_and_tells_of_its_progress(run, tmp_path):
    folder, found = run
    before = (folder / "history.jsonl").read_bytes()
    text = shown(*TINY, "--folder", folder)
    assert (folder / "history.jsonl").read_bytes() == before
    row = next(line.split() for line in text.splitlines() if line.split()[:1] == ["norm"])
    norms = np.array(found["values"]["norm"])
    peak = norms.mean(axis=0).argmax()
    assert row[3] == str(found["steps"][peak])
    last = [norms[:, -1].mean(), norms[:, -1].min(), norms[:, -1].max()]
    assert [float(x) for x in row[4:]] == pytest.approx(last, rel=1e-2)
    code, _, err = ran(*TINY, "--folder", tmp_path / "other", "--progress")
    assert code == 0
    assert err.startswith("training: 6 of 6 steps (100%), 0:00:00 left; loss ")


@pytest.fixture
def asked_for(monkeypatch):
    """What would be trained."""
    seen = []

    def kept(options, plan, experiment, optimisation):
        seen.append((experiment, optimisation))
        raise ValueError("not now")

    monkeypatch.setattr(experiments, "_run", kept)

    def found(*arguments):
        assert refused(*arguments, "--folder", "nowhere").endswith("train: error: not now")
        return seen.pop()

    return found


def test_every_setting_is_heard(asked_for):
    data = ("--class-count", 320, "--noise", 0.7, "--burstiness", 0.5)
    shape = ("--depth", 2, "--no-normalised", "--positions", "rotary", "--interleaved")
    pace = ("--steps", 77, "--l2", 0.01, "--weight-decay", 0.5, "--betas", "0.9,0.98")
    plain, pace_plain = asked_for(*TINY)
    experiment, optimisation = asked_for(*TINY, *data, *shape, *pace)
    one, other = _flat(plain.as_dict()), _flat(experiment.as_dict())
    assert {name: value for name, value in other.items() if one[name] != value} == {
        "class_count": 320,
        "noise": 0.7,
        "burstiness": 0.5,
        "depth": 2,
        "normalised": False,
        "positions": "rotary",
        "interleaved": True,
    }
    given = {"steps": 77, "l2": 0.01, "weight_decay": 0.5, "betas": (0.9, 0.98)}
    assert vars(optimisation) == vars(pace_plain) | given
    experiment, _ = asked_for("modular", "train", "--preset", "tiny", "--examples", 7, "--depth", 1)
    assert (experiment.data.examples, experiment.architecture.depth) == (7, 1)


def _flat(settings):
    return {
        name: value
        for key, part in settings.items()
        for name, value in (part.items() if isinstance(part, dict) else [(key, part)])
    }


def test_paper_presets_are_the_published_set_ups(asked_for):
    experiment, optimisation = asked_for("transience", "train", "--preset", "paper")
    data, shape = experiment.data, experiment.architecture
    assert (data.class_count, data.label_count, data.pairs, data.burst) == (1600, 1600, 8, 3)
    assert (shape.depth, shape.width, shape.heads, shape.mlp) == (12, 64, 8, 4)
    assert experiment.interleaved
    found = (optimisation.learning_rate, optimisation.batch, optimisation.steps)
    assert found == (3e-4, 32, 50_000_000)
    for chapter in ("transience", "modular"):
        listed = asked(chapter, "train", "--list")["presets"]
        assert list(listed) == list(experiments.PRESETS)
        assert len(set(listed.values())) == 4


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["train"], "--folder: must be given"),
        (["train", "--preset", "huge"], "invalid choice: 'huge'"),
        (["train", "--seeds", "0,x"], "must be an integer >= 0"),
        ([*TRAIN, "--seeds", "1,1"], "must be different integers"),
        ([*TRAIN, "--burst", "3"], "at most half of the 4 pairs that a context holds"),
        ([*TRAIN, "--label-count", "9"], "as many as the 9 labels need"),
        ([*TRAIN, "--attention", "hard"], "one of softmax, linear"),
        ([*TRAIN, "--images", "F"], "--images: must be given with --data omniglot"),
        ([*TRAIN, "--held-out-drawings", "2"], "--held-out-drawings: must be left out"),
        ([*TRAIN, "--data", "omniglot", "--images", "F"], "images_*.zip"),
        (["plot", "F", "--plot", "a.png"], "must be the folder of a run, with settings.json"),
        (["plot", "F", "--what", "sums", "--plot", "a.png"], "--what sums: must be one of curves"),
        (["plot", "F"], "--plot: must be given"),
        (["theory"], "--dimension: must be given with --model regression"),
        (["theory", "--class-count", "8"], "--class-count: must be left out with --model regr"),
        (["theory", *REGRESSION, "--seed", "1"], "--seed: must be given with --model coopetition"),
        (["theory", "--model", "coopetition", "--end-time", "9"], "--end-time: must be left out"),
        (["theory", "--model", "kinetics", "--context-length", "1", "--task-count", "2"], ">= 2"),
        ([], "the following arguments are required: ACTION"),
    ],
)
def test_bad_input_gets_one_sentence(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sentence in refused("transience", *arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("stored", "chapter", "kind"),
    [("transience/cpu", "modular", "accuracy"), ("modular/p7", "transience", "curves")],
)
def test_a_run_of_another_chapter_is_refused(stored, chapter, kind, tmp_path):
    folder = Path(__file__).parents[1] / "docs" / "results" / stored
    arguments = ("plot", folder, "--what", kind, "--plot", tmp_path / "a.png")
    assert f"must be the folder of a run of lsa {chapter} train" in refused(chapter, *arguments)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["theory", "--p", "6"], "(p=6): must be a prime number"),
        (["theory", "--p", "5", "--shots=-1,2"], "--shots: must be non-negative"),
        (
            ["theory", "--p", "5", "--fraction", "0.01"],
            "at least one of the 25 inputs is for train",
        ),
        (["theory", "--p", "5", "--task-count", "24"], "at most the 25 tasks that there are"),
        (["theory", "--p", "5", "--rule", "random"], "--rule: must be given with --task-count"),
        ([*TRAIN, "--task-count", "200"], "at most the 9 tasks that there are"),
    ],
)
def test_bad_input_of_modular_gets_one_sentence(arguments, sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert sentence in refused("modular", *arguments)


def test_another_run_and_a_damaged_one_are_refused(run, tmp_path):
    folder, _ = run
    other = tmp_path / "damaged"
    other.mkdir()
    for file in folder.iterdir():
        (other / file.name).write_bytes(file.read_bytes())
    said = refused(*TINY, "--folder", other, "--l2", 0.5)
    assert "empty, or of a run with the same optimisation" in said
    content = bytearray((other / "checkpoint.bin").read_bytes())
    content[-1] ^= 1
    (other / "checkpoint.bin").write_bytes(content)
    assert "checkpoint.bin is not damaged" in refused(*TINY, "--folder", other)
