"""What `lsa` is given: covariances in words, files, and one sentence for bad input."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from commands import LAW, refused
from hypothesis import given
from hypothesis import strategies as st

from lsa_theory.command_line.covariances import KINDS, covariance


def law_of(text):
    return covariance(text).tolist()


@pytest.mark.parametrize(
    ("text", "eigenvalues"),
    [
        ("spectrum:1,2,3", [1, 2, 3]),
        ("spectrum: 1e-3 , 0", [0.001, 0]),
        ("power:d=4,exponent=2", [1, 1 / 4, 1 / 9, 1 / 16]),
        ("power:exponent=0.5,d=2,scale=10", [10, 10 / 2**0.5]),
        ("power:d=2,exponent=-1", [1, 2]),
        ("spiked:d=4,spikes=10", [10, 1, 1, 1]),
        ("spiked:d=4,spikes=10,5", [10, 5, 1, 1]),
        ("spiked:spikes=3,4,d=2", [3, 4]),
        ("spiked:d=3,spikes=0.5,scale=2", [1, 2, 2]),
        ("white:d=3", [1, 1, 1]),
        ("white:scale=0.25,d=1", [0.25]),
    ],
)
def test_covariance_in_words(text, eigenvalues):
    assert law_of(text) == pytest.approx(eigenvalues, rel=1e-15)


positive = st.floats(1e-100, 1e100)


@given(st.lists(positive, min_size=1, max_size=6))
def test_spectrum_comes_back_digit_for_digit(eigenvalues):
    assert law_of("spectrum:" + ",".join(map(repr, eigenvalues))) == eigenvalues


@given(st.integers(1, 30), st.lists(positive, min_size=1, max_size=4), st.permutations("dse"))
def test_spikes_come_first_in_any_order_of_fields(d, spikes, order):
    written = {"d": f"d={d}", "s": "spikes=" + ",".join(map(repr, spikes)), "e": "scale=1"}
    text = "spiked:" + ",".join(written[key] for key in order)
    if len(spikes) <= d:
        assert law_of(text) == spikes + [1.0] * (d - len(spikes))
    else:
        with pytest.raises(ValueError, match=f"must be of at most d = {d} spikes"):
            covariance(text)


@given(st.sampled_from(sorted(KINDS)), st.text(max_size=12))
def test_any_text_is_a_covariance_or_one_sentence(kind, rest):
    try:
        found = covariance(f"{kind}:{rest}")
    except ValueError as refusal:
        sentence = str(refusal)
    else:
        sentence = ": must be " if found.dtype == np.float64 and np.isfinite(found).all() else ""
    assert ": must be " in sentence


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("spectrum:", "each eigenvalue is a finite number, is ''"),
        ("spectrum:1,,2", "each eigenvalue is a finite number, is ''"),
        ("spectrum:1,inf", "each eigenvalue is a finite number, is 'inf'"),
        ("spectrum:1,-2", "with -2.0 at 1): must be non-negative"),
        ("spectrum:0,0", "must be other than 0"),
        ("power:d=5", "must be given exponent= as well"),
        ("power:5,1", "must be written name=value, with d, exponent"),
        ("power:d=5,exponent=1,2", "must be of one number exponent, has 2"),
        ("power:d=5,d=6,exponent=1", "must be of one d, has two"),
        ("power:d=5,exponent=1,trace=2", "must be of d, exponent and scale, has 'trace'"),
        ("power:d=0,exponent=1", "d is an integer from 1 to 10000000, is '0'"),
        ("power:d=2.5,exponent=1", "d is an integer from 1 to 10000000, is '2.5'"),
        ("power:d=9,exponent=-1000", "must be finite"),
        ("white:d=1e14", "an integer from 1 to 10000000"),
        ("spiked:d=2,spikes=-1", "must be non-negative"),
        ("wishart:d=3", "must be a file, or of a kind among spectrum, power, spiked"),
        ("nowhere.csv", "must be a file that can be read (No such file or directory)"),
        ("rows:nowhere.csv", "rows:nowhere.csv: must be a file that can be read"),
        ("", "'': must be a file, or of a kind among spectrum, power, spiked"),
        ("rows:", "rows:: must be the name of a file, is empty"),
    ],
)
def test_bad_words_are_named(text, sentence):
    assert sentence in refused("minimum", "-c", text, "-N", 5)


# --- files ---

ROWS = "height,weight\n1,2\n3,6\n\n5,1\n"


def test_rows_are_centred_and_moments_are_not(tmp_path):
    file = tmp_path / "rows.csv"
    file.write_text(ROWS)
    rows = np.array([[1.0, 2], [3, 6], [5, 1]])
    assert np.allclose(covariance(f"rows:{file}"), np.cov(rows.T, bias=True), rtol=1e-15)
    assert np.allclose(covariance(f"moments:{file}"), rows.T @ rows / 3, rtol=1e-15)


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.csv", "2,1\n1,3\n"), ("a.txt", "# Λ\n2 1\n1\t3 # last\n"), ("b", "\ufeff2, 1\r\n1, 3")],
)
def test_matrix_in_text(tmp_path, name, text):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert law_of(str(tmp_path / name)) == [[2.0, 1.0], [1.0, 3.0]]


@given(st.lists(positive, min_size=1, max_size=5))
def test_diagonal_in_a_file(eigenvalues):
    with tempfile.TemporaryDirectory() as folder:
        binary, text = Path(folder, "a.npy"), Path(folder, "a.csv")
        np.save(binary, eigenvalues)
        text.write_text("\n".join(map(repr, eigenvalues)))
        assert law_of(str(binary)) == law_of(str(text)) == eigenvalues


FILES = {
    "asymmetric.csv": (b"1,2\n3,4\n", "[0, 1] = 2.0 and [1, 0] = 3.0): must be symmetric"),
    "indefinite.csv": (b"1,2\n2,1\n", "eigenvalue -1): must be positive semi-definite"),
    "table.csv": (b"1,2\n3,4\n5,6\n", "array of shape (3, 2)): must be square"),
    "ragged.csv": (b"1,2\n3\n", "must be rows of one length, line 2 has 1, not 2"),
    "word.csv": (b"1,2\n2,four\n", "must be numbers, has 'four' in line 2, column 2"),
    "nan.csv": (b"1,2\n2,nan\n", "must be finite, has nan in row 2, column 2"),
    "empty.csv": (b"", "must be a table of numbers, has none"),
    "image.png": (b"\x89PNG\r\n\xff", "must be an NPY file or text of numbers, is neither"),
    "cut.npy": (b"\x93NUMPY\x01\x00v\x00{'descr'", "must be an NPY file of plain numbers"),
}


@pytest.mark.parametrize("name", FILES)
def test_bad_files_are_named(tmp_path, name):
    content, sentence = FILES[name]
    (tmp_path / name).write_bytes(content)
    said = refused("minimum", "-c", tmp_path / name, "-N", 5)
    assert said.startswith("lsa minimum: error: argument -c/--covariance: ")
    assert str(tmp_path / name) in said
    assert sentence in said


def test_nothing_is_unpickled(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{}], dtype=object), allow_pickle=True)
    assert "NPY file of plain numbers" in refused("minimum", "-c", tmp_path / "a.npy", "-N", 5)
    np.savez(tmp_path / "a.npz", pv=np.array([{}], dtype=object), kq=np.eye(3))
    assert "NPZ file of plain numbers" in refused("risk", *LAW, "--layer", tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", pv=np.eye(3))
    assert "that holds pv and kq" in refused("risk", *LAW, "--layer", tmp_path / "b.npz")
    np.savez(tmp_path / "c.npz", pv=np.eye(4), kq=np.eye(4))
    assert "of the prompts' dimension 2" in refused("risk", *LAW, "--layer", tmp_path / "c.npz")


def test_equal_rows_are_no_observations(tmp_path):
    (tmp_path / "a.csv").write_text("1,2\n1,2\n")
    said = refused("minimum", "-c", f"rows:{tmp_path / 'a.csv'}", "-N", 5)
    assert "must be of observations that vary, has 2 equal row(s)" in said


# --- bad input ---


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "lsa: error: the following arguments are required: COMMAND"),
        (["minimum", "-c", "white:d=2"], "required: -N/--context-length"),
        (["minimum", *LAW[:3], "0"], "-N/--context-length: 0: must be an integer >= 1"),
        (["minimum", *LAW[:3], "2.5"], "-N/--context-length: 2.5: must be an integer >= 1"),
        (["minimum", *LAW, "--noise-variance", "nan"], "nan: must be a finite number >= 0"),
        (["minimum", *LAW, "--noise-variance=-1"], "-1: must be a finite number >= 0"),
        (["minimum", *LAW, "--task-mean", "1,2,3"], "task_mean=array of shape (3,)"),
        (["minimum", *LAW, "--task-covariance", "white:d=3"], "must be of dimension 2"),
        (["risk", *LAW, "--test-covariance", "white:d=3"], "lsa risk: error:"),
        (["shift", *LAW, "--family", "turned", "--to", "1"], "invalid choice: 'turned'"),
        (["shift", *LAW, "--family", "scaled"], "--family scaled: must be given with --to"),
        (["shift", *LAW, "--to", "2"], "error: --to: must be given with --family"),
        (["shift", *LAW, "--family", "interpolated", "--to", "1"], "with --test-covariance"),
        (["shift", *LAW, "--plane", "1,2"], "--plane: must be given with --family rotated"),
        (["shift", *LAW, "--family", "scaled", "--to", "1", "--direction", "1"], "or removed"),
        (["shift", *LAW, "--keep-query"], "given with a shift of the covariance"),
        (["shift", *LAW, "--interval", "0,1"], "given with --family or --test-covariance"),
        (["shift", *LAW, "--family", "scaled", "--to", "1", "--interval", "2,1"], "in order"),
        (["shift", *LAW, "--family", "scaled", "--to", "-1"], "must be non-negative"),
        (["shift", *LAW, "--family", "longer", "--to", "1.5"], "--to 1.5: must be an integer"),
        (["shift", *LAW, "--family", "rotated", "--to", "1", "--plane", "1,3"], "1 to d = 2"),
        (["flow", *LAW, "--times", "1,x"], "1,x: must be finite numbers between commas"),
        (["flow", *LAW, "--times", "1,0"], "must be non-negative and increasing"),
        (["flow", *LAW, "--scale", "0"], "0: must be a positive number"),
        (["risk", *LAW, "--layer", ""], "'': must be the name of a file, is empty"),
        (["risk", *LAW, "--layer", "nowhere.npz"], "nowhere.npz: must be a file that can be read"),
    ],
)
def test_bad_input_gets_one_sentence(arguments, sentence):
    assert sentence in refused(*arguments)


def test_files_to_write_are_checked_before_anything_is_computed(monkeypatch, tmp_path):
    monkeypatch.setattr("lsa_theory.command_line.minimum.answer", pytest.fail)
    (tmp_path / "folder.png").mkdir()
    for name, rule in (
        ("figure.jpg", "ends in .png or .svg or .pdf"),
        ("figure", "ends in .png or .svg or .pdf"),
        ("folder.png", "is a folder"),
        ("no/figure.png", "in a folder that exists"),
    ):
        said = refused("minimum", *LAW, "--plot", tmp_path / name)
        assert f"argument --plot: {tmp_path / name}: must be" in said
        assert rule in said
    assert "ends in .npz" in refused("minimum", *LAW, "--save", tmp_path / "layer.npy")


def test_missing_extra_is_named_before_anything_is_computed(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setattr("lsa_theory.command_line.minimum.answer", pytest.fail)
    said = refused("minimum", *LAW, "--plot", tmp_path / "a.png", code=1)
    assert 'pip install "lsa-theory[sweep]"' in said


@pytest.mark.parametrize(
    ("raised", "code", "sentence"),
    [
        (KeyboardInterrupt(), 130, "lsa minimum: interrupted"),
        (MemoryError(), 1, "lsa minimum: error: there is not enough memory for this size"),
        (OSError(28, "No space left on device", "a.nc"), 1, "a.nc: No space left on device"),
        (RuntimeError("first\n  second"), 1, "lsa minimum: error: first second"),
    ],
)
def test_failures_have_an_exit_code_and_no_traceback(monkeypatch, raised, code, sentence):
    def fails(options):
        raise raised

    monkeypatch.setattr("lsa_theory.command_line.minimum.answer", fails)
    monkeypatch.setattr("lsa_theory.command_line._abandon_stdout", lambda: None)
    assert sentence in refused("minimum", *LAW, code=code)
