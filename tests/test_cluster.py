"""A sweep on a Dask cluster: the same bits as in process, whoever is killed on the way."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import types
from pathlib import Path

import numpy as np
import pytest
import swept
from distributed import Client, LocalCluster
from swept import AXES, BARRED, QUIET, lines, options, same_bits, until

from lsa_theory import sweep
from lsa_theory.sweeps import cluster as module
from lsa_theory.sweeps.cluster import Cluster
from lsa_theory.sweeps.shards import boxes


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Two worker processes with one thread each."""
    with LocalCluster(
        n_workers=2,
        threads_per_worker=1,
        processes=True,
        local_directory=str(tmp_path_factory.mktemp("workers")),
        **QUIET,
    ) as local:
        yield local


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "says").mkdir()
    return tmp_path / "says"


def in_process(function, folder):
    """The sweep without a cluster, where nothing holds or kills it."""
    (folder / "go").touch()
    (folder / "deadly").unlink(missing_ok=True)
    return sweep(function, AXES, **options(folder))


def at_announcement(folder, act):
    """A thread that acts once the barred cell is known to be in flight."""

    def wait():
        until((folder / "in-flight").exists, "shard in flight")
        act(int((folder / "in-flight").read_text()))

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def idle(cluster):
    """Nobody but the cluster's own processes knows a task."""
    until(lambda: not cluster.scheduler.tasks, "end of the tasks")
    until(lambda: not cluster.scheduler.clients.keys() - {"fire-and-forget"}, "end of the clients")
    return True


def test_worker_killed_with_a_shard_in_flight(cluster, folder):
    killed = []

    def kill(process):
        os.kill(process, signal.SIGKILL)
        killed.append(process)
        (folder / "go").touch()

    thread = at_announcement(folder, kill)
    found = sweep(swept.held, AXES, **options(folder), scheduler=cluster.scheduler_address)
    thread.join()
    survivor = int((folder / "in-flight").read_text())  # announced once more
    assert survivor not in (*killed, os.getpid())
    assert idle(cluster)
    assert same_bits(found, in_process(swept.held, folder))


def barred(driver, folder, store):
    assert driver.poll() is None
    return (folder / "in-flight").exists() and len(list(store.glob("*.npz"))) >= BARRED


def test_driver_killed_and_the_sweep_resumed(cluster, folder, tmp_path):
    store = tmp_path / "store"
    command = [sys.executable, swept.__file__, cluster.scheduler_address, str(folder), str(store)]
    path = os.pathsep.join([str(Path(swept.__file__).parent), os.environ.get("PYTHONPATH", "")])
    with subprocess.Popen(command, env={**os.environ, "PYTHONPATH": path}) as driver:
        try:
            until(lambda: barred(driver, folder, store), "shard in flight and others stored")
        finally:
            driver.kill()
    assert driver.returncode == -signal.SIGKILL
    kept = {path.name for path in store.glob("*.npz")}
    assert len(kept) < len(AXES["x"])
    (folder / "go").touch()
    assert idle(cluster)  # the dead driver's tasks are dropped
    before = len(lines(folder, "computed"))
    found = sweep(swept.held, AXES, **options(folder, store), scheduler=cluster.scheduler_address)
    again = {int(line.split()[0]) for line in lines(folder, "computed")[before:]} - {BARRED}
    assert kept < {path.name for path in store.glob("*.npz")}
    assert len(again) <= len(AXES["x"]) - len(kept) - 1  # beside the barred one, which was lost
    assert same_bits(found, in_process(swept.held, folder))


