"""A transformer on modular arithmetic: the experiment, and its evaluators."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.modular.agreement import agreement
from lsa_theory.modular.inspection import inspected
from lsa_theory.modular.rows import drawn, drawn_of, places, tokens
from lsa_theory.modular.tasks import ModularTasks, World
from lsa_theory.transformer.model import Architecture, Stream, Transformer

SETS = (
    "in_distribution",
    "in_distribution_held_out",
    "out_of_distribution",
    "out_of_distribution_held_out",
)
AFTER_Y = slice(1, None, 3)


class Solver(eqx.Module):
    """From numbers to the logits of each answer."""

    embedding: Array
    readout: Array | None
    core: Transformer

    def __call__(self, numbers: Shaped[Array, " t"], stream: Stream | None = None) -> Array:
        """Logits (N, p), from the 3 N - 1 numbers of a row; a stream captures at all of them."""
        seen = self.embedding[numbers]
        if stream is None:
            last = self.core(seen, None, AFTER_Y)
        else:
            last = self.core(seen, stream)[AFTER_Y]
        return last @ (self.embedding if self.readout is None else self.readout).T


@dataclass(frozen=True)
class ModularExperiment:
    """Modular arithmetic in context.

    The loss is the mean cross-entropy of every answer.

    Attributes
    ----------
    data, architecture
        The law of the rows and the shape of the model.
    tied
        Whether numbers are read out by their embedding.
    evaluation_count
        Rows a set of tasks is evaluated on, at least as many as a row has examples.
    analysis_contexts
        Contexts of which the final model's answers to all queries are kept.
    """

    data: ModularTasks = field(default_factory=ModularTasks)
    architecture: Architecture = field(
        default_factory=lambda: Architecture(depth=2, positions="rotary")
    )
    tied: bool = True
    evaluation_count: int = 1024
    analysis_contexts: int = 16

    def __post_init__(self) -> None:
        name, least = "ModularExperiment", self.data.examples
        checks.integer(name, "evaluation_count", self.evaluation_count, least)
        checks.integer(name, "analysis_contexts", self.analysis_contexts)

    def as_dict(self) -> dict[str, Any]:
        """All settings."""
        return {
            "data": self.data.as_dict(),
            "architecture": self.architecture.as_dict(),
            "tied": self.tied,
            "evaluation_count": self.evaluation_count,
            "analysis_contexts": self.analysis_contexts,
        }

    def model(self, key: Array) -> Solver:
        first, second, third = jax.random.split(key, 3)
        shape = (self.data.p, self.architecture.width)
        embedding, readout = (
            jax.random.normal(k, shape, jnp.float32) / shape[1] ** 0.5 for k in (first, second)
        )
        length = 3 * self.data.examples - 1
        core = Transformer(self.architecture, length, third)
        return Solver(embedding, None if self.tied else readout, core)

    def world(self, key: Array) -> World:
        return self.data.world(np.asarray(jax.random.key_data(key)).tolist())

    def batch(self, world: World, key: Array, size: int) -> Shaped[Array, "b n 3"]:
        shape = (size, self.data.examples)
        return drawn(key, world.tasks, world.inputs, shape, self.data.p)

    def loss(self, model: Any, batch: Shaped[Array, "b n 3"]) -> Array:
        logits = jax.vmap(model)(tokens(batch))
        chosen = jnp.take_along_axis(logits, batch[..., 2:], axis=-1)[..., 0]
        return (jax.nn.logsumexp(logits, axis=-1) - chosen).mean()

    def evaluation(self, model: Any, world: World, key: Array) -> dict[str, Array]:
        r"""Shares of right answers.

        "accuracy" (4, N), by `SETS` and by the number of examples before the query: in-, and
        out-of-distribution tasks, each with queries of the training inputs and held-out ones. The
        examples are always of the training inputs; of held-out queries a row has one, at a place of
        its own. NaN if no input is held out. "in_distribution", "out_of_distribution", "validation"
        (if there are such tasks): training inputs, the last place. "agreement" (5, N), of
        out-of-distribution tasks: see `lsa_theory.modular.agreement`.
        """
        shape, p = (self.evaluation_count, self.data.examples), self.data.p
        sets = [tasks for tasks in world[:3] if len(tasks)]
        plain, held_out = len(sets), jnp.full((2, shape[1]), jnp.nan)
        asked = 2 if len(world.held_out) else 0
        rows = drawn_of(key, sets + sets[:asked], world.inputs, shape, p, world.held_out, asked)
        predictions = jax.lax.map(lambda part: predicted(model, part), rows)
        right = predictions == rows[..., 2]
        trained = right[:plain].mean(1)
        if asked:
            held_out = (right[plain:] & places(shape)).sum(1) / places(shape).sum(0)
        last = dict(
            zip(
                ("in_distribution", "out_of_distribution", "validation"),
                trained[:, -1],
                strict=False,
            )
        )
        return last | {
            "accuracy": jnp.stack([trained[0], held_out[0], trained[1], held_out[1]]),
            "agreement": agreement(predictions[1], rows[1], world.tasks, p),
        }

    def analysis(self, model: Any, world: World) -> dict[str, Array]:
        """See `lsa_theory.modular.inspection.inspected`."""
        return inspected(model, world, self.data, self.architecture.depth, self.analysis_contexts)


def predicted(model: Any, rows: Shaped[Array, "b n 3"]) -> Shaped[Array, "b n"]:
    """The most probable answers."""
    return jax.vmap(model)(tokens(rows)).argmax(-1)
