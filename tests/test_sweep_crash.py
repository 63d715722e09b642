"""`kill -9` at moments that are known, not waited for; what is taken up has the same bits."""

from __future__ import annotations

import io
import os
import runpy
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lsa_theory import files, sweep
from lsa_theory.sweeps.evaluation import Evaluation

ROOT = Path(__file__).resolve().parents[1]
AXES = {"x": [1.0, 2.0, 3.0, 5.0], "y": [0.5, 0.7, 1.1]}
SHARDS = 12  # of one cell
BEFORE = 5  # shards that are stored when the driver is killed

DRIVER = """
import sys
from lsa_theory import sweep

def cell(x, y):
    if (x, y) == (2.0, 1.1) and sys.stdin.readline():  # nothing to read: go on
        print("at the sixth cell", flush=True)
        sys.stdin.readline()
    return x / 3 + y**0.5

axes = {"x": [1.0, 2.0, 3.0, 5.0], "y": [0.5, 0.7, 1.1]}
data = sweep(cell, axes, how="each", store=sys.argv[1], cells_per_shard=1)
"""


def test_a_driver_that_is_killed_is_taken_up_where_it_stopped(tmp_path, monkeypatch):
    script, store = tmp_path / "driver.py", tmp_path / "store"
    script.write_text(DRIVER)
    with subprocess.Popen(
        [sys.executable, str(script), str(store)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as driver:
        driver.stdin.write(b"wait\n")
        driver.stdin.flush()
        assert driver.stdout.readline() == b"at the sixth cell\n"
        driver.send_signal(signal.SIGKILL)
    assert driver.returncode == -signal.SIGKILL
    finished = {path: path.stat().st_mtime_ns for path in store.glob("*.npz")}
    assert len(finished) == BEFORE < SHARDS
    monkeypatch.setattr(sys, "argv", [str(script), str(store)])
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    data = runpy.run_path(str(script), run_name="__main__")["data"]
    expected = np.array([[x / 3 + y**0.5 for y in AXES["y"]] for x in AXES["x"]])
    assert data["value"].values.tobytes() == expected.tobytes()
    assert len(list(store.glob("*.npz"))) == SHARDS
    assert all(path.stat().st_mtime_ns == once for path, once in finished.items())


def cell(x, y):
    return {"third": x / 3, "root": y**0.5}


def killed_at(moment, store):
    """A child that sweeps and dies by SIGKILL at the moment, in the third file that it writes."""
    child = os.fork()
    if child == 0:
        calls = iter(range(3))

        def deadly(function, *, after):
            def dying(*arguments):
                if after:
                    function(*arguments)
                if next(calls) == 2:
                    os.kill(os.getpid(), signal.SIGKILL)
                return None if after else function(*arguments)

            return dying

        name, _, when = moment.partition(" ")
        if name == "open":
            files.open = deadly(open, after=False)
        elif name == "written":
            files.written = deadly(files.written, after=True)
        else:
            setattr(files.os, name, deadly(getattr(os, name), after=when == "after"))
        swept(store)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def swept(store):
    return sweep(cell, AXES, how="each", store=store, cells_per_shard=2, progress=False)


@pytest.mark.filterwarnings("ignore:.*fork:")  # the child runs no thread and no JAX
@pytest.mark.parametrize(
    ("moment", "stored"),
    [("open", 1), ("replace", 1), ("replace after", 2), ("written", 2), ("fsync", 0)],
)
def test_a_kill_at_any_moment_of_writing_loses_nothing(tmp_path, moment, stored):
    store = tmp_path / "store"
    store.mkdir()
    assert killed_at(moment, store) == -signal.SIGKILL
    finished = {path: path.read_bytes() for path in store.glob("*.npz")}
    assert len(finished) == stored
    assert swept(store).identical(sweep(cell, AXES, how="each"))
    assert all(path.read_bytes() == content for path, content in finished.items())
    assert not list(store.glob(f"{files.PARTIAL}*"))


def test_a_function_that_fails_keeps_what_is_finished(tmp_path):
    calls = iter([True] * 3 + [False])
    compute = Evaluation.__call__

    def failing(self, shard):
        if not next(calls):
            raise KeyboardInterrupt
        return compute(self, shard)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Evaluation, "__call__", failing)
        with pytest.raises(KeyboardInterrupt):
            swept(tmp_path)
    assert len(list(tmp_path.glob("*.npz"))) == 3
    assert swept(tmp_path).identical(sweep(cell, AXES, how="each"))
