r"""Attention beside a table of the training tasks: in-context learning emerges and goes away.

The layer is trained on `K` fixed tasks, and the query also says which of them it is of, so that the
weights may memorise them: :math:`\hat y = x_q^\top (s U^\top h + \beta_c)`. For white covariates,
isotropic tasks, :math:`U = u I` and :math:`\beta_c = b\, w_c` the gradient flow is one of three
scalars. With the in-context share :math:`a = s u`, what is left to explain :math:`r = 1 - a - b`,
and the noise of the evidence in a context :math:`\kappa = (d + 1 + \sigma^2)/N`,

.. math::
    \dot u = s (r - \kappa a) - \lambda_a u, \quad \dot s = d\, u (r - \kappa a) - \lambda_a s,
    \quad \dot b = \eta r - \lambda_t b, \quad L = \tfrac d2 (r^2 + \kappa a^2).

Attention learns fast and stops where the noise of its evidence does; the table learns slowly and
has no such noise. They compete through `r` alone.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.linalg import namespace
from lsa_theory.transience.course import Course, share_kept, solution, stable
from lsa_theory.transience.evaluators import Answers, answers


@dataclass(frozen=True)
class Regression:
    r"""In-context learning emerges, peaks and gives way to a table, if its evidence is noisy.

    With :math:`a = su`, :math:`r = 1 - a - b` and :math:`\kappa = (d + 1 + \sigma^2)/N` the flow of
    the loss :math:`\tfrac d2 (r^2 + \kappa a^2)`, with penalties
    :math:`\tfrac{\lambda_a}2 (s^2 + \|U\|^2) + \tfrac{\lambda_t}2 \sum_c \|\beta_c\|^2`, is

    .. math::
        \dot u = s (r - \kappa a) - \lambda_a u, \quad
        \dot s = d\, u (r - \kappa a) - \lambda_a s, \quad
        \dot b = \eta r - \lambda_t b .

    Without penalties `a` rises to :math:`\frac{1 - b}{1 + \kappa}` with
    :math:`b = O(\eta \ln \frac1\eta)`, then falls by `e` in the time
    :math:`\frac{1 + \kappa}{\kappa\, \eta} (1 + O(\eta))`, to 0 if and only if
    :math:`\kappa > 0`. With them it ends at

    .. math::
        a_* = \frac{1 - \mu \lambda_a / \sqrt d}{1 + \mu \kappa}, \quad
        b_* = \frac{\eta}{\lambda_t} \Big( \kappa a_* + \frac{\lambda_a}{\sqrt d} \Big), \quad
        \mu = 1 + \frac{\eta}{\lambda_t},

    where :math:`\mu \lambda_a < \sqrt d`, and otherwise without attention.

    Parameters
    ----------
    dimension, task_count
        `d` and `K`.
    context_length
        `N`, or `math.inf`: then the evidence has no noise.
    noise_variance
        :math:`\sigma^2 \ge 0`.
    table_rate
        :math:`\eta > 0`, the rate at which the table learns; None: :math:`1 / K`, that of the mean
        over tasks.
    l2_attention, l2_table
        :math:`\lambda_a, \lambda_t \ge 0`, the weights of :math:`\frac12 (s^2 + \|U\|^2)` and
        :math:`\frac12 \sum_c \|\beta_c\|^2` in the loss; the table decays at the rate
        :math:`\lambda_t`, whatever :math:`\eta` is.
    initial_share
        :math:`a(0)`, in (0, 1): the start is balanced, :math:`s = \sqrt d\, u`, with `b = 0`.

    Raises
    ------
    ValueError
        One sentence that names the argument, the rule and the value.

    Source: derived here; the phenomenon: Singh et al., arXiv:2311.08360.
    """

    dimension: int
    task_count: int
    context_length: Any
    _: KW_ONLY
    noise_variance: float = 0.0
    table_rate: float | None = None
    l2_attention: float = 0.0
    l2_table: float = 0.0
    initial_share: float = 1e-4

    def __post_init__(self) -> None:
        name = "Regression"
        checks.integer(name, "dimension", self.dimension)
        checks.integer(name, "task_count", self.task_count)
        if self.context_length != math.inf:
            checks.integer(name, "context_length", self.context_length)
        for argument in ("noise_variance", "l2_attention", "l2_table"):
            checks.real(name, argument, getattr(self, argument), minimum=0)
        if self.table_rate is not None:
            rule = "a positive number"
            checks.option(name, "table_rate", self.table_rate, rule, lambda x: 0 < x < math.inf)
        rule = "a number in (0, 1)"
        checks.option(name, "initial_share", self.initial_share, rule, lambda x: 0 < x < 1)

    @property
    def evidence_noise(self) -> float:
        r""":math:`\kappa = (d + 1 + \sigma^2) / N`."""
        return (self.dimension + 1 + self.noise_variance) / self.context_length

    @property
    def rate(self) -> float:
        r""":math:`\eta`."""
        return 1 / self.task_count if self.table_rate is None else self.table_rate

    @property
    def peak_height(self) -> float:
        r"""The largest in-context share, :math:`(1 - \lambda_a / \sqrt d) / (1 + \kappa)`, to
        leading order in a slow table; 0 where the penalty keeps attention from starting."""
        return max(1 - self.l2_attention / self.dimension**0.5, 0.0) / (1 + self.evidence_noise)

    @property
    def growth_rate(self) -> float:
        r"""Of the share at the start, :math:`2 (\sqrt d - \lambda_a)`."""
        return 2 * (self.dimension**0.5 - self.l2_attention)

    @property
    def emergence_time(self) -> float:
        r"""When the share is half of its peak, on the logistic course without a table:
        :math:`\ln(a_\infty / a_0 - 1)` over the growth rate. Negative if it starts above that
        half, infinite if it never is there."""
        odds = self.peak_height / self.initial_share - 1
        return math.log(odds) / self.growth_rate if odds > 0 and self.growth_rate > 0 else math.inf

    @property
    def lifetime(self) -> float:
        r"""The time in which the share falls by `e`, :math:`(1 + \kappa) / (\kappa \eta)`:
        :math:`K (1 + \kappa) / \kappa` with the table's own rate. Without L2, to leading order."""
        noise = self.evidence_noise
        return (1 + noise) / (noise * self.rate) if noise > 0 else math.inf

    @property
    def flip_time(self) -> float:
        r"""When table and attention explain as much, and the answer to a flipped context turns:
        :math:`T \ln \frac{2 + \kappa}{1 + \kappa}` with the lifetime `T`; likewise."""
        noise = self.evidence_noise
        return self.lifetime * math.log((2 + noise) / (1 + noise)) if noise > 0 else math.inf

    @property
    def peak_time(self) -> float:
        r"""When the share is largest: the logistic rise meets the decay,
        :math:`t_{1/2} + \ln(g T) / g` with growth rate `g` and lifetime `T`. Without L2, to leading
        order."""
        rise = self.growth_rate
        if not (rise > 0 and self.emergence_time < math.inf and self.lifetime < math.inf):
            return math.inf
        return self.emergence_time + math.log(rise * self.lifetime) / rise

    @property
    def table_at_peak(self) -> float:
        r"""What the table holds by then, :math:`b = \eta \big[ \frac{\kappa}{1 + \kappa}\,
        t_{\rm peak} + \frac{1}{g (1 + \kappa)} \ln \frac{1}{(1 + \kappa) a_0} \big]`, so that the
        peak is :math:`(1 - b)/(1 + \kappa)`. Without L2, to leading order."""
        top = self.peak_height
        if not self.peak_time < math.inf:
            return math.nan
        risen = top / self.growth_rate * math.log(top / self.initial_share)
        return self.rate * ((1 - top) * self.peak_time + risen)

    @property
    def fixed_point(self) -> tuple[float, float]:
        r"""Where the flow ends, :math:`(a, b)`, exactly.

        With :math:`\mu = 1 + \eta / \lambda_t`,

        .. math::
            a_* = \frac{1 - \mu \lambda_a / \sqrt d}{1 + \mu \kappa}, \qquad
            b_* = \frac{\eta}{\lambda_t} \Big( \kappa a_* + \frac{\lambda_a}{\sqrt d} \Big),

        where :math:`\mu \lambda_a < \sqrt d`; otherwise attention dies and
        :math:`b_* = \eta / (\eta + \lambda_t)`. Without L2 on the table the end is (0, 1),
        unless nothing disturbs attention (:math:`\kappa = \lambda_a = 0`): then every point of
        :math:`a + b = 1` rests, :math:`\ln a - 2 \sqrt d\, b / \eta` is conserved, and the race
        decides: :math:`a_* + \frac{\eta}{2 \sqrt d} \ln \frac{a_*}{a_0} = 1`.
        """
        pull = self.l2_attention / self.dimension**0.5
        if self.l2_table == 0:
            if self.evidence_noise > 0 or pull > 0:
                return 0.0, self._alone
            share = share_kept(self.growth_rate / self.rate, self.initial_share)
            return share, 1 - share
        share, table = rest(self.evidence_noise, pull, self.rate, self.l2_table)
        return (share, table) if share > 0 else (0.0, self._alone)

    @property
    def _alone(self) -> float:
        """What the table holds without attention."""
        return self.rate / (self.rate + self.l2_table)

    @property
    def persists(self) -> bool:
        """Whether some in-context learning is left for ever."""
        return self.fixed_point[0] > 0

    @property
    def existence_boundary(self) -> float:
        r"""The :math:`\lambda`, on both parts alike, up to which an end with attention exists:
        :math:`\sqrt d - \eta`; 0 if there is none for any."""
        return max(self.dimension**0.5 - self.rate, 0.0)

    @property
    def persistence_boundary(self) -> float:
        r"""The :math:`\lambda`, on both parts alike, from which on half of the peak without L2 is
        kept.

        The smaller root of :math:`a_*(\lambda) = \frac{1}{2 (1 + \kappa)}`, to leading order
        :math:`\lambda = \eta \kappa / (1 + \kappa)`; beyond the larger one, of the order of
        :math:`\sqrt d`, the penalty itself holds attention down. NaN where no penalty keeps that
        much.
        """
        noise, rate, root = self.evidence_noise, self.rate, self.dimension**0.5
        # 2 (1 + κ)(1 − (λ + η)/√d) λ = λ + κ (λ + η), multiplied by λ
        linear = 2 * (1 + noise) * (1 - rate / root) - 1 - noise
        square = linear**2 - 8 * (1 + noise) / root * noise * rate
        if linear <= 0 or square < 0:
            return math.nan
        return 2 * noise * rate / (linear + math.sqrt(square))

    def stationary_points(self) -> list[tuple[float, float, bool]]:
        """All `(a, b, stable)` with `a >= 0`: the end above, and attention off. Of a line of them,
        these two."""
        found = []
        for share, table in sorted({self.fixed_point, (0.0, self._alone)}):
            u = math.sqrt(share / self.dimension**0.5)
            state = np.array([u, self.dimension**0.5 * u, table])
            found.append((share, table, stable(force, state, self._args)))
        return found

    def trajectory(self, times: Shaped[Array, " t"], *, solver: str = "lsoda") -> Course:
        """The flow of the three scalars at increasing times from 0 on; `solver` as for
        `quenched_flow`."""
        name, u = "Regression.trajectory", math.sqrt(self.initial_share / self.dimension**0.5)
        start = [u, self.dimension**0.5 * u, 0.0]
        times, states = solution(name, force, start, times, self._args, solver)
        a, b = states[:, 0] * states[:, 1], states[:, 2]
        loss = self.dimension / 2 * ((1 - a - b) ** 2 + self.evidence_noise * a**2)
        return Course(times, a, b, loss, states)

    @property
    def _args(self) -> tuple[float, ...]:
        penalties = (self.l2_attention, self.l2_table)
        return (float(self.dimension), self.evidence_noise, self.rate, *penalties)

    # --- evaluators, per unit of the task's squared norm: see `evaluators.answers` ---

    def in_context_risk(self, a: Array) -> Array:
        r"""On a new task, of which the table knows nothing: :math:`(1 - a)^2 + \kappa a^2`."""
        return self._answers(a, 0 * a).in_context.risk

    def in_weights_risk(self, a: Array, b: Array, context_noise: float = 1.0) -> Array:
        r"""On a training task whose context holds noise of a variance per pair instead of labels:
        :math:`(1 - b)^2 + a^2 \sigma_c^2 / N`, noise in units of the signal per dimension."""
        return self._answers(a, b, context_noise).in_weights.risk

    def flip_risk(self, a: Array, b: Array) -> Array:
        r"""On a training task whose context is of :math:`-w_c`, measured against the context:
        :math:`(1 - a + b)^2 + \kappa a^2`."""
        return self._answers(a, b).flip.risk

    def _answers(self, a: Array, b: Array, context_noise: float = 0.0) -> Answers:
        return answers(a, b, self.evidence_noise, context_noise / self.context_length)


def slopes(
    u: Any, s: Any, b: Any, d: Any, noise: Any, rate: Any, l2_attention: Any, l2_table: Any
) -> tuple[Any, Any, Any]:
    r"""The flow of :math:`(u, s, b)`."""
    residual = 1 - s * u - b
    pull = residual - noise * s * u
    return (
        s * pull - l2_attention * u,
        d * u * pull - l2_attention * s,
        rate * residual - l2_table * b,
    )


def rest(noise: Any, pull: Any, rate: Any, l2_table: Any) -> tuple[Any, Any]:
    r"""Of both, for :math:`\kappa`, :math:`\lambda_a / \sqrt d`, :math:`\eta` and
    :math:`\lambda_t`, multiplied through."""
    whole = l2_table + (l2_table + rate) * noise
    return (l2_table - (l2_table + rate) * pull) / whole, rate * (noise + pull) / whole


def force(time: Any, state: Any, args: Any) -> Any:
    return namespace(state).array(slopes(*state, *args))
