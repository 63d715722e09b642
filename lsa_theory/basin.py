r"""From where the flow on the block :math:`v = p = 0` is known to converge, for any law.

For zero-mean tasks, with :math:`R = \Lambda\Omega\Lambda_q` and :math:`C = E[h h^\top]`,

.. math::
    L = \tfrac12 \operatorname{tr}(\Omega \Lambda_q) - s \operatorname{tr}(R\, U^\top)
    + \tfrac12 s^2 \operatorname{tr}(C U \Lambda_q U^\top), \qquad
    c = s^2 - \|U\|_F^2 \text{ conserved}.

The loss never rises and its last term is not negative, so with
:math:`\delta = \frac12 \operatorname{tr}(\Omega\Lambda_q) - L(0)`, at all times
:math:`\delta \le s \operatorname{tr}(R\, U^\top) \le \|R\|_F\, |s| \|U\|_F`. Since
:math:`\|U\|_F^2 = s^2 - c`,

.. math::
    s(t)^2 \ge \tfrac12 \Big( c + \sqrt{c^2 + 4 \max(\delta, 0)^2 / \|R\|_F^2} \Big),

which is positive where :math:`c > 0` or :math:`\delta > 0`. Then, as for Theorem 4.1, the part of
the gradient along :math:`U` alone bounds the gap,
:math:`\|\nabla L\|^2 \ge 2 s^2 \lambda(C) \lambda(\Lambda_q) (L - \min L)` with the smallest
*positive* eigenvalues, so the loss falls exponentially to its minimum and the path has finite
length: the layer converges, and what the loss determines of :math:`sU` converges to the minimiser.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Scalar
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.linalg import Diagonal, array, product_trace, square_root
from lsa_theory.minimum import block_minimum, squared_scale, summary_moment
from lsa_theory.predictors import on_block, parameters_of
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.rounding import rounding


@dataclass(frozen=True)
class Verdict:
    """Whether gradient flow from one start is known to converge to the minimum.

    Attributes
    ----------
    holds
        Whether it is known to: False says that nothing is known, unless `stuck`.
    stuck
        Whether the start is stationary, and not a minimum.
    reason
        Why, in a sentence.
    scale_bound
        A lower bound on `|s(t)|` for all `t >= 0`; 0 where none is known.
    """

    holds: bool
    stuck: bool
    reason: str
    scale_bound: float


def known_to_converge(layer: LinearSelfAttention, prompts: GaussianPrompts) -> Verdict:
    r"""Whether the block flow from `layer` is known to reach the minimum: a wider condition than
    Theorem 4.1's, for any zero-mean prior, label noise, query law and starting size.

    Gradient flow from a start with :math:`v = p = 0` converges to :math:`s U = B`, the gain of
    `global_minimum`, if

    - its balance :math:`s^2 - \|U\|_F^2` is positive, or
    - :math:`L(0) < \frac12 \operatorname{tr}(\Omega\Lambda_q)`, the loss of the zero predictor, or
    - :math:`s = 0` and :math:`\operatorname{tr}(\Lambda\Omega\Lambda_q U^\top) \ne 0`: the loss is
      then that of the zero predictor, and falls below it at once.

    It never moves if :math:`s = 0` and that trace is 0. Otherwise nothing is known: almost every
    start still converges, but not one on the stable set of the saddle :math:`s = 0`.

    With singular matrices the statement is about the determined part of the gain, between the
    ranges of :math:`C = E[h h^\top]` and :math:`\Lambda_q`: the loss reaches its minimum, the rest
    of :math:`U` stays where it was, and `reason` says so.

    Parameters
    ----------
    layer, prompts
        The start and the training law, of any kind; taken in float64.

    Returns
    -------
    A `Verdict`. Everything is rounded to the safe side: a start whose balance, loss or trace is
    within the rounding of its evaluation of the edge is not claimed.

    Raises
    ------
    ValueError
        If the dimensions of layer and prompts differ.

    Source: derived here (see the module).
    """
    call = "known_to_converge"
    checks.instance(call, "layer", layer, LinearSelfAttention)
    checks.instance(call, "prompts", prompts, GaussianPrompts)
    parameters = parameters_of(call, layer, prompts.dimension, argument="layer")
    if not on_block(parameters):
        return _unknown("v or p is not zero: the condition is one on the block v = p = 0")
    if not prompts.zero_mean:
        return _unknown("with a task mean the flow leaves the block v = p = 0")
    prompts = _floats(prompts)
    u, s = np.asarray(parameters.u, dtype=float), float(parameters.s)
    slack = rounding(3 * prompts.dimension)

    context, query = prompts.context, prompts.query
    pull = context @ (prompts.task @ query)  # R
    second = summary_moment(prompts)
    force = product_trace(pull, u.T)  # tr(R U^T)
    force_error = slack * _magnitude(pull, u, context, prompts.task, query)
    friction = product_trace(second, u @ (query @ u.T)) / 2
    friction_error = slack * _norm(second) * _norm(query) * (u * u).sum()
    below = s * force - abs(s) * force_error - s * s * (friction + friction_error)
    balance = s * s - (u * u).sum() - slack * (s * s + (u * u).sum())

    singular = block_minimum(prompts).free_directions > 0
    scope = SINGULAR if singular else ""
    if balance > 0 or below > 0:
        bound = float(least_scale(balance, below, _norm(pull), slack))
        why = "its balance is positive" if balance > 0 else "its loss is below the zero predictor's"
        return Verdict(True, False, f"{why}, so s stays away from 0{scope}", bound)
    if s == 0 and abs(force) > force_error:
        why = "s = 0 but tr(ΛΩΛ_q U^T) is not: the loss falls below the zero predictor's at once"
        return Verdict(True, False, why + scope, 0.0)
    if not array(pull).any() and (s == 0 or not array(second).any()):
        return Verdict(True, False, "the start is a minimum: the gain 0 is one", 0.0)
    if s == 0:
        return Verdict(False, True, "s = 0 and tr(ΛΩΛ_q U^T) = 0: the start is stationary", 0.0)
    return _unknown(
        "balance <= 0 and loss >= the zero predictor's, up to rounding: the flow may run into the "
        "saddle s = 0"
    )


def least_scale(balance: Scalar, below: Scalar, norm: Scalar, slack: Scalar = 0) -> Scalar:
    r"""The lower bound on :math:`|s(t)|`, by :math:`c`, :math:`\delta` and :math:`\|R\|_F`; one of
    the first two is positive."""
    ratio = below / norm if below > 0 else 0
    return square_root(squared_scale(balance, ratio**2) * (1 - slack))


SINGULAR = "; the law is singular: the determined part of the gain converges, the rest stays"


def _unknown(reason: str) -> Verdict:
    return Verdict(False, False, reason, 0.0)


def _floats(prompts: GaussianPrompts) -> GaussianPrompts:
    """The law in float64, whatever it was given in."""
    fields = ("covariance", "noise_variance", "task_covariance", "query_covariance")
    given = {name: getattr(prompts, name) for name in fields}
    return prompts.replace(
        **{name: np.asarray(x, dtype=float) for name, x in given.items() if x is not None}
    )


def _magnitude(pull: Any, u: Any, *factors: Any) -> float:
    """The sum of `|Λ||Ω||Λ_q|` times `|U|`, entry by entry: what the rounding of `tr(R U^T)` is
    relative to."""
    if isinstance(pull, Diagonal):
        return float(product_trace(pull, abs(u.T)))
    left, middle, right = (f if isinstance(f, Diagonal) else abs(f) for f in factors)
    return float(product_trace(left @ (middle @ right), abs(u.T)))


def _norm(matrix: Any) -> float:
    return float(np.linalg.norm(array(matrix)))
