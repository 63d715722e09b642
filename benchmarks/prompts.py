"""Errors on freshly sampled prompts, in JAX: what Adam trains on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np


def whole_prompts(eigenvalues: np.ndarray, length: int) -> Callable:
    """Every pair is drawn and attended to, the query itself included; all parameters that the
    prediction sees. The embedding is not copied together: only its products are needed."""
    d, scale = len(eigenvalues), jnp.sqrt(jnp.asarray(eigenvalues, dtype=jnp.float32))

    def errors(parameters: Any, key: jax.Array, batch: int) -> jax.Array:
        v, s, u, p = parameters
        normals = jax.random.normal(key, (batch, length + 2, d))
        x, query, w = normals[:, :-2] * scale, normals[:, -2] * scale, normals[:, -1]
        y = jnp.einsum("bnd,bd->bn", x, w)
        asked = query @ u.T  # U x_q
        scores = jnp.einsum("bnd,bd->bn", x, asked) + y * (query @ p)[:, None]
        attended = (scores * (x @ v + s * y)).sum(1) + (query @ v) * (query * asked).sum(1)
        return attended / length - (w * query).sum(1)

    return errors


def sufficient_statistics(eigenvalues: np.ndarray, length: int) -> Callable:
    """`h = X^T y / N` alone is drawn, in O(d): with `g = Λ^{1/2} w`, `e = g/|g|`, `z ~ χ²_N` and
    `η` orthogonal to e, `h = Λ^{1/2} |g| (z e + √z η)/N`; the block `(s, U)`."""
    d, scale = len(eigenvalues), jnp.sqrt(jnp.asarray(eigenvalues, dtype=jnp.float32))

    def errors(parameters: Any, key: jax.Array, batch: int) -> jax.Array:
        s, u = parameters
        keys = jax.random.split(key)
        w, across, query = jax.random.normal(keys[0], (3, batch, d))
        query = query * scale
        z = chi_squared(keys[1], length, batch)
        g = w * scale
        square = (g * g).sum(1, keepdims=True)
        across = across * jnp.sqrt(square) - g * (across * g).sum(1, keepdims=True) / jnp.sqrt(
            square
        )
        h = scale * (z * g + jnp.sqrt(z) * across) / length
        return s * ((h @ u) * query).sum(1) - (w * query).sum(1)

    return errors


def chi_squared(key: jax.Array, degrees: int, batch: int) -> jax.Array:
    """For an even number of degrees: a sum of exponentials, several times cheaper than JAX's."""
    uniforms = jax.random.uniform(key, (batch, degrees // 2), minval=jnp.finfo(jnp.float32).tiny)
    return -2 * jnp.log(uniforms).sum(1, keepdims=True)
