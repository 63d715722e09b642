r"""The modes of the block flow, as the scalar `s` sees them.

In the eigenbases of :math:`C` and of :math:`\Lambda_q` every entry of :math:`U` is a *mode*: it
moves at a rate :math:`m = c_i \ell_j \ge 0` towards an entry of the minimiser :math:`B`,

.. math:: U' = -s\, m\, (s U - B), \qquad s' = -\sum m\, U (s U - B).

Given `s`, these equations are linear and know a mode only by its rate, so that at any time

.. math:: U = \alpha(m)\, R + \beta(m)\, B, \qquad R = U(0) - \beta_0 B \perp B,

with two smooth functions of the rate that start at 1 and at :math:`\beta_0`, and all that `s`
feels of :math:`d^2` modes is three measures on the axis of rates, with weights :math:`R^2`,
:math:`R B` and :math:`B^2`. (With `U(0)` for `R`, starts along `B` would suffer cancellation:
those next to the limit, and those on their way into the saddle.)

A large problem is therefore integrated on few nodes: the axis of `log m` is cut into cells, a
cell's modes are replaced by `ORDER` Chebyshev nodes that carry the weights of the interpolating
polynomials (sums over modes and over nodes then agree to rounding), and the modes' own
:math:`\alpha` and :math:`\beta` are interpolated at the end. Small problems are only padded to a
common width, so that one compilation serves many dimensions.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from lsa_theory._typing import Array, Shaped

CELLS, ORDER = 64, 16  # 24 decades of rates: interpolation to 1e-14
WIDTHS = (8, 64, CELLS * ORDER)
LEAST_WIDTH = 1e-6  # of a cell, in units of log m: modes of one common rate fill no cell

ANGLES = np.pi * (np.arange(ORDER) + 0.5) / ORDER
CARDINAL = np.cos(np.outer(np.arange(ORDER), ANGLES)) * 2 / ORDER  # from Chebyshev to nodal form
CARDINAL[0] /= 2


class Modes(NamedTuple):
    """Rates, and the weights of the three measures there."""

    rate: Any
    rest_rest: Any
    rest_minimiser: Any
    minimiser_minimiser: Any

    def inner(self, x: tuple[Any, Any], y: tuple[Any, Any]) -> Any:
        """The products, one a rate, of two fields `a R + b B` given as pairs `(a, b)`."""
        return (
            x[0] * y[0] * self.rest_rest
            + (x[0] * y[1] + x[1] * y[0]) * self.rest_minimiser
            + x[1] * y[1] * self.minimiser_minimiser
        )


Spread = Callable[[Array], Array]  # from values at the nodes, in the last axis, to all modes


def few_modes(
    rates: Shaped[Array, " k"], rest: Shaped[Array, " k"], minimiser: Shaped[Array, " k"]
) -> tuple[Modes, Spread]:
    """At most `WIDTHS[-1]` nodes that act on `s` as the modes do, and the way back.

    Modes of rate 0 carry no weight; what `Spread` returns for them has no meaning.
    """
    weights = np.stack([rest * rest, rest * minimiser, minimiser * minimiser])
    moving = rates > 0
    if rates.size > WIDTHS[-1]:
        return _grouped(rates, np.where(moving, weights, 0.0), moving)
    width = next(width for width in WIDTHS if rates.size <= width)
    padded = np.zeros((4, width))
    padded[:, : rates.size] = np.where(moving, np.stack([rates, *weights]), 0.0)
    return Modes(*padded), lambda values: values[..., : rates.size]


def _grouped(rates: Array, weights: Array, moving: Array) -> tuple[Modes, Spread]:
    place = np.log(rates, where=moving, out=np.zeros_like(rates))
    low, high = (place[moving].min(), place[moving].max()) if moving.any() else (0.0, 0.0)
    width = max((high - low) / CELLS, LEAST_WIDTH)
    cell = np.clip((place - low) // width, 0, CELLS - 1).astype(int)
    inside = np.clip(2 * ((place - low) / width - cell) - 1, -1.0, 1.0)
    cardinal = np.cos(np.arccos(inside)[:, None] * np.arange(ORDER)) @ CARDINAL
    nodes = [
        [np.bincount(cell, column * weight, CELLS) for column in cardinal.T] for weight in weights
    ]
    centres = low + width * (np.arange(CELLS)[:, None] + (1 + np.cos(ANGLES)) / 2)

    def spread(values: Array) -> Array:
        tables = values.reshape(-1, CELLS, ORDER)
        rows = [np.einsum("kn,kn->k", table[cell], cardinal) for table in tables]
        return np.reshape(rows, (*values.shape[:-1], rates.size))

    flat = (np.transpose(node).ravel() for node in np.array(nodes))
    return Modes(np.exp(centres).ravel(), *flat), spread
