"""What a model has learned in context, and what in its weights: sequences that tell them apart."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from lsa_theory._typing import Array, Shaped
from lsa_theory.transience.bursty import Bursty, Sequences, gathered
from lsa_theory.transience.circuits import circuits, logits_without
from lsa_theory.transience.classifier import Classifier


@runtime_checkable
class Source(Protocol):
    """Where exemplars come from."""

    @property
    def data(self) -> Bursty: ...

    @property
    def evaluation_count(self) -> int: ...

    def exemplars(self, world: Any, key: Array, classes: Array, fresh: bool = False) -> Array:
        """Of training classes, (..., D); fresh: such as no training step shows, if there are."""
        ...

    def newcomers(self, world: Any, key: Array, side: Array) -> Array:
        """Of two classes never trained on, drawn anew for each row, by which of them: 0 or 1."""
        ...


def probed(source: Source, model: Classifier, world: Any, key: Array) -> dict[str, Array]:
    """All numbers, by name.

    The shares of right answers: `icl` on new classes, `icl_two_way` likewise among the context's
    two labels, `flip` on training classes whose labels the context swaps, `iwl` and `copy` on
    training classes without examples. `icl_without_attention` and the like: a path ablated, on a
    quarter of the sequences. `match`, `logit_attention`, `logit_mlp`: see `circuits`.
    """
    one, two, three, four = jax.random.split(key, 4)
    data, size = source.data, source.evaluation_count
    u = data.uniforms(one, size)
    (side, labels), pair = data.new(u)
    new = Sequences(source.newcomers(world, two, side), labels)
    known = together([data.flipped(u), data.unsupported(u)])
    shown = source.exemplars(world, three, known.classes, fresh=True)
    alone = Sequences(shown[size:], known.labels[size:])
    again = Sequences(shown[size:], data.label_shown(u).labels)
    batch = together([new, Sequences(shown, known.labels), again])
    logits = jax.vmap(model)(*batch)
    found = dict(zip(("icl", "flip", "iwl", "copy"), right(logits, batch, 4), strict=True))
    found["icl_two_way"] = right(logits[:size], new, 1, pair)[0]
    few = -(-size // 4)
    batch = together([Sequences(*(x[:few] for x in kind)) for kind in (new, alone)])
    for path in ("attention", "mlp"):
        icl, iwl = right(logits_without(model, batch, path), batch, 2)
        found |= {f"icl_without_{path}": icl, f"iwl_without_{path}": iwl}
    batch, same = training(source, world, four, few)
    return found | circuits(model, batch, same)


def training(source: Source, world: Any, key: Array, size: int) -> tuple[Sequences, Array]:
    """As the model is trained; and which pairs are of the query's class."""
    first, second = jax.random.split(key)
    classes, labels = source.data.training(source.data.uniforms(first, size))
    same = classes[:, :-1] == classes[:, -1:]
    return Sequences(source.exemplars(world, second, classes), labels), same


def together(kinds: Iterable[Any]) -> Any:
    """Several kinds of sequences, one after the other: one program runs them all."""
    return jax.tree.map(lambda *arrays: jnp.concatenate(arrays), *kinds)


def right(
    logits: Shaped[Array, "b l"], batch: Sequences, kinds: int, among: Array | None = None
) -> Shaped[Array, " k"]:
    """The share, of each kind, of queries whose largest logit, of all or of some labels, is the
    right one."""
    if among is None:
        best = logits.argmax(1)
    else:
        chosen = jnp.take_along_axis(logits, among, axis=1).argmax(1)
        best = gathered(among, chosen[:, None])[:, 0]
    return (best == batch.labels[:, -1]).reshape(kinds, -1).mean(1)
