r"""In-context learning of labels beside a memory of them: two scalars.

Linear attention over :math:`N - 1` other examples of dimension `D` answers with strength `g` and a
table of `K` classes with strength `m`, on labels :math:`\pm 1`. With the noise-to-signal ratio of
the evidence :math:`v = (N - 1) / D`,

.. math::
    \dot g = 2 g [(1 - m) - (1 + v) g] - 2 \lambda_g g, \qquad
    \dot m = \tfrac1K (1 - m - g) - \lambda_m m .

Attention follows the slow manifold :math:`g = (1 - m - \lambda_g)/(1 + v)` as the memory fills.
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.transience.course import Course, instants, share_kept, stable, states_at
from lsa_theory.transience.evaluators import Answers, answers


@dataclass(frozen=True)
class Classification:
    r"""A memory of labels takes over from attention; swapped labels tell when.

    With strengths `g` of attention and `m` of the memory the flow is

    .. math::
        \dot g = 2 g\, [(1 - m) - (1 + v) g - \lambda_g], \qquad
        \dot m = \tfrac1K (1 - m - g) - \lambda_m m .

    Without penalties `g` follows :math:`(1 - m)/(1 + v)`, answers to swapped labels turn at

    .. math:: t_{\rm flip} = K\, \frac{1 + v}{v} \ln \frac{2 + v}{1 + v}\; \big(1 + O(1/K)\big),

    and `g` goes to 0 if and only if :math:`v > 0`. With them, where :math:`g_* > 0`, it ends at

    .. math::
        m_* = \frac{v + \lambda_g}{v + K \lambda_m (1 + v)}, \qquad
        g_* = \frac{1 - m_* - \lambda_g}{1 + v},

    and half of the peak is kept from :math:`K \lambda_m = v/(1 + v)` on.

    Parameters
    ----------
    class_count
        `K`.
    evidence_noise
        :math:`v \ge 0`.
    l2_attention, l2_memory
        :math:`\lambda_g, \lambda_m \ge 0`.
    initial_strength
        :math:`g(0)`, in (0, 1); the memory starts empty.

    Raises
    ------
    ValueError
        One sentence that names the argument, the rule and the value.

    Source: derived here; the phenomenon: Singh et al., arXiv:2311.08360.
    """

    class_count: int
    evidence_noise: float
    _: KW_ONLY
    l2_attention: float = 0.0
    l2_memory: float = 0.0
    initial_strength: float = 1e-4

    def __post_init__(self) -> None:
        name = "Classification"
        checks.integer(name, "class_count", self.class_count)
        for argument in ("evidence_noise", "l2_attention", "l2_memory"):
            checks.real(name, argument, getattr(self, argument), minimum=0)
        rule = "a number in (0, 1)"
        checks.option(name, "initial_strength", self.initial_strength, rule, lambda x: 0 < x < 1)

    @property
    def peak_height(self) -> float:
        r"""Of `g`: :math:`(1 - \lambda_g) / (1 + v)`, to leading order in `K`."""
        return max(1 - self.l2_attention, 0.0) / (1 + self.evidence_noise)

    @property
    def emergence_time(self) -> float:
        r"""When `g` is half of its peak, of the logistic course at an empty memory."""
        odds = self.peak_height / self.initial_strength - 1
        return math.log(odds) / (2 * (1 - self.l2_attention)) if odds > 0 else math.inf

    @property
    def lifetime(self) -> float:
        r"""The time in which `g` falls by `e`: :math:`K (1 + v) / v`, to leading order in `K`."""
        noise = self.evidence_noise
        return self.class_count * (1 + noise) / noise if noise > 0 else math.inf

    @property
    def peak_time(self) -> float:
        r"""When `g` is largest: the logistic rise, of rate `r`, meets the decay of lifetime `T`,
        :math:`t_{1/2} + \ln(r T) / r`. Without L2, to leading order in `K`."""
        rise = 2 * (1 - self.l2_attention)
        if not (rise > 0 and self.emergence_time < math.inf and self.lifetime < math.inf):
            return math.inf
        return self.emergence_time + math.log(rise * self.lifetime) / rise

    @property
    def flip_time(self) -> float:
        r"""When memory and attention are of one strength, so that the answer to swapped labels
        turns: :math:`K \frac{1 + v}{v} \ln \frac{2 + v}{1 + v}`, without L2, to leading order."""
        noise = self.evidence_noise
        return self.lifetime * math.log((2 + noise) / (1 + noise)) if noise > 0 else math.inf

    @property
    def transient(self) -> bool:
        """Whether in-context learning goes away for good: without L2, if and only if `v > 0`."""
        return self.fixed_point[0] <= 0

    @property
    def fixed_point(self) -> tuple[float, float]:
        r"""Where the flow ends, :math:`(g, m)`: with :math:`\mu = K \lambda_m`,

        .. math::
            m_* = \frac{v + \lambda_g}{v + \mu (1 + v)}, \qquad
            g_* = \frac{1 - m_* - \lambda_g}{1 + v},

        where that is positive; else attention is off and :math:`m_* = 1/(1 + \mu)`. Where every
        point of :math:`g + m = 1` rests (:math:`v = \lambda_g = \lambda_m = 0`), the race decides:
        :math:`g_* + \frac{1}{2K} \ln \frac{g_*}{g_0} = 1`.
        """
        noise, slow = self.evidence_noise, self.class_count * self.l2_memory
        if noise == slow == self.l2_attention == 0:
            strength = share_kept(2 * self.class_count, self.initial_strength)
            return strength, 1 - strength
        if noise == slow == 0:
            return 0.0, 1.0
        strength, memory = rest(noise, slow, self.l2_attention)
        return (strength, memory) if strength > 0 else (0.0, 1 / (1 + slow))

    @property
    def existence_boundary(self) -> float:
        r"""The :math:`\lambda_m` above which attention is left for ever,
        :math:`\lambda_g / (K (1 - \lambda_g))`, if `v > 0`: any, for an attention without L2, and
        none from :math:`\lambda_g = 1` on."""
        pull = self.l2_attention
        return pull / (self.class_count * (1 - pull)) if pull < 1 else math.inf

    @property
    def persistence_boundary(self) -> float:
        r"""The :math:`\lambda_m` at which half of the peak is kept, :math:`v / (K (1 + v))`, for an
        attention without L2."""
        return self.evidence_noise / (self.class_count * (1 + self.evidence_noise))

    def stationary_points(self) -> list[tuple[float, float, bool]]:
        """All `(g, m, stable)` with `g >= 0`."""
        ends = {self.fixed_point, (0.0, 1 / (1 + self.class_count * self.l2_memory))}
        return [(*end, stable(force, np.array(end), self._args)) for end in sorted(ends)]

    def trajectory(self, times: Shaped[Array, " t"]) -> Course:
        """The flow at increasing times from 0 on; the loss is :math:`\\frac12 [(1 - m - g)^2 + v
        g^2]`."""
        times = instants("Classification.trajectory", times)
        states = states_at(force, [self.initial_strength, 0.0], times, self._args)
        g, m = states.T
        return Course(times, g, m, ((1 - m - g) ** 2 + self.evidence_noise * g**2) / 2, states)

    @property
    def _args(self) -> tuple[float, ...]:
        penalties = (self.l2_attention, self.l2_memory)
        return (float(self.class_count), float(self.evidence_noise), *map(float, penalties))

    # --- evaluators: the probability of the right sign, evidence Gaussian ---

    def in_context_accuracy(self, g: Array) -> Array:
        r"""On new classes, of which the memory knows nothing: the evidence :math:`g (1 + \sqrt v
        z)` has the right sign."""
        return self._answers(g, 0 * g).in_context.accuracy

    def flip_accuracy(self, g: Array, m: Array) -> Array:
        """On known classes with their labels swapped in the context: by the context's labels."""
        return self._answers(g, m).flip.accuracy

    def in_weights_accuracy(self, g: Array, m: Array) -> Array:
        """On known classes with a context that says nothing of them."""
        return self._answers(g, m).in_weights.accuracy

    def _answers(self, g: Array, m: Array) -> Answers:
        return answers(g, m, self.evidence_noise, self.evidence_noise)


def slopes(
    g: Any, m: Any, count: Any, noise: Any, l2_attention: Any, l2_memory: Any
) -> tuple[Any, Any]:
    """The flow of `(g, m)`."""
    return (
        2 * g * (1 - m - (1 + noise) * g - l2_attention),
        (1 - m - g) / count - l2_memory * m,
    )


def rest(noise: Any, slow: Any, l2_attention: Any) -> tuple[Any, Any]:
    r"""Where both rest, for `v`, :math:`K \lambda_m` and :math:`\lambda_g`."""
    memory = (noise + l2_attention) / (noise + slow * (1 + noise))
    return (1 - memory - l2_attention) / (1 + noise), memory


def force(time: Any, state: Any, args: Any) -> Any:
    return np.array(slopes(*state, *args))
