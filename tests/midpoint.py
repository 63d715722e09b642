"""A flow by a method that can be read at a glance."""

from __future__ import annotations


def euler(force, state, end, steps):
    """The midpoint rule, written out."""
    h = end / steps
    for _ in range(steps):
        state = state + h * force(state + h / 2 * force(state))
    return state
