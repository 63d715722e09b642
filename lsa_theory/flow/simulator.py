"""Flows by methods for stiff equations, compiled by JAX, with steps that end at given times.

An exponential Rosenbrock step needs one decomposition of the Jacobian, which has to be symmetric,
as a gradient flow's is. An implicit step (Kvaerno 5) asks for nothing, and solves some twenty
linear systems.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import diffrax
import equinox as eqx
import jax
import numpy as np
import optimistix

from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.flow.rosenbrock import ExponentialRosenbrock


class Path(NamedTuple):
    """Where the steps ended, and how the last of them did."""

    times: Any  # infinite beyond the last
    states: Any
    event: Any  # it took place; None if none was given
    exhausted: Any  # the step limit was reached
    succeeded: Any


class _Moved(diffrax.ODETerm):
    """Newton's method is to find a move of the state: a slope, where rates are large, is rounded
    too coarsely for it to end."""

    def is_vf_expensive(self, *where: Any) -> bool:
        return True


@eqx.filter_jit
def integrated(
    field: Callable[..., Any],
    start: Shaped[Array, " n"],
    args: Any,
    times: Shaped[Array, " t"],
    end_time: Scalar,
    rtol: Scalar,
    atol: Scalar,
    max_steps: int,
    implicit: bool,
    event: Callable[..., Any] | None = None,
) -> Path:
    """The flow `y' = field(t, y, args)` from a start, until `event(t, y, args)` holds.

    Compiled for every function, step limit and shape; numbers are to be arrays.
    """
    solver: diffrax.AbstractSolver = ExponentialRosenbrock()
    if implicit:
        # of a move this small Newton's method leaves the square, far below rtol
        least = rtol**0.5 / 100
        newton: Any = optimistix.Newton(rtol=least, atol=least)
        solver = diffrax.Kvaerno5(root_finder=newton)
    # steps end at the times asked for: interpolation is less accurate than a step
    controller = diffrax.PIDController(rtol=rtol, atol=atol)
    solution = diffrax.diffeqsolve(
        _Moved(field),
        solver,
        t0=0.0,
        t1=end_time,
        dt0=None,
        y0=start,
        args=args,
        saveat=diffrax.SaveAt(t0=True, steps=True),
        stepsize_controller=diffrax.ClipStepSizeController(controller, step_ts=times),
        event=event and diffrax.Event(lambda t, y, args, **_: event(t, y, args)),
        max_steps=max_steps,
        throw=False,
    )
    exhausted = solution.result == diffrax.RESULTS.max_steps_reached
    succeeded = diffrax.is_okay(solution.result)
    return Path(solution.ts, solution.ys, solution.event_mask, exhausted, succeeded)


def padded(times: Shaped[Array, " t"] | None) -> Shaped[Array, " n"]:
    """Filled up with infinities, so that few lengths are compiled."""
    count = 0 if times is None else len(times)
    filled = np.full(64 * (count // 64 + 1), np.inf)
    filled[:count] = () if times is None else times
    return filled


STEPS = 8192  # at most, beside those that end at the times asked for


def implicit_states(
    field: Callable[..., Any],
    start: Any,
    times: Shaped[Array, " t"],
    args: Any,
    *,
    rtol: float,
    atol: float,
) -> Shaped[Array, "t n"]:
    """The solution of `y' = field(t, y, args)`, `y(0) = start`, at increasing times from 0 on.

    Raises
    ------
    RuntimeError
        If the steps became too many or too short.
    """
    stops = padded(times)
    with jax.enable_x64(True):
        start, args, *numbers = jax.tree.map(
            lambda leaf: np.asarray(leaf, dtype=np.float64),
            (np.asarray(start), args, times[-1], rtol, atol),
        )
        path = integrated(field, start, args, stops, *numbers, STEPS + len(stops), implicit=True)
        ends, states = np.asarray(path.times), np.asarray(path.states)
    ends = ends[np.isfinite(ends)]
    if not path.succeeded:
        reason = f"more than {STEPS} steps" if path.exhausted else "no acceptable step size"
        raise RuntimeError(f"the integration stopped at t = {ends[-1]:g}: {reason}")
    return states[np.searchsorted(ends, times)]
