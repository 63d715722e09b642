"""A sweep on a Dask cluster: workers compute the shards, their results travel back to the driver.

A shard is a function of the sweep alone, so it does not matter which worker computes it, or how
often: what dies with a worker is computed again elsewhere. Only the driver touches the store.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from time import monotonic
from typing import Any
from uuid import uuid4

from lsa_theory import checks
from lsa_theory.extras import required
from lsa_theory.sweeps import resident
from lsa_theory.sweeps.executors import Compute, Results
from lsa_theory.sweeps.shards import Shard
from lsa_theory.sweeps.versions import versions

CALL = "sweep"
ANSWER = 4.0  # seconds that a scheduler has to answer
PATIENCE = 2.0  # seconds without a result after which the cluster is asked for its workers
AHEAD = 2  # shards in flight for each thread: one is computed while the next one travels


@dataclass(frozen=True)
class Cluster:
    """The workers of a Dask cluster, an `Executor`.

    Attributes
    ----------
    scheduler
        The address of its scheduler, or a `distributed.Client`, which is left open.
    """

    scheduler: Any

    def __post_init__(self) -> None:
        client = required(f"{CALL}(scheduler=...)", "distributed", "cluster").Client
        if not isinstance(self.scheduler, (str, client)):
            rule = "the address of a Dask scheduler, tcp://host:port, or a distributed.Client"
            checks.refuse(CALL, "scheduler", checks.described(self.scheduler), rule)
        if isinstance(self.scheduler, client) and self.scheduler.asynchronous:
            checks.refuse(CALL, "scheduler", "an asynchronous Client", "a Client that waits")

    def run(self, compute: Compute, shards: Sequence[Shard]) -> Iterator[tuple[Shard, Results]]:
        """Each shard with its results, as soon as a worker has them.

        Raises
        ------
        ValueError
            If the scheduler cannot be reached or is lost, if its workers cannot run this sweep, or
            if they keep dying of a shard. What the function raises is raised as it is.
        """
        task = _sendable(compute)
        with _connected(self.scheduler) as client:
            yield from _landings(client, task, shards)


def _sendable(compute: Compute) -> bytes:
    """Pickled once for all shards, so that a worker can tell that it has it already."""
    cloudpickle = required(CALL, "cloudpickle", "cluster")  # sends functions of scripts as well
    try:
        return cloudpickle.dumps(compute)
    except Exception as error:
        function = getattr(compute, "name", None) or checks.described(compute)
        rule = f"possible to send to the workers, with its settings ({resident.reason(error)})"
        checks.refuse(CALL, "function", function, rule)


@contextmanager
def _connected(scheduler: Any) -> Iterator[Any]:
    """The caller's client as it is, or one of our own, closed in the end."""
    if isinstance(scheduler, str):
        from distributed import Client

        if objection := _objection(scheduler):
            checks.refuse(CALL, "scheduler", scheduler, objection)
        client = Client(scheduler, timeout=ANSWER, set_as_default=False)
        try:
            yield client
        finally:
            _close(client)
    else:
        if scheduler.status != "running":
            checks.refuse(CALL, "scheduler", f"a {scheduler.status} Client", "connected")
        yield scheduler


def _close(client: Any) -> None:
    log = logging.getLogger("distributed.client")  # of a lost scheduler it prints a traceback here
    before, log.disabled = log.disabled, True
    try:
        client.close()
    finally:
        log.disabled = before


def _objection(address: str) -> str | None:
    """What is wrong with an address; a Client would wait for ever where nothing is said."""
    rule = f"a Dask scheduler that answers within {ANSWER:g} s"
    try:
        with ThreadPoolExecutor(1) as thread:  # a notebook's own thread runs an event loop already
            kind = thread.submit(asyncio.run, _kind(address)).result()
    except TimeoutError:
        return rule
    except (TypeError, ValueError) as error:  # no address, or one of TLS without keys
        return f"{rule} ({resident.reason(error)})"
    except Exception:  # answers in another protocol
        return f"{rule}, not another service (its dashboard?)"
    return None if kind == "Scheduler" else f"{rule}, not a {kind.lower()}"


