"""What the models of transience share: courses over time, and the stability of a rest point."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.extras import required


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
    force: Callable[..., Any],
    start: Any,
    times: Shaped[Array, " t"],
    args: Any,
    solver: str = "lsoda",
) -> Shaped[Array, "t n"]:
    """The solution of `y' = force(t, y, args)`, `y(0) = start`, at increasing times from 0 on.

    To ten digits of what is above a thousandth of the start's size, by LSODA, which turns implicit
    where the flow is stiff, or by the implicit method of `gradient_flow`, for a force of the
    module's own that JAX can trace.

    Raises
    ------
    RuntimeError
        If the steps became too short, or with JAX too many.
    """
    size = float(np.max(np.abs(start))) or 1.0
    accuracy = {"rtol": 1e-10, "atol": 1e-13 * min(size, 1.0)}
    if solver == "kvaerno5":
        from lsa_theory.flow.simulator import implicit_states

        return implicit_states(force, start, times, args, **accuracy)
    from scipy.integrate import solve_ivp

    end = max(float(times[-1]), 1e-100)  # LSODA never ends where the square of a step underflows
    options: Any = {"method": "LSODA", "t_eval": times, **accuracy}
    found = solve_ivp(force, (0.0, end), start, args=(args,), **options)
    if not found.success:
        raise RuntimeError(f"the integration stopped at t = {found.t[-1]:g}: {found.message}")
    return found.y.T


def solution(
    call: str, force: Callable[..., Any], start: Any, times: Any, args: Any, solver: Any
) -> tuple[Shaped[Array, " t"], Shaped[Array, "t n"]]:
    """The times, and `states_at` them, of a call with a choice of the solver."""
    stops = instants(call, times)
    if not isinstance(solver, str) or solver not in ("lsoda", "kvaerno5"):
        checks.refuse(call, "solver", checks.described(solver), '"lsoda" or "kvaerno5"')
    if solver == "kvaerno5":
        required(f'{call}(solver="kvaerno5")', "diffrax", "simulate")
    return stops, states_at(force, start, stops, args, solver)


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
