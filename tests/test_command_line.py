"""``python -m validation``: its output, its exit codes, and one sentence for bad input."""

import json
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest

from validation.harness import Claim, Control, Equal, cli, evidence, real_data, registry
from validation.harness.registry import Entry


def trace(case):
    """The trace is the sum of the diagonal."""
    return sum(case)


def diagonals(setting):
    return {
        name: [int(x) for x in matrix.diagonal()] for name, matrix in setting.covariances.items()
    }


@evidence(Equal, "sums", cases=diagonals)
def summed(formula, case, setting):
    return Equal(formula(case) - sum(case))


TRUE = Claim("Traces", "source", trace, (), "trace([1])", (summed,), Control("0", lambda case: 0))
FALSE = Claim("Wrong", "source", len, (), "len", (summed,), Control("0", lambda case: 0))


def interrupted(case):
    raise KeyboardInterrupt


STOPPED = Claim("Stopped", "source", interrupted, (), "", (summed,), Control("0", lambda case: 0))


@pytest.fixture
def planted(monkeypatch):
    """Runs on planted claims and a small real covariance, which tests can add to."""
    claims = {"traces": TRUE}
    monkeypatch.setattr(registry, "stems", lambda: sorted(claims))
    monkeypatch.setattr(registry, "entries", lambda some: [Entry(s, "", claims[s]) for s in some])
    monkeypatch.setattr(real_data, "observations", lambda: {"real": np.array([[0.0, 2], [4, 0]])})
    return claims


def ran(*arguments):
    return cli.main([str(argument) for argument in arguments])


def found(folder):
    return json.loads((folder / "results.json").read_text())


def test_true_claim_exits_0_and_writes_the_report(planted, tmp_path, capsys):
    assert ran("--out", tmp_path / "new" / "report", "--seed", 7) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0] == "1/1 traces"
    assert re.match(
        r"passed +traces +equal +tightest exact +control rejected +\d+\.\d CPU s", lines[1]
    )
    assert lines[2].startswith("1 claims: 1 passed; ")
    assert lines[2].endswith("report/index.html")
    assert found(tmp_path / "new" / "report")["seed"] == 7


@pytest.mark.parametrize(
    ("claim", "status"),
    [
        (FALSE, "failed"),
        (Claim("Blind", "", trace, (), "", (summed,), Control("truth", trace)), "powerless"),
        (Claim("Raises", "", abs, (), "", (summed,), Control("0", lambda case: 0)), "error"),
    ],
)
def test_claim_that_does_not_hold_exits_1_and_is_reported(planted, tmp_path, capsys, claim, status):
    planted["bad"] = claim
    assert ran("--out", tmp_path) == 1
    assert f"2 claims: 1 passed, 1 {status}" in capsys.readouterr().out
    assert found(tmp_path)["counts"] == {status: 1, "passed": 1}
    assert not found(tmp_path)["passed"]


def test_interruption_exits_130_and_leaves_the_former_report(planted, tmp_path, capsys):
    assert ran("--out", tmp_path) == 0
    former = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    planted["stopped"] = STOPPED
    assert ran("--out", tmp_path) == 130
    assert capsys.readouterr().err == "interrupted: nothing was written\n"
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == former


def test_list_and_only(planted, tmp_path, capsys):
    planted["wrong"] = FALSE
    assert ran("--list") == 0
    assert re.findall(r"^(\w+) +(\w+)$", capsys.readouterr().out, re.M) == [
        ("traces", "Traces"),
        ("wrong", "Wrong"),
    ]
    assert ran("--only", "traces", "--out", tmp_path) == 0
    assert [claim["stem"] for claim in found(tmp_path)["claims"]] == ["traces"]


def test_given_covariance_and_rows_join_the_cases(planted, tmp_path):
    covariance, rows = tmp_path / "c.npy", tmp_path / "r.csv"
    np.save(covariance, [[2.0, 1], [1, 3]])
    rows.write_text("height,weight\n1,2\n3,6\n\n5,1\n")
    arguments = ("--covariance", covariance, "--rows", rows, "--context-length", "9", "--quick")
    assert ran("--out", tmp_path, *arguments) == 0
    result = found(tmp_path)
    names = ["given covariance c.npy", "given rows r.csv", "real"]
    assert [case["name"] for case in result["claims"][0]["evidence"][0]["cases"]] == names
    assert result["settings"] == {"context_length": 9, "covariances": dict.fromkeys(names, 2)}
    assert result["quick"]
    assert str(tmp_path) not in json.dumps(result) + (tmp_path / "index.html").read_text()


def test_covariance_of_rows_is_that_of_the_centred_rows():
    rows = np.array([[1.0, 2], [3, 6], [5, 1]])
    assert np.allclose(real_data.covariance(rows), np.cov(rows.T, bias=True), rtol=1e-15)


