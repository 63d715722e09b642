"""What `lsa minimum`, `lsa risk` and `lsa shift` answer: the library's own values, and anchors."""

from __future__ import annotations

import json

import numpy as np
import pytest
from commands import LAW, asked, documented, shown

import lsa_theory
from lsa_theory import GaussianPrompts, covariate_shift, global_minimum, risk, shift
from lsa_theory.command_line.answer import plain

# --- lsa minimum ---


def test_minimum_of_three_eigenvalues():
    """B = N / ((N + 1) λ + tr Λ), by hand: 20/27, 20/48, 20/69."""
    found = asked("minimum", "-c", "spectrum:1,2,3", "-N", 20)
    assert found["gain"] == pytest.approx([20 / 27, 20 / 48, 20 / 69], rel=1e-15)
    # 2 min L = Σ λ (1 − λ b) = 1·7/27 + 2·8/48 + 3·9/69
    assert found["risk"] == pytest.approx(7 / 27 + 16 / 48 + 27 / 69, rel=1e-14)
    assert found["loss"] == found["risk"] / 2
    assert (found["zero_risk"], found["free_directions"], found["global"]) == (6.0, 0, True)
    assert found["scale"] ** 2 == pytest.approx(np.linalg.norm(found["gain"]))
    assert found["train"]["covariance"] == [1.0, 2.0, 3.0]
    assert (found["command"], found["version"]) == ("minimum", lsa_theory.__version__)


def test_minimum_takes_every_argument_of_the_law(tmp_path):
    context, task = tmp_path / "c.npy", tmp_path / "task.csv"
    np.save(context, [[2.0, 0.5], [0.5, 1.0]])
    task.write_text("# of tasks\n3,1\n1,2\n")
    arguments = ("-c", context, "-N", 7, "--noise-variance", 0.25, "--task-covariance", task)
    found = asked("minimum", *arguments, "--query-covariance", "spectrum:1,4")
    law = GaussianPrompts(
        [[2.0, 0.5], [0.5, 1.0]],
        7,
        noise_variance=0.25,
        task_covariance=[[3.0, 1], [1, 2]],
        query_covariance=[1.0, 4],
    )
    minimum = global_minimum(law)
    assert np.array_equal(found["gain"], minimum.gain)
    assert found["loss"] == minimum.loss
    eigenvalues, basis = np.linalg.eigh(law.covariance)
    assert np.allclose(found["eigenvalues"], eigenvalues[::-1], rtol=1e-14)
    gains = (basis.T @ minimum.gain @ basis).diagonal()[::-1]
    assert np.allclose(found["gain_on_eigenvectors"], gains, rtol=1e-13)


def test_minimum_with_a_task_mean_is_that_of_the_block():
    arguments = ("minimum", "-c", "white:d=2", "-N", 5, "--task-mean=-1,2")
    found = asked(*arguments)
    law = GaussianPrompts([1.0, 1.0], 5, task_mean=[-1.0, 2.0])
    assert found["loss"] == lsa_theory.block_minimum(law).loss
    assert not found["global"]
    assert "on the block v = p = 0" in shown(*arguments)


def test_minimum_as_a_table():
    text = shown("minimum", "-c", "power:d=50,exponent=1.2", "-N", 20)
    assert text.splitlines()[0] == "Minimum of the training loss: d = 50, N = 20, tr Λ = 3.3096"
    rows = [line.split() for line in text.splitlines()]
    # λ = 1: b = 20 / (21 + tr Λ)
    assert ["1", "1", f"{20 / (21 + 3.309614):.5f}", "82.3", "%"] in rows
    assert ["…"] in rows
    assert sum(row[:1] == ["50"] for row in rows) == 1


# --- lsa risk ---


def test_risk_of_the_shifted_layer():
    """Λ → 2 Λ with the query as before: bias Σ λ (1 − 2 λ b)² and what 20 pairs add; 6.0."""
    arguments = ("risk", "-c", "spectrum:1,2,3", "-N", 20, "--test-covariance", "spectrum:2,4,6")
    found = asked(*arguments, "--test-query-covariance", "spectrum:1,2,3")
    assert found["risk"] == pytest.approx(6.0, rel=1e-14)
    train = GaussianPrompts([1.0, 2.0, 3.0], 20)
    test = train.replace(covariance=[2.0, 4.0, 6.0], query_covariance=[1.0, 2.0, 3.0])
    assert found["risk"] == risk(global_minimum(train).gain, test)
    assert found["retrained_risk"] == 2 * global_minimum(test).loss
    assert (found["variance"], found["sampled"]) == (0.0, None)


