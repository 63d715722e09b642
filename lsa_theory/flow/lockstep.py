"""Many block flows at once: each lane chooses its own steps, and all lanes take theirs together.

Steps are those of `lsa_theory.flow.collocation`; saved times end no step, `lsa_theory.flow.inside`
finds the states there. What one lane does is the same to the last bit whatever lies beside it. One
program, compiled for `LANES` of them and for a number of modes, takes `CHUNK` steps; then lanes
that have ended make room. A lane that the clock does not suit, where `s` is small beside `‖U‖`, as
on the way through 0 or into the saddle, is given up, for the integration of single flows.
"""

from __future__ import annotations

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lsa_theory._typing import Array, Shaped
from lsa_theory.flow.collocation import (
    BINOMIALS,
    DEGREE,
    EXPONENTS,
    Front,
    Lanes,
    Trial,
    attempt,
    combined,
    elapsed,
)

LANES, CHUNK, ATTEMPTS = 256, 6, 1600
WIDTHS = (4, 10, 16, 24, 32, 48, 64, 100)  # of programs: a few serve all small dimensions
FIRST_STEP = 0.5  # in units of the time in which `s` changes by its own size
FASTEST = 10.0  # of the first step, in units of the shortest relaxation
LEAST_CHANGE, MOST_CHANGE, SAFETY = 0.2, 10.0, 0.9  # of the next step's size
UNSOLVED = 0.4  # of its size where Newton's iteration did not settle
FARTHEST = 2.0  # to which the last polynomial is extrapolated but for its slope, in its own steps
LEAST_SHARE = 1e-4  # of s^2 in |U|^2: below it s is lost in the rounding of the balance


class Steps(NamedTuple):
    """Accepted steps, each a column: where they start, and how kappa bends on the way."""

    lane: Any
    clock: Any
    time: Any
    scale: Any
    entries: Any
    size: Any
    bends: Any  # (DEGREE, r): kappa(theta) = (1 + sum_j bends_j theta^j) / scale


class Begun(NamedTuple):
    """Where steps were attempted from, how kappa bends on the way, and whether they were kept."""

    clock: Any
    time: Any
    scale: Any
    entries: Any
    size: Any
    bends: Any
    good: Any


class Ends(NamedTuple):
    """Where the lanes stopped: at the limit or past the end time if they `arrived` at all."""

    clock: Any
    time: Any
    entries: Any
    arrived: Any


