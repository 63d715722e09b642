"""Gradient flow of any loss by the steps that chapter 1 takes over all parameters."""

from functools import cache

import diffrax
import jax
import jax.numpy as jnp
import numpy as np

from lsa_theory.flow.rosenbrock import ExponentialRosenbrock


@cache
def _step(loss, size):
    """Of a point of that many numbers, compiled quickly, to run a few hundred times."""

    def field(time, point, args):
        return -jax.grad(loss)(point, args)

    def step(point, h, args):
        found = ExponentialRosenbrock().step(
            diffrax.ODETerm(field), 0.0, h, point, args, None, False
        )
        return found[:2]

    return jax.jit(step, compiler_options={"xla_backend_optimization_level": 0})


def flow(loss, start, times, args, rtol=1e-9):
    """States at increasing times from 0 on; `loss(point, args)` in operations that JAX knows."""
    with jax.enable_x64(True):
        args = jax.tree.map(jnp.asarray, args)
        step, point = _step(loss, len(start)), jnp.asarray(start)
        time, h, found = 0.0, float(times[-1]) / 1000, []
        for stop in map(float, times):
            while time < stop:
                size = min(h, stop - time)
                new, error = map(np.asarray, step(point, size, args))
                ratio = float(np.linalg.norm(error)) / (rtol * max(np.linalg.norm(new), 1.0))
                if ratio <= 1:
                    time, point = (stop if size == stop - time else time + size), new
                h = size * min(max(0.8 * max(ratio, 1e-9) ** -0.2, 0.2), 4.0)
            found.append(np.asarray(point))
        return np.array(found)