def test_every_argument_of_the_test_law_is_heard():
    arguments = ("risk", "-c", "spectrum:1,2", "-N", 9, "-M", 30, "--test-noise-variance", 0.5)
    others = ("--test-task-covariance", "spectrum:3,1", "--test-task-mean", "1,0")
    found = asked(*arguments, *others)
    train = GaussianPrompts([1.0, 2.0], 9)
    test = train.replace(
        context_length=30, noise_variance=0.5, task_covariance=[3.0, 1.0], task_mean=[1.0, 0.0]
    )
    gain = global_minimum(train).gain
    assert found["risk"] == risk(gain, test)
    assert found["bias"] == risk(gain, test.replace(noise_variance=0.0))
    assert found["bias"] + found["variance"] == pytest.approx(found["risk"], rel=1e-15)
    assert found["zero_risk"] == 1 * 4 + 2 * 1


def test_sampled_risk_is_seeded_and_near():
    arguments = ("risk", "-c", "white:d=2", "-N", 5, "--sampled", 4000, "--seed", 3)
    found = asked(*arguments)
    sampled = found["sampled"]
    assert abs(sampled["mean"] - found["risk"]) < 5 * sampled["standard_error"]
    assert asked(*arguments)["sampled"] == sampled
    assert asked(*arguments[:-1], 4)["sampled"]["mean"] != sampled["mean"]


def test_layer_goes_from_minimum_to_risk(tmp_path):
    file, law = tmp_path / "layer.npz", ("-c", "spectrum:1,2,3", "-N", 20)
    found = asked("minimum", *law, "--save", file)
    assert found["files"] == [str(file)]
    again = asked("risk", *law, "--layer", file)
    assert again["risk"] == pytest.approx(found["risk"], rel=1e-14)
    assert again["train"] is None
    gain = tmp_path / "gain.csv"
    gain.write_text("0,0,0\n0,0,0\n0,0,0\n")
    assert asked("risk", *law, "--layer", gain)["risk"] == 6.0


# --- lsa shift ---


def test_shift_by_a_family():
    law = ("-c", "white:d=4", "-N", 40, "--noise-variance", 20)
    found = asked("shift", *law, "--family", "scaled", "--to", 3)
    train = GaussianPrompts(np.ones(4), 40, noise_variance=20.0)
    expected = covariate_shift(train, shift.scaled(train)(3.0))
    assert found["risks"]["attention"]["value"] == expected.attention.value
    for name, one in expected.others.items():
        listed = found["risks"][name.replace(" ", "_")]
        assert listed == plain(
            {key: getattr(one, key) for key in ("value", "kind", "error", "bias", "variance")}
        )
    assert found["risks"]["least_squares"]["value"] == pytest.approx(20 * 4 / 35)
    assert found["overtaken"]
    # least squares has 16/7 whatever c; (bias + variance)(c) = 16/7 is a quadratic in c
    assert found["overtaking"]["roots"] == pytest.approx([1.46788], rel=1e-5)
    assert found["rescaled"]["factor"] == expected.rescaled.factor
    assert found["rescaled"]["share"] == pytest.approx(1.0)
    assert sum(found["directions"]["damage"]) == pytest.approx(expected.attention.value)
    assert sum(found["directions"]["share"]) == pytest.approx(1.0)
    assert found["limit_risk"] == pytest.approx(3 * 4 * (3 - 1) ** 2)


def test_shift_by_a_covariance_is_the_end_of_an_interpolation():
    law = ("-c", "spectrum:1,2", "-N", 30, "--noise-variance", 1)
    other = ("--test-covariance", "spectrum:8,1")
    direct = asked("shift", *law, *other)
    family = asked("shift", *law, *other, "--family", "interpolated", "--to", 1)
    assert direct["overtaking"] == family["overtaking"]
    assert direct["overtaking"]["interval"] == [0.0, 1.0]
    assert direct["risks"]["attention"] == pytest.approx(family["risks"]["attention"])
    for root in direct["overtaking"]["roots"]:
        at = asked("shift", *law, *other, "--family", "interpolated", "--to", root)
        values = [at["risks"][name]["value"] for name in ("attention", "least_squares")]
        assert values[0] == pytest.approx(values[1], rel=1e-9)


