r"""Two paths to the query's label: attention reads it off the context, the rest knows it.

The stream before the readout is a sum of what each part has written. With the norm's factor held
at its value, so are the logits. The path of the weights are the MLPs; a model without them has the
direct path from the query's embedding instead.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from lsa_theory._typing import Array, Shaped
from lsa_theory.transformer.model import Stream
from lsa_theory.transience.bursty import Sequences
from lsa_theory.transience.classifier import Classifier


def parts(model: Classifier, path: str) -> list[str]:
    """The names of what belongs to a path, "attention" or "mlp"."""
    blocks = model.core.blocks
    if path == "mlp" and blocks[0].mlp is None:
        return ["embedding"]
    return [f"block{index}.{path}" for index in range(len(blocks))]


def logits_without(model: Classifier, batch: Sequences, path: str) -> Shaped[Array, "b l"]:
    """The logits when a path writes nothing; the embedding stays where attention reads it."""
    names = parts(model, path)

    def one(exemplars: Array, labels: Array) -> Array:
        if names != ["embedding"]:
            return model(exemplars, labels, Stream(silence=names))
        kept = Stream(capture=[*names, _end(model)])
        model(exemplars, labels, kept)
        rest = kept.captured[_end(model)] - kept.captured["embedding"][-1:]
        return (rest if model.core.norm is None else model.core.norm(rest))[-1] @ model.readout.T

    return jax.vmap(one)(*batch)


def circuits(model: Classifier, batch: Sequences, same: Shaped[Array, "b n"]) -> dict[str, Array]:
    """What the paths do on training sequences.

    `match`: the attention weight from the query to the pairs of its class, of the head in which it
    is largest, over the sequences that have such pairs. `logit_attention` and `logit_mlp`: the
    logit of the right label that a path writes, minus its mean over labels.

    Parameters
    ----------
    model, batch
        A model and sequences.
    same
        Which pairs are of the query's class.
    """
    weights = [f"{name}.weights" for name in parts(model, "attention")]
    paths = {path: parts(model, path) for path in ("attention", "mlp")}
    capture = {_end(model), *weights, *paths["attention"], *paths["mlp"]}

    def one(exemplars: Array, labels: Array, same: Array) -> tuple[Array, dict[str, Array]]:
        kept = Stream(capture=capture)
        model(exemplars, labels, kept)
        found = kept.captured
        tokens = jnp.append(jnp.repeat(same, 2) if model.interleaved else same, False)
        match = jnp.concatenate([(found[name][:, -1] * tokens).sum(-1) for name in weights])
        end, norm = found[_end(model)][-1], model.core.norm
        factor = 1.0 if norm is None else norm.factor(end)
        written = {}
        for path, names in paths.items():
            logits = sum(found[name][-1] for name in names) * factor @ model.readout.T
            written[f"logit_{path}"] = logits[labels[-1]] - logits.mean()
        return match, written

    match, written = jax.vmap(one)(*batch, same)
    matching = same.any(1).sum()
    means = {name: logit.mean() for name, logit in written.items()}
    return {"match": (match.sum(0) / jnp.maximum(matching, 1)).max(), **means}


def _end(model: Classifier) -> str:
    return f"block{len(model.core.blocks) - 1}"