def test_real_data_is_raw():
    tables = real_data.observations()
    shapes = {name: table.shape for name, table in tables.items()}
    assert shapes == {
        "diabetes": (442, 10),
        "wine": (178, 13),
        "breast cancer": (569, 30),
        "digits": (1797, 64),
    }
    eigenvalues = np.linalg.eigvalsh(real_data.covariance(tables["breast cancer"]))
    assert 1e11 < eigenvalues[-1] / eigenvalues[0] < 1e13
    assert np.linalg.matrix_rank(real_data.covariance(tables["digits"])) == 61


FILES = {
    "text.csv": "It was a dark and stormy night;\nthe rain fell in torrents.\n",
    "names.csv": "a,b\n",
    "empty.csv": "",
    "nan.csv": "1,2\n3,nan\n",
    "word.csv": "1,2\n3,four\n",
    "ragged.csv": "1,2\n3,4,5\n",
    "wide.csv": "1,2,3\n4,5,6\n",
    "asymmetric.csv": "1,2\n3,4\n",
    "indefinite.csv": "1,2\n2,1\n",
    "zero.csv": "0,0\n0,0\n",
    "one.csv": "1,2\n",
    "equal.csv": "1,2\n1,2\n",
    "binary.csv": b"\xff\xfe\x00\x01\x80",
    "cut.npy": b"\x93NUMPY\x01\x00",
}

BAD = [
    ("--covariance missing.csv", "file that can be read (No such file or directory)"),
    ("--covariance .", "file that can be read (Is a directory)"),
    ("--covariance text.csv", "table of numbers|numbers, has"),
    ("--covariance names.csv", "a table of numbers, has none"),
    ("--covariance empty.csv", "a table of numbers, has none"),
    ("--covariance nan.csv", "finite, has nan in row 2, column 2"),
    ("--covariance word.csv", "numbers, has 'four' in line 2, column 2"),
    ("--covariance ragged.csv", "rows of one length, line 2 has 3, not 2"),
    ("--covariance wide.csv", "square"),
    ("--covariance asymmetric.csv", "symmetric"),
    ("--covariance indefinite.csv", "positive semi-definite"),
    ("--covariance zero.csv", "a covariance other than 0"),
    ("--covariance binary.csv", "NPY file or comma-separated text, is neither"),
    ("--covariance cut.npy", "NPY file of plain numbers"),
    ("--covariance objects.npy", "NPY file of plain numbers"),
    ("--covariance cube.npy", "table of real numbers, is of dtype float64 and shape (2, 2, 2)"),
    ("--covariance complex.npy", "table of real numbers, is of dtype complex128"),
    ("--rows one.csv", "observations that vary"),
    ("--rows equal.csv", "observations that vary"),
    ("--rows nan.csv", "finite"),
    ("--rows text.csv", "table of numbers|numbers, has"),
    ("--context-length 0", "--context-length 0: must be an integer >= 1"),
    ("--context-length -3", "--context-length -3: must be an integer >= 1"),
    ("--context-length 1.5", "--context-length 1.5: must be an integer >= 1"),
    ("--context-length True", "--context-length True: must be an integer >= 1"),
    ("--context-length 9007199254740993", "must be an integer at most 2^53"),
    ("--seed -1", "--seed -1: must be an integer >= 0"),
    ("--only tracse", "must be the stem of a claim in validation/ (closest: traces)"),
    ("--out ''", "--out '': must be the name of a folder"),
    ("--out empty.csv", "must be a folder, is a file"),
    ("--out empty.csv/report", "must be a folder that can be written (Not a directory)"),
    ("--contextlength 3", "unrecognized arguments: --contextlength 3"),
    ("--seed", "expected one argument"),
]


@pytest.mark.parametrize(("arguments", "rule"), BAD, ids=[arguments for arguments, _ in BAD])
def test_bad_input_is_one_sentence_and_exit_code_2(
    planted, tmp_path, monkeypatch, capsys, arguments, rule
):
    monkeypatch.chdir(tmp_path)
    for name, content in FILES.items():
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    np.save("objects.npy", np.array([[{}]]), allow_pickle=True)
    np.save("cube.npy", np.ones((2, 2, 2)))
    np.save("complex.npy", np.eye(2) * 1j)
    before = sorted(tmp_path.rglob("*"))
    assert ran(*shlex.split(arguments)) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert any(part in printed.err for part in rule.split("|"))
    assert arguments.split()[0] in printed.err
    assert sorted(tmp_path.rglob("*")) == before


def test_the_command_itself():
    """In a process of its own: a real claim is listed, a mistake leaves no traceback."""

    def run(*arguments):
        command = [sys.executable, "-m", "validation", *arguments]
        return subprocess.run(command, cwd=registry.FOLDER.parent, capture_output=True, text=True)

    listed = run("--list", "--only", "general_prior")
    assert (listed.returncode, listed.stderr) == (0, "")
    assert re.fullmatch(r"general_prior +The minimiser for any prior.*\n", listed.stdout)
    bad = run("--only", "x")
    assert (bad.returncode, bad.stdout) == (2, "")
    assert re.fullmatch(r"--only x: must be the stem of a claim.*\n", bad.stderr)
