"""What `lsa` writes: figures, layers, whole flows, and its page of documentation."""

from __future__ import annotations

import re

import numpy as np
import pytest
from commands import LAW, asked, documented, fill, refused, section, shown

from lsa_theory import GaussianPrompts, global_minimum
from lsa_theory.attention import LinearSelfAttention

EXAMPLE = re.search(r"^\$ (lsa flow .*\n)", section("flow"), re.MULTILINE)[1]


@pytest.fixture(scope="module")
def flow_run(tmp_path_factory):
    """One integration for all tests of the flow: its JSON, its file and its figure."""
    folder = tmp_path_factory.mktemp("flow")
    return asked(
        *EXAMPLE.split()[1:], "--save", folder / "f.npz", "--plot", folder / "f.svg"
    ), folder


def test_flow_ends_at_the_minimum(flow_run):
    found, _ = flow_run
    assert found.keys() == documented("flow")
    law = GaussianPrompts([1.0, 2.0], 5)
    assert found["status"] == "converged"
    gap = np.abs(np.array(found["final_gain"]) - np.diag(global_minimum(law).gain)).max()
    assert gap <= 10 * found["distance_bound"]
    assert found["least_loss"] == global_minimum(law).loss
    assert found["start"]["scale"] == found["scale"][0] == 0.1
    assert found["start"]["norm"] == pytest.approx(0.1)
    assert np.abs(found["balance"]).max() < 1e-12
    assert found["theorem_4_1"]["holds"]
    assert min(found["scale"]) >= found["theorem_4_1"]["scale_bound"] > 0
    losses, bounds = np.array(found["loss"]), np.array(found["theorem_4_1"]["loss_bound"])
    assert (losses <= bounds * (1 + 1e-12)).all()


def test_flow_is_saved_in_full_and_its_layer_read_again(flow_run):
    found, folder = flow_run
    with np.load(folder / "f.npz", allow_pickle=False) as saved:
        assert saved["times"].tolist() == found["times"]
        assert saved["loss"].tolist() == found["loss"]
        layer = LinearSelfAttention(saved["pv"], saved["kq"])
    assert np.array_equal(layer.gain, found["final_gain"])
    again = asked("risk", "-c", "spectrum:1,2", "-N", 5, "--layer", folder / "f.npz")
    assert again["loss"] == pytest.approx(found["least_loss"], rel=1e-12)
    assert (folder / "f.svg").read_text().startswith("<?xml")


def test_flow_as_tables(flow_run, monkeypatch):
    """The path as it would be printed, without another integration."""
    from lsa_theory.command_line import flow

    found = {key: np.array(x) if isinstance(x, list) else x for key, x in flow_run[0].items()}
    law = GaussianPrompts([1.0, 2.0], 5)
    made = flow.Answer({}, [flow._summary(found, law), flow._course(found), flow._theorem(found)])
    monkeypatch.setattr(flow, "answer", lambda options: made)
    text = shown("flow", "-c", "spectrum:1,2", "-N", 5)
    assert words(text) == words(section("flow").partition(EXAMPLE)[2].partition("```")[0])


def words(text):
    """Without the digits, which rounding decides at the end of a flow."""
    return re.sub(r"−?\b\d[\w.]*(−\d+)?", "#", text).split()


# --- figures and files ---


@pytest.mark.parametrize(
    ("arguments", "suffix"),
    [
        (["minimum"], "pdf"),
        (["risk"], "svg"),
        (["shift", "--family", "scaled", "--to", 2], "png"),
        (["shift", "-M", 5], "svg"),
    ],
)
def test_figures_repeat_byte_for_byte(monkeypatch, tmp_path, arguments, suffix):
    monkeypatch.setattr("lsa_theory.plots.lengths.POINTS", 8)
    monkeypatch.setattr("lsa_theory.plots.shift.POINTS", 8)
    begins = {"pdf": b"%PDF", "svg": b"<?xml", "png": b"\x89PNG"}
    law = ["-c", "spectrum:3,2,1", "-N", 8, "--noise-variance", 1]
    files = [tmp_path / f"{name}.{suffix}" for name in "ab"]
    for file in files:
        assert asked(*arguments, *law, "--plot", file)["files"] == [str(file)]
    one, two = (file.read_bytes() for file in files)
    assert one == two
    assert one.startswith(begins[suffix])
    assert sorted(tmp_path.iterdir()) == files  # nothing temporary is left


def test_a_file_is_replaced_whole_or_not_at_all(monkeypatch, tmp_path):
    file = tmp_path / "layer.npz"
    file.write_bytes(b"former")

    fill(monkeypatch)
    said = refused("minimum", *LAW, "--save", file, code=1)
    assert said == f"lsa minimum: error: {file}: No space left on device"
    assert file.read_bytes() == b"former"
    assert list(tmp_path.iterdir()) == [file]


def test_full_disk_is_one_sentence_and_leaves_nothing(monkeypatch, tmp_path):
    fill(monkeypatch)
    said = refused("minimum", *LAW, "--plot", tmp_path / "a.PNG", code=1)
    assert said == f"lsa minimum: error: {tmp_path / 'a.PNG'}: No space left on device"
    assert not list(tmp_path.iterdir())
