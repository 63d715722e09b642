r"""Targets that see the covariates in one direction: linear, square, tanh, or any function.

For :math:`y = \varphi(\langle w, x \rangle) + \varepsilon` with :math:`x \sim N(0, \Lambda)` and
:math:`\varepsilon \sim N(0, \sigma^2)`, write :math:`\tau^2 = w^\top \Lambda w`. Then
:math:`\langle w, x \rangle = \tau z` with :math:`z \sim N(0, 1)`, and given it :math:`x` has mean
:math:`\Lambda w\, z / \tau` and covariance :math:`\Lambda - \Lambda w w^\top \Lambda / \tau^2`.
With :math:`\varphi = \varphi(\tau z)`, the three things that `TargetPrompts` asks for are

.. math::
    a = \kappa w, \quad \kappa = \frac{E[z \varphi]}{\tau}; \qquad
    \Sigma = \big( E \varphi^2 + \sigma^2 \big) \Lambda
    + \frac{\operatorname{Var}(z \varphi) - E \varphi^2}{\tau^2}\, \Lambda w w^\top \Lambda; \qquad
    \min_a E(\langle a, x \rangle - y)^2 = E(\varphi - \kappa \tau z)^2 + \sigma^2.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.linalg import is_exact, operator
from lsa_theory.targets import RankOneUpdate, TargetPrompts

ACCURACY = 1e-10  # of each moment, relative to its natural size
FEWEST_NODES, MOST_NODES = 128, 2**16  # of Gauss–Hermite quadrature


def linear_target(
    task: Any,
    covariance: Any,
    context_length: Any,
    *,
    noise_variance: Scalar = 0.0,
) -> TargetPrompts:
    r"""The target :math:`y = \langle w, x \rangle + \varepsilon`: :math:`a = w`,
    :math:`\Sigma = (\tau^2 + \sigma^2) \Lambda + \Lambda w w^\top \Lambda`, and no linear error
    but :math:`\sigma^2`.

    Parameters, units and errors as for `single_index_target`; exact rationals stay exact.
    """

    def moments(variance: Scalar) -> Moments:
        return Moments(slope=1, power=variance, spread=1, residual=0 * variance)

    call = "linear_target"
    return _target(call, moments, task, covariance, context_length, noise_variance, exact=True)


def square_target(
    task: Any,
    covariance: Any,
    context_length: Any,
    *,
    noise_variance: Scalar = 0.0,
) -> TargetPrompts:
    r"""The target :math:`y = \langle w, x \rangle^2 + \varepsilon`, of which no linear predictor
    sees anything: :math:`a = 0`,
    :math:`\Sigma = (3 \tau^4 + \sigma^2) \Lambda + 12 \tau^2 \Lambda w w^\top \Lambda`, and linear
    error :math:`3 \tau^4 + \sigma^2`.

    Parameters, units and errors as for `single_index_target`; exact rationals stay exact.
    """

    def moments(variance: Scalar) -> Moments:
        power = 3 * variance * variance
        return Moments(slope=0, power=power, spread=12 * variance, residual=power)

    call = "square_target"
    return _target(call, moments, task, covariance, context_length, noise_variance, exact=True)


def tanh_target(
    task: Any,
    covariance: Any,
    context_length: Any,
    *,
    noise_variance: Scalar = 0.0,
) -> TargetPrompts:
    r"""The target :math:`y = \tanh(\langle w, x \rangle) + \varepsilon`, by quadrature.

    Parameters, units and errors as for `single_index_target`. Converges for :math:`\tau` up to
    about 20: beyond, :math:`\tanh` is a step to 65,536 nodes, and is refused.
    """

    moments = partial(_moments, "tanh_target", np.tanh)
    return _target("tanh_target", moments, task, covariance, context_length, noise_variance)


def single_index_target(
    function: Callable[[Array], Array],
    task: Any,
    covariance: Any,
    context_length: Any,
    *,
    noise_variance: Scalar = 0.0,
) -> TargetPrompts:
    r"""The target :math:`y = \varphi(\langle w, x \rangle) + \varepsilon` for Gaussian :math:`x`.

    The moments are taken by Gauss–Hermite quadrature, with the number of nodes doubled from 128
    to at most 65,536 until a doubling changes none of them by more than 1e-10 of its scale
    (:math:`E\varphi^2`, and :math:`E z^2 \varphi^2` for the variance of :math:`z \varphi`).
    Analytic functions converge, and so do relu and the absolute value, whose kink is at 0; jumps
    and other kinks do not. A feature much narrower than the first nodes' spacing, about
    :math:`\tau / 4`, can go unseen.

    Parameters
    ----------
    function
        :math:`\varphi`, applied to a float64 array entry by entry.
    task
        :math:`w`, shape (d,).
    covariance
        :math:`\Lambda`, shape (d, d), or (d,) for a diagonal matrix: O(d) then.
    context_length
        The number of labelled pairs of a test prompt.
    noise_variance
        :math:`\sigma^2 \ge 0`.

    Raises
    ------
    ValueError
        If an argument breaks its rule, the function does not return finite reals of its
        argument's shape, or the quadrature does not converge.

    Source: derived here; the theorem it feeds is Zhang, Frei, Bartlett, JMLR 25(49), 2024,
    Theorem 4.2.
    """

    call = "single_index_target"
    moments = partial(_moments, call, function)
    return _target(call, moments, task, covariance, context_length, noise_variance)


class Moments(NamedTuple):
    """What a target needs of its function: `κ`, `E φ²`, the coefficient of `Λ w w^T Λ` in the
    label covariance, and `E(φ − κ τ z)²`."""

    slope: Scalar
    power: Scalar
    spread: Scalar
    residual: Scalar


def _target(
    call: str,
    moments: Callable[[Scalar], Moments],
    task: Any,
    covariance: Any,
    context_length: Any,
    noise_variance: Any,
    *,
    exact: bool = False,
) -> TargetPrompts:
    covariance = checks.covariance(call, "covariance", covariance)
    task = checks.vector(call, "task", task, len(covariance))
    noise = checks.real(call, "noise_variance", noise_variance, minimum=0)
    if exact and is_exact(covariance) and is_exact(task):
        noise = checks.rational(noise)
        seen = operator(covariance) @ task
        found = moments(task @ seen)
    else:
        covariance, task, noise = (np.asarray(a, dtype=float) for a in (covariance, task, noise))
        seen = operator(covariance) @ task
        found = moments(max(task @ seen, 0.0))  # rounding may leave w^T Λ w below 0
    return TargetPrompts(
        covariance,
        checks.integer(call, "context_length", context_length),
        found.slope * task,
        RankOneUpdate((found.power + noise) * covariance, found.spread, seen),
        found.residual + noise,
    )


def _moments(call: str, function: Callable[[Array], Array], variance: float) -> Moments:
    """By quadrature, converged or refused."""
    scale = float(np.sqrt(variance))
    nodes, change = FEWEST_NODES, np.inf
    found = _quadrature(call, function, scale, nodes)
    while not change <= ACCURACY:  # nor where it is NaN
        if nodes == MOST_NODES:
            value = f"{_name(function)} (moments still change by {change:.1e} at {nodes} nodes)"
            checks.refuse(call, "function", value, "smooth and of moderate growth")
        nodes, before = 2 * nodes, found
        found = _quadrature(call, function, scale, nodes)
        change = _change(found, before)
    first, power, along, residual = found
    if scale == 0:  # a constant label
        return Moments(0.0, power, 0.0, residual)
    return Moments(first / scale, power, (along - power) / variance, residual)


def _quadrature(
    call: str, function: Callable[[Array], Array], scale: float, nodes: int
) -> Shaped[Array, " 4"]:
    """`E z φ`, `E φ²`, `Var(z φ)` and `E(φ − z E z φ)²` at `φ = function(scale · z)`."""
    from scipy.special import roots_hermitenorm

    z, weights = roots_hermitenorm(nodes)
    z, weights = z[weights > 0], weights[weights > 0]  # the others underflow
    weights = weights / weights.sum()
    with np.errstate(all="ignore"):  # what is not finite is refused
        values = _values(call, function, scale * z)
        first = weights @ (z * values)
        return np.array(
            [
                first,
                weights @ values**2,
                weights @ (z * values - first) ** 2,
                weights @ (values - first * z) ** 2,
            ]
        )


def _values(
    call: str, function: Callable[[Array], Array], points: Shaped[Array, " n"]
) -> Shaped[Array, " n"]:
    values = np.asarray(function(points))
    if values.shape not in ((), points.shape) or values.dtype.kind not in "biuf":
        value = f"{_name(function)} returning {values.dtype} of shape {values.shape}"
        checks.refuse(call, "function", value, "real and act entry by entry")
    values = np.broadcast_to(values.astype(np.float64), points.shape)
    if not np.isfinite(values).all():
        at = int(np.argmin(np.isfinite(values)))
        value = f"{_name(function)} with {values[at]} at {points[at]:.6g}"
        checks.refuse(call, "function", value, "finite on the real line")
    return values


def _change(found: Array, before: Array) -> float:
    """The largest change of a moment, relative to its natural size; NaN if one is not finite."""
    power, along = np.maximum(found, before)[1:3]
    scales = np.array([np.sqrt(power), power, power + along, power])
    with np.errstate(invalid="ignore"):
        return float((abs(found - before) / np.maximum(scales, np.finfo(float).tiny)).max())


def _name(function: object) -> str:
    return getattr(function, "__name__", repr(function))
