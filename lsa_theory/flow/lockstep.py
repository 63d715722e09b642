r"""Many block flows at once: each lane chooses its own steps, and all lanes take theirs together.

The step is that of `steps.exponential_step`, of a lower degree, in the clock
:math:`p = \int s^2 dt`: where :math:`\kappa = 1/s` is a polynomial over the step, every mode is
known exactly, and the conserved balance `c` determines the polynomial at the Lobatto nodes,

.. math:: \kappa^{-2} = c + \|U\|^2 + \sum_f R_f^2 e^{-2 m_f p} .

Modes without force, in the sum on the right, only decay: nothing of them is integrated. Saved
times end no step: `lsa_theory.flow.inside` finds the states there.

Lanes lie in the last axis and meet in elementwise operations only: what one lane does is the same
to the last bit whatever lies beside it. One program, compiled for `LANES` of them and for the
number of modes, takes `CHUNK` steps; then lanes that have ended make room. A lane that this clock
does not suit, where `s` is small beside :math:`\|U\|`, as on the way through 0 or into the saddle,
is given up, for the integration of single flows.
"""

from __future__ import annotations

from functools import partial
from math import comb
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from lsa_theory._typing import Array, Shaped
from lsa_theory.flow.phi import quick_relaxations

DEGREE = 3  # of the polynomial for kappa: least work for errors from 1e-4 to 1e-6
EXPONENTS = np.arange(1, DEGREE + 1)
NODES = np.append((1 + np.real(np.polynomial.Legendre.basis(DEGREE).deriv().roots())) / 2, 1.0)
POWERS = NODES[:, None] ** EXPONENTS
BINOMIALS = np.array([[comb(j, q) for j in EXPONENTS] for q in EXPONENTS], dtype=np.float64)

LANES, CHUNK, ATTEMPTS = 256, 8, 1600
FIRST_STEP = 0.5  # in units of the time in which `s` changes by its own size
FASTEST = 10.0  # of the first step, in units of the shortest relaxation
LEAST_CHANGE, MOST_CHANGE, SAFETY = 0.2, 10.0, 0.9  # of the next step's size
UNSOLVED = 0.4  # of its size where Newton's iteration did not settle
SHARE, BEFORE = 0.01, 0.5  # of the error estimate, measured along paths; of its second term
ITERATIONS = 6
FARTHEST = 2.0  # to which the last polynomial is extrapolated but for its slope, in its own steps
LEAST_SHARE = 1e-4  # of s^2 in |U|^2: below it s is lost in the rounding of the balance


class Lanes(NamedTuple):
    """What stays the same along the paths; one lane a column."""

    rate: Any  # (k, n)
    target: Any  # (k, n), the minimiser
    free_rate: Any  # (f, n), of modes without force
    free_square: Any  # (f, n), their squares at the start
    balance: Any  # (n,), s^2 less the squares of all modes
    limit: Any  # (n,), of s, which is positive throughout
    rtol: Any  # (n,)
    stop: Any  # (n,), a distance to the limit, relative to its norm
    end_time: Any  # (n,)


class Front(NamedTuple):
    """Where the lanes stand."""

    clock: Any  # (n,), p
    time: Any
    scale: Any
    entries: Any  # (k, n)
    size: Any  # of the next step, in the clock p
    guess: Any  # (DEGREE, n), of its bends
    running: Any
    arrived: Any  # at the limit or past the end time


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


class Trial(NamedTuple):
    """Where a step ends, and its error: infinite where it was not solved."""

    bends: Any
    entries: Any
    square: Any  # s^2
    free: Any  # the sum of squares of the modes without force
    error: Any


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
    return _at(joined, np.argsort(joined.lane, kind="stable")), ends


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


def attempt(lanes: Lanes, now: Front) -> Trial:
    """One step of every lane."""
    kappa = 1 / now.scale
    goal = kappa * lanes.target
    # U at the nodes: with constant kappa, then what each bend adds
    relaxed, *others = quick_relaxations(NODES[:, None, None] * (lanes.rate * now.size), DEGREE)
    still = now.entries + relaxed * (goal - now.entries)  # (node, k, n)
    bent = [psi * POWERS[:, [j], None] * goal for j, psi in enumerate(others)]
    free = free_squares(lanes, now.clock + NODES[:, None] * now.size)
    settled = jnp.maximum(0.1 * jnp.sqrt(lanes.rtol), 1e-9)

    def products(x: Any, y: Any) -> Any:
        return (x * y).sum(1) * kappa**2

    bends, correction = _bends(
        products(still, still) + (lanes.balance + free) * kappa**2,
        jnp.stack([2 * products(still, x) for x in bent]),
        jnp.stack([jnp.stack([products(x, y) for x in bent]) for y in bent]),
        now.guess,
        settled,
    )
    end = still[-1] + sum(x[-1] * a for x, a in zip(bent, bends, strict=True))
    square = lanes.balance + (end * end).sum(0) + free[-1]
    # the terms of a smooth function fall geometrically; the last may vanish by chance
    last = abs(bends[-1]) ** (1 / DEGREE), BEFORE * abs(bends[-2]) ** (1 / (DEGREE - 1))
    error = SHARE * jnp.maximum(*last) ** (DEGREE + 1)
    solved = (correction <= settled) & (square > 0) & (error >= 0)
    return Trial(bends, end, square, free[-1], jnp.where(solved, error, jnp.inf))