async def _kind(address: str) -> str:
    from distributed import Security, rpc

    keys = Security().get_connection_args("client")  # of Dask's configuration
    async with rpc(address, connection_args=keys) as there:
        identity = await asyncio.wait_for(there.identity(), ANSWER)
        return str(identity["type"])


class _LostError(Exception):
    """The connection to the scheduler has broken."""


def _landings(client: Any, task: bytes, shards: Sequence[Shard]) -> Iterator[tuple[Shard, Results]]:
    """A bounded number of shards in flight, and what comes back; a driver that leaves cancels."""
    address, here = client.scheduler.address, versions()
    waiting = iter(shards)
    flying: dict[Any, Shard] = {}
    try:
        threads, asked = _threads(client), monotonic()
        while True:
            for shard in islice(waiting, max(AHEAD * max(threads, 1) - len(flying), 0)):
                flying[_sent(client, task, here, shard)] = shard
            if not flying:
                return
            for future in _landed(client, flying):
                shard = flying[future]
                yield shard, _results(address, future, shard)
                del flying[future]
            if monotonic() > asked + PATIENCE:  # workers come and go
                threads, asked = _threads(client), monotonic()
                if not threads:
                    message = f"{CALL}: {address} has no workers now, waiting for some"
                    warnings.warn(message, stacklevel=2)
    except _LostError:
        pass
    finally:
        if flying and client.status == "running":
            client.cancel(list(flying))
    rule = "there until the sweep ends, but was lost (a store keeps the shards that were finished)"
    checks.refuse(CALL, "scheduler", address, rule)


class _Errand:
    """A call of `sweep_shard`, made by unpickling this: a worker that lacks the package fails in
    the task, and says so; it would die of a task that it cannot even receive."""

    def __init__(self, *arguments: Any) -> None:
        self.arguments = arguments

    def __reduce__(self) -> tuple[Any, ...]:
        return resident.sweep_shard, self.arguments


def _sent(client: Any, *arguments: Any) -> Any:
    errand, key = pickle.dumps(_Errand(*arguments)), f"sweep_shard-{uuid4().hex}"
    try:
        return client.submit(pickle.loads, errand, key=key, pure=False)
    except Exception as error:
        if client.status == "running":
            raise
        raise _LostError from error


def _threads(client: Any) -> int:
    try:
        return sum(client.nthreads().values())
    except OSError as error:
        raise _LostError from error


def _landed(client: Any, flying: Iterable[Any]) -> list[Any]:
    """Some futures that are done, failures last: what else has come is kept. None after a while."""
    from distributed import wait

    try:
        with client.as_current():
            done, _ = wait(list(flying), timeout=PATIENCE, return_when="FIRST_COMPLETED")
    except TimeoutError:
        return []
    except CancelledError as error:
        raise _LostError from error
    return sorted(done, key=lambda future: future.status != "finished")


def _results(address: str, future: Any, shard: Shard) -> Results:
    """What a worker sent, be it an exception of the swept function."""
    try:
        return future.result()
    except Exception as error:
        failure = error
    if future.status != "error" and isinstance(failure, (CancelledError, OSError)):
        raise _LostError
    if objection := _blame(failure):
        rule = f"able to compute shard {shard.index}, cells {shard.start} to {shard.stop}, but"
        checks.refuse(CALL, "scheduler", address, f"{rule} {objection}")
    raise failure


def _blame(failure: Exception) -> str:
    """Why the cluster failed; empty if the function did."""
    if type(failure).__name__ == "KilledWorker":
        deaths = getattr(failure, "allowed_failures", 0) + 1
        return f"each worker that took it died, {deaths} in all (killed, out of memory, crashed)"
    if isinstance(failure, ImportError) and (failure.name or "").startswith("lsa_theory"):
        return f"its workers have another lsa_theory or none ({resident.reason(failure)})"
    ours = type(failure).__module__.partition(".")[0] != "distributed"
    return "" if ours else resident.reason(failure)