@pytest.mark.filterwarnings("ignore:sweep.*no workers")
def test_shard_that_kills_its_workers(cluster, folder, tmp_path, monkeypatch):
    monkeypatch.setattr(cluster.scheduler, "allowed_failures", 1)
    (folder / "deadly").touch()
    with pytest.raises(ValueError, match="each worker that took it died, 2 in all") as caught:
        sweep(
            swept.deadly,
            AXES,
            **options(folder, tmp_path / "store"),
            scheduler=cluster.scheduler_address,
        )
    assert "\n" not in str(caught.value)
    assert "able to compute shard" in str(caught.value)
    assert len(set(lines(folder, "killed"))) == 2
    kept = list((tmp_path / "store").glob("*.npz"))
    assert kept
    before = {path: path.stat().st_mtime_ns for path in kept}
    (folder / "deadly").unlink()
    found = sweep(swept.deadly, AXES, **options(folder, tmp_path / "store"))
    assert before == {path: path.stat().st_mtime_ns for path in kept}
    assert same_bits(found, in_process(swept.deadly, folder))


@pytest.fixture
def interruptible():
    """Also where the tests run in the background of a shell, which ignores the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_interruption_cancels_and_keeps(cluster, folder, tmp_path):
    interrupted = at_announcement(folder, lambda _: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        sweep(
            swept.held,
            AXES,
            **options(folder, tmp_path / "store"),
            scheduler=cluster.scheduler_address,
        )
    interrupted.join()
    assert list((tmp_path / "store").glob("*.npz"))
    assert idle(cluster)  # though a worker is still busy with what nobody wants
    assert not (folder / "go").exists()
    expected = in_process(swept.held, folder)
    found = sweep(swept.held, AXES, **options(folder, tmp_path / "store"))
    assert same_bits(found, expected)


@pytest.mark.parametrize(
    ("how", "place"), [("each", "odd at x=8, y=0"), ("batched", "from x=8, y=0 to x=8, y=2")]
)
def test_exception_reaches_the_caller_as_itself(cluster, how, place):
    address = cluster.scheduler_address
    with pytest.raises(swept.OddError, match="an odd one") as caught:
        sweep(swept.odd, AXES, how=how, cells_per_shard=3, scheduler=address)
    assert caught.value.cell == BARRED
    assert caught.value.__notes__[0].endswith(place)


def test_shards_in_flight_are_few_and_a_client_stays_open(cluster, monkeypatch):
    shards = list(boxes((60,), (1,)))
    with Client(cluster, set_as_default=False) as client:
        sent, done, most = [], 0, 0
        submit = client.submit
        monkeypatch.setattr(client, "submit", lambda *a, **k: sent.append(1) or submit(*a, **k))
        for shard, results in Cluster(client).run(lambda s: {"value": np.array(s.start)}, shards):
            most = max(most, len(sent) - done)
            done += 1
            assert results["value"] == shard.index
        assert done == len(sent) == 60
        assert most <= module.AHEAD * 2
        assert client.status == "running"
        assert client.submit(abs, -1).result() == 1


def test_workers_without_the_package_are_refused(cluster, monkeypatch):
    def sweep_shard():
        """As a worker that does not have its module sees it."""

    sweep_shard.__module__, sweep_shard.__qualname__ = "lsa_theory.absent", "sweep_shard"
    absent = types.ModuleType("lsa_theory.absent")
    absent.sweep_shard = sweep_shard
    monkeypatch.setitem(sys.modules, "lsa_theory.absent", absent)
    monkeypatch.setattr(module.resident, "sweep_shard", sweep_shard)
    with pytest.raises(ValueError, match="its workers have another lsa_theory or none") as caught:
        sweep(swept.odd, AXES, how="each", scheduler=cluster.scheduler_address)
    assert "No module named 'lsa_theory.absent'" in str(caught.value)


def test_functions_that_cannot_travel(cluster, tmp_path, monkeypatch):
    lock = threading.Lock()
    with pytest.raises(ValueError, match=r"possible to send to the workers.*lock"):
        sweep(lambda x: lock and x, {"x": [1.0]}, how="each", scheduler=cluster.scheduler_address)
    (tmp_path / "only_here.py").write_text("def f(x):\n    return x\n")
    monkeypatch.syspath_prepend(tmp_path)
    import only_here

    with pytest.raises(ValueError, match="No module named 'only_here'"):
        sweep(only_here.f, {"x": [1.0]}, how="each", scheduler=cluster.scheduler_address)
