"""A transformer on bursty sequences of drawn characters."""

from __future__ import annotations

from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp

from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.transformer.model import Architecture
from lsa_theory.transience.bursty import Bursty, Sequences, gathered, integers
from lsa_theory.transience.classifier import Classifier, classifier, cross_entropy
from lsa_theory.transience.drawn import Convolutions, DrawnClasses
from lsa_theory.transience.images import COUNT, SYMMETRIES
from lsa_theory.transience.probes import probed, training

LAW = Bursty(class_count=400, noise=0.0, dimension=64)


class World(NamedTuple):
    """Which of the drawn classes are trained on (K,), and which characters are kept for later."""

    classes: Any
    characters: Any


class OmniglotExperiment(eqx.Module):
    """Characters in 8 positions, each position a class; some characters are kept for evaluators.

    The drawings are a leaf of this object: compiled programs and checkpoints do not hold them.

    Attributes
    ----------
    classes
        `drawn_classes(drawings(folder))`.
    data, architecture
        The law of the sequences and the shape of the model.
    held_out_characters
        How many are never trained on, in any position: the evaluators' new classes.
    held_out_drawings
        How many of the 20 drawings of a training class are only evaluated; 0: the evaluators show
        those that training shows.
    interleaved
        Whether an exemplar and its label are two tokens.
    evaluation_count
        Sequences an evaluator is averaged over.
    """

    classes: DrawnClasses
    data: Bursty = eqx.field(static=True, default=LAW)
    architecture: Architecture = eqx.field(static=True, default=Architecture())
    held_out_characters: int = eqx.field(static=True, default=42)
    held_out_drawings: int = eqx.field(static=True, default=0)
    interleaved: bool = eqx.field(static=True, default=False)
    evaluation_count: int = eqx.field(static=True, default=1024)

    def __check_init__(self) -> None:
        name, held, count = "OmniglotExperiment", self.held_out_characters, self.data.class_count
        checks.instance(name, "classes", self.classes, DrawnClasses)
        checks.integer(name, "evaluation_count", self.evaluation_count)
        checks.integer(name, "held_out_characters", held, minimum=2)
        checks.integer(name, "held_out_drawings", self.held_out_drawings, minimum=0)
        if held >= (characters := self.classes.character_count):
            rule = f"less than the {characters} characters that there are"
            checks.refuse(name, "held_out_characters", held, rule)
        if count > (most := SYMMETRIES * (characters - held)):
            rule = f"at most {most}, {SYMMETRIES} for each of {characters - held} characters"
            checks.refuse(name, "class_count", count, rule)
        if self.held_out_drawings >= COUNT:
            rule = f"less than the {COUNT} drawings that there are"
            checks.refuse(name, "held_out_drawings", self.held_out_drawings, rule)
        width = self.classes.values.shape[-1]
        if self.classes.embedding == "fixed" and self.data.dimension != width:
            rule = f"that of the fixed embedding, {width}"
            checks.refuse(name, "dimension", self.data.dimension, rule)

    def as_dict(self) -> dict[str, Any]:
        """All settings, and the drawings' SHA-256."""
        return {
            "data": self.data.as_dict(),
            "architecture": self.architecture.as_dict(),
            "embedding": self.classes.embedding,
            "embedding_seed": self.classes.seed,
            "images": self.classes.sha256,
            "held_out_characters": self.held_out_characters,
            "held_out_drawings": self.held_out_drawings,
            "interleaved": self.interleaved,
            "evaluation_count": self.evaluation_count,
        }

    def model(self, key: Array) -> Classifier:
        first, second = jax.random.split(key)
        trained = self.classes.embedding == "trained"
        network = Convolutions(self.data.dimension, first) if trained else None
        return classifier(self.data, self.architecture, self.interleaved, second, network)

    def world(self, key: Array) -> World:
        first, second = jax.random.split(key)
        characters = jax.random.permutation(first, self.classes.character_count)
        held, kept = jnp.split(characters, [self.held_out_characters])
        classes = (SYMMETRIES * kept[:, None] + jnp.arange(SYMMETRIES)).reshape(-1)
        return World(jax.random.permutation(second, classes)[: self.data.class_count], held)

    def exemplars(self, world: World, key: Array, classes: Array, fresh: bool = False) -> Array:
        """Of training classes: one of the drawings that are for training, or that are not."""
        seen = COUNT - self.held_out_drawings
        ends = (seen, COUNT) if fresh and seen < COUNT else (0, seen)
        return self._drawn(key, world.classes[classes], *ends)

    def newcomers(self, world: World, key: Array, side: Array) -> Array:
        """Of two held-out characters, drawn anew for each row, by which of them: 0 or 1."""
        first, second = jax.random.split(key)
        u = jax.random.uniform(first, (len(side), 4))
        one, count = integers(u[:, 0], self.held_out_characters), self.held_out_characters
        other = (one + 1 + integers(u[:, 1], count - 1)) % count
        characters = world.characters[jnp.stack([one, other], axis=1)]
        pair = SYMMETRIES * characters + integers(u[:, 2:], SYMMETRIES)
        return self._drawn(second, gathered(pair, side), 0, COUNT)

    def _drawn(self, key: Array, classes: Array, start: int, end: int) -> Array:
        drawing = start + integers(jax.random.uniform(key, classes.shape), end - start)
        return self.data.blurred(jax.random.fold_in(key, 1), self.classes(classes, drawing))

    def batch(self, world: World, key: Array, size: int) -> Sequences:
        return training(self, world, key, size)[0]

    def loss(self, model: Classifier, batch: Sequences) -> Array:
        """The cross-entropy of the query's label."""
        return cross_entropy(model, batch)

    def evaluation(self, model: Classifier, world: World, key: Array) -> dict[str, Array]:
        return probed(self, model, world, key)
