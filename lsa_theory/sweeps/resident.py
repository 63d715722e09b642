"""What a worker keeps between shards: the sweep's function, loaded and compiled once a process."""

from __future__ import annotations

import pickle
from collections import OrderedDict
from threading import Lock

from lsa_theory import checks
from lsa_theory.sweeps.executors import Compute, Results
from lsa_theory.sweeps.shards import Shard
from lsa_theory.sweeps.versions import versions

CALL = "sweep"
KEPT = 4  # functions in a process, those used last

_kept: OrderedDict[bytes, Compute] = OrderedDict()
_loading = Lock()


def sweep_shard(task: bytes, driver: dict[str, str], shard: Shard) -> Results:
    """The results of one shard by a pickled function, in a worker.

    Raises
    ------
    ValueError
        If this worker has other versions than the driver, or not the function's module. What the
        function raises is raised as it is.
    """
    _require_versions(driver)
    return _function(task)(shard)


def _require_versions(driver: dict[str, str]) -> None:
    """A result of other code is another result, if only in its last bits."""
    for name, wanted in driver.items():
        if (found := versions().get(name)) != wanted:
            rule = f"a cluster of the driver's versions, {name} {wanted}"
            checks.refuse(CALL, "scheduler", f"a worker with {name} {found}", rule)


def _function(task: bytes) -> Compute:
    """The same object for the same bytes: what it has compiled is there for the next shard."""
    with _loading:
        if task not in _kept:
            _kept[task] = _loaded(task)
            if len(_kept) > KEPT:
                _kept.popitem(last=False)
        _kept.move_to_end(task)
        return _kept[task]


def _loaded(task: bytes) -> Compute:
    try:
        return pickle.loads(task)
    except Exception as error:
        rule = f"possible to load in a worker, which has not what it needs ({reason(error)})"
        checks.refuse(CALL, "function", "as the driver sent it", rule)


def reason(error: BaseException) -> str:
    """An error in one line, for brackets."""
    line = " ".join(str(error).split()) or type(error).__name__
    return line if len(line) <= 120 else f"{line[:117]}..."
