"""`sweep`: shards are computed where they are not stored yet, and put together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any, cast

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.extras import required
from lsa_theory.sweeps import store as stores
from lsa_theory.sweeps.arguments import CALL, checked_evaluation
from lsa_theory.sweeps.axes import Axis, checked_axes
from lsa_theory.sweeps.evaluation import Evaluation
from lsa_theory.sweeps.executors import Executor, InProcess, Results
from lsa_theory.sweeps.fingerprint import description
from lsa_theory.sweeps.progress import Progress
from lsa_theory.sweeps.shards import Shard, boxes
from lsa_theory.sweeps.versions import versions


def sweep(
    function: Callable[..., Any],
    axes: Mapping[str, Any],
    *,
    settings: Mapping[str, Any] | None = None,
    how: str = "vectorised",
    seed: int | None = None,
    store: Any = None,
    cells_per_shard: int | None = None,
    scheduler: Any = None,
    progress: bool | None = None,
) -> Any:
    r"""A function on the grid that axes span, as an `xarray.Dataset`.

    With axes :math:`A_1, \dots, A_k` and fixed settings :math:`\theta` it holds

    .. math::
        f(a_1, \dots, a_k; \theta), \qquad (a_1, \dots, a_k) \in A_1 \times \dots \times A_k .

    The grid is cut into shards. A shard is computed in one go, alone, and with a `store` it is on
    disk before it counts as done: after a crash the same call goes on where the last one stopped,
    and its result is the same to the last bit.

    Parameters
    ----------
    function
        Called with the arguments' names, `function(**point, **settings)`. It returns a number, the
        variable `value` of the dataset, or a mapping of variables' names to numbers; infinite and
        undefined ones are kept. It depends on its arguments alone.
    axes
        Name of an argument to its values, or to an `Axis` of values, symbol and unit; in the order
        of the dataset's dimensions. Values are finite and none is repeated.
    settings
        The arguments that stay the same.
    how
        How the function is written:

        - `"vectorised"`: for numbers, with operators and the formulas of this package. JAX traces
          it once, in float64, and maps it over one axis at a time, so that what does not depend on
          an axis is computed once along it. One compilation a sweep; 10⁶ cells of a risk at
          `d = 50` take half a second. Laws cannot refuse values that they do not see: axes must
          stay where the function is defined.
        - `"batched"`: for flat float64 or integer arrays, all cells of a shard at once; it returns
          arrays of that length. For flows, which share one compilation. All calls have as many
          cells: the last are repeated where a shard is smaller.
        - `"each"`: for Python numbers, cell by cell. For sampling and whatever else.
    seed
        For functions that draw: they are called with `seed=` as well, an integer below 2^53 (a
        batched one with an array) that is the cell's own and depends on `seed` and the cell's
        place in the grid. A vectorised function draws nothing.
    store
        A folder for the finished shards, made if need be, for this one sweep. None: nothing is
        kept. Function and settings must then be such that a change in them is noticed: see Notes.
    cells_per_shard
        At most so many cells in a shard, which is what an interruption can cost. None: 2^18, 2^10
        of a batched function, 2^6 where each cell is a call of its own. Values do not depend on it
        but for batched functions whose cells depend on each other.
    scheduler
        The address of a Dask scheduler, or a `distributed.Client`: its workers compute the shards.
        None: this process does.
    progress
        True or False: show on the standard error stream how far it is and what is left, or do not.
        None: after two seconds, if that is a terminal.

    Returns
    -------
    A dataset whose variables are in float64. Coordinates have the attributes `symbol`, `units` and
    `long_name`; the dataset says which function, settings (in JSON), seed and version it is of, and
    not when it was made: the same call gives the same bytes. `.to_netcdf(path)` writes it.

    Raises
    ------
    ValueError
        If axes are empty, repeat a value or are not finite numbers; the function does not take
        their names, cannot be traced, or returns something else than numbers; the store is of
        another sweep or of another version of the code, which the sentence names; the scheduler
        cannot be reached.
    OSError
        If the disk is full or the store cannot be written. Finished shards are kept, and nothing
        half-written stays.
    ImportError
        If JAX, xarray or Dask is missing: the sentence says which extra brings it.

    Notes
    -----
    A store recognises its sweep by the values of axes and settings, the function's bytecode,
    defaults, closure and the globals that it reads, followed into functions that are not of an
    installed library, and by the versions of this package (its sources included), Python, NumPy,
    SciPy and JAX. What it cannot see into is refused. It does not see modules that a function
    imports inside itself. A shard that is damaged is noticed by its SHA-256 and computed again.
    Several processes may work in one store.

    Examples
    --------
    >>> def excess(ratio, noise, spectrum):
    ...     law = GaussianPrompts(spectrum, ratio * len(spectrum), noise_variance=noise)
    ...     return 2 * global_minimum(law).loss
    >>> sweep(excess, {"ratio": [1, 2, 4], "noise": Axis([0.0, 1.0], symbol=r"$\sigma^2$")},
    ...       settings={"spectrum": np.ones(5)})
    """
    xarray = required(CALL, "xarray", "sweep")
    grid = checked_axes(CALL, axes)
    evaluation = checked_evaluation(function, grid, settings, how, seed, cells_per_shard)
    if progress not in (None, True, False):
        checks.refuse(CALL, "progress", checks.described(progress), "True, False or None")
    executor = _executor(scheduler)
    shards = list(boxes(evaluation.shape, evaluation.block))
    shelf = None if store is None else stores.opened(store, _identity(evaluation), len(shards))
    found: dict[str, Array] = {}
    missing = [shard for shard in shards if not _restored(found, evaluation, shelf, shard)]
    cells, left = (sum(shard.cells for shard in some) for some in (shards, missing))
    with Progress(cells, cells - left, progress) as shown:
        for shard, results in _computed(executor, evaluation, missing):
            if shelf is not None:
                shelf.keep(shard, results)
            _put(found, evaluation.shape, shard, results)
            shown.advance(shard.cells)
    return _dataset(xarray, evaluation, grid, found)


def _executor(scheduler: Any) -> Executor:
    if scheduler is None:
        return InProcess()
    from lsa_theory.sweeps.cluster import Cluster

    return Cluster(scheduler)


def _identity(evaluation: Evaluation) -> dict[str, Any]:
    """All that decides the values and the shards, in JSON."""
    return {
        "format": 1,
        "function": description("function", evaluation.function),
        "settings": description("settings", evaluation.settings),
        "axes": description("axes", evaluation.axes),
        "dimensions": list(evaluation.axes),
        "how": evaluation.how,
        "seed": evaluation.seed,
        "shape of shards (cells_per_shard)": list(evaluation.block),
        "version of": versions(),
    }


def _restored(
    found: dict[str, Array], evaluation: Evaluation, shelf: stores.Store | None, shard: Shard
) -> bool:
    """Whether a shard was stored; it is then put in its place."""
    results = None if shelf is None else shelf.stored(shard)
    if results is not None:
        _put(found, evaluation.shape, shard, results)
    return results is not None


def _computed(
    executor: Executor, evaluation: Evaluation, shards: Sequence[Shard]
) -> Iterator[tuple[Shard, Results]]:
    """Each shard once, from an executor that is closed whatever happens here."""
    if not shards:
        return
    waiting = set(shards)
    with closing(cast(Any, executor.run(evaluation, shards))) as done:
        for shard, results in done:
            waiting.remove(shard)
            yield shard, results
    if waiting:
        raise RuntimeError(f"sweep: {len(waiting)} shards have not been computed")


def _put(found: dict[str, Array], shape: tuple[int, ...], shard: Shard, results: Results) -> None:
    if not found:
        found.update({name: np.empty(shape) for name in results})
    if found.keys() != results.keys():
        phrase = f"results {', '.join(results)} in shard {shard.index}"
        rule = f"a function whose results have the same names everywhere ({', '.join(found)})"
        checks.refuse(CALL, "function", phrase, rule)
    for name, values in results.items():
        found[name][shard.slices] = values


def _dataset(
    xarray: Any, evaluation: Evaluation, grid: Mapping[str, Axis], found: Mapping[str, Array]
) -> Any:
    return xarray.Dataset(
        {name: (tuple(grid), values) for name, values in found.items()},
        {name: (name, axis.values, axis.attributes(name)) for name, axis in grid.items()},
        evaluation.attributes(),
    )
