"""White features: the one law whose whole course of training is elementary."""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.linalg import array, dense, exponential, is_exact, is_traced, square_root
from lsa_theory.minimum import global_minimum
from lsa_theory.prompts import GaussianPrompts


@dataclass(frozen=True, eq=False)
class WhiteTimeCourse:
    r"""A whole path of gradient flow, in closed form: see `white_time_course`.

    Attributes
    ----------
    prompts
        The training law.
    rate
        :math:`r = 2 \sqrt d\, \lambda \omega \lambda_q`, at which the odds fall, per unit of time.
    odds
        :math:`z_\infty / z_0 - 1`: what is to learn over what is known at the start; negative for
        a start above the limit.
    gain
        :math:`b`, the gain of the minimiser :math:`b I`.
    least_loss
        The loss at the minimum.
    """

    prompts: GaussianPrompts = field(repr=False)
    rate: Scalar
    odds: Scalar
    gain: Scalar
    least_loss: Scalar
    _learnable: Scalar = field(repr=False)  # the loss at gain 0 less the least one
    _ratio: Scalar = field(repr=False)  # z_∞ / z_0

    def share(self, times: Shaped[Array, "*t"] | Scalar) -> Shaped[Array, "*t"] | Scalar:
        r""":math:`z(t)/z_\infty = 1 / (1 + (z_\infty/z_0 - 1) e^{-rt})`: how much of its final gain
        the layer has at each time. Its gain is :math:`b\, z(t)/z_\infty`."""
        return 1 / self._total(times)

    def loss(self, times: Shaped[Array, "*t"] | Scalar) -> Shaped[Array, "*t"] | Scalar:
        r""":math:`L(t) = \min L + \frac d2 \lambda\omega\lambda_q b\, (1 - z(t)/z_\infty)^2`."""
        least, learnable, odds, rate = beside(
            times, self.least_loss, self._learnable, self.odds, self.rate
        )
        falling = odds * exponential(-rate * times)
        missing = falling / self._total(times)  # without the cancellation in 1 - share
        return least + learnable * missing**2

    def layer(self, time: Scalar) -> LinearSelfAttention:
        """The layer `U = u I`, `s = √d u` at one time, `u² = z`."""
        d = self.prompts.dimension
        u = square_root(self.gain * self.share(time) / dimension_root(d))
        return LinearSelfAttention.from_block(u * np.eye(d), dimension_root(d) * u)

    def time_of(self, share: Scalar) -> float:
        r"""When a share :math:`\zeta` in (0, 1) is reached, :math:`t = \frac1r
        \ln\big[(z_\infty/z_0 - 1)\, \zeta / (1 - \zeta)\big]`: negative if the start is beyond it,
        NaN if the start is at or beyond the limit. The loss falls fastest at
        :math:`\zeta = 1/3`."""
        if not 0 < share < 1:
            checks.refuse("time_of", "share", share, "in (0, 1)")
        if self.odds <= 0:
            return math.nan
        return math.log(self.odds * share / (1 - share)) / float(self.rate)

    @property
    def half_time(self) -> float:
        r""":math:`t_{1/2} = \ln(z_\infty/z_0 - 1)/r`, when the layer has half of its final gain:
        the time of the drop, logarithmic in the size of the start."""
        return self.time_of(Fraction(1, 2))

    def _total(self, times: Any) -> Any:
        """`1 + (z_∞/z_0 − 1) e^{−rt}`; from a start above the limit, where that cancels, as
        `z_∞/z_0 · e^{−rt} + (1 − e^{−rt})`."""
        odds, ratio, rate = beside(times, self.odds, self._ratio, self.rate)
        decay = exponential(-rate * times)
        if isinstance(odds, int | float | Fraction) and odds >= 0:
            return 1 + odds * decay
        return ratio * decay + lapse(rate * times)


