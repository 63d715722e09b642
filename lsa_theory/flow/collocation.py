r"""One step of many block flows, each a lane.

It is the step of `steps.exponential_step`, of a lower degree, in the clock
:math:`p = \int s^2 dt`: where :math:`\kappa = 1/s` is a polynomial over the step, every mode is
known exactly, and the conserved balance `c` determines the polynomial at the Lobatto nodes,

.. math:: \kappa^{-2} = c + \|U\|^2 + \sum_f R_f^2 e^{-2 m_f p} .

Modes without force, in the sum on the right, only decay: nothing of them is integrated. Lanes lie
in the last axis and meet in elementwise operations only.
"""

from __future__ import annotations

from math import comb
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from lsa_theory._typing import Array
from lsa_theory.flow.phi import quick_relaxations

DEGREE = 3  # of the polynomial for kappa: least work for errors from 1e-4 to 1e-6
EXPONENTS = np.arange(1, DEGREE + 1)
NODES = np.append((1 + np.real(np.polynomial.Legendre.basis(DEGREE).deriv().roots())) / 2, 1.0)
POWERS = NODES[:, None] ** EXPONENTS
BINOMIALS = np.array([[comb(j, q) for j in EXPONENTS] for q in EXPONENTS], dtype=np.float64)
SHARE, BEFORE = 0.01, 0.5  # of the error estimate, measured along paths; of its second term
ITERATIONS = 6  # Newton's


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


class Trial(NamedTuple):
    """Where a step ends, and its error: infinite where it was not solved."""

    bends: Any
    entries: Any
    square: Any  # s^2
    free: Any  # the sum of squares of the modes without force
    error: Any


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


def combined(matrix: Array, columns: Any) -> Any:
    """The matrix product, by elementwise operations."""
    return sum(matrix[:, [j]] * column for j, column in enumerate(columns))


def _bends(constant: Any, linear: Any, quadratic: Any, guess: Any, settled: Any) -> tuple[Any, Any]:
    """Newton's method for the balance at the nodes, and the last correction of kappa there."""

    def newton(carry: tuple[Any, Any, Any]) -> tuple[Any, Any, Any]:
        bends, correction, count = carry
        row = sum(quadratic[j] * bends[j] for j in range(DEGREE))  # (bend, node, n)
        inverse = 1 / (1 + combined(POWERS, bends))
        residual = sum((linear[j] + row[j]) * bends[j] for j in range(DEGREE))
        jacobian = linear + 2 * row + POWERS.T[:, :, None] * (2 * inverse**3)
        change = _solution(jacobian, residual + constant - inverse**2)
        going = correction > settled
        size = abs(combined(POWERS, change)).max(0)
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


def elapsed(bends: Any) -> Any:
    r"""Coefficients of :math:`\theta, \theta^2, \dots` in :math:`\int (\kappa / \kappa_0)^2`."""
    kappa = [1.0, *bends]
    rows = [
        sum(kappa[i] * kappa[q - i] for i in range(q + 1) if i <= DEGREE and q - i <= DEGREE)
        / (q + 1)
        for q in range(2 * DEGREE + 1)
    ]
    return jnp.stack(jnp.broadcast_arrays(*rows))
