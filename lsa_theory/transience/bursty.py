r"""Bursty sequences of classes, on which in-context learning emerges and goes away again.

A sequence shows `N` pairs of an exemplar and its label, then a query exemplar. In a bursty one
`B` pairs are of the query's class, `B` of one distractor, the others of any class. Exemplars of a
Gaussian class are :math:`x = (\mu_k + \epsilon \eta) / \sqrt{1 + \epsilon^2}`; drawings may be
blurred likewise.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped


class Contexts(NamedTuple):
    """Classes and labels, (B, N + 1) each: the last are the query's."""

    classes: Any
    labels: Any


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
        :math:`\epsilon`: what is added to a class's mean, or to a drawing.
    dimension
        Of exemplars, or of what embeds them.
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

    def drawn(self, u: Array) -> Array:
        """Classes by their frequencies, from uniform numbers."""
        if self.zipf == 0:
            return integers(u, self.class_count)
        weights = np.arange(1, self.class_count + 1) ** -float(self.zipf)
        ends = np.cumsum(weights / weights.sum())[:-1]
        return jnp.searchsorted(jnp.asarray(ends, u.dtype), u, side="right")

    def others(self, u: Array, classes: Array) -> Array:
        """Classes, uniform over all whose label is not that of the given ones."""
        whole = self.class_count
        found = (classes + 1 + integers(u, whole)) % whole
        # the next class has the next label, but for the wrap around an uneven end
        found = jnp.where(self.labels(found) == self.labels(classes), (found + 1) % whole, found)
        return jnp.where(self.labels(found) == self.labels(classes), (found + 1) % whole, found)

    def blurred(self, key: Array, x: Array) -> Array:
        """With noise, at unit variance again."""
        if self.noise == 0:
            return x
        noise = self.noise * jax.random.normal(key, x.shape, jnp.float32)
        return (x + noise) / (1 + self.noise**2) ** 0.5

    # --- contexts from uniform numbers, (B, 2 N + 3) of them or fewer ---

    def uniforms(self, key: Array, size: int) -> Array:
        """What all contexts are made from: one draw, for one is quickly compiled."""
        return jax.random.uniform(key, (size, 2 * self.pairs + 3))

    def training(self, u: Array) -> Contexts:
        """As the model is trained."""
        query, u = self.drawn(u[:, :1]), u[:, 1:]
        distractor, chosen, u = self.others(u[:, :1], query), u[:, 1:2] < self.burstiness, u[:, 2:]
        free, order = self.drawn(u[:, : self.pairs]), jnp.argsort(u[:, self.pairs :], axis=1)
        place = jnp.arange(self.pairs)
        bursty = jnp.where(place < self.burst, query, distractor)
        bursty = jnp.where(place < 2 * self.burst, bursty, free)
        context = jnp.take_along_axis(jnp.where(chosen, bursty, free), order, axis=1)
        return self._own(jnp.concatenate([context, query], axis=1))

    def new(self, u: Array) -> tuple[Contexts, Array]:
        """Two new classes, here 0 and 1, half of the context each, with labels drawn anew; and
        these two labels."""
        first = integers(u[:, 0], self.label_count)
        step = 1 + integers(u[:, 1], max(self.label_count - 1, 1))
        pair = jnp.stack([first, (first + step) % self.label_count], axis=1)
        side = self._sides(u[:, 2:])
        return Contexts(side, gathered(pair, side)), pair

    def flipped(self, u: Array) -> Contexts:
        """Two training classes with their labels swapped; right is what the context says."""
        first = self.drawn(u[:, :1])
        pair = jnp.concatenate([first, self.others(u[:, 1:2], first)], axis=1)
        side = self._sides(u[:, 2:])
        return Contexts(gathered(pair, side), self.labels(gathered(pair, 1 - side)))

    def unsupported(self, u: Array) -> Contexts:
        """A training class without examples, its label nowhere in the context."""
        query = self.drawn(u[:, :1])
        context = self.others(u[:, 1 : self.pairs + 1], query)
        return self._own(jnp.concatenate([context, query], axis=1))

    def label_shown(self, u: Array) -> Contexts:
        """Likewise, but one example of another class carries the true label."""
        classes, labels = self.unsupported(u)
        place = integers(u[:, self.pairs + 1], self.pairs)
        return Contexts(classes, labels.at[jnp.arange(len(u)), place].set(labels[:, -1]))

    def _own(self, classes: Array) -> Contexts:
        return Contexts(classes, self.labels(classes))

    def _sides(self, u: Array) -> Array:
        """Half of the context of either class, and a query of either: 0 or 1."""
        order = jnp.argsort(u[:, : self.pairs], axis=1)
        return jnp.concatenate([order % 2, integers(u[:, self.pairs, None], 2)], axis=1)


def integers(u: Array, count: int) -> Array:
    """From uniform numbers in [0, 1): 0 to count - 1."""
    return jnp.minimum((u * count).astype(int), count - 1)


def gathered(pair: Shaped[Array, "b 2"], side: Shaped[Array, "b n"]) -> Shaped[Array, "b n"]:
    """One or the other of a pair at each place."""
    return jnp.take_along_axis(pair, side, axis=1)