def white_time_course(prompts: GaussianPrompts, start: Scalar) -> WhiteTimeCourse:
    r"""The time course of training on white features: a logistic curve, hence one abrupt drop.

    For :math:`\Lambda = \lambda I` and the balanced start :math:`U(0) = u_0 I`,
    :math:`s(0) = \sqrt d\, u_0`, gradient flow stays at :math:`U = u I`, :math:`s = \sqrt d\, u`,
    and :math:`z = u^2` is

    .. math::
        z(t) = \frac{z_\infty}{1 + (z_\infty / z_0 - 1)\, e^{-2 \sqrt d\, \lambda^2 t}}, \qquad
        z_\infty = \frac{1}{\sqrt d\, \gamma}, \qquad
        \gamma = \lambda \Big( 1 + \frac{1 + d}{N} \Big).

    The gain is :math:`\sqrt d\, z(t)\, I`, half of its limit :math:`\gamma^{-1} I` at
    :math:`t_{1/2} = \ln(z_\infty/z_0 - 1) / (2 \sqrt d\, \lambda^2)`. With isotropic tasks
    :math:`\Omega = \omega I`, label noise and :math:`\Lambda_q = \lambda_q I` the same holds with
    the minimiser's gain :math:`b` for :math:`1/\gamma` and :math:`\lambda\omega\lambda_q` for
    :math:`\lambda^2`.

    Parameters
    ----------
    prompts
        The training law: each of its matrices a positive multiple of the identity, zero task mean.
        Exact rationals give exact rates if `d` is a square.
    start
        :math:`u_0 > 0`; any size, above the limit too.

    Raises
    ------
    ValueError
        If a matrix of the law is no positive multiple of the identity, or the start not positive.

    Source: derived here; Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.1, for the limit;
    compare Zhang, Singh, Latham, Saxe, arXiv:2501.16265, for several heads.
    """
    start = checks.real(NAME, "start", start, minimum=0)
    if not checks.is_tracer(start) and start == 0:
        checks.refuse(NAME, "start", start, "positive (at 0 the flow stays)")
    speed = (
        _multiple("covariance", prompts.context)
        * _multiple("task_covariance", prompts.task)
        * _multiple("query_covariance", prompts.query)
    )
    minimum, d = global_minimum(prompts), prompts.dimension
    gain = minimum.gain.ravel()[0]
    ratio = gain / (dimension_root(d) * start * start)
    return WhiteTimeCourse(
        prompts=prompts,
        rate=2 * dimension_root(d) * speed,
        odds=ratio - 1,
        gain=gain,
        least_loss=minimum.loss,
        _learnable=d * speed * gain / 2,
        _ratio=ratio,
    )


NAME = "white_time_course"


def dimension_root(dimension: int) -> Scalar:
    """`√d`, an integer where it is one."""
    root = math.isqrt(dimension)
    return root if root * root == dimension else math.sqrt(dimension)


def beside(times: Any, *scalars: Scalar) -> list[Scalar]:
    """Rationals as floats, unless the time is a symbol and the result exact."""
    if hasattr(times, "free_symbols"):
        return list(scalars)
    return [float(x) if isinstance(x, Fraction) else x for x in scalars]


def lapse(exponent: Any) -> Any:
    """`1 − e^{−x}`, without cancellation for a small `x`; of floats, traced arrays and symbols."""
    if hasattr(exponent, "free_symbols"):
        return 1 - exponential(-exponent)
    if is_traced(exponent):
        return -sys.modules["jax"].numpy.expm1(-exponent)
    return -np.expm1(-np.asarray(exponent, dtype=np.float64))


def _multiple(argument: str, matrix: Any) -> Scalar:
    """The factor of a positive multiple of the identity, equal up to `d · eps`."""
    entries = dense(array(matrix))
    value = entries[0, 0]
    if checks.is_tracer(entries):
        return value
    d = len(entries)
    allowed = 0 if is_exact(entries) else d * checks.EPSILON * value
    if value <= 0 or (abs(entries - value * np.eye(d, dtype=int)) > allowed).any():
        checks.refuse(NAME, f"prompts.{argument}", array(matrix), "a positive multiple of identity")
    return value
