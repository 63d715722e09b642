r"""A decoder-only transformer, small enough to read.

The residual stream `x` of shape (T, width) passes through blocks

.. math::
    x \leftarrow x + \mathrm{attention}(n(x)), \qquad x \leftarrow x + \mathrm{mlp}(n(x)),

with causal attention over the positions up to one's own. Softmax attention has weights
:math:`\mathrm{softmax}(q^\top k / \sqrt{h})`; linear attention :math:`q^\top k / T'`, with
:math:`T'` the number of positions that are seen. Every intermediate result has a name, by which it
is captured, or replaced by zero.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import asdict, dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped

WHOLE = slice(None)


@dataclass(frozen=True)
class Architecture:
    """The shape of a transformer.

    Attributes
    ----------
    depth, width, heads
        Blocks, size of the residual stream, heads of each attention; heads divide the width.
    attention
        "softmax" or "linear".
    positions
        "absolute" (learned, added once), "rotary" (of queries and keys) or "none".
    normalised
        Whether blocks, and the end, see a stream of unit mean square (pre-norm).
    mlp
        The hidden layer's size over the width; 0: attention only.
    block_scale, embedding_scale
        Of the matrices at the start: of the blocks', and of those that embed and read out, over
        one that keeps a stream's size. Small embeddings are where in-weights learning is late.
    """

    depth: int = 1
    width: int = 64
    heads: int = 4
    attention: str = "softmax"
    positions: str = "none"
    normalised: bool = True
    mlp: int = 4
    block_scale: float = 1.0
    embedding_scale: float = 1.0

    def __post_init__(self) -> None:
        name = "Architecture"
        for argument, least in (("depth", 1), ("width", 1), ("heads", 1), ("mlp", 0)):
            checks.integer(name, argument, getattr(self, argument), minimum=least)
        for argument in ("block_scale", "embedding_scale"):
            checks.real(name, argument, getattr(self, argument), minimum=0)
        if self.width % self.heads:
            checks.refuse(name, "heads", self.heads, f"a divisor of the width {self.width}")
        for argument, known in (
            ("attention", ("softmax", "linear")),
            ("positions", ("absolute", "rotary", "none")),
        ):
            if getattr(self, argument) not in known:
                rule = "one of " + ", ".join(known)
                checks.refuse(name, argument, repr(getattr(self, argument)), rule)
        if self.positions == "rotary" and self.width // self.heads % 2:
            checks.refuse(name, "heads", self.heads, "heads of even size for rotary positions")

    def as_dict(self) -> dict[str, Any]:
        """Its arguments by name."""
        return asdict(self)


class Stream:
    """What passes through the layers: captures results by name, and silences some."""

    def __init__(self, capture: Collection[str] = (), silence: Collection[str] = ()) -> None:
        self.captured: dict[str, Array] = {}
        self._capture, self._silence = frozenset(capture), frozenset(silence)

    def __call__(self, name: str, value: Array) -> Array:
        value = jnp.zeros_like(value) if name in self._silence else value
        if name in self._capture or "all" in self._capture:
            self.captured[name] = value
        return value


def _initial(key: Array, rows: int, columns: int) -> Shaped[Array, "m n"]:
    return jax.random.normal(key, (rows, columns), jnp.float32) / jnp.sqrt(columns)


class Attention(eqx.Module):
    """Causal attention of several heads."""

    query: Array
    key: Array
    value: Array
    output: Array
    heads: int = eqx.field(static=True)
    linear: bool = eqx.field(static=True)
    rotary: bool = eqx.field(static=True)

    def __init__(self, shape: Architecture, key: Array) -> None:
        keys = jax.random.split(key, 4)
        width = shape.width
        self.query, self.key, self.value, self.output = (_initial(k, width, width) for k in keys)
        self.output = self.output / jnp.sqrt(2.0 * shape.depth)
        self.heads = shape.heads
        self.linear = shape.attention == "linear"
        self.rotary = shape.positions == "rotary"

    def __call__(
        self, x: Shaped[Array, "t w"], name: str, stream: Stream, read: slice = WHOLE
    ) -> Array:
        place = np.arange(len(x))
        query, key, value = (
            (seen @ matrix.T).reshape(len(seen), self.heads, -1)
            for seen, matrix in ((x[read], self.query), (x, self.key), (x, self.value))
        )
        if self.rotary:
            query, key = rotated(query, place[read]), rotated(key, place)
        scores = jnp.einsum("thi,shi->hts", query, key) / jnp.sqrt(query.shape[-1])
        causal = place[read][:, None] >= place
        if self.linear:
            weights = jnp.where(causal, scores, 0.0) / (place[read] + 1)[:, None]
        else:
            weights = jax.nn.softmax(jnp.where(causal, scores, -jnp.inf), axis=-1)
        weights = stream(f"{name}.weights", weights)
        mixed = jnp.einsum("hts,shi->thi", weights, value)
        heads = stream(f"{name}.heads", mixed).reshape(len(query), -1)
        return stream(name, heads @ self.output.T)


def rotated(x: Shaped[Array, "t h i"], place: Shaped[Array, " t"]) -> Shaped[Array, "t h i"]:
    """Pairs of entries turned by an angle that grows with the position (Su et al., 2021)."""
    size = x.shape[-1]
    frequencies = 10000.0 ** (-jnp.arange(size // 2) * 2 / size)
    angle = place[:, None, None] * frequencies
    first, second = x[..., : size // 2], x[..., size // 2 :]
    turned = [
        first * jnp.cos(angle) - second * jnp.sin(angle),
        first * jnp.sin(angle) + second * jnp.cos(angle),
    ]
    return jnp.concatenate(turned, axis=-1).astype(x.dtype)


class Mlp(eqx.Module):
    """One hidden layer of ReLUs."""

    up: Array
    down: Array

    def __init__(self, shape: Architecture, key: Array) -> None:
        first, second = jax.random.split(key)
        hidden = shape.mlp * shape.width
        self.up = _initial(first, hidden, shape.width) * jnp.sqrt(2.0)
        self.down = _initial(second, shape.width, hidden) / jnp.sqrt(2.0 * shape.depth)

    def __call__(self, x: Shaped[Array, "t w"], name: str, stream: Stream) -> Array:
        hidden = stream(f"{name}.hidden", jax.nn.relu(x @ self.up.T))
        return stream(name, hidden @ self.down.T)


class Norm(eqx.Module):
    """To unit mean square, times a learned scale."""

    scale: Array

    def __init__(self, width: int) -> None:
        self.scale = jnp.ones(width, jnp.float32)

    def __call__(self, x: Shaped[Array, "t w"]) -> Shaped[Array, "t w"]:
        return x * self.factor(x)

    def factor(self, x: Shaped[Array, "... w"]) -> Shaped[Array, "... w"]:
        """What each entry is multiplied by."""
        return jax.lax.rsqrt((x * x).mean(-1, keepdims=True) + 1e-6) * self.scale


class Block(eqx.Module):
    """Attention, then a hidden layer; either adds to the stream."""

    attention: Attention
    mlp: Mlp | None
    norms: tuple[Norm, ...] | None

    def __init__(self, shape: Architecture, key: Array) -> None:
        first, second = jax.random.split(key)
        self.attention = Attention(shape, first)
        self.mlp = Mlp(shape, second) if shape.mlp else None
        count = 2 if shape.mlp else 1
        self.norms = tuple(Norm(shape.width) for _ in range(count)) if shape.normalised else None

    def __call__(
        self, x: Shaped[Array, "t w"], name: str, stream: Stream, read: slice = WHOLE
    ) -> Array:
        seen = x if self.norms is None else self.norms[0](x)
        x = x[read] + self.attention(seen, f"{name}.attention", stream, read)
        if self.mlp is not None:
            seen = x if self.norms is None else self.norms[1](x)
            x = x + self.mlp(seen, f"{name}.mlp", stream)
        return stream(name, x)


class Transformer(eqx.Module):
    """The residual stream, from embedded tokens to what is read out.

    Parameters
    ----------
    shape
        The architecture.
    length
        The longest sequence, for absolute positions.
    key
        Of JAX's random numbers.
    """

    positions: Array | None
    blocks: tuple[Block, ...]
    norm: Norm | None

    def __init__(self, shape: Architecture, length: int, key: Array) -> None:
        first, *keys = jax.random.split(key, shape.depth + 1)
        absolute = shape.positions == "absolute"
        self.positions = _initial(first, length, shape.width) if absolute else None
        blocks = tuple(Block(shape, k) for k in keys)
        self.blocks = jax.tree.map(lambda x: x * shape.block_scale if x.ndim > 1 else x, blocks)
        self.norm = Norm(shape.width) if shape.normalised else None

    def __call__(
        self, x: Shaped[Array, "t w"], stream: Stream | None = None, read: slice = WHOLE
    ) -> Array:
        """The stream after all blocks, (T, width).

        Parameters
        ----------
        x
            (T, width): embedded tokens.
        stream
            Captures what it was asked for: "embedding", "blockB", "blockB.attention",
            "blockB.attention.weights" (heads, T, T), "blockB.attention.heads" (T, heads, size),
            "blockB.mlp", "blockB.mlp.hidden" (T, hidden), or "all".
        read
            The positions that are asked for: the last block leaves out the others, here and in what
            is captured of it.
        """
        stream = Stream() if stream is None else stream
        if self.positions is not None:
            x = x + self.positions[: len(x)]
        x = stream("embedding", x)
        last = len(self.blocks) - 1
        for index, block in enumerate(self.blocks):
            x = block(x, f"block{index}", stream, read if index == last else WHOLE)
        return x if self.norm is None else self.norm(x)
