r"""Bursty sequences of classes, on which in-context learning emerges and goes away again.

A sequence shows `N` pairs of an exemplar and its label, then a query exemplar. In a bursty one
`B` pairs are of the query's class, `B` of one distractor, the others of any class. Exemplars of a
Gaussian class are :math:`x = (\mu_k + \epsilon \eta) / \sqrt{1 + \epsilon^2}`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped


class Sequences(NamedTuple):
    """Exemplars (B, N + 1, ...), their labels (B, N + 1): the last of each are the query's."""

    exemplars: Any
    labels: Any


@dataclass(frozen=True)
class Bursty:
    r"""The law of the sequences.

    Attributes
    ----------
    class_count, label_count
        `K` classes onto `L` labels, class `k` to label :math:`k \bmod L`.
    pairs
        `N`.
    burst
        `B`, copies of the query's class and of the distractor in a bursty sequence.
    burstiness
        The probability of a bursty sequence; in the others every pair is of any class.
    zipf
        The exponent of the classes' frequencies, :math:`(k + 1)^{-z}`; 0: uniform.
    noise
        :math:`\epsilon`, within a Gaussian class.
    dimension
        Of Gaussian exemplars.
    """

    class_count: int = 160
    label_count: int = 32
    pairs: int = 4
    burst: int = 2
    burstiness: float = 1.0
    zipf: float = 0.0
    noise: float = 1.2
    dimension: int = 32

    def __post_init__(self) -> None:
        name = "Bursty"
        for argument in ("class_count", "label_count", "pairs", "dimension"):
            checks.integer(name, argument, getattr(self, argument))
        checks.integer(name, "burst", self.burst, minimum=0)
        for argument in ("zipf", "noise"):
            checks.real(name, argument, getattr(self, argument), minimum=0)
        checks.option(
            name, "burstiness", self.burstiness, "a number in [0, 1]", lambda x: 0 <= x <= 1
        )
        if 2 * self.burst > self.pairs:
            rule = f"at most half of the {self.pairs} pairs that a context holds"
            checks.refuse(name, "burst", self.burst, rule)
        if self.class_count < max(self.label_count, 3):
            rule = f"at least 3 and as many as the {self.label_count} labels need"
            checks.refuse(name, "class_count", self.class_count, rule)

    def as_dict(self) -> dict[str, Any]:
        """Its arguments by name."""
        return asdict(self)

    # --- classes ---

    def labels(self, classes: Array) -> Array:
        """The labels of classes."""
        return classes % self.label_count

    def drawn(self, key: Array, shape: tuple[int, ...]) -> Array:
        """Classes by their frequencies."""
        if self.zipf == 0:
            return jax.random.randint(key, shape, 0, self.class_count)
        weights = -self.zipf * jnp.log(jnp.arange(1, self.class_count + 1))
        return jax.random.categorical(key, weights, shape=shape)

    def others(self, key: Array, classes: Array, shape: tuple[int, ...]) -> Array:
        """Classes, uniform over all whose label is not that of the given ones."""
        whole = self.class_count
        step = jax.random.randint(key, shape, 0, whole)
        found = (classes + 1 + step) % whole
        # the next class has the next label, but for the wrap around an uneven end
        found = jnp.where(self.labels(found) == self.labels(classes), (found + 1) % whole, found)
        return jnp.where(self.labels(found) == self.labels(classes), (found + 1) % whole, found)

    # --- contexts of classes: (B, N + 1), the query last ---

    def training(self, key: Array, size: int) -> Array:
        """As the model is trained."""
        first, second, third, fourth, fifth = jax.random.split(key, 5)
        query = self.drawn(first, (size, 1))
        free = self.drawn(second, (size, self.pairs))
        distractor = self.others(third, query, (size, 1))
        place = jnp.arange(self.pairs)
        bursty = jnp.where(place < self.burst, query, distractor)
        bursty = jnp.where(place < 2 * self.burst, bursty, free)
        chosen = jax.random.bernoulli(fourth, self.burstiness, (size, 1))
        context = jnp.where(chosen, bursty, free)
        context = jax.random.permutation(fifth, context, axis=1, independent=True)
        return jnp.concatenate([context, query], axis=1)

    def paired(self, key: Array, first: Array, second: Array) -> tuple[Array, Array]:
        """Half of the context of either class, and a query of either: whose it is, 0 or 1."""
        size = len(first)
        one, two = jax.random.split(key)
        side = jnp.tile(jnp.arange(self.pairs) % 2, (size, 1))
        side = jax.random.permutation(one, side, axis=1, independent=True)
        last = jax.random.bernoulli(two, 0.5, (size, 1)).astype(int)
        return jnp.concatenate([side, last], axis=1), jnp.stack([first, second], axis=1)


def gathered(pair: Shaped[Array, "b 2"], side: Shaped[Array, "b n"]) -> Shaped[Array, "b n"]:
    """One or the other of a pair at each place."""
    return jnp.take_along_axis(pair, side, axis=1)
