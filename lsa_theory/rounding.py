"""How far floating point may be off: what a claim made in it must leave room for."""

from __future__ import annotations

from lsa_theory.checks import EPSILON


def rounding(dimension: int) -> float:
    """A relative error that no sum of `dimension` products exceeds, with room for a few more."""
    return (dimension + 16) * EPSILON
