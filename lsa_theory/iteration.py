"""Limits of iterations, of numbers and under JAX."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lsa_theory._typing import Array, Scalar
from lsa_theory.linalg import is_traced

STEPS = 100  # of an iteration, at most


def descent_limit(step: Callable[..., Scalar], start: Scalar, *parameters: Array) -> Scalar:
    """The limit of `x → step(x, *parameters)` that comes down to it from `start`, as Newton's
    iteration does to a zero of a convex function: it ends when it has ceased to fall.

    Its slope, under JAX, is that of one more step: exact for Newton's."""
    settled = 1 - 4 * np.finfo(np.float64).eps
    if not is_traced(start, *parameters):
        for _ in range(STEPS):
            last, start = start, step(start, *parameters)
            if not start < settled * last:
                break
        return start
    import jax

    @jax.custom_jvp
    def limit(start: Array, *parameters: Array) -> Array:
        def following(state: Any) -> Any:
            last, _, count = state
            found = step(last, *parameters)
            return found, found < settled * last, count + 1

        falling = (start, True, 0)
        return jax.lax.while_loop(lambda x: x[1] & (x[2] < STEPS), following, falling)[0]

    @limit.defjvp
    def slope(point: Any, tangents: Any) -> Any:
        found = limit(*point)
        return found, jax.jvp(lambda *p: step(found, *p), point[1:], tangents[1:])[1]

    return limit(start, *parameters)
