"""A transformer on bursty sequences of Gaussian classes."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.transformer.model import Architecture
from lsa_theory.transience.bursty import Bursty, Sequences
from lsa_theory.transience.classifier import Classifier, classifier, cross_entropy
from lsa_theory.transience.probes import probed, training


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
        return asdict(self)

    def model(self, key: Array) -> Classifier:
        return classifier(self.data, self.architecture, self.interleaved, key)

    def world(self, key: Array) -> World:
        shape = (self.data.class_count, self.data.dimension)
        return World(jax.random.normal(key, shape, jnp.float32))

    def exemplars(self, world: World, key: Array, classes: Array, fresh: bool = False) -> Array:
        """Of training classes, (..., D): always new ones."""
        return self.data.blurred(key, world.means[classes])

    def newcomers(self, world: World, key: Array, side: Array) -> Array:
        """Of two classes never trained on, drawn anew for each row, by which of them: 0 or 1."""
        means = jax.random.normal(key, (len(side), 2, self.data.dimension), jnp.float32)
        shown = jnp.take_along_axis(means, side[..., None], axis=1)
        return self.data.blurred(jax.random.fold_in(key, 1), shown)

    def batch(self, world: World, key: Array, size: int) -> Sequences:
        return training(self, world, key, size)[0]

    def loss(self, model: Classifier, batch: Sequences) -> Array:
        """The cross-entropy of the query's label."""
        return cross_entropy(model, batch)

    def evaluation(self, model: Classifier, world: World, key: Array) -> dict[str, Array]:
        return probed(self, model, world, key)
