"""States inside the steps of `lsa_theory.flow.lockstep`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from lsa_theory._typing import Array, Shaped
from lsa_theory.flow.collocation import DEGREE, elapsed
from lsa_theory.flow.lockstep import Steps, wide, widened
from lsa_theory.flow.phi import quick_relaxations

ROOM = 4096  # states that one program finds
ITERATIONS = 5  # Newton's, from a cubic through both ends


def inside(
    steps: Steps, row: Shaped[Array, " m"], time: Shaped[Array, " m"], rate: Array, target: Array
) -> tuple[Shaped[Array, " m"], Shaped[Array, "k m"]]:
    """The clocks and the entries at given times within given steps; `rate` and `target`, (k, n),
    are those of the lanes."""
    modes, width = len(rate), wide(len(rate))
    rate, target, starts = (widened(x, width) for x in (rate, target, steps.entries))
    columns = (steps.time, steps.clock, steps.scale, steps.size, steps.bends, starts)
    clocks, entries = [np.zeros(0)], [np.zeros((modes, 0))]
    with jax.enable_x64(True):
        for i in range(0, row.size, ROOM):
            at = row[i : i + ROOM]
            lack = (0, ROOM - at.size)
            padded, when = np.pad(at, lack, mode="edge"), np.pad(time[i : i + ROOM], lack, "edge")
            lane = steps.lane[padded]
            found = _found(
                when,
                *(np.take(x, padded, axis=-1) for x in columns),
                *(np.take(x, lane, axis=-1) for x in (rate, target)),
            )
            clocks.append(np.asarray(found[0])[: at.size])
            entries.append(np.asarray(found[1])[:modes, : at.size])
    return np.concatenate(clocks), np.concatenate(entries, axis=-1)


@jax.jit
def _found(
    when: Any, time: Any, clock: Any, scale: Any, size: Any, bends: Any, start: Any, rate: Any,
    target: Any,
) -> tuple[Any, Any]:  # fmt: skip
    theta = _fraction(bends, (when - time) * scale**2 / size)
    goal = target / scale
    relaxed, *others = quick_relaxations(rate * (size * theta), DEGREE)
    entries = start + relaxed * (goal - start)
    for j, psi in enumerate(others):
        entries = entries + psi * (bends[j] * theta ** (j + 1)) * goal
    return clock + size * theta, entries


def _fraction(bends: Any, duration: Any) -> Any:
    """Where in a step that time, in units of `size / scale^2`, has passed."""
    terms = elapsed(bends)
    whole, end = terms.sum(0), 1 + bends.sum(0)
    x = jnp.clip(duration / whole, 0.0, 1.0)
    first, last = whole, whole / end**2  # d theta / d x at both ends of the step
    theta = x * (first + x * (3 - 2 * first - last + x * (first + last - 2)))
    for _ in range(ITERATIONS):
        theta = jnp.clip(theta, 0.0, 1.0)
        passed, speed = jnp.zeros_like(theta), jnp.zeros_like(theta)
        for q in range(len(terms), 0, -1):
            passed = passed * theta + terms[q - 1]
            speed = speed * theta + q * terms[q - 1]
        theta = theta - (passed * theta - duration) / speed
    return jnp.clip(theta, 0.0, 1.0)
