"""A Dask cluster inside this process: threads that compile once, workers and schedulers that come
and go, and what is refused."""

from __future__ import annotations

import os
import socket
import threading

import numpy as np
import pytest
import swept
from distributed import Client, LocalCluster
from swept import AXES, QUIET, lines, same_bits, until

from lsa_theory import sweep
from lsa_theory.sweeps import cluster as module
from lsa_theory.sweeps.cluster import Cluster
from lsa_theory.sweeps.shards import boxes


@pytest.fixture
def threads(tmp_path):
    """A worker with two threads in this process."""
    with LocalCluster(
        n_workers=1,
        threads_per_worker=2,
        processes=False,
        local_directory=str(tmp_path),
        **QUIET,
    ) as local:
        yield local


def test_compiled_once_for_all_shards_and_threads(threads, tmp_path):
    axes = {"x": np.linspace(0, 3, 16), "y": np.linspace(0, 1, 200)}
    settings = {"folder": str(tmp_path)}
    given = {"settings": settings, "cells_per_shard": 200}
    with Client(threads, set_as_default=False) as client:
        found = sweep(swept.traced, axes, **given, scheduler=client)
        again = sweep(swept.traced, axes, **given, scheduler=client)
    assert lines(tmp_path, "traced") == [str(os.getpid())]
    expected = sweep(swept.traced, axes, **given)
    assert same_bits(found, expected)
    assert same_bits(again, expected)
    assert found["value"].dtype == np.float64
    exact = np.exp(np.sin(axes["x"]) / 3)[:, None] + axes["y"] / 7
    np.testing.assert_allclose(found["value"], exact, rtol=1e-15)


def test_scheduler_that_is_lost(threads):
    with Client(threads, set_as_default=False) as client:
        run = Cluster(client).run(lambda s: {"value": np.array(s.start)}, list(boxes((60,), (1,))))
        next(run)
        threads.close()
        with pytest.raises(
            ValueError, match=r"there until the sweep ends, but was lost \(a store keeps"
        ):
            list(run)


def test_workers_that_come_later(threads, monkeypatch):
    monkeypatch.setattr(module, "PATIENCE", 0.05)
    said = []

    def warn(message, **_):
        if not said:
            threads.scale(1)
        said.append(message)

    monkeypatch.setattr(module.warnings, "warn", warn)
    threads.scale(0)
    until(lambda: not threads.scheduler.workers, "end of the workers")
    with Client(threads, set_as_default=False) as client:
        run = Cluster(client).run(lambda s: {"value": np.array(s.start)}, list(boxes((9,), (1,))))
        assert len(list(run)) == 9
    assert "has no workers now" in said[0]


def listening(answer):
    """A port that accepts, and says what it is given, or nothing."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve():
        connection, _ = server.accept()
        with connection:
            connection.recv(1)
            connection.sendall(answer)
            connection.recv(1)

    threading.Thread(target=serve, daemon=True).start()
    return server


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 400 Bad Request\r\n\r\n"])
def test_port_without_scheduler(answer, monkeypatch):
    monkeypatch.setattr(module, "ANSWER", 0.5)
    with listening(answer) as server:
        refused(f"127.0.0.1:{server.getsockname()[1]}", "a Dask scheduler that answers within")


def test_schedulers_that_are_none(threads, monkeypatch):
    monkeypatch.setattr(module, "ANSWER", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    refused(f"tcp://127.0.0.1:{port}", r"a Dask scheduler that answers within 0\.5 s$")
    refused("nonsense", "missing port number")
    refused("http://host:8787", "unknown address scheme 'http'")
    refused(next(iter(threads.scheduler.workers)), "not a worker$")
    refused(8786, "the address of a Dask scheduler")
    client = Client(threads, set_as_default=False)
    client.close()
    refused(client, "connected")


def refused(scheduler, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        sweep(swept.odd, AXES, how="each", scheduler=scheduler)
    assert str(caught.value).startswith("sweep(scheduler=")
    assert "\n" not in str(caught.value)
    assert caught.value.__context__ is None


def test_other_versions_are_refused(threads, monkeypatch):
    other = {**module.versions(), "lsa_theory": "0.0.1+0"}
    monkeypatch.setattr(module, "versions", lambda: other)
    with pytest.raises(ValueError, match=r"lsa_theory 0\.0\.1\+0$"):
        sweep(swept.odd, AXES, how="each", scheduler=threads.scheduler_address)
