"""One training loop: several seeds at once, a history to read while it runs, resumed bit by bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.transformer.checkpoint import Run
from lsa_theory.transformer.optimisation import Optimisation as Optimisation
from lsa_theory.transformer.optimisation import squared_size


@runtime_checkable
class Experiment(Protocol):
    """What is trained, on what, and how it is judged.

    It may also have `analysis(model, world)`, called once for each trained model: arrays by name.
    """

    def model(self, key: Array) -> Any:
        """A model with random parameters."""
        ...

    def world(self, key: Array) -> Any:
        """What is fixed for one seed: the classes, the tasks; arrays of the same shapes for every
        seed, or None. Made outside of compiled code: the key has a value."""
        ...

    def batch(self, world: Any, key: Array, size: int) -> Any:
        """Training data."""
        ...

    def loss(self, model: Any, batch: Any) -> Array:
        """The mean loss of a batch."""
        ...

    def evaluation(self, model: Any, world: Any, key: Array) -> dict[str, Array]:
        """Numbers, or arrays of them, that are recorded, by name."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """All settings."""
        ...


class State(NamedTuple):
    """Of all seeds, along the first axis of every array."""

    model: Any
    optimiser: Any
    world: Any
    key: Any


@dataclass(frozen=True, eq=False)
class History:
    """What was recorded.

    Attributes
    ----------
    steps
        (T,).
    values
        Name to an array (S, T, ...), a row a seed; "loss" is the mean over the steps since the
        last.
    seeds
        Of the rows.
    models
        The final models, along the first axis of every array; `model(k)` is one of them.
    worlds
        Likewise what was fixed for each seed; `world(k)`.
    analysis
        What the experiment's `analysis` found, if it has one: name to an array (S, ...).
    """

    steps: Array
    values: dict[str, Array]
    seeds: tuple[int, ...]
    models: Any = field(repr=False)
    worlds: Any = field(repr=False)
    analysis: dict[str, Array] = field(default_factory=dict, repr=False)

    def model(self, row: int) -> Any:
        """The final model of a seed."""
        return _row_of(self.models, row)

    def world(self, row: int) -> Any:
        """What was fixed for a seed."""
        return _row_of(self.worlds, row)


def _row_of(tree: Any, row: int) -> Any:
    return jax.tree.map(lambda leaf: jnp.asarray(leaf[row]), tree)


def trained(
    experiment: Experiment,
    optimisation: Optimisation,
    *,
    seeds: Sequence[int],
    every: int = 100,
    folder: str | Path | None = None,
    progress: Callable[[int, int, dict[str, float]], None] | None = None,
) -> History:
    """Train one model for each seed, side by side in one program.

    Parameters
    ----------
    experiment, optimisation
        What and how.
    seeds
        Of parameters, data and evaluation. A seed's course does not depend on the others'.
    every
        Steps between evaluations; checkpoints are written then.
    folder
        Where to keep `history.jsonl`, which can be read while it grows, and the checkpoint; a run
        that was killed goes on from it and ends with the same bits; at the end `analysis.npz`.
        None: nothing is kept.
    progress
        Called after each evaluation with the step, the last step and the numbers' means over seeds.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the folder holds another run or a damaged checkpoint.
    """
    seeds = tuple(checks.integer("trained", "seeds", seed, minimum=0) for seed in seeds)
    every = checks.integer("trained", "every", every)
    if not seeds or len(set(seeds)) < len(seeds):
        checks.refuse("trained", "seeds", seeds, "different integers, at least one")
    optimiser = optimisation.optimiser()
    state = _start(experiment, optimiser, _worlds(experiment, seeds), jnp.array(seeds))
    settings = {
        "experiment": experiment.as_dict(),
        "optimisation": asdict(optimisation),
        "seeds": list(seeds),
        "every": every,
    }
    run = Run(folder, settings)
    rows, state = run.resumed(state)
    step = rows[-1]["step"] if rows else 0
    if not rows:
        rows = [
            _row(0, _evaluated(experiment, state, jnp.asarray(0)), jnp.full(len(seeds), jnp.nan))
        ]
        run.append(rows[-1])
    while step < optimisation.steps:
        count = min(every, optimisation.steps - step)
        state, losses = _chunk(experiment, optimisation, optimiser, count, state, jnp.asarray(step))
        step += count
        rows.append(_row(step, _evaluated(experiment, state, jnp.asarray(step)), losses))
        run.keep(rows[-1], state)
        if progress is not None:
            progress(step, optimisation.steps, _means(rows[-1]))
    history = _history(rows, state, seeds)
    found = _analysis(experiment, history)
    run.finish(found)
    return replace(history, analysis=found)


def _worlds(experiment: Experiment, seeds: Sequence[int]) -> Any:
    worlds = [experiment.world(_keys(seed)[2]) for seed in seeds]
    return jax.tree.map(lambda *leaves: jnp.stack(leaves), *worlds)


def _keys(seed: Any) -> Array:
    """Of the model, the course, the world."""
    return jax.random.split(jax.random.key(seed), 3)


def _history(rows: list[dict[str, Any]], state: State, seeds: tuple[int, ...]) -> History:
    names = [name for name in rows[0] if name != "step"]
    values = {name: np.swapaxes(np.array([row[name] for row in rows]), 0, 1) for name in names}
    steps = np.array([row["step"] for row in rows])
    return History(steps, values, seeds, *jax.tree.map(np.asarray, (state.model, state.world)))


def _analysis(experiment: Experiment, history: History) -> dict[str, Array]:
    analysis = getattr(experiment, "analysis", None)
    if analysis is None:
        return {}
    rows = range(len(history.seeds))
    found = [analysis(history.model(row), history.world(row)) for row in rows]
    return {name: np.stack([np.asarray(one[name]) for one in found]) for name in found[0]}


def _means(row: dict[str, Any]) -> dict[str, float]:
    """Over seeds, of what is one number a seed."""
    values = {name: np.asarray(x) for name, x in row.items() if name != "step"}
    return {name: float(x.mean()) for name, x in values.items() if x.ndim == 1}


def _row(step: int, values: dict[str, Array], losses: Array) -> dict[str, Any]:
    found = {"loss": losses, **values}
    return {"step": step} | {
        name: np.asarray(x).astype(float).tolist() for name, x in found.items()
    }


@eqx.filter_jit
def _start(experiment: Experiment, optimiser: Any, worlds: Any, seeds: Array) -> State:
    def one(world: Any, seed: Array) -> State:
        first, second, _ = _keys(seed)
        model = experiment.model(first)
        inner = optimiser.init(eqx.filter(model, eqx.is_array))
        return State(model, inner, world, jax.random.key_data(second))

    return eqx.filter_vmap(one)(worlds, seeds)


@eqx.filter_jit
def _chunk(
    experiment: Experiment,
    optimisation: Optimisation,
    optimiser: Any,
    count: int,
    state: State,
    step: Any,
) -> tuple[State, Array]:
    """So many steps, and the mean loss over them."""

    def objective(model: Any, batch: Any) -> tuple[Array, Array]:
        loss = experiment.loss(model, batch)
        return loss + optimisation.l2 / 2 * squared_size(model), loss

    def advanced(state: State, step: Array) -> tuple[State, Array]:
        key = jax.random.fold_in(jax.random.wrap_key_data(state.key), step)
        batch = experiment.batch(state.world, key, optimisation.batch)
        slope, loss = eqx.filter_grad(objective, has_aux=True)(state.model, batch)
        parameters = eqx.filter(state.model, eqx.is_array)
        moves, inner = optimiser.update(slope, state.optimiser, parameters)
        model = eqx.apply_updates(state.model, moves)
        return State(model, inner, state.world, state.key), loss

    def course(state: State) -> tuple[State, Array]:
        dynamic, static = eqx.partition(state, eqx.is_array)

        def body(carry: Any, step: Array) -> tuple[Any, Array]:
            new, loss = advanced(eqx.combine(carry, static), step)
            return eqx.filter(new, eqx.is_array), loss

        dynamic, losses = jax.lax.scan(body, dynamic, step + jnp.arange(count))
        return eqx.combine(dynamic, static), losses.mean()

    return eqx.filter_vmap(course)(state)


@eqx.filter_jit
def _evaluated(experiment: Experiment, state: State, step: Any) -> dict[str, Array]:
    """Each model, on data that no training step sees."""

    def one(model: Any, world: Any, key: Array) -> dict[str, Array]:
        key = jax.random.fold_in(jax.random.wrap_key_data(key), 2**31 - 1)
        found = experiment.evaluation(model, world, jax.random.fold_in(key, step))
        return found | {"norm": jnp.sqrt(squared_size(model))}

    return eqx.filter_vmap(one)(state.model, state.world, state.key)


__all__ = ["Experiment", "History", "Optimisation", "trained"]
