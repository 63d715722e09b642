"""Drawings as exemplars: as they are, or through a random convolutional network, once for all."""

from __future__ import annotations

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.transience.images import COUNT, SIDE, SYMMETRIES, Drawings, turned


class Convolutions(eqx.Module):
    """Two convolutions of stride 2, then a matrix; from (28, 28) to (D,)."""

    first: eqx.nn.Conv2d
    second: eqx.nn.Conv2d
    last: eqx.nn.Linear

    def __init__(self, dimension: int, key: Array) -> None:
        one, two, three = jax.random.split(key, 3)
        self.first = eqx.nn.Conv2d(1, 16, 5, 2, 2, use_bias=False, key=one)
        self.second = eqx.nn.Conv2d(16, 32, 3, 2, 1, use_bias=False, key=two)
        size = 32 * (SIDE // 4) ** 2
        self.last = eqx.nn.Linear(size, dimension, use_bias=False, key=three)

    def __call__(self, x: Array) -> Array:
        x = jax.nn.relu(self.first(x[None]))
        return self.last(jax.nn.relu(self.second(x)).reshape(-1))


class DrawnClasses(eqx.Module):
    """Exemplars of every character in 8 positions.

    Attributes
    ----------
    values
        (8 characters, 20, ...): the class of a character's position `s` is `8 character + s`.
        Features (D,) if fixed, pixels (28, 28) in uint8 if the embedding is trained.
    centre, spread
        Which make the values standard.
    embedding, seed
        "fixed" or "trained"; of the fixed one's random parameters.
    sha256
        Of the drawings.
    """

    values: Array
    centre: Array
    spread: Array
    embedding: str = eqx.field(static=True)
    seed: int = eqx.field(static=True)
    sha256: str = eqx.field(static=True)

    @property
    def character_count(self) -> int:
        return len(self.values) // SYMMETRIES

    def __call__(self, classes: Array, drawing: Array) -> Array:
        """Exemplars, of zero mean and unit variance."""
        return (self.values[classes, drawing] - self.centre) / self.spread


def drawn_classes(
    drawings: Drawings, embedding: str = "fixed", dimension: int = 64, seed: int = 0
) -> DrawnClasses:
    """The drawings made ready.

    Parameters
    ----------
    drawings
        Of `images.drawings(folder)`.
    embedding
        "fixed": features of a random convolutional network, each standardised over all drawings.
        "trained": pixels, for a network that is trained with the rest.
    dimension, seed
        Of a fixed embedding.
    """
    checks.instance("drawn_classes", "drawings", drawings, Drawings)
    dimension = checks.integer("drawn_classes", "dimension", dimension)
    seed = checks.integer("drawn_classes", "seed", seed, minimum=0)
    if embedding not in ("fixed", "trained"):
        checks.refuse("drawn_classes", "embedding", repr(embedding), '"fixed" or "trained"')
    values = turned(drawings.ink).reshape(-1, COUNT, SIDE, SIDE)
    axes: tuple[int, ...] | None = None
    if embedding == "fixed":
        network = Convolutions(dimension, jax.random.key(seed))
        values = np.concatenate([_features(network, part) for part in np.array_split(values, 8)])
        axes = (0, 1)
    centre, spread = (f(values, axis=axes, dtype=np.float64) for f in (np.mean, np.std))
    known = (jnp.asarray(x, jnp.float32) for x in (centre, spread))
    return DrawnClasses(jnp.asarray(values), *known, embedding, seed, drawings.sha256)


@eqx.filter_jit
def _features(network: Convolutions, ink: Array) -> Array:
    return jax.vmap(jax.vmap(network))(ink.astype(jnp.float32) / 255)
