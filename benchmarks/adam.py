"""The opponent: mini-batch Adam on sampled prompts, compiled, with what helps it.

Bias-corrected Adam, cosine decay of the learning rate to zero, and the mean of the iterates over
the last half of the steps; one `fori_loop`, no Python in between, in float32, with JAX's cheapest
generator. `GRID` was written down before the first run, and the best of it counts.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

DECAY = 0.9, 0.999
EPSILON = 1e-8


class Setting(NamedTuple):
    batch: int
    steps: int
    rate: float

    def __str__(self) -> str:
        return f"{self.steps} steps of {self.batch}, rate {self.rate}"


GRID = tuple(
    Setting(*values) for values in product((64, 256, 1024), (300, 1000, 3000), (0.01, 0.03, 0.1))
)


def training(errors: Callable[[Any, jax.Array, int], jax.Array], batch: int) -> Callable:
    """`(start, seed, steps, rate) -> parameters`, compiled once for all steps and rates.

    `errors(parameters, key, batch)` samples prompts and returns `ŷ − ⟨w, x_q⟩` for each.
    """

    def loss(parameters: Any, key: jax.Array) -> jax.Array:
        return 0.5 * jnp.mean(errors(parameters, key, batch) ** 2)

    def train(start: Any, seed: int, steps: int, rate: float) -> Any:
        key = jax.random.key(seed, impl="unsafe_rbg")
        zero = jax.tree.map(jnp.zeros_like, start)

        def step(i: jax.Array, state: Any) -> Any:
            parameters, first, second, mean = state
            slope = jax.grad(loss)(parameters, jax.random.fold_in(key, i))
            first = blend(first, slope, DECAY[0])
            second = blend(second, jax.tree.map(jnp.square, slope), DECAY[1])
            size = rate * 0.5 * (1 + jnp.cos(jnp.pi * i / steps))
            bias = [1 - decay ** (i + 1.0) for decay in DECAY]
            parameters = jax.tree.map(
                lambda x, m, v: x - size * (m / bias[0]) / (jnp.sqrt(v / bias[1]) + EPSILON),
                *(parameters, first, second),
            )
            averaged = jnp.maximum(i + 1 - steps // 2, 1)  # how many iterates are in the mean
            return parameters, first, second, blend(mean, parameters, 1 - 1 / averaged)

        return jax.lax.fori_loop(0, steps, step, (start, zero, zero, zero))[-1]

    return jax.jit(train)


def blend(old: Any, new: Any, weight: Any) -> Any:
    return jax.tree.map(lambda a, b: weight * a + (1 - weight) * b, old, new)
