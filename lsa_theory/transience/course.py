"""What the models of transience share: courses over time, and the stability of a rest point."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped


@dataclass(frozen=True, eq=False)
class Course:
    """A flow over time.

    Attributes
    ----------
    times
        (T,).
    in_context, in_weights
        The shares `a` and `b` of the task that either strategy carries.
    loss
        Of the data, without penalties.
    states
        (T, n): what was integrated.
    """

    times: Array
    in_context: Array
    in_weights: Array
    loss: Array
    states: Array = field(repr=False)


def instants(call: str, times: Any) -> Shaped[Array, " t"]:
    """Finite times, increasing, from 0 on."""
    stops = checks.real_array(call, "times", times, (1,)).astype(np.float64)
    if stops[0] < 0 or (np.diff(stops) <= 0).any():
        checks.refuse(call, "times", "array of other", "non-negative and increasing")
    return stops


def states_at(
    force: Callable[..., Any], start: Any, times: Shaped[Array, " t"], args: Any
) -> Shaped[Array, "t n"]:
    """The solution of `y' = force(t, y, args)`, `y(0) = start`, at increasing times from 0 on.

    By LSODA, which turns implicit where the flow is stiff, to ten digits.

    Raises
    ------
    RuntimeError
        If the steps became too short.
    """
    from scipy.integrate import solve_ivp

    end = max(float(times[-1]), 1e-300)
    options: Any = {"method": "LSODA", "rtol": 1e-10, "atol": 1e-13}
    found = solve_ivp(force, (0.0, end), start, t_eval=times, args=(args,), **options)
    if not found.success:
        raise RuntimeError(f"the integration stopped at t = {found.t[-1]:g}: {found.message}")
    return found.y.T


def share_kept(ratio: float, start: float) -> float:
    r"""The root of :math:`a + \ln(a / a_0) / \rho = 1`: what attention, which learns :math:`\rho`
    times faster than the table, explains of what has no noise; :math:`W` of its logarithm."""
    from scipy.special import wrightomega

    return float(wrightomega(ratio + math.log(ratio * start))) / ratio


def stable(force: Callable[..., Any], state: Array, args: Any) -> bool:
    """Whether no eigenvalue of the flow's Jacobian at a rest point has a positive real part, up to
    rounding; by complex steps, since a polynomial's derivative along one is exact."""
    size = len(state)
    columns = [force(0.0, state + 1e-30j * np.eye(size)[k], args).imag / 1e-30 for k in range(size)]
    eigenvalues = np.linalg.eigvals(np.transpose(columns))
    return bool((eigenvalues.real < checks.EPSILON * size * abs(eigenvalues).max()).all())
