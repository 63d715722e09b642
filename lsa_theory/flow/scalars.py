r"""The scalars of a state on the block: its balance, its forces, its distance to the limit.

*Balance.* After each step :math:`(s, U)` goes to :math:`(s (1 + \mu), U (1 - \mu))` with the
:math:`\mu` that restores :math:`s^2 - \|U\|^2`; it is of the size of the step's error, or of
rounding.

*Limit.* On the conserved hyperbola :math:`s U = B` leaves one point for each sign of `s`, with
:math:`s^2 = (c + \sqrt{c^2 + 4 \|B\|^2})/2`. The flow has converged when its distance to the
one whose sign `s` has is a small part of that point's norm. Modes of rate 0 never move: their
share of the balance is constant and is set aside.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax.numpy as jnp

from lsa_theory._typing import Scalar
from lsa_theory.flow.modes import Modes
from lsa_theory.flow.steps import State


class Scalars(NamedTuple):
    """What choosing and stopping need to know of a state."""

    slope: Any  # ds/dt
    stiffness: Any  # a bound on the rates of relaxation
    excess: Any
    residual: Any
    distance: Any  # squared, to the limit; in units of its squared norm


def balanced(modes: Modes, balance: Scalar, state: State) -> State:
    """The state moved onto the conserved hyperbola."""
    factor = modes.inner(state.factor, state.factor).sum()
    total = state.scale**2 + factor
    lack = balance - (state.scale**2 - factor)
    mu = jnp.where(total > 0, lack / (2 * total), 0.0)
    time, scale, kept, reached = state
    return State(time, scale * (1 + mu), kept * (1 - mu), reached * (1 - mu))


def scalars(modes: Modes, balance: Scalar, state: State) -> Scalars:
    """All of them, in one pass."""
    rate, minimiser = modes.rate, modes.minimiser_minimiser.sum()
    norm = jnp.hypot(balance, 2 * jnp.sqrt(minimiser))  # s^2 + |U|^2 at the limit, and s there:
    limit = jnp.sqrt(jnp.where(balance < 0, 2 * minimiser / (norm - balance), (norm + balance) / 2))
    ahead = state.kept, state.reached - jnp.where(limit > 0, jnp.sign(state.scale) / limit, 0.0)
    gap = rate * modes.inner(state.gap, state.gap)
    stretch, slope, excess, force, distance = jnp.stack(
        [
            rate * modes.inner(state.factor, state.factor),
            -rate * modes.inner(state.factor, state.gap),
            gap / 2,
            rate * gap,
            jnp.where(limit > 0, modes.inner(ahead, ahead), 0.0),  # if not, every U is a limit
        ]
    ).sum(-1)
    return Scalars(
        slope,
        rate.max() * state.scale**2 + stretch,
        jnp.maximum(excess, 0.0),  # the maxima against rounding
        jnp.sqrt(jnp.maximum(state.scale**2 * force + slope**2, 0.0)),
        (distance + (jnp.abs(state.scale) - limit) ** 2) / norm,
    )
