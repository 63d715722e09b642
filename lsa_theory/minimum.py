"""The global minimum of the training loss, in closed form."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.definiteness import rank
from lsa_theory.linalg import (
    array,
    dense,
    is_exact,
    is_symbolic,
    product_trace,
    resolvent,
    square_root,
    squared_norm,
)
from lsa_theory.prompts import GaussianPrompts, draws_covariances
from lsa_theory.risk import population_loss


@dataclass(frozen=True, eq=False)
class Minimum:
    """Where the training loss is least: the gain, the loss, and the layers that attain it.

    Attributes
    ----------
    gain
        The matrix `B` in `ŷ = h^T B x_q`: (d, d), or (d,) if every matrix of the law is diagonal.
        Symmetric, but for random covariances that do not commute.
    loss
        The least loss, half of the training risk.
    prompts
        The training law.
    """

    gain: Array
    loss: Scalar
    prompts: Any = field(repr=False)

    def layer(self, balance: Scalar = 0.0, sign: int = 1) -> LinearSelfAttention:
        r"""The minimising layer with `v = p = 0`, `s U = B` and the given balance and sign of `s`.

        .. math::
            s^2 = \tfrac12 \Big( c + \sqrt{c^2 + 4 \|B\|_F^2} \Big), \qquad U = B / s,

        where :math:`c = s^2 - \|U\|_F^2` is the balance, any real number. This is the limit of
        gradient flow from any start on the block with that balance which does converge to the
        minimum; `balance=0` gives :math:`s = \|B\|_F^{1/2}`, the limit of Theorem 4.1. Of a zero
        gain, which has no such layer for `balance < 0`, the one with `s = 0` is returned.

        Raises
        ------
        ValueError
            If the balance is not a finite real number, or the sign neither 1 nor -1.

        Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.1, for `balance=0`.
        """
        balance = checks.real("layer", "balance", balance)
        if np.ndim(sign) or sign not in (1, -1):
            checks.refuse("layer", "sign", sign, "1 or -1")
        gain = dense(self.gain)
        if is_symbolic(gain):
            balance = checks.rational(balance)
        elif is_exact(gain):  # roots leave the rationals
            gain = gain.astype(np.float64)
        s = sign * square_root(squared_scale(balance, squared_norm(gain)))
        if not gain.any():
            spare = max(-float(balance), 0.0) / len(gain)
            return LinearSelfAttention.from_block(np.sqrt(spare) * np.eye(len(gain)), s)
        return LinearSelfAttention.from_block(gain / s, s)

    @cached_property
    def free_directions(self) -> int:
        """The dimension of the set of gains that attain the least loss, 0 if `gain` is unique.

        The loss determines the gain between the ranges of `C = E[h h^T]` and of Λ_q alone: with a
        singular Λ (and `Λ_q = Λ`) only `Λ B Λ`. `gain` is then one minimiser among many, and not
        the one of least norm; gradient flow never moves the undetermined entries of `U`. Ranks
        are counted up to `d · eps` times the largest eigenvalue.
        """
        law = self.prompts
        d = law.dimension
        if draws_covariances(law):
            return d * d - law.law.determined
        noisy = label_variance(law) > 0
        determined = rank(law.context) * rank(law.query) if noisy else 0
        return d * d - determined

    @property
    def unique(self) -> bool:
        """Whether no other gain attains the least loss. (For `d = 1` the gain may also be carried
        by `v p`, with `s = U = 0`: uniqueness of the layer needs `d >= 2`.)"""
        return self.free_directions == 0


def global_minimum(prompts: Any) -> Minimum:
    r"""The least training loss over all parameters, and the gain that attains it.

    For tasks of zero mean, with :math:`\tau = (\operatorname{tr}(\Lambda\Omega) + \sigma^2)/N`,

    .. math::
        B = \big[ (1 + \tfrac1N)\, \Omega \Lambda + \tau I \big]^{-1} \Omega, \qquad
        \min L = \frac{\operatorname{tr}(\Omega \Lambda_q)
        + N \tau \operatorname{tr}(B \Lambda_q)}{2 (N + 1)},

    and :math:`B = 0` where :math:`\tau = 0`. For :math:`\Omega = I`, :math:`\sigma = 0` this is
    :math:`B = \Gamma^{-1}` with
    :math:`\Gamma = (1 + \frac1N) \Lambda + \frac{\operatorname{tr}\Lambda}{N} I` and
    :math:`\min L = \frac12 [\operatorname{tr}\Lambda - \operatorname{tr}(\Gamma^{-1}\Lambda^2)]`,
    which cancels at large :math:`N`; the form above does not. No parameter outside the block
    :math:`v = p = 0` lowers it. Singular matrices are included: see `Minimum.free_directions` for
    what is then not unique. The query's law does not move the minimiser.

    Over random covariances `B` is `random_covariance.mean_minimiser`.

    Parameters
    ----------
    prompts
        The training law, with zero task mean. All matrices diagonal (given as vectors): O(d).

    Raises
    ------
    ValueError
        If the task mean is not zero: the minimum over all parameters then lies off the block, and
        `block_minimum` gives the block's own.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Lemma 5.2 and Theorem 4.1 (Ω = I, σ = 0),
    Theorem 4.5 (diagonal random covariances); Ahn, Cheng, Daneshmand, Sra, arXiv:2306.00297, for
    special cases.
    """
    if draws_covariances(prompts):
        from lsa_theory.random_covariance.prompts import mean_minimiser

        gain = mean_minimiser(prompts)
        return Minimum(gain, population_loss(gain, prompts), prompts)
    checks.instance("global_minimum", "prompts", prompts, GaussianPrompts)
    if not prompts.zero_mean:
        rule = "zero (with a task mean the minimum lies off the block: see block_minimum)"
        checks.refuse("global_minimum", "prompts.task_mean", prompts.task_mean, rule)
    return _minimum(prompts, prompts.task)


def block_minimum(prompts: GaussianPrompts) -> Minimum:
    r"""The least training loss on the block :math:`v = p = 0`, for tasks of any mean.

    `global_minimum` with :math:`\Omega + \mu\mu^\top` in the place of :math:`\Omega`: on the block
    the loss depends on the second moment of the tasks alone. With :math:`\mu \ne 0` parameters
    outside the block do better, since :math:`v^\top S U x_q` predicts from the weights alone.

    Parameters, units and shapes as for `global_minimum`.

    Source: derived here.
    """
    checks.instance("block_minimum", "prompts", prompts, GaussianPrompts)
    return _minimum(prompts, prompts.second_moment)


def label_variance(prompts: GaussianPrompts) -> Scalar:
    """`E[y²] = tr(Λ (Ω + μ μ^T)) + σ²`."""
    return product_trace(prompts.context, prompts.second_moment) + prompts.noise_variance


def summary_moment(prompts: GaussianPrompts) -> Any:
    """`C = E[h h^T] = [(N + 1) Λ Ω Λ + E[y²] Λ] / N` as an operator, for tasks of zero mean."""
    context, n = prompts.context, prompts.context_length
    return ((n + 1) * (context @ (prompts.task @ context)) + label_variance(prompts) * context) / n


def _minimum(prompts: GaussianPrompts, weight: Any) -> Minimum:
    context, query, n = prompts.context, prompts.query, prompts.context_length
    variance = product_trace(context, weight) + prompts.noise_variance
    if variance_is_zero(variance):
        gain = 0 * (weight + context)  # in the shape and arithmetic of both
    else:  # B = [(N + 1) Ω Λ + N τ I]^{-1} N Ω, multiplied through by N
        gain = n * resolvent(weight, context, n + 1, variance)
    explained = variance * product_trace(gain, query)
    loss = (product_trace(weight, query) + explained) / (2 * (n + 1))
    return Minimum(array(gain), loss, prompts)


def variance_is_zero(variance: Scalar) -> bool:
    """Whether labels are identically zero; not asked of a tracer, whose value is not known."""
    return not checks.is_tracer(variance) and bool(variance == 0)


def squared_scale(balance: Scalar, squared_gain: Scalar) -> Scalar:
    """The `s²` of the minimiser with the given balance, as a sum of positive terms.

    Both `s²` and `‖U‖² = s² − balance` are roots of one quadratic, whose product is `‖B‖²`: the
    larger is computed, the smaller divided out.
    """
    larger = (abs(balance) + square_root(balance * balance + 4 * squared_gain)) / 2
    if larger == 0:
        return larger
    return larger if balance >= 0 else squared_gain / larger
