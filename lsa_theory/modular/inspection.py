"""Inside a trained model: which queries it answers, its neurons, its heads."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from lsa_theory._typing import Array, Shaped
from lsa_theory.modular.fourier import neuron_shares
from lsa_theory.modular.heads import attended, uniform
from lsa_theory.modular.plane import points
from lsa_theory.modular.rows import answered, drawn, tokens
from lsa_theory.modular.tasks import ModularTasks, World
from lsa_theory.transformer.model import Stream

TASKS = 16  # of a set, for the grids
ROWS = 512  # for the heads


def inspected(
    model: Any, world: World, data: ModularTasks, depth: int, contexts: int
) -> dict[str, Array]:
    """Arrays by name.

    Returns
    -------
    The world's; "grid_contexts" (C, N - 1, 2), inputs of fixed examples, and after them, for all
    queries, the share of up to 16 tasks that is answered right: "grids" (C, p, p) of
    out-of-distribution tasks and "grids_in_distribution". "embedding" (p, width). "attention"
    (depth, heads, kinds) and "attention_uniform" (kinds), see `lsa_theory.modular.heads`.
    "neuron_frequency" and "neuron_line" (depth, hidden), see `lsa_theory.modular.fourier`, of the
    neurons' answers to the query, averaged over the examples and these tasks.
    """
    world = World(*map(np.asarray, world))
    generator = np.random.default_rng([data.p, data.examples])
    place = generator.integers(len(world.inputs), size=(contexts, data.examples - 1))
    fixed = world.inputs[place]
    new, old = world.out_of_distribution[:TASKS], world.tasks[:TASKS]
    right, hidden = _answers(model, np.concatenate([new, old]), fixed, data.p, depth)
    right = np.asarray(right)
    weights, rows = jax.tree.map(np.asarray, _weights(model, world, data, depth))
    found = world._asdict() | {
        "grid_contexts": fixed,
        "grids": right[:, : len(new)].mean(1),
        "grids_in_distribution": right[:, len(new) :].mean(1),
        "embedding": np.asarray(model.embedding),
        "attention": np.array([attended(one, rows, data.p) for one in weights]),
        "attention_uniform": uniform(rows, data.p),
    }
    if hidden:
        shares = [neuron_shares(np.asarray(one, dtype=float)) for one in hidden]
        found["neuron_frequency"] = np.array([share.frequency for share in shares])
        found["neuron_line"] = np.array([share.line for share in shares])
    return found


@eqx.filter_jit
def _answers(
    model: Any, tasks: Shaped[Array, "m 2"], contexts: Shaped[Array, "c k 2"], p: int, depth: int
) -> tuple[Shaped[Array, "c m p p"], list[Array]]:
    """Which answers are right, and the mean answers (p, p, hidden) of the neurons."""
    names = [f"block{block}.mlp.hidden" for block in range(depth)]
    queries = jnp.asarray(points(p))

    def one(numbers: Array) -> tuple[Array, list[Array]]:
        stream = Stream(capture=names)
        answer = model(numbers, stream)[-1].argmax()
        return answer, [stream.captured[name][-1] for name in names if name in stream.captured]

    def every(pair: tuple[Array, Array]) -> tuple[Array, list[Array]]:
        context, task = pair
        inputs = jnp.concatenate([jnp.tile(context, (p * p, 1, 1)), queries[:, None]], axis=1)
        rows = answered(jnp.tile(task, (p * p, 1)), inputs, p)
        answers, hidden = jax.vmap(one)(tokens(rows))
        return answers == rows[:, -1, 2], hidden

    pairs = [
        jnp.repeat(jnp.asarray(contexts), len(tasks), axis=0),
        jnp.tile(jnp.asarray(tasks), (len(contexts), 1)),
    ]
    right, hidden = jax.lax.map(every, tuple(pairs))
    right = right.reshape(len(contexts), len(tasks), p, p)
    return right, [part.mean(0).reshape(p, p, -1) for part in hidden]


@eqx.filter_jit
def _weights(
    model: Any, world: World, data: ModularTasks, depth: int
) -> tuple[list[Shaped[Array, "b h t t"]], Shaped[Array, "b n 2"]]:
    """Of all blocks, on rows of out-of-distribution tasks, and these rows' inputs."""
    names = [f"block{block}.attention.weights" for block in range(depth)]
    shape = (ROWS, data.examples)
    rows = drawn(jax.random.key(0), world.out_of_distribution, world.inputs, shape, data.p)

    def one(numbers: Array) -> list[Array]:
        stream = Stream(capture=names)
        model(numbers, stream)
        return [stream.captured[name] for name in names]

    return jax.vmap(one)(tokens(rows)), rows[..., :2]
