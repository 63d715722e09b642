"""The model of the experiments on sequences of classes: a transformer between two embeddings."""

from __future__ import annotations

from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp

from lsa_theory._typing import Array
from lsa_theory.transformer.model import Architecture, Stream, Transformer
from lsa_theory.transience.bursty import Bursty, Sequences

LAST = slice(-1, None)


class Classifier(eqx.Module):
    """From exemplars and labels to the logits of the query's label.

    A paired token is :math:`W f(x) + E_y`; interleaved, :math:`W f(x)` and :math:`E_y` follow each
    other. `f` is a network, or nothing.
    """

    network: Any
    exemplar: Array
    label: Array
    readout: Array
    core: Transformer
    interleaved: bool = eqx.field(static=True)

    def __call__(self, exemplars: Array, labels: Array, stream: Stream | None = None) -> Array:
        """Logits (L,), from N + 1 exemplars and the N labels before the last."""
        tokens = self.tokens(exemplars, labels)
        return self.core(tokens, stream, LAST)[-1] @ self.readout.T

    def tokens(self, exemplars: Array, labels: Array) -> Array:
        """What the transformer is shown, (T, width)."""
        seen = exemplars if self.network is None else jax.vmap(self.network)(exemplars)
        seen = seen @ self.exemplar.T
        known = self.label[labels[:-1]]
        if not self.interleaved:
            return seen.at[:-1].add(known)
        pairs = jnp.stack([seen[:-1], known], axis=1).reshape(-1, seen.shape[1])
        return jnp.concatenate([pairs, seen[-1:]])


def classifier(
    data: Bursty, architecture: Architecture, interleaved: bool, key: Array, network: Any = None
) -> Classifier:
    """One with random parameters."""
    first, second, third, fourth = jax.random.split(key, 4)
    width, scale = architecture.width, architecture.embedding_scale
    length = 2 * data.pairs + 1 if interleaved else data.pairs + 1

    def normal(key: Array, *shape: int) -> Array:
        return scale * jax.random.normal(key, shape, jnp.float32)

    return Classifier(
        network,
        normal(first, width, data.dimension) / data.dimension**0.5,
        normal(second, data.label_count, width),
        normal(third, data.label_count, width) / width**0.5,
        Transformer(architecture, length, fourth),
        interleaved,
    )


def cross_entropy(model: Classifier, batch: Sequences) -> Array:
    """Of the query's label, the mean."""
    logits = jax.vmap(model)(batch.exemplars, batch.labels)
    chosen = jnp.take_along_axis(logits, batch.labels[:, -1:], axis=1)[:, 0]
    return (jax.nn.logsumexp(logits, axis=1) - chosen).mean()
