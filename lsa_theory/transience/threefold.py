r"""Three factors that grow by each other's product, from small starts.

.. math:: \dot x = r\, y z, \qquad \dot y = r\, z x, \qquad \dot z = r\, x y

conserve the differences of the squares, so that with :math:`q = x^2 - x(0)^2` the time is
:math:`\frac{1}{2r} \int dq / \sqrt{(q + x_0^2)(q + y_0^2)(q + z_0^2)}`, Carlson's elliptic
integral :math:`R_F / r` up to infinity.
"""

from __future__ import annotations

import math

import numpy as np

from lsa_theory._typing import Array, Shaped


def divergence_time(rate: float, start: Shaped[Array, " 3"]) -> float:
    r"""When the product diverges: :math:`R_F(x_0^2, y_0^2, z_0^2) / r` where
    :math:`x_0 y_0 z_0 \ge 0`; where it is negative the factor closest to 0 first goes through it,
    and infinite where two of them go to rest there."""
    from scipy.special import elliprf

    if np.count_nonzero(start) < 2:
        return math.inf
    squares = start**2
    time = float(elliprf(*squares))
    if np.sign(start).prod() < 0:
        time = 2 * float(elliprf(*(squares - squares.min()))) - time
    return time / rate