def test_query_stays_if_asked_to():
    law = ("-c", "spectrum:1,2", "-N", 30, "--keep-query")
    for way in (["--test-covariance", "spectrum:3,6"], ["--family", "scaled", "--to", 3]):
        found = asked("shift", *law, *way)
        assert found["test"]["covariance"] == [3.0, 6.0]
        assert found["test"]["query_covariance"] == [1.0, 2.0]


@pytest.mark.parametrize(
    ("options", "family"),
    [
        (["rotated", "--plane", "1,2"], lambda law: shift.rotated(law, 2, 1)),
        (["spiked", "--direction", 3], lambda law: shift.spiked(law, np.array([0.0, 0, 1]))),
        (["removed"], lambda law: shift.removed(law, np.array([1.0, 0, 0]))),
        (["respaced"], shift.respaced),
        (["retasked"], shift.retasked),
        (["requeried"], shift.requeried),
        (["noisier"], shift.noisier),
        (["longer", "-M", 9], shift.longer),
    ],
)
def test_each_family_is_the_library_s(monkeypatch, options, family):
    monkeypatch.setattr(shift, "overtaking", lambda *_, **__: [])
    value = 80 if options[0] == "longer" else 0.5
    found = asked("shift", "-c", "spectrum:3,2,1", "-N", 20, "--family", *options, "--to", value)
    law = GaussianPrompts([3.0, 2.0, 1.0], 20)
    expected = risk(global_minimum(law).gain, family(law)(value))
    assert found["risks"]["attention"]["value"] == pytest.approx(expected, rel=1e-12)


def test_lengths_at_which_the_lead_changes():
    law = ("-c", "spectrum:3,2,1", "-N", 20, "--noise-variance", 40, "--family", "longer", "--to")
    found = asked("shift", *law, 100)["overtaking"]
    *_, root = found["roots"]
    assert found["interval"] == [1, 64 * 20]
    assert not asked("shift", *law, root - 1)["overtaken"]
    assert asked("shift", *law, root)["overtaken"]
    assert "the lead changes at: 2, 59." in " ".join(shown("shift", *law, 100).split())


def test_what_has_no_crossing_says_why():
    law = ("-c", "spectrum:1,2", "-N", 3, "--noise-variance", 1)
    scaled = ("shift", *law, "--family", "scaled", "--to", 2)
    found = asked(*scaled)
    assert found["risks"]["least_squares"]["value"] == "Infinity"
    assert float(found["risks"]["least_squares"]["variance"]) == np.inf
    assert found["overtaking"]["roots"] is None
    assert "both risks are finite" in found["overtaking"]["reason"]
    assert "∞" in shown(*scaled)
    assert asked("shift", *law, "-M", 30)["overtaking"] is None


def test_table_of_tolerance_is_the_library_s(monkeypatch):
    made, tolerance = [], shift.tolerance
    monkeypatch.setattr(
        shift, "tolerance", lambda *a, **k: made.append((a, k, tolerance(*a, **k))) or made[0][2]
    )
    law = ("-c", "power:d=3,exponent=1", "-N", 12)
    found = asked("shift", "--table", *law, "--test-covariance", "white:d=3")["table"]
    (((train,), options, expected),) = made
    assert train.covariance.tolist() == [1, 1 / 2, 1 / 3]
    assert options["other"].tolist() == [1, 1, 1]
    for row, one in zip(found, expected.rows, strict=True):
        assert row == plain({key: getattr(one, key) for key in row})
    assert {row["tolerated"] for row in found if row["kind"] == "covariate"} == {False}
    assert {row["tolerated"] for row in found if row["kind"] != "covariate"} == {True}


# --- JSON ---


@pytest.mark.parametrize("command", ["minimum", "risk", "shift"])
def test_keys_are_those_of_the_page(command):
    assert asked(command, *LAW).keys() == documented(command)


def test_json_is_strict_and_keeps_every_digit():
    value = {"a": np.array([np.inf, -np.inf, np.nan, 0.1]), 1: (np.float64(2), np.True_, None)}
    assert plain(value) == {"a": ["Infinity", "-Infinity", "NaN", 0.1], "1": [2.0, True, None]}
    number = 0.1 + 0.2
    assert json.loads(json.dumps(plain({"x": np.float64(number)})))["x"] == number
