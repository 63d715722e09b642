"""The starts that Theorem 4.1 trains from."""

from __future__ import annotations

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.rounding import rounding


def initial_layer(theta: Shaped[Array, "d k"], scale: float) -> LinearSelfAttention:
    r"""The start that Theorem 4.1 trains from,

    .. math::
        U(0) = \sigma_0 \Theta \Theta^\top, \qquad s(0) = \sigma_0, \qquad v = p = 0.

    Parameters
    ----------
    theta
        :math:`\Theta`, shape (d, k), with :math:`\|\Theta\Theta^\top\|_F = 1` up to rounding;
        `isotropic_theta` makes one.
    scale
        :math:`\sigma_0 > 0`.

    Raises
    ------
    ValueError
        If :math:`\Theta\Theta^\top` is not of unit norm or the scale not positive.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Assumption 3.3.
    """
    theta = checks.real_array("initial_layer", "theta", theta, (2,)).astype(float)
    scale = float(checks.real("initial_layer", "scale", scale))
    if scale <= 0:
        checks.refuse("initial_layer", "scale", scale, "positive")
    product = theta @ theta.T
    norm = float(np.linalg.norm(product))
    if abs(norm - 1) > rounding(len(theta)):
        value = f"matrix with ‖ΘΘ^T‖_F = {norm:.17g}"
        checks.refuse("initial_layer", "theta", value, "such that ‖ΘΘ^T‖_F = 1")
    return LinearSelfAttention.from_block(scale * product, scale)


def isotropic_theta(dimension: int) -> Shaped[Array, "d d"]:
    r""":math:`\Theta = d^{-1/4} I`, shape (d, d), for which :math:`\|\Theta\Theta^\top\|_F = 1`.

    Raises
    ------
    ValueError
        If the dimension is not a positive integer.
    """
    dimension = checks.integer("isotropic_theta", "dimension", dimension)
    return dimension**-0.25 * np.eye(dimension)
