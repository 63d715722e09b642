"""What a worker keeps between shards: the sweep's function, compiled once a process."""

from __future__ import annotations

import platform
from collections import OrderedDict
from functools import cache
from threading import Lock

from lsa_theory import __version__, checks
from lsa_theory.sweeps.executors import Compute, Results
from lsa_theory.sweeps.shards import Shard

KEPT = 4  # functions a process keeps, those used last
DECISIVE = ("numpy", "scipy", "jax", "jaxlib")  # on which the last bits depend

_kept: OrderedDict[bytes, Compute] = OrderedDict()
_lock = Lock()


@cache
def versions() -> dict[str, str]:
    """Of all that decides what a sweep's bits are, as far as software does."""
    from importlib.metadata import PackageNotFoundError, version

    found = {"lsa_theory": __version__, "Python": ".".join(platform.python_version_tuple()[:2])}
    for package in DECISIVE:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


def sweep_shard(task: bytes, driver: dict[str, str], shard: Shard) -> Results:
    """The results of one shard, by a pickled function; in a worker."""
    _require_versions(driver)
    return _function(task)(shard)


def _require_versions(driver: dict[str, str]) -> None:
    if differing := [name for name, here in versions().items() if driver.get(name) != here]:
        name = differing[0]
        phrase = f"workers with {name} {versions()[name]}"
        rule = f"with {name} {driver.get(name, 'missing')} on its workers, as here"
        checks.refuse("sweep", "scheduler", phrase, rule)


def _function(task: bytes) -> Compute:
    """The same object for the same bytes, so that what it has compiled is compiled once."""
    with _lock:
        if task not in _kept:
            _kept[task] = _loaded(task)
            if len(_kept) > KEPT:
                _kept.popitem(last=False)
        _kept.move_to_end(task)
        return _kept[task]


def _loaded(task: bytes) -> Compute:
    import pickle

    try:
        return pickle.loads(task)
    except Exception as error:
        rule = (
            f"possible to load in the workers ({reason(error)}): install its module there, "
            "or define it in the script itself"
        )
        checks.refuse("sweep", "function", "a function of the driver", rule)


def reason(error: BaseException) -> str:
    """An error in one short line."""
    line = " ".join(str(error).split()) or type(error).__name__
    return line if len(line) <= 120 else f"{line[:117]}..."
