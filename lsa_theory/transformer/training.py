"""One training loop: several seeds at once, a history to read while it runs, resumed bit by bit."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax

from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.transformer.checkpoint import Run


@runtime_checkable
class Experiment(Protocol):
    """What is trained, on what, and how it is judged."""

    def model(self, key: Array) -> Any:
        """A model with random parameters."""
        ...

    def world(self, key: Array) -> Any:
        """What is fixed for one seed: the classes, the tasks; arrays, or None."""
        ...

    def batch(self, world: Any, key: Array, size: int) -> Any:
        """Training data."""
        ...

    def loss(self, model: Any, batch: Any) -> Array:
        """The mean loss of a batch."""
        ...

    def evaluation(self, model: Any, world: Any, key: Array) -> dict[str, Array]:
        """Numbers that are recorded, by name."""
        ...

    def as_dict(self) -> dict[str, Any]:
        """All settings."""
        ...


@dataclass(frozen=True)
class Optimisation:
    r"""How it is trained: Adam, with two penalties that are not the same thing.

    Attributes
    ----------
    steps, batch, learning_rate
        How many steps, prompts a step, and the rate.
    warmup
        Steps of linear growth of the rate from 0.
    decay
        "constant", or "cosine" down to zero.
    l2
        :math:`\lambda` of :math:`\frac\lambda2 \|\theta\|^2` *in the loss*: Adam rescales its
        gradient with the rest.
    weight_decay
        Decoupled, as in AdamW: :math:`\theta` shrinks by the rate times this a step.
    betas
        Of Adam.
    """

    steps: int
    batch: int = 128
    learning_rate: float = 2e-3
    warmup: int = 0
    decay: str = "constant"
    l2: float = 0.0
    weight_decay: float = 0.0
    betas: tuple[float, float] = (0.9, 0.999)

    def __post_init__(self) -> None:
        name = "Optimisation"
        for argument, least in (("steps", 1), ("batch", 1), ("warmup", 0)):
            checks.integer(name, argument, getattr(self, argument), minimum=least)
        for argument in ("learning_rate", "l2", "weight_decay"):
            checks.real(name, argument, getattr(self, argument), minimum=0)
        if self.decay not in ("constant", "cosine"):
            checks.refuse(name, "decay", repr(self.decay), '"constant" or "cosine"')

    @cache  # noqa: B019 - one object for equal settings, so that nothing is compiled twice
    def optimiser(self) -> optax.GradientTransformation:
        """Adam with its schedule."""
        rate: Any = self.learning_rate
        if self.decay == "cosine":
            rate = optax.cosine_decay_schedule(rate, max(self.steps - self.warmup, 1))
        if self.warmup:
            rise = optax.linear_schedule(0.0, self.learning_rate, self.warmup)
            after = rate if callable(rate) else optax.constant_schedule(rate)
            rate = optax.join_schedules([rise, after], [self.warmup])
        first, second = self.betas
        return optax.adamw(rate, b1=first, b2=second, weight_decay=self.weight_decay, mask=matrices)


def matrices(model: Any) -> Any:
    """Which parameters are penalised: matrices, not the scales of norms."""
    return jax.tree.map(lambda leaf: eqx.is_array(leaf) and leaf.ndim >= 2, model)


def squared_size(model: Any) -> Array:
    """The squared norm of the penalised parameters."""
    return sum(
        (leaf**2).sum()
        for leaf in jax.tree.leaves(eqx.filter(model, eqx.is_array))
        if leaf.ndim >= 2
    )


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
        Name to an array (S, T), a row a seed; "loss" is the mean over the steps since the last.
    seeds
        Of the rows.
    models
        The final models, along the first axis of every array; `model(k)` is one of them.
    """

    steps: Array
    values: dict[str, Array]
    seeds: tuple[int, ...]
    models: Any = field(repr=False)
    worlds: Any = field(repr=False)

    def model(self, row: int) -> Any:
        return jax.tree.map(lambda leaf: leaf[row] if eqx.is_array(leaf) else leaf, self.models)

    def world(self, row: int) -> Any:
        """What was fixed for a seed."""
        return jax.tree.map(lambda leaf: leaf[row], self.worlds)


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
        that was killed goes on from it and ends with the same bits. None: nothing is kept.
    progress
        Called after each evaluation with the step, the last step and the means over seeds.

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
    state = _start(experiment, optimiser, jnp.array(seeds))
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
            means = {name: float(np.mean(x)) for name, x in rows[-1].items() if name != "step"}
            progress(step, optimisation.steps, means)
    values = {name: np.array([row[name] for row in rows]).T for name in rows[0] if name != "step"}
    steps = np.array([row["step"] for row in rows])
    return History(steps, values, seeds, *jax.tree.map(np.asarray, (state.model, state.world)))


def _row(step: int, values: dict[str, Array], losses: Array) -> dict[str, Any]:
    found = {"loss": losses, **values}
    return {"step": step} | {
        name: np.asarray(x).astype(float).tolist() for name, x in found.items()
    }


@eqx.filter_jit
def _start(experiment: Experiment, optimiser: Any, seeds: Array) -> State:
    def one(seed: Array) -> State:
        first, second, third = jax.random.split(jax.random.key(seed), 3)
        model = experiment.model(first)
        inner = optimiser.init(eqx.filter(model, eqx.is_array))
        return State(model, inner, experiment.world(third), jax.random.key_data(second))

    return eqx.filter_vmap(one)(seeds)


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