def paths(
    lanes: Lanes, scale: Shaped[Array, " n"], entries: Shaped[Array, "k n"], max_steps: int
) -> tuple[Steps, Ends]:
    """All steps of all lanes, lane after lane, and where they lead."""
    modes = len(entries)
    lanes, entries = _widened(lanes, entries)
    with np.errstate(all="ignore"), jax.enable_x64(True):
        now = beginning(lanes, scale, entries)
        lane, rows = np.arange(scale.size), [_none(now)]
        ends = Ends(*(x.copy() for x in (now.clock, now.time, now.entries, now.arrived)))
        for _ in range(-(-min(max_steps, ATTEMPTS) // CHUNK)):
            at = np.flatnonzero(now.running)
            if not at.size:
                break
            lanes, now, lane = _at(lanes, at), _at(now, at), lane[at]
            parts = [slice(i, i + LANES) for i in range(0, at.size, LANES)]
            fronts, begun = zip(*(_advanced(lanes, now, part) for part in parts), strict=True)
            now = Front(*(np.concatenate(x, axis=-1) for x in zip(*fronts, strict=True)))
            rows += (_recorded(lane[part], x) for part, x in zip(parts, begun, strict=True))
            ends.clock[lane], ends.time[lane] = now.clock, now.time
            ends.entries[:, lane], ends.arrived[lane] = now.entries, now.arrived
    joined = Steps(*(np.concatenate(parts, axis=-1) for parts in zip(*rows, strict=True)))
    order = np.argsort(joined.lane, kind="stable")
    joined = _at(joined._replace(entries=joined.entries[:modes]), order)
    return joined, ends._replace(entries=ends.entries[:modes])


def wide(modes: int) -> int:
    """The number of modes, or more, that programs are compiled for."""
    return next(width for width in WIDTHS if modes <= width) if modes <= WIDTHS[-1] else modes


def widened(rows: Shaped[Array, "k n"], count: int) -> Shaped[Array, "w n"]:
    """With zeros for modes that never move."""
    lack = count - len(rows)
    return np.concatenate([rows, np.zeros((lack, *rows.shape[1:]))]) if lack > 0 else rows


def _widened(lanes: Lanes, entries: Shaped[Array, "k n"]) -> tuple[Lanes, Shaped[Array, "w n"]]:
    forced = wide(len(entries))
    free = forced * (forced - 1) if len(lanes.free_rate) else 0
    lanes = lanes._replace(
        rate=widened(lanes.rate, forced),
        target=widened(lanes.target, forced),
        free_rate=widened(lanes.free_rate, free),
        free_square=widened(lanes.free_square, free),
    )
    return lanes, widened(entries, forced)


def beginning(lanes: Lanes, scale: Shaped[Array, " n"], entries: Shaped[Array, "k n"]) -> Front:
    """The start of all lanes; those that have arrived or cannot be followed do not run."""
    slope = (lanes.rate * entries * (lanes.target - scale * entries)).sum(0)
    slope -= scale * (lanes.free_rate * lanes.free_square).sum(0)
    size = np.minimum(FIRST_STEP * scale**3 / abs(slope), FASTEST / lanes.rate.max(0))
    guess = np.zeros((DEGREE, scale.size))
    guess[0] = np.nan_to_num(-slope * size / scale**3)
    zero = np.zeros_like(scale)
    no = zero > 0
    now = Front(zero, zero, scale, entries, size, guess, no, no)
    arrived = _distance(lanes, now, lanes.free_square.sum(0)) <= lanes.stop**2
    running = ~arrived & _sound(lanes, now) & (size > 0) & lanes.target.any(0)
    return now._replace(running=running, arrived=arrived)


def _none(now: Front) -> tuple[Any, ...]:
    """No steps."""
    parts = (now.clock, now.time, now.scale, now.entries, now.size, now.guess)
    return np.zeros(0, dtype=int), *(x[..., :0] for x in parts)


def _at(given: Any, at: Any) -> Any:
    return type(given)(*(np.take(x, at, axis=-1) for x in given))


def _advanced(lanes: Lanes, now: Front, part: slice) -> tuple[Front, Begun]:
    """`_chunk` for at most `LANES` of the lanes; the first one fills what is left of the block."""
    count = now.scale[part].size

    def padded(x: Array) -> Array:
        some = x[..., part]
        if count == LANES:
            return some
        return np.concatenate([some, np.repeat(some[..., :1], LANES - count, axis=-1)], axis=-1)

    end, begun = _chunk(Lanes(*map(padded, lanes)), Front(*map(padded, now)))
    return Front(*(np.asarray(x)[..., :count] for x in end)), Begun(*begun)


@jax.jit
def _chunk(lanes: Lanes, now: Front) -> tuple[Front, Begun]:
    """After `CHUNK` attempts, and where each began."""

    def attempted(now: Front, _: None) -> tuple[Front, Begun]:
        trial = attempt(lanes, now)
        good = now.running & (trial.error <= lanes.rtol)
        begun = Begun(now.clock, now.time, now.scale, now.entries, now.size, trial.bends, good)
        return _moved(lanes, now, trial, good), begun

    return lax.scan(attempted, now, None, length=CHUNK)


def _recorded(lane: Any, begun: Begun) -> tuple[Any, ...]:
    """The accepted steps of a chunk, one a column."""
    good = np.asarray(begun.good)[:, : lane.size]
    step, column = np.nonzero(good)
    return lane[column], *(np.asarray(x)[step, ..., column].T for x in begun[:-1])


def _moved(lanes: Lanes, now: Front, trial: Trial, good: Any) -> Front:
    """The front after a step, kept where it is good, and what the next one starts from."""
    solved, keep = jnp.isfinite(trial.error), partial(jnp.where, good)
    change = SAFETY * (lanes.rtol / trial.error) ** (1 / (DEGREE + 1))
    change = jnp.where(solved, jnp.clip(change, LEAST_CHANGE, MOST_CHANGE), UNSOLVED)
    ahead = combined(BINOMIALS, trial.bends) / (1 + trial.bends.sum(0))
    guess = keep(ahead, jnp.where(solved, trial.bends, now.guess))
    guess = guess * keep(jnp.minimum(change, FARTHEST), change) ** EXPONENTS[:, None]
    guess = guess.at[0].set(jnp.clip(guess[0], -0.5, 0.5))
    moved = now._replace(
        clock=keep(now.clock + now.size, now.clock),
        time=keep(now.time + now.size / now.scale**2 * elapsed(trial.bends).sum(0), now.time),
        scale=keep(jnp.sqrt(trial.square), now.scale),
        entries=keep(trial.entries, now.entries),
        size=now.size * change,
        guess=guess,
    )
    near = _distance(lanes, moved, trial.free) <= lanes.stop**2
    arrived = good & (near | (moved.time >= lanes.end_time))
    running = now.running & ~arrived & _sound(lanes, moved)
    return moved._replace(running=running, arrived=now.arrived | arrived)


def _sound(lanes: Lanes, now: Front) -> Any:
    return (now.scale > 0) & (now.scale**2 >= LEAST_SHARE * (now.scale**2 - lanes.balance))


def _distance(lanes: Lanes, now: Front, free: Any) -> Any:
    """To the limit, squared, in units of the limit's squared norm."""
    goal = lanes.target / lanes.limit
    gap = ((now.entries - goal) ** 2).sum(0) + free + (now.scale - lanes.limit) ** 2
    return gap / (lanes.limit**2 + (goal**2).sum(0))
