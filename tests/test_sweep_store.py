"""What a store keeps, notices and refuses. Crashes are in `test_sweep_crash`."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from lsa_theory import GaussianPrompts, block_minimum, files, risk, sweep
from lsa_theory.sweeps import store
from lsa_theory.sweeps import versions as code
from lsa_theory.sweeps.evaluation import Evaluation

AXES = {"a": np.arange(5.0), "b": np.array([0.5, 2.0, 7.0])}
CELLS = 4  # a shard; of 15 cells in blocks of (1, 3): five shards


def quotient(a, b, weight=3.0):
    return {"quotient": weight * a / b, "root": (a + b) ** 0.5}


def swept(folder, function=quotient, axes=AXES, **options):
    options = {"how": "each", "cells_per_shard": CELLS, **options}
    return sweep(function, axes, store=folder, **options)


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "some" / "store"


def test_a_stored_sweep_is_not_computed_again(folder, monkeypatch):
    first = swept(folder)
    kept = contents(folder)
    assert len(kept) == 6
    monkeypatch.delattr(Evaluation, "__call__")
    assert swept(folder).identical(first)
    assert contents(folder) == kept


def test_only_what_is_missing_or_damaged_is_computed(folder, monkeypatch):
    first = swept(folder)
    kept = contents(folder)
    shards = sorted(folder.glob("*.npz"))
    shards[0].unlink()
    shards[1].write_bytes(shards[1].read_bytes()[:-1])
    shards[2].write_bytes(b"")
    flipped = bytearray(shards[3].read_bytes())
    flipped[len(flipped) // 2] ^= 1
    shards[3].write_bytes(flipped)
    written = []
    monkeypatch.setattr(files, "written", noting(written, files.written))
    assert swept(folder).identical(first)
    assert [path.name for path in written] == [path.name for path in shards[:4]]
    assert contents(folder) == kept


def noting(written, function):
    def noted(path, content):
        written.append(path)
        function(path, content)

    return noted


def test_a_shard_under_the_name_of_another_is_noticed(folder):
    first = swept(folder)
    shards = sorted(folder.glob("*.npz"))
    shards[0].write_bytes(shards[1].read_bytes())
    assert swept(folder).identical(first)


def test_every_flipped_bit_and_every_cut_is_noticed():
    content = store.packed("of this sweep", {"value": np.arange(3.0)})
    assert store.unpacked("of this sweep", content)["value"].tolist() == [0, 1, 2]
    assert store.unpacked("of another", content) is None
    for place in range(len(content)):
        for bit in range(8):
            changed = bytearray(content)
            changed[place] ^= 1 << bit
            assert store.unpacked("of this sweep", bytes(changed)) is None
        assert store.unpacked("of this sweep", content[:place]) is None
    assert store.unpacked("of this sweep", content + b"\0") is None


def test_a_shard_is_an_ordinary_archive_of_any_names():
    results = {name: np.arange(2.0) for name in ("file", "arr_0", "self", "names")}
    content = store.packed("", results)
    with np.load(io.BytesIO(content), allow_pickle=False) as archive:
        assert archive.files == [f"result_{name}" for name in results]
    assert store.unpacked("", content).keys() == results.keys()


def test_a_resumed_vectorised_sweep_has_the_same_bits(folder):
    def trained(ratio, noise, spectrum):
        law = GaussianPrompts(spectrum, ratio * 5, noise_variance=noise)
        return risk(block_minimum(law).gain, law)

    options = {"how": "vectorised", "settings": {"spectrum": np.linspace(0.2, 2, 5)}}
    axes = {"ratio": np.linspace(1, 3, 9), "noise": np.linspace(0, 1, 7)}
    whole = sweep(trained, axes, settings=options["settings"])
    swept(folder, trained, axes, cells_per_shard=10, **options)
    for path in sorted(folder.glob("*.npz"))[1::2]:
        path.unlink()
    resumed = swept(folder, trained, axes, cells_per_shard=10, **options)
    assert resumed.identical(whole)


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (
            {"axes": {**AXES, "a": np.arange(1.0, 6.0)}},
            "this one has axes a [0.0, 1.0, 2.0, 3.0, 4.0], not [1.0, 2",
        ),
        ({"axes": {"a": AXES["a"]}, "function": lambda a: a}, "has other axes"),
        ({"axes": dict(reversed(AXES.items()))}, 'dimensions ["a", "b"], not ["b", "a"]'),
        ({"settings": {"weight": 2.0}}, 'settings {}, not {"weight": 2.0}'),
        ({"function": lambda a, b: a + b}, "has other function code"),
        ({"how": "batched"}, 'how "each", not "batched"'),
        ({"seed": 1, "function": lambda a, b, seed: a}, "seed null, not 1"),
        ({"cells_per_shard": 6}, "(cells_per_shard) [1, 3], not [2, 3]"),
    ],
)
def test_the_store_of_another_sweep_is_refused(folder, change, difference):
    swept(folder)
    kept = contents(folder)
    with pytest.raises(ValueError, match="must be a new folder or that of the same sweep") as error:
        swept(folder, **change)
    assert difference in str(error.value)
    assert str(error.value).count("\n") == 0
    assert contents(folder) == kept


def test_the_store_of_other_code_is_refused(folder, monkeypatch):
    swept(folder)
    other = {**code.versions(), "lsa_theory": "0.0.9+abc"}
    monkeypatch.setattr("lsa_theory.sweeps.driver.versions", lambda: other)
    with pytest.raises(ValueError, match=r"version of lsa_theory .*, not \"0\.0\.9\+abc\""):
        swept(folder)


def test_the_code_version_follows_the_sources(tmp_path, monkeypatch):
    (tmp_path / "part").mkdir()
    (tmp_path / "__init__.py").write_text("")
    (tmp_path / "part" / "formula.py").write_text("x = 1")
    monkeypatch.setattr(code.lsa_theory, "__file__", str(tmp_path / "__init__.py"))
    digests = []
    for text in ("x = 1", "x = 2", "x = 1"):
        (tmp_path / "part" / "formula.py").write_text(text)
        digests.append(code.sources_digest.__wrapped__())
    assert digests[0] == digests[2] != digests[1]


def test_folders_that_are_no_store_are_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for place, rule in (
        (tmp_path, "must be a new or empty folder"),
        (tmp_path / "thesis.txt", "must be a folder"),
        (7, "must be a path"),
    ):
        with pytest.raises(ValueError, match=rule):
            swept(place)
    assert contents(tmp_path) == {"thesis.txt": b"mine"}
    (tmp_path / "torn").mkdir()
    (tmp_path / "torn" / "sweep.json").write_text('{"axes": ')
    with pytest.raises(ValueError, match=r"but its sweep\.json is damaged"):
        swept(tmp_path / "torn")


@pytest.mark.parametrize("moment", ["written", "synced"])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_a_sentence_and_keeps_what_is_finished(folder, monkeypatch, moment, code):
    room = iter([True] * 4 + [False])  # the owner's file and three shards

    def full(function):
        def limited(*arguments):
            if not next(room):
                raise OSError(code, os.strerror(code))
            return function(*arguments)

        return limited

    class Disk(io.FileIO):
        write = full(io.FileIO.write)

    with monkeypatch.context() as patch:
        if moment == "written":
            patch.setattr(files, "open", lambda path, mode: Disk(path, mode[0]), raising=False)
        else:
            fsync, partial = os.fsync, (lambda fd: os.path.isfile(f"/proc/self/fd/{fd}"))
            limited = full(fsync)
            patch.setattr(files.os, "fsync", lambda fd: (limited if partial(fd) else fsync)(fd))
        with pytest.raises(OSError, match="the disk is full; 3 of 5 shards are kept") as error:
            swept(folder)
    assert str(folder) in str(error.value)
    assert len(list(folder.glob("*.npz"))) == 3
    assert len(list(folder.iterdir())) == 4
    kept = contents(folder)
    assert swept(folder).identical(sweep(quotient, AXES, how="each"))
    assert kept.items() <= contents(folder).items()


def test_a_store_that_cannot_be_written_is_a_sentence(folder, monkeypatch):
    def refused(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    with monkeypatch.context() as patch:
        patch.setattr(files.os, "replace", refused)
        with pytest.raises(OSError, match=r"^sweep\(store=.*cannot be written \(Permission"):
            swept(folder)
    assert not list(folder.iterdir())


def test_a_file_is_synced_before_it_has_its_name_and_the_folder_after(tmp_path, monkeypatch):
    """The one order in which a loss of power leaves the file whole or absent, and then kept."""
    calls = []

    def noted(name, function):
        def noting(*arguments):
            what = arguments[-1]
            place = os.readlink(f"/proc/self/fd/{what}") if isinstance(what, int) else str(what)
            calls.append((name, place.replace(str(tmp_path), "").partition("-")[0]))
            return function(*arguments)

        return noting

    monkeypatch.setattr(files.os, "fsync", noted("sync", os.fsync))
    monkeypatch.setattr(files.os, "replace", noted("rename", os.replace))
    files.written(tmp_path / "shard", b"content")
    assert calls == [("sync", "/.partial"), ("rename", "/shard"), ("sync", "")]
    assert contents(tmp_path) == {"shard": b"content"}
    calls.clear()
    files.made(tmp_path / "new" / "store")
    assert sorted(calls) == [("sync", ""), ("sync", "/new")]


def test_what_a_dead_process_left_half_written_is_removed(folder):
    died = subprocess.Popen([sys.executable, "-c", ""])
    died.wait()
    host = files._process().partition("@")[2]
    folder.mkdir(parents=True)
    names = [f".partial-{owner}-0" for owner in (f"{died.pid}@{host}", f"{os.getpid()}@{host}")]
    names.append(".partial-1@elsewhere-0")
    for name in names:
        (folder / name).write_bytes(b"half")
    swept(folder)
    assert sorted(path.name for path in folder.glob(".partial-*")) == sorted(names[1:])


def test_two_drivers_in_one_store_do_no_harm(folder):
    """The second runs from its first cell to its last while the first computes a cell."""
    alone = sweep(quotient, AXES, how="each")
    inner = []

    def interrupted(compute):
        def run(self, shard):
            if shard.index == 2 and not inner:
                inner.append(None)
                inner[0] = swept(folder)
            return compute(self, shard)

        return run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Evaluation, "__call__", interrupted(Evaluation.__call__))
        outer = swept(folder)
    assert inner[0].identical(alone)
    assert outer.identical(alone)
    found = []
    threads = [threading.Thread(target=lambda: found.append(swept(folder))) for _ in range(3)]
    for path in folder.glob("*"):
        path.unlink()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 3
    assert all(data.identical(alone) for data in found)
    assert len(list(folder.iterdir())) == 6


def test_the_owner_file_is_readable(folder):
    swept(folder, seed=None)
    owner = json.loads((folder / "sweep.json").read_text())
    assert owner["function"]["function"] == f"{__name__}.quotient"
    assert owner["axes"]["b"]["array"] == AXES["b"].tolist()
    assert owner["version of"]["numpy"] == np.__version__
