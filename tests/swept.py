"""Functions to sweep on a cluster: light to import, since every worker does, and able to say
through files in `folder` what they are doing."""

from __future__ import annotations

import logging
import os
import signal
import sys
import time
from pathlib import Path

import numpy as np

AXES = {"x": range(12), "y": range(3)}
QUIET = {
    "dashboard_address": ":0",
    "worker_dashboard_address": None,
    "memory_limit": 0,
    "silence_logs": logging.CRITICAL,
}  # of a `LocalCluster`
BARRED = 8  # the x at which a function waits or dies


def until(holds, what, seconds=60.0):
    """Wait for a state, or fail; nothing is assumed to have happened by some time."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"no {what} within {seconds:g} s"
        time.sleep(0.01)


def announced(folder: str, name: str) -> None:
    """A file with this process's number, there whole or not at all."""
    partial = Path(folder, f"{name}.{os.getpid()}")
    partial.write_text(str(os.getpid()))
    partial.rename(Path(folder, name))


def noted(folder: str, name: str, line: str) -> None:
    """One more line in a file that several processes write."""
    with open(Path(folder, name), "a") as file:
        file.write(f"{line}\n")


def lines(folder, name):
    path = Path(folder, name)
    return path.read_text().splitlines() if path.exists() else []


def sample(x, y, *, seed, folder):
    """A random number; its bits are no round ones."""
    noted(folder, "computed", f"{x} {y}")
    return {"mean": np.random.default_rng(seed).normal(x, 1 + y), "sine": np.sin(x / 7 + y)}


def held(x, y, *, seed, folder):
    """`sample`, but a barred cell waits until the file `go` is there."""
    if (x, y) == (BARRED, 0):
        announced(folder, "in-flight")
        until(Path(folder, "go").exists, "file to go on")
    return sample(x, y, seed=seed, folder=folder)


def deadly(x, y, *, seed, folder):
    """`sample`, but a barred cell kills its process while the file `deadly` is there."""
    if (x, y) == (BARRED, 0) and Path(folder, "deadly").exists():
        noted(folder, "killed", str(os.getpid()))
        os.kill(os.getpid(), signal.SIGKILL)
    return sample(x, y, seed=seed, folder=folder)


class OddError(Exception):
    """Made of more than its message."""

    def __init__(self, message, cell):
        super().__init__(message)
        self.cell = cell


def odd(x, y):
    if np.any(x == BARRED):
        raise OddError("an odd one", BARRED)
    return x + y


def traced(x, y, *, folder):
    """Says when it is traced, which is whenever it runs."""
    import jax.numpy as jnp

    noted(folder, "traced", str(os.getpid()))
    return jnp.exp(jnp.sin(x) / 3) + y / 7


def same_bits(found, expected):
    import xarray

    xarray.testing.assert_identical(found, expected)
    return all(found[name].values.tobytes() == expected[name].values.tobytes() for name in expected)


def driver(scheduler, folder, store):
    """A sweep that a test kills."""
    from lsa_theory import sweep

    sweep(held, AXES, **options(folder, store), scheduler=scheduler)


def options(folder, store=None):
    return {
        "how": "each",
        "seed": 7,
        "settings": {"folder": str(folder)},
        "cells_per_shard": 3,
        "store": store,
    }


if __name__ == "__main__":
    import swept  # by its name, as the test imports it

    swept.driver(*sys.argv[1:])
