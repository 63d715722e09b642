r"""The block flow without stiffness: an exponential integrator that chooses between two clocks.

With `v = p = 0` the flow, mode by mode in the eigenbases of :math:`C = E[h h^T]` and
:math:`\Lambda_q`, is

.. math:: U' = -s\, m\, (s U - B), \qquad s' = -\sum m\, U (s U - B), \qquad m \ge 0,

and :math:`s^2 - \|U\|^2` is conserved. `modes` reduces it to few rates, `steps` takes one step by
the clock :math:`\int s^2 dt` or by `t`; here steps are chosen, and
`scalars` says where to stop.

*Clock.* :math:`m_{\max} s^2 + \sum m U^2` bounds the rates at which the modes and `s` relax. As
long as `s` changes by its own size before anything relaxes, nothing is stiff and `1/s` is not
smooth: `t` is the clock. It is in starts near `s = 0` and wherever `s` changes sign.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lsa_theory._typing import Array, Shaped
from lsa_theory.flow.modes import Modes, few_modes
from lsa_theory.flow.scalars import Scalars, balanced, scalars
from lsa_theory.flow.status import Status
from lsa_theory.flow.steps import State, exponential_step, time_step

RUNNING = -1  # any other status is an index into `tuple(Status)`
CODES = {status: index for index, status in enumerate(Status)}
FIRST_STEP = 0.3  # of a clock, in units of the shortest relaxation
LEAST_CHANGE, MOST_CHANGE, SAFETY, ORDER = 0.2, 10.0, 0.9, 5  # of the next step's size
CHUNK = 256  # steps recorded between two looks at the status: large buffers cost more than steps


class Record(NamedTuple):
    """Scalars at the start and after every accepted step."""

    time: Any
    scale: Any
    excess: Any  # loss above its minimum
    residual: Any  # norm of the whole gradient


class Path(NamedTuple):
    """What `integrate` returns."""

    status: Any  # index into `tuple(Status)`
    time: Any  # at the end
    scale: Any
    factor: Any  # (k,), U
    scales: Any  # (T,), at the requested times
    factors: Any  # (T, k)
    steps: Any  # how many were accepted
    record: Record  # (steps + 1,) each


class Problem(NamedTuple):
    """What stays the same along a path."""

    modes: Modes
    balance: Any
    stops: Any  # requested times, then infinity
    end_time: Any
    rtol: Any
    stop: Any
    max_steps: Any


class Front(NamedTuple):
    """Where the integration stands."""

    state: State
    by_time: Any  # the clock of the last step
    size: Any  # of the next step, by that clock; 0: not known
    attempts: Any
    next_stop: Any
    saved: State  # at the stops


class Carry(NamedTuple):
    """What changes from step to step; of use outside the loop: all but `now`."""

    front: Front
    now: Scalars
    status: Any
    filled: Any  # rows of the record
    record: Any


def integrate(
    rates: Shaped[Array, " k"],
    minimiser: Shaped[Array, " k"],
    start: Shaped[Array, " k"],
    scale: float,
    balance: float,
    times: Shaped[Array, " t"] | tuple[()] = (),
    *,
    end_time: float = np.inf,
    rtol: float = 1e-8,
    stop: float = 1e-12,
    max_steps: int = 4096,
) -> Path:
    """The flow from `U = start`, `s = scale`, given the modes' rates and the minimiser of `s U`.

    `balance` is the conserved `s^2 - |U|^2` over all modes (of a start it is known only to
    rounding, and 0 should be 0). Every requested time, in increasing order, ends a step; at those
    beyond the end the state is NaN, or the final one if the path has converged.

    `rtol` bounds the error of a step, of `s` and of `|U|` relative to themselves; `stop` is the
    distance to the limit, relative to the limit's norm, that counts as converged; `max_steps`
    counts rejected steps too. A batch is best run path after path, sharing a compilation:
    `jax.vmap` over `advance` halves the cost of a path but compiles for seconds, for each size.
    """
    times = np.asarray(times, dtype=np.float64)
    room = next(8**n for n in range(1, 20) if times.size < 8**n)  # few shapes to compile for
    stops = np.append(times, np.full(room - times.size, np.inf))
    options = (float(end_time), float(rtol), float(stop), int(max_steps))
    moving = rates > 0
    target = np.where(moving, minimiser, 0.0)
    along = start @ target / (target @ target) if target.any() else 0.0
    rest = start - along * target
    modes, spread = few_modes(rates, rest, target)
    problem = Problem(modes, float(balance + (start[~moving] ** 2).sum()), stops, *options)
    front, status = beginning(problem, float(scale), along), np.array(RUNNING)
    rows: list[Array] = []
    with jax.enable_x64(True):
        while status == RUNNING:
            front, _, *chunk = _advance(problem, front)
            status, filled, chunk_rows = map(np.asarray, chunk)
            rows.append(chunk_rows[min(len(rows), 1) : filled])  # each starts where the last ended
        state, saved = jax.tree.map(np.array, (front.state, front.saved))
    if status == CODES[Status.CONVERGED]:
        after = np.isnan(saved.scale)
        for values, last in zip(saved, state, strict=True):
            values[after] = last
    saved = State(*(values[np.searchsorted(problem.stops, times)] for values in saved))
    factor, factors = (
        np.where(moving, spread(x.kept) * rest + spread(x.reached) * target, start)
        for x in (state, saved)
    )
    record = Record(*np.concatenate(rows).T)
    steps = np.array(record.time.size - 1)
    return Path(status, state.time, state.scale, factor, saved.scale, factors, steps, record)


def beginning(problem: Problem, scale: float, along: float) -> Front:
    """The front of a path that starts now, from `U = R + along * B`."""
    one, stops = np.ones_like(problem.modes.rate), problem.stops
    state = State(np.zeros(()), np.array(scale), one, along * one)
    saved = [np.multiply.outer(np.where(stops <= 0, 1.0, np.nan), entry) for entry in state]
    zero = np.zeros((), dtype=np.int64)
    return Front(state, zero > 0, np.zeros(()), zero, (stops <= 0).sum(), State(*saved))


def advance(problem: Problem, front: Front) -> Carry:
    """Steps until the path ends or the record, which starts with the given state, is full."""
    now = scalars(problem.modes, problem.balance, front.state)
    record = jnp.zeros((CHUNK, len(Record._fields))).at[0].set(_row(front.state, now))
    carry = Carry(front, now, _status(problem, front, now), jnp.ones((), int), record)

    def unfinished(carry: Carry) -> Any:
        return (carry.status == RUNNING) & (carry.filled < CHUNK)

    return lax.while_loop(unfinished, partial(_attempted, problem), carry)


_advance = jax.jit(advance)


def _attempted(problem: Problem, carry: Carry) -> Carry:
    """After one more step, which is kept if its error is within the tolerance."""
    front, now = carry.front, carry.now
    stop = problem.stops[front.next_stop]
    by_time = _by_time(front.state, now)
    known = (by_time == front.by_time) & (front.size > 0)
    size = jnp.where(known, front.size, _first_size(problem, front.state, now, by_time))
    goal = jnp.minimum(stop, problem.end_time)
    trial = lax.cond(
        by_time,
        lambda: time_step(problem.modes, front.state, size, goal),
        lambda: exponential_step(problem.modes, front.state, now.slope, size, goal),
    )
    good = trial.error <= problem.rtol
    change = SAFETY * (problem.rtol / trial.error) ** (1 / ORDER)
    change = jnp.clip(jnp.nan_to_num(change, nan=0.0), LEAST_CHANGE, MOST_CHANGE)
    new = balanced(problem.modes, problem.balance, trial.state)
    state = jax.tree.map(partial(jnp.where, good), new, front.state)
    now = scalars(problem.modes, problem.balance, state)
    landed = good & (state.time == stop)
    row = jnp.where(landed, front.next_stop, problem.stops.size)  # or out of range: dropped
    front = Front(
        state,
        by_time,
        size * jnp.where(good & trial.cut, 1.0, change),
        front.attempts + 1,
        front.next_stop + landed * (problem.stops == stop).sum(),
        jax.tree.map(lambda saved, x: saved.at[row].set(x, mode="drop"), front.saved, state),
    )
    record = carry.record.at[carry.filled].set(_row(state, now))
    return Carry(front, now, _status(problem, front, now), carry.filled + good, record)


def _by_time(state: State, now: Scalars) -> Any:
    """Whether `t` is the clock: `s` changes by its own size before anything relaxes."""
    return now.stiffness * jnp.abs(state.scale) < jnp.abs(now.slope)


def _first_size(problem: Problem, state: State, now: Scalars, by_time: Any) -> Any:
    """The size of a step after a change of clocks."""
    modes, stiffness = problem.modes, now.stiffness
    forcing = jnp.sqrt((modes.rate**2 * modes.minimiser_minimiser).sum())  # growth near s = 0
    rate = jnp.where(by_time, forcing + stiffness, stiffness / state.scale**2)
    return FIRST_STEP / rate


def _row(state: State, now: Scalars) -> Any:
    return jnp.stack([state.time, state.scale, now.excess, now.residual])


def _status(problem: Problem, front: Front, now: Scalars) -> Any:
    ends = {
        Status.FAILED: ~jnp.isfinite(now.residual),
        Status.CONVERGED: now.distance <= problem.stop**2,
        Status.END_TIME: front.state.time >= problem.end_time,
        Status.STATIONARY: now.residual == 0,
        Status.STEP_LIMIT: front.attempts >= problem.max_steps,
    }
    return jnp.select(list(ends.values()), [CODES[status] for status in ends], RUNNING)