def free_squares(lanes: Lanes, clock: Any) -> Any:
    """The sum of squares of the modes without force, at clocks `(..., n)`."""
    decay = jnp.exp(-2 * lanes.free_rate * clock[..., None, :])
    return (lanes.free_square * decay).sum(-2)


def _combined(matrix: Array, columns: Any) -> Any:
    """The matrix product, by elementwise operations."""
    return sum(matrix[:, [j]] * column for j, column in enumerate(columns))


def _bends(constant: Any, linear: Any, quadratic: Any, guess: Any, settled: Any) -> tuple[Any, Any]:
    """Newton's method for the balance at the nodes, and the last correction of kappa there."""

    def newton(carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        bends, correction, count = carry
        row = sum(quadratic[j] * bends[j] for j in range(DEGREE))  # (bend, node, n)
        inverse = 1 / (1 + _combined(POWERS, bends))
        residual = sum((linear[j] + row[j]) * bends[j] for j in range(DEGREE))
        jacobian = linear + 2 * row + POWERS.T[:, :, None] * (2 * inverse**3)
        change = _solution(jacobian, residual + constant - inverse**2)
        going = correction > settled
        size = abs(_combined(POWERS, change)).max(0)
        bends = jnp.where(going, bends - change, bends)
        return bends, jnp.where(going, size, correction), count + 1

    def unsettled(carry: tuple[Any, Any, Any]) -> Any:
        return (carry[1] > settled).any() & (carry[2] < ITERATIONS)

    unknown = jnp.full(guess.shape[-1], jnp.inf)
    return lax.while_loop(unsettled, newton, (guess, unknown, 0))[:2]


def _solution(matrix: Any, right: Any) -> Any:
    """Of `matrix[l, i] x_l = right[i]`, by elimination. There is nothing to pivot for: powers of
    increasing nodes are totally positive, and the rest is small or a diagonal times them."""
    m = [[matrix[j, i] for i in range(DEGREE)] for j in range(DEGREE)]
    x = list(right)
    for i in range(DEGREE):
        for q in range(i + 1, DEGREE):
            factor = m[i][q] / m[i][i]
            x[q] = x[q] - factor * x[i]
            for j in range(i + 1, DEGREE):
                m[j][q] = m[j][q] - m[j][i] * factor
    for i in reversed(range(DEGREE)):
        x[i] = (x[i] - sum(m[j][i] * x[j] for j in range(i + 1, DEGREE))) / m[i][i]
    return jnp.stack(x)


def _moved(lanes: Lanes, now: Front, trial: Trial, good: Any) -> Front:
    """The front after a step, kept where it is good, and what the next one starts from."""
    solved, keep = jnp.isfinite(trial.error), partial(jnp.where, good)
    change = SAFETY * (lanes.rtol / trial.error) ** (1 / (DEGREE + 1))
    change = jnp.where(solved, jnp.clip(change, LEAST_CHANGE, MOST_CHANGE), UNSOLVED)
    ahead = _combined(BINOMIALS, trial.bends) / (1 + trial.bends.sum(0))
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


def elapsed(bends: Any) -> Any:
    r"""Coefficients of :math:`\theta, \theta^2, \dots` in :math:`\int (\kappa / \kappa_0)^2`."""
    kappa = [1.0, *bends]
    rows = [
        sum(kappa[i] * kappa[q - i] for i in range(q + 1) if i <= DEGREE and q - i <= DEGREE)
        / (q + 1)
        for q in range(2 * DEGREE + 1)
    ]
    return jnp.stack(jnp.broadcast_arrays(*rows))


def _sound(lanes: Lanes, now: Front) -> Any:
    return (now.scale > 0) & (now.scale**2 >= LEAST_SHARE * (now.scale**2 - lanes.balance))


def _distance(lanes: Lanes, now: Front, free: Any) -> Any:
    """To the limit, squared, in units of the limit's squared norm."""
    goal = lanes.target / lanes.limit
    gap = ((now.entries - goal) ** 2).sum(0) + free + (now.scale - lanes.limit) ** 2
    return gap / (lanes.limit**2 + (goal**2).sum(0))
