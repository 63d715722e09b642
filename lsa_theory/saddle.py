r"""The saddles of the loss at the zero predictor, and a path into one in closed form.

Stuck starts, with :math:`s = 0` and :math:`\operatorname{tr}(\Lambda^2 U^\top) = 0`, are saddles:
`escape_rate` is their negative curvature. With white features the flow from :math:`U = -u I`,
:math:`s = \sqrt d\, u` runs into the one at the origin: for :math:`z = -u^2` it is the flow of
`white_time_course` in reversed time.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.basin import known_to_converge
from lsa_theory.linalg import (
    array,
    exponential,
    is_symbolic,
    product_trace,
    square_root,
    squared_norm,
)
from lsa_theory.minimum import global_minimum, summary_moment
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss
from lsa_theory.white import beside, dimension_root, lapse, white_time_course


@dataclass(frozen=True, eq=False)
class RunIntoSaddle:
    r"""A whole path of gradient flow into the saddle: see `run_into_saddle`.

    Attributes
    ----------
    prompts
        The training law.
    rate
        :math:`2 \sqrt d\, \lambda\omega\lambda_q`, at which `u²` decays in the end; `s` and `U` at
        half of it.
    odds
        :math:`z_\infty / u_0^2 + 1`.
    gain
        The gain of the minimiser is this multiple of the identity.
    least_loss, plateau
        The loss of the minimum, which is not reached, and that of the saddle, which is.
    """

    prompts: GaussianPrompts = field(repr=False)
    rate: Scalar
    odds: Scalar
    gain: Scalar
    least_loss: Scalar
    plateau: Scalar
    _learnable: Scalar = field(repr=False)  # the plateau less the least loss
    _ratio: Scalar = field(repr=False)  # z_∞ / u_0²

    def share(self, times: Shaped[Array, "*t"] | Scalar) -> Shaped[Array, "*t"] | Scalar:
        r""":math:`u(t)^2 / z_\infty = 1 / (\text{odds} \cdot e^{rt} - 1)`: the layer's gain is that
        of the minimiser times minus this."""
        rate, ratio = beside(times, self.rate, self._ratio)
        return exponential(-rate * times) / (ratio + lapse(rate * times))

    def loss(self, times: Shaped[Array, "*t"] | Scalar) -> Shaped[Array, "*t"] | Scalar:
        r""":math:`L(t) = \min L + (\frac12 \operatorname{tr} \Lambda - \min L)
        (1 + u(t)^2/z_\infty)^2`."""
        plateau, learnable = beside(times, self.plateau, self._learnable)
        share = self.share(times)
        return plateau + learnable * share * (2 + share)  # the square, of positive terms

    def layer(self, time: Scalar) -> LinearSelfAttention:
        """The layer `U = -u I`, `s = √d u` at one time."""
        d = self.prompts.dimension
        root = dimension_root(d)
        u = square_root(self.gain * self.share(time) / root)
        return LinearSelfAttention.from_block(-u * np.eye(d, dtype=int), root * u)


def escape_rate(layer: LinearSelfAttention, prompts: GaussianPrompts) -> Scalar:
    r"""Stuck starts are saddles, and a disturbance leaves them at this rate.

    On the block :math:`v = p = 0` the points :math:`s = 0`,
    :math:`\operatorname{tr}(\Lambda^2 U^\top) = 0` are stationary for all parameters, at the loss
    :math:`\frac12 \operatorname{tr}\Lambda` of the zero predictor. The Hessian on the block has
    one negative eigenvalue there, :math:`-\rho`, one positive one and zeros otherwise:

    .. math::
        \rho = \tfrac12 \Big( \sqrt{a^2 + 4 \|\Lambda^2\|_F^2} - a \Big), \qquad
        a = \operatorname{tr}(\Gamma\Lambda\, U \Lambda U^\top) .

    For any zero-mean tasks :math:`\Lambda\Omega\Lambda_q` stands for :math:`\Lambda^2`, and
    :math:`a = \operatorname{tr}(E[h h^\top]\, U \Lambda_q U^\top)`.

    Parameters
    ----------
    layer, prompts
        A stationary start at `s = 0`: one that `known_to_converge` calls stuck. Symbols are not
        asked whether it is.

    Raises
    ------
    ValueError
        If the layer is not stuck, or the dimensions differ.

    Source: derived here.
    """
    if not is_symbolic(prompts.covariance) and not known_to_converge(layer, prompts).stuck:
        rule = "stationary at s = 0, v = p = 0, and no minimum"
        checks.refuse("escape_rate", "layer", "a layer that is not", rule)
    pull = prompts.context @ (prompts.task @ prompts.query)
    along = layer.u @ (prompts.query @ layer.u.T)
    strength = square_root(squared_norm(array(pull)))
    ratio = product_trace(summary_moment(prompts), along) / (2 * strength)
    return strength / (ratio + square_root(1 + ratio * ratio))


def run_into_saddle(prompts: GaussianPrompts, start: Scalar) -> RunIntoSaddle:
    r"""A path of gradient flow into the saddle, in closed form.

    For :math:`\Lambda = \lambda I` the flow from :math:`U(0) = -u_0 I`,
    :math:`s(0) = \sqrt d\, u_0`, :math:`v = p = 0` never reaches the minimum: it stays at
    :math:`U = -u I`, :math:`s = \sqrt d\, u` with

    .. math::
        u(t)^2 = \frac{z_\infty}{(z_\infty / u_0^2 + 1)\, e^{2\sqrt d\, \lambda^2 t} - 1}, \qquad
        z_\infty = \frac{1}{\sqrt d\, \gamma}, \quad \gamma = \lambda \Big( 1 + \frac{1 + d}{N}
        \Big),

    and its loss falls to that of the zero predictor,
    :math:`L(t) = \min L + (\frac12 \operatorname{tr}\Lambda - \min L) (1 + u(t)^2/z_\infty)^2`.
    With isotropic tasks, label noise and query the same holds as for `white_time_course`. The path
    is unstable: an integration in floating point leaves it after a while.

    Parameters
    ----------
    prompts, start
        As for `white_time_course`: a white law, and :math:`u_0 > 0`.

    Raises
    ------
    ValueError
        If a matrix of the law is no positive multiple of the identity, or the start not positive.

    Source: derived here.
    """
    course = white_time_course(prompts, start)  # of the start at +u_0 I
    plateau = population_loss(0 * global_minimum(prompts).gain, prompts)
    return RunIntoSaddle(
        prompts=prompts,
        rate=course.rate,
        odds=course._ratio + 1,
        gain=course.gain,
        least_loss=course.least_loss,
        plateau=plateau,
        _learnable=course._learnable,
        _ratio=course._ratio,
    )
