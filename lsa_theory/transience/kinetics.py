r"""How fast in-context learning starts: attention that must find the match, beside a memory.

Logistic loss on labels :math:`\pm 1`. Attention of strength `w` puts the weight
:math:`p = e^\beta / (e^\beta + N - 1)` on the one matching example of `N`, and :math:`\xi` is the
mean label of the others, random signs. With the logit :math:`\zeta = m + w (p + (1 - p) \xi)`,

.. math::
    \dot w &= E[\sigma(-\zeta)(p + (1 - p)\xi)] - \lambda w, \quad
    \dot \beta = E[\sigma(-\zeta)\, w p (1 - p)(1 - \xi)] - \lambda \beta, \\
    \dot m &= \tfrac1K E[\sigma(-\zeta)] - \lambda_m m .

In the clock :math:`u = \int E \sigma(-\zeta)\, dt` attention feeds on itself and ignites, unless
the memory stops the clock before.

Source: after Nguyen and Reddy, *Differential learning kinetics govern the transition from
memorization to generalization during in-context learning*, 2024; the formulas are derived here.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.transience.course import instants, stable, states_at


@dataclass(frozen=True, eq=False)
class KineticsCourse:
    """The flow over time: `w`, `β`, `m`, the clock `u` and the weight `p` on the match."""

    times: Array
    strength: Array
    sharpness: Array
    memory: Array
    clock: Array
    match: Array
    states: Array = field(repr=False)


@dataclass(frozen=True)
class Kinetics:
    r"""Attention ignites when the clock shows a multiple of the context length.

    In the clock :math:`u = \int E \sigma(-\zeta)\, dt` the memory is :math:`m = u/K`, and for a
    long context, up to the ignition,

    .. math::
        N \frac{dw}{du} = e^\beta - \sigma(m)\, w, \qquad N \frac{d\beta}{du} = w\, e^\beta,

    in which the noise of the other labels is a drag on `w`; without it :math:`w^2/2 - \beta` would
    be conserved. From `w = 0` this diverges at

    .. math::
        u_* = N e^{-\beta(0)}\, c, \qquad c = \sqrt{\tfrac\pi2}
        + \big(1 - \tfrac\pi4\big)\, \delta + O(\delta^2), \quad \delta = \tfrac12 e^{-\beta(0)}

    for many tasks, `c = 1.368` at :math:`\beta(0) = 0`. The match has half of the attention at
    :math:`u_* + O(\sqrt{\ln N})`, which is the time

    .. math:: t_* = u_* + K (e^{u_*/K} - 1),

    :math:`2 u_*` for many tasks and exponentially late for few.

    Parameters
    ----------
    context_length, task_count
        `N >= 2` and `K`.
    initial_strength, initial_sharpness
        :math:`w(0)` and :math:`\beta(0)`; the memory starts empty.
    l2_attention, l2_memory
        :math:`\lambda, \lambda_m \ge 0`.

    Raises
    ------
    ValueError
        One sentence that names the argument, the rule and the value.
    """

    context_length: int
    task_count: int
    _: KW_ONLY
    initial_strength: float = 0.0
    initial_sharpness: float = 0.0
    l2_attention: float = 0.0
    l2_memory: float = 0.0

    def __post_init__(self) -> None:
        name = "Kinetics"
        checks.integer(name, "context_length", self.context_length, minimum=2)
        checks.integer(name, "task_count", self.task_count)
        for argument in ("initial_strength", "initial_sharpness"):
            checks.real(name, argument, getattr(self, argument))
        for argument in ("l2_attention", "l2_memory"):
            checks.real(name, argument, getattr(self, argument), minimum=0)

    @property
    def ignition_clock(self) -> float:
        r""":math:`u_*`, to leading order in `N`, without L2."""
        return self._unit * ignition(
            math.exp(-self.initial_sharpness), self._unit / self.task_count, self.initial_strength
        )

    @property
    def ignition_time(self) -> float:
        r""":math:`t_* = u_* + K (e^{u_*/K} - 1)`: alone the memory obeys
        :math:`\dot m = \sigma(-m)/K`, :math:`m = u/K`. To leading order in `N`, without L2."""
        clock, count = self.ignition_clock, self.task_count
        ratio = clock / count
        return clock + count * math.expm1(ratio) if ratio < 700 else math.inf

    def threshold_task_count(self, time: float) -> float:
        """The number of tasks from which on the ignition comes before a time; infinite where even
        infinitely many are too few."""
        rule = "a positive number"
        time = checks.option(
            "Kinetics.threshold_task_count", "time", time, rule, lambda x: 0 < x < math.inf
        )
        drag, wanted = math.exp(-self.initial_sharpness), time / self._unit

        def late(ratio: float) -> float:
            clock = ignition(drag, ratio, self.initial_strength)
            return clock + clock * _exprel(clock * ratio) - wanted

        if late(0.0) >= 0:
            return math.inf
        from scipy.optimize import brentq

        high = 1.0
        while late(high) < 0:
            high *= 2
        return self._unit / float(brentq(late, 0.0, high, xtol=1e-14, rtol=1e-13))

    @property
    def _unit(self) -> float:
        return self.context_length * math.exp(-self.initial_sharpness)

    def trajectory(self, times: Shaped[Array, " t"]) -> KineticsCourse:
        """The flow at increasing times from 0 on; the mean over the other labels is exact."""
        times = instants("Kinetics.trajectory", times)
        args = self._args
        start = [self.initial_strength, self.initial_sharpness, 0.0, 0.0]
        states = states_at(force, start, times, args)
        w, beta, m, u = states.T
        match = 1 / (1 + (self.context_length - 1) * np.exp(-beta))
        return KineticsCourse(times, w, beta, m, u, match, states)

    def stationary_points(self) -> list[tuple[float, float, float, bool]]:
        r"""All :math:`(w, \beta, m, \text{stable})`, in the order of :math:`\beta`.

        At a sharpness the penalised loss is convex in `(w, m)`, which therefore rest at one point;
        what is left is a scalar equation for :math:`0 < \beta \le W\big((N - 1)/\lambda^2\big)`,
        Lambert's `W`, with an odd number of roots, attracting and repelling in turn: where there
        are three, the start decides whether attention ignites. Without L2 on either part nothing
        rests: a memory without it grows until attention, if that has L2, dies; attention without
        it grows for ever.
        """
        if self.l2_attention == 0 or self.l2_memory == 0:
            return []
        if self.l2_attention < 1e-8 * self.task_count * self.l2_memory:
            rule = "at least 1e-8 of task_count times l2_memory, or 0"
            checks.refuse("Kinetics.stationary_points", "l2_attention", self.l2_attention, rule)
        from scipy.special import lambertw

        args = self._args
        top = float(lambertw((self.context_length - 1) / max(self.l2_attention, 1e-99) ** 2).real)
        found = []
        for beta in roots(lambda beta: turning(beta, args), top):
            w, m = map(float, relaxed(beta, args))
            found.append((w, beta, m, stable(resting, np.array([w, beta, m]), args)))
        return found

    @property
    def _args(self) -> tuple[Any, ...]:
        from scipy.stats import binom

        others = self.context_length - 1
        ups = np.arange(others + 1)
        weights = binom.pmf(ups, others, 0.5)
        seen = weights > 1e-20
        penalties = float(self.l2_attention), float(self.l2_memory)
        count = float(self.task_count)
        return (2 * ups / others - 1)[seen], weights[seen], float(others), count, *penalties


def ignition(drag: float, ratio: float, strength: float = 0.0) -> float:
    r"""Where :math:`dw/d\tau = e - k \sigma(\rho \tau) w`, :math:`de/d\tau = w e^2` diverges from
    `e = 1` and `w` on, with drag `k` and ratio :math:`\rho`.

    In :math:`\theta = \int e\, d\tau`, over which :math:`y = 1/e` falls faster than exponentially.
    """
    from scipy.integrate import solve_ivp
    from scipy.special import expit

    def slopes(theta: float, state: Any) -> list[float]:
        w, fall, tau = state
        y = math.exp(fall)
        return [1 - drag * float(expit(ratio * tau)) * w * y, -w, y]

    def over(theta: float, state: Any) -> float:
        return state[1] + 45.0  # y = 3e-20

    over.terminal = True  # type: ignore[attr-defined]
    options: Any = {"method": "LSODA", "rtol": 1e-12, "atol": 1e-14, "events": over}
    end = 100 + 2 * abs(strength) + 2 * drag
    found = solve_ivp(slopes, (0.0, end), [strength, 0.0, 0.0], **options)
    return float(found.y[2, -1])


def _exprel(x: float) -> float:
    """`(e^x − 1)/x`."""
    from scipy.special import exprel

    return float(exprel(x))


def force(time: Any, state: Any, args: Any) -> Any:
    """The flow of `(w, β, m, u)`."""
    labels, weights, others, count, l2_attention, l2_memory = args
    w, beta, m, _ = state
    with np.errstate(over="ignore"):
        p = 1 / (1 + others * np.exp(-beta))
        evidence = p + (1 - p) * labels
        wrong = weights / (1 + np.exp(m + w * evidence))
    mean = wrong.sum()
    return np.array(
        [
            (wrong * evidence).sum() - l2_attention * w,
            w * p * (1 - p) * (wrong * (1 - labels)).sum() - l2_attention * beta,
            mean / count - l2_memory * m,
            mean,
        ]
    )


def resting(time: Any, state: Any, args: Any) -> Any:
    """The flow of `(w, β, m)`."""
    return force(time, np.append(state, 0.0), args)[:3]


def turning(beta: float, args: Any) -> float:
    """How fast the sharpness grows when all else rests."""
    w, m = relaxed(beta, args)
    return float(force(0.0, (w, beta, m, 0.0), args)[1])


def relaxed(beta: float, args: Any) -> Array:
    """Where `(w, m)` rest at a sharpness: Newton's steps on a convex loss in `(w, w + m)`, halved
    where they go too far."""
    labels, weights, others, count, l2_attention, l2_memory = args
    rest = others / (math.exp(beta) + others)
    design = np.stack([rest * (labels - 1), np.ones_like(labels)])
    forgetting = count * l2_memory
    penalty = np.array([[l2_attention + forgetting, -forgetting], [-forgetting, forgetting]])

    def pull(point: Array) -> tuple[Array, Array]:
        wrong = 1 / (1 + np.exp(point @ design))
        return design @ (weights * wrong) - penalty @ point, wrong * (1 - wrong)

    point, size = np.zeros(2), 1.0
    while size > 1e-7:
        slope, spread = pull(point)
        move = np.linalg.solve((design * weights * spread) @ design.T + penalty, slope)
        while pull(point + move)[0] @ move < -slope @ move / 2:
            move = move / 2
        point, size = point + move, abs(move).max() / (1 + abs(point).max())
    return np.array([point[0], point[1] - point[0]])


def roots(function: Callable[[float], float], top: float) -> list[float]:
    """All roots in `(0, top]`; two between neighbours of the grid are found by the extremum between
    them."""
    from scipy.optimize import brentq, minimize_scalar

    found = {x: function(x) for x in np.linspace(0, top * (1 + 1e-9), 97).tolist()}
    grid = list(found)
    for left, at, right in zip(grid, grid[1:], grid[2:], strict=False):
        sign = math.copysign(1.0, found[at])
        if sign * found[at] < min(sign * found[left], sign * found[right]):
            options: Any = {"bounds": (left, right), "method": "bounded"}
            dip = float(minimize_scalar(lambda x, s=sign: s * function(x), **options).x)
            found[dip] = function(dip)
    grid = sorted(found)
    return [
        float(brentq(function, low, high, xtol=1e-13, rtol=1e-13))
        for low, high in pairwise(grid)
        if found[low] > 0 >= found[high] or found[low] <= 0 < found[high]
    ]
