r"""Strategies that compete for a loss and cooperate through shared circuits: eight scalars exactly.

Two mechanisms, :math:`a \otimes b \otimes c` in context and :math:`d \otimes b \otimes c` in the
weights, share two of their three parts; either alone may bring the loss to zero, and using both
costs:

.. math::
    L &= (L_1 + \mu_1)(L_2 + \mu_2) + \tfrac\alpha2\, \overline{(a \otimes d)^2}, \\
    L_1 &= \tfrac12\, \overline{(a_* \otimes b_* \otimes c_* - a \otimes b \otimes c)^2}, \quad
    L_2 = \tfrac12\, \overline{(d_* \otimes b_* \otimes c_* - d \otimes b \otimes c)^2},

means over entries. A vector enters through its share of its target and its squared norm beside it,
and a gradient step shrinks what is beside it by one factor: gradient descent on all parameters is a
recursion of these eight numbers.

Source: Singh et al., *Strategy coopetition explains the emergence and transience of in-context
learning*, 2025, for the model; the reduction is derived here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar
from lsa_theory.transience.coopetition_rests import RestPoint, rest_points
from lsa_theory.transience.strategies import NAMES, STRATEGIES, errors, slopes, stepped
from lsa_theory.transience.threefold import divergence_time


@dataclass(frozen=True, eq=False)
class CoopetitionCourse:
    """Gradient descent, step by step.

    Attributes
    ----------
    steps
        (T,).
    in_context, in_weights, loss
        :math:`L_1`, :math:`L_2` and :math:`L`, without penalties.
    share, beside
        (T, 4): of a, b, c, d the component along the target, in units of the target, and the
        squared norm beside it.
    """

    steps: Array
    in_context: Array
    in_weights: Array
    loss: Array
    share: Array = field(repr=False)
    beside: Array = field(repr=False)


@dataclass(frozen=True, eq=False)
class Coopetition:
    r"""Gradient descent on all parameters is a recursion of eight numbers.

    The loss is :math:`(L_1 + \mu_1)(L_2 + \mu_2) + \frac\alpha2\, \overline{(a \otimes d)^2}` with
    the mean squared errors :math:`2 L_1` of :math:`a \otimes b \otimes c` and :math:`2 L_2` of
    :math:`d \otimes b \otimes c`. Of each vector the share :math:`\xi` of its target and the
    squared norm :math:`\beta` beside it suffice: a step of size :math:`\rho` is

    .. math:: \xi \to (1 - \rho h)\, \xi + \rho f, \qquad \beta \to (1 - \rho h)^2\, \beta,

    for `a` with :math:`f = \frac{L_2 + \mu_2}{n_a n_b n_c}\, \xi_b \xi_c |b_*|^2 |c_*|^2` and
    :math:`h = \frac{L_2 + \mu_2}{n_a n_b n_c}\, |b|^2 |c|^2 + \frac{\alpha}{n_a n_d} |d|^2 +
    \lambda`, where the `n` are the lengths of the vectors; for `d` likewise, and `b` and `c` sum
    over both strategies.

    Without L2, for :math:`\mu_2 = 0 < \alpha \mu_1`, nothing but the solution in the weights
    attracts, and there the cost :math:`\alpha` dismantles `a` with the lifetime :math:`n_a n_d /
    (\alpha |d|^2)`. With it the origin attracts too, and answers rest where
    `lsa_theory.transience.coopetition_rests` says: with the published numbers of entries, of which
    `d` has most, more L2 takes them from the weights to the context.

    Parameters
    ----------
    targets, starts
        Mappings of "a", "b", "c", "d" to vectors; a and its target of one length, and so on.
        Where all numbers are rational they stay exact.
    alpha
        :math:`\alpha \ge 0`, the cost of both strategies at once.
    floor_context
        :math:`\mu_1 \ge 0`, the pull on the weights once the context answers.
    floor_weights
        :math:`\mu_2 \ge 0`, the pull on the context once the weights answer.
    l2
        :math:`\lambda \ge 0`, the weight of :math:`\frac12 (|a|^2 + |b|^2 + |c|^2 + |d|^2)`.

    Raises
    ------
    ValueError
        If a vector is missing, is zero (a target) or of another length than its partner.
    """

    targets: Mapping[str, Any]
    starts: Mapping[str, Any]
    _: KW_ONLY
    alpha: Scalar = 0.1
    floor_context: Scalar = 0.1
    floor_weights: Scalar = 0
    l2: Scalar = 0

    def __post_init__(self) -> None:
        name = "Coopetition"
        for argument in ("alpha", "floor_context", "floor_weights", "l2"):
            checks.real(name, argument, getattr(self, argument), minimum=0)
        for argument in ("targets", "starts"):
            given = getattr(self, argument)
            if not isinstance(given, Mapping) or set(given) != set(NAMES):
                found = ", ".join(map(str, given)) if isinstance(given, Mapping) else repr(given)
                checks.refuse(name, argument, found or "nothing", "vectors a, b, c and d")
        for letter in NAMES:
            target = checks.real_array(name, f"targets[{letter}]", self.targets[letter], (1,))
            checks.vector(name, f"starts[{letter}]", self.starts[letter], len(target))
            if not target.any():
                checks.refuse(name, f"targets[{letter}]", "zero", "a vector other than zero")

    @classmethod
    def drawn(cls, sizes: tuple[int, ...] = (20, 20, 20, 160), *, seed: int, **options: Any) -> Any:
        """Targets and starts with entries `N(0, 1)`, as in the source."""
        name = "Coopetition.drawn"
        if not isinstance(sizes, Sequence) or len(sizes) != len(NAMES):
            checks.refuse(name, "sizes", checks.described(sizes), "four integers >= 1")
        sizes = tuple(checks.integer(name, "sizes", size) for size in sizes)
        rng = np.random.default_rng(checks.integer(name, "seed", seed, minimum=0))
        parts = [
            {letter: rng.standard_normal(size) for letter, size in zip(NAMES, sizes, strict=True)}
            for _ in range(2)
        ]
        return cls(*parts, **options)

    def descent(
        self, steps: int, *, rate: Scalar = 1, keep: int = 1, without: str | None = None
    ) -> CoopetitionCourse:
        """Gradient descent, by its eight numbers.

        Parameters
        ----------
        steps
            How many.
        rate
            The learning rate, positive.
        keep
            Every how many steps a state is kept; the last always is.
        without
            "a" or "d": that vector is held at zero, which leaves the other strategy alone.
        """
        name = "Coopetition.descent"
        steps = checks.integer(name, "steps", steps)
        keep = checks.integer(name, "keep", keep)
        if checks.real(name, "rate", rate, minimum=0) == 0:
            checks.refuse(name, "rate", rate, "a positive number")
        off = _held(name, without)
        state, law = self._start(off), self._law()
        kept, where = [(state, slopes(*state, *law))], [0]
        for step in range(1, steps + 1):
            state = stepped(*state, slopes(*state, *law), rate, off)
            if step % keep == 0 or step == steps:
                kept.append((state, slopes(*state, *law)))
                where.append(step)
        share, beside = (np.array([s[k] for s, _ in kept]) for k in (0, 1))
        first, second, whole = (np.array([found[k] for _, found in kept]) for k in range(3))
        if isinstance(whole[-1], float) and not np.isfinite(whole[-1]):
            checks.refuse(name, "rate", rate, "so small that the steps do not diverge")
        return CoopetitionCourse(np.array(where), first, second, whole, share, beside)

    @property
    def growth_rates(self) -> tuple[float, float]:
        r"""Of small starts, :math:`r_a` in context and :math:`r_d` in the weights.

        At zero the slopes are of second order: nothing grows exponentially there. In units of
        length the components along the targets obey :math:`\dot x_a = r_a x_b x_c`,
        :math:`\dot x_d = r_d x_b x_c` and :math:`\dot x_b = (r_a x_a + r_d x_d)\, x_c`, with
        :math:`r_a = (L_2 + \mu_2) |a_*| |b_*| |c_*| / (n_a n_b n_c)`, all at zero.
        """
        targets, sizes, _, floors, _ = self._law()
        first, second = errors([0] * 4, [0] * 4, targets, sizes)
        a, b, c, d = (float(t) ** 0.5 / n for t, n in zip(targets, sizes, strict=True))
        return float(second + floors[1]) * a * b * c, float(first + floors[0]) * d * b * c

    def emergence_time(self, without: str | None = None) -> float:
        r"""When small starts have grown, to leading order in their size:
        :math:`T = R_F(x^2, x_b^2, x_c^2) / r` without L2; with it
        :math:`-\ln(1 - \lambda T) / \lambda`, and never from :math:`\lambda T = 1` on.

        With :math:`r = \sqrt{r_a^2 + r_d^2}` and :math:`x = (r_a x_a + r_d x_d)/r` two strategies
        emerge together like one, sooner than either alone. :math:`R_F` is Carlson's elliptic
        integral; see `lsa_theory.transience.threefold` for negative products. Starts of half the
        size take twice the time, up to what stays bounded; the cost :math:`\alpha`, and finite
        steps (over the learning rate), add a logarithm. For `without` see `descent`.
        """
        off = _held("Coopetition.emergence_time", without)
        share, _ = self._start(off)
        lengths = (float(square) ** 0.5 for square in self._law()[0])
        a, b, c, d = (float(x) * length for x, length in zip(share, lengths, strict=True))
        context, weights = self.growth_rates
        context, weights = context * (off != 0), weights * (off != 3)
        rate = math.hypot(context, weights)
        time = divergence_time(rate, np.array([(context * a + weights * d) / rate, b, c]))
        penalty = float(self.l2)
        if penalty == 0 or penalty * time >= 1:
            return math.inf if penalty else time
        return -math.log1p(-penalty * time) / penalty

    @property
    def extinction_size(self) -> float:
        r"""Small starts of equal lengths :math:`x = x_b = x_c` die out below
        :math:`\lambda / r`: with L2 they obey :math:`\dot x = r x^2 - \lambda x`. To leading order
        in :math:`\lambda`. Other starts die out where `emergence_time` is infinite."""
        return float(self.l2) / math.hypot(*self.growth_rates)

    def lifetime(self, squared_norm: float | None = None) -> float:
        r"""The time in which `a` falls by `e` once the weights answer, :math:`n_a n_d / (\alpha
        |d|^2)`.

        To leading order in `a`, without L2 and with :math:`\mu_2 = 0`: what pulled `a` is gone with
        :math:`L_2`. Infinite without cost.

        Parameters
        ----------
        squared_norm
            :math:`|d|^2` by then, which the start decides; None: that of the shortest solution,
            :math:`(|d_*| |b_*| |c_*|)^{2/3}`.
        """
        targets, sizes, alpha, _, _ = self._law()
        if squared_norm is None:
            squared_norm = math.prod(float(targets[k]) for k in STRATEGIES["d"]) ** (1 / 3)
        rule = "a positive number"
        size = checks.option(
            "Coopetition.lifetime", "squared_norm", squared_norm, rule, lambda x: 0 < x < math.inf
        )
        return sizes[0] * sizes[3] / (float(alpha) * size) if alpha else math.inf

    def stationary_points(self) -> list[RestPoint]:
        """Where it rests, the origin first, then by what the context explains; of those that differ
        in signs one. Without L2 the shortest of each set that attracts, and the origin: see
        `lsa_theory.transience.coopetition_rests`."""
        return rest_points(*self._law())

    def _law(self) -> tuple[Any, ...]:
        vectors = (numbers(self.targets[letter]) for letter in NAMES)
        targets, sizes = zip(*((v @ v, len(v)) for v in vectors), strict=True)
        floors = (self.floor_context, self.floor_weights)
        return _plain(targets), sizes, self.alpha, floors, self.l2

    def _start(self, off: int | None) -> tuple[Sequence[Any], Sequence[Any]]:
        share, beside = [], []
        for k, letter in enumerate(NAMES):
            target, start = numbers(self.targets[letter]), numbers(self.starts[letter])
            part = target @ start / (target @ target)
            rest = start - part * target
            share.append(0 * part if k == off else part)
            beside.append(0 * part if k == off else rest @ rest)
        return _plain(share), _plain(beside)


def _held(name: str, without: str | None) -> int | None:
    if without not in (None, *STRATEGIES):
        checks.refuse(name, "without", without, '"a", "d" or None')
    return None if without is None else NAMES.index(without)


def numbers(vector: Any) -> Array:
    return checks.real_array("Coopetition", "vector", vector, (1,))


def _plain(values: Sequence[Any]) -> Sequence[Any]:
    """Python's floats, which are faster one by one; rationals as they are."""
    return [float(x) if isinstance(x, float) else x for x in values]
