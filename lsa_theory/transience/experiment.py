"""A transformer on bursty sequences: the experiment, and its evaluators."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.transformer.model import Architecture, Stream, Transformer
from lsa_theory.transience.bursty import Bursty, Sequences, gathered


class Classifier(eqx.Module):
    """From exemplars and labels to the logits of the query's label.

    A paired token is :math:`W x + E_y`; interleaved, :math:`W x` and :math:`E_y` follow each other.
    """

    exemplar: Any
    label: Array
    readout: Array
    core: Transformer
    interleaved: bool = eqx.field(static=True)

    def __call__(self, exemplars: Array, labels: Array, stream: Stream | None = None) -> Array:
        """Logits (L,), from N + 1 exemplars and the N labels before the last."""
        seen = exemplars @ self.exemplar.T
        known = self.label[labels[:-1]]
        if self.interleaved:
            tokens = jnp.stack([seen[:-1], known], axis=1).reshape(-1, seen.shape[1])
            tokens = jnp.concatenate([tokens, seen[-1:]])
        else:
            tokens = seen.at[:-1].add(known)
        return self.core(tokens, stream)[-1] @ self.readout.T


class World(NamedTuple):
    """The means of the training classes."""

    means: Any


@dataclass(frozen=True)
class BurstyExperiment:
    """Gaussian classes.

    Attributes
    ----------
    data, architecture
        The law of the sequences and the shape of the model.
    interleaved
        Whether an exemplar and its label are two tokens.
    evaluation_count
        Sequences an evaluator is averaged over.
    """

    data: Bursty = field(default_factory=Bursty)
    architecture: Architecture = field(default_factory=Architecture)
    interleaved: bool = False
    evaluation_count: int = 1024

    def __post_init__(self) -> None:
        checks.integer("BurstyExperiment", "evaluation_count", self.evaluation_count)

    def as_dict(self) -> dict[str, Any]:
        """All settings."""
        return {
            "data": self.data.as_dict(),
            "architecture": self.architecture.as_dict(),
            "interleaved": self.interleaved,
            "evaluation_count": self.evaluation_count,
        }

    def model(self, key: Array) -> Classifier:
        first, second, third, fourth = jax.random.split(key, 4)
        width, data = self.architecture.width, self.data
        length = 2 * data.pairs + 1 if self.interleaved else data.pairs + 1

        def normal(key: Array, *shape: int) -> Array:
            return jax.random.normal(key, shape, jnp.float32)

        return Classifier(
            normal(first, width, data.dimension) / data.dimension**0.5,
            normal(second, data.label_count, width),
            normal(third, data.label_count, width) / width**0.5,
            Transformer(self.architecture, length, fourth),
            self.interleaved,
        )

    def world(self, key: Array) -> World:
        shape = (self.data.class_count, self.data.dimension)
        return World(jax.random.normal(key, shape, jnp.float32))

    def exemplars(self, key: Array, means: Array) -> Array:
        """Fresh ones of classes with these means, (..., D)."""
        noise = self.data.noise * jax.random.normal(key, means.shape, jnp.float32)
        return (means + noise) / (1 + self.data.noise**2) ** 0.5

    def batch(self, world: World, key: Array, size: int) -> Sequences:
        first, second = jax.random.split(key)
        classes = self.data.training(first, size)
        return Sequences(self.exemplars(second, world.means[classes]), self.data.labels(classes))

    def loss(self, model: Classifier, batch: Sequences) -> Array:
        """The cross-entropy of the query's label."""
        logits = jax.vmap(model)(batch.exemplars, batch.labels)
        chosen = jnp.take_along_axis(logits, batch.labels[:, -1:], axis=1)[:, 0]
        return (jax.nn.logsumexp(logits, axis=1) - chosen).mean()

    def evaluation(self, model: Classifier, world: World, key: Array) -> dict[str, Array]:
        keys = iter(jax.random.split(key, 4))
        two_way, context = self.new_classes(next(keys))
        swapped = self.flipped(world, next(keys))
        return {
            "icl": self._right(model, two_way),
            "icl_two_way": self._right(model, two_way, context),
            "flip": self._right(model, swapped),
            "iwl": self._right(model, self.unsupported(world, next(keys))),
            "copy": self._right(model, self.label_shown(world, next(keys))),
        }

    def _right(self, model: Classifier, batch: Sequences, among: Array | None = None) -> Array:
        """The share of queries whose largest logit, of all or of some labels, is the right one."""
        logits = jax.vmap(model)(batch.exemplars, batch.labels)
        if among is None:
            return (logits.argmax(1) == batch.labels[:, -1]).mean()
        best = jnp.take_along_axis(logits, among, axis=1).argmax(1)
        return (
            jnp.take_along_axis(among, best[:, None], axis=1)[:, 0] == batch.labels[:, -1]
        ).mean()

    # --- the evaluators' sequences ---

    def new_classes(self, key: Array) -> tuple[Sequences, Array]:
        """Two classes never seen, half of the context each, with labels drawn anew; and these two
        labels."""
        one, two, three, four = jax.random.split(key, 4)
        size, data = self.evaluation_count, self.data
        means = jax.random.normal(one, (size, 2, data.dimension), jnp.float32)
        first = jax.random.randint(two, (size,), 0, data.label_count)
        step = jax.random.randint(three, (size,), 1, max(data.label_count, 2))
        pair = jnp.stack([first, (first + step) % data.label_count], axis=1)
        four, five = jax.random.split(four)
        side, _ = data.paired(four, first, first)
        shown = jnp.take_along_axis(means, side[..., None], axis=1)
        return Sequences(self.exemplars(five, shown), gathered(pair, side)), pair

    def flipped(self, world: World, key: Array) -> Sequences:
        """Two training classes with their labels swapped; right is what the context says."""
        one, two, three, four = jax.random.split(key, 4)
        first = self.data.drawn(one, (self.evaluation_count, 1))
        second = self.data.others(two, first, first.shape)
        side, pair = self.data.paired(three, first[:, 0], second[:, 0])
        labels = self.data.labels(gathered(pair[:, ::-1], side))
        return Sequences(self.exemplars(four, world.means[gathered(pair, side)]), labels)

    def unsupported(self, world: World, key: Array) -> Sequences:
        """A training class without examples, its label nowhere in the context."""
        one, two, three = jax.random.split(key, 3)
        query = self.data.drawn(one, (self.evaluation_count, 1))
        context = self.data.others(two, query, (self.evaluation_count, self.data.pairs))
        classes = jnp.concatenate([context, query], axis=1)
        return Sequences(self.exemplars(three, world.means[classes]), self.data.labels(classes))

    def label_shown(self, world: World, key: Array) -> Sequences:
        """Likewise, but one example of another class carries the true label."""
        one, two = jax.random.split(key)
        batch = self.unsupported(world, one)
        place = jax.random.randint(two, (self.evaluation_count,), 0, self.data.pairs)
        rows = jnp.arange(self.evaluation_count)
        return batch._replace(labels=batch.labels.at[rows, place].set(batch.labels[:, -1]))
