"""The law of a prompt whose features have a covariance of their own."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.linalg import array, product_trace
from lsa_theory.random_covariance.law import CovarianceLaw


@dataclass(frozen=True, eq=False)
class RandomCovariancePrompts:
    r"""In-context linear regression where each prompt draws the covariance of its features.

    .. math::
        \Lambda_\tau \sim \text{law}, \quad x_1, \dots, x_N, x_q \sim N(0, \Lambda_\tau), \quad
        w \sim N(0, I), \quad y_i = \langle w, x_i \rangle + \varepsilon_i, \quad
        \varepsilon_i \sim N(0, \sigma^2) .

    `risk`, `population_loss`, `global_minimum` and `gradient_flow` take it where they take
    `GaussianPrompts`. The risk on a *given* new covariance is that on
    `GaussianPrompts(new, context_length)`.

    Parameters
    ----------
    law
        The law of covariances, one of `lsa_theory.random_covariance`.
    context_length
        :math:`N`, an integer from 1 to 2^53.
    noise_variance
        :math:`\sigma^2 \ge 0`.

    Raises
    ------
    ValueError
        One sentence that names the argument, the rule and the value.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Section 4.3, which has diagonal draws and
    :math:`\sigma = 0`.
    """

    law: Any
    context_length: Any
    _: KW_ONLY
    noise_variance: Any = 0.0

    def __post_init__(self) -> None:
        name = type(self).__name__
        checks.instance(name, "law", self.law, CovarianceLaw)
        length = checks.integer(name, "context_length", self.context_length)
        noise = checks.real(name, "noise_variance", self.noise_variance, minimum=0)
        object.__setattr__(self, "context_length", length)
        noise = checks.rational(noise) if self.law.exact else noise
        object.__setattr__(self, "noise_variance", noise)

    @property
    def dimension(self) -> int:
        """`d`, the number of features."""
        return self.law.dimension

    @property
    def zero_mean(self) -> bool:
        """Whether the task's mean is zero: always."""
        return True

    def replace(self, **changes: Any) -> RandomCovariancePrompts:
        """The same law but for the given arguments."""
        return replace(self, **changes)

    def pull(self, gain: Any) -> Any:
        """`E[C_τ B Λ_τ]` of an operator `B`: the slope of the loss in `B`, but for `−E Λ_τ²`."""
        return self.law.pull(gain, self.context_length, self.noise_variance)


def mean_minimiser(prompts: RandomCovariancePrompts) -> Shaped[Array, "d ..."]:
    r"""The gain of least loss when each prompt draws the covariance of its features.

    With :math:`\Gamma_\tau = (1 + \frac1N) \Lambda_\tau + \frac1N (\operatorname{tr} \Lambda_\tau
    + \sigma^2) I` it solves

    .. math::
        E\big[ \Gamma_\tau \Lambda_\tau B \Lambda_\tau \big] = E\big[ \Lambda_\tau^2 \big],

    where :math:`\min L = \frac12 \operatorname{tr}(E \Lambda_\tau - B^\top E \Lambda_\tau^2)`. For
    diagonal draws, and for those of a fixed spectrum in a random basis,

    .. math::
        B = \big( E[\Gamma_\tau \Lambda_\tau^2] \big)^{-1} E[\Lambda_\tau^2] ;

    for a Wishart law `B` is a polynomial in the scale, and for draws that do not commute it need
    not even be symmetric. Where it is not unique, entries that the loss does not see are 0, or `B`
    is the solution of least norm.

    Returns
    -------
    (d, d), or (d,) if it is diagonal; exact where the law's moments are, but for a Wishart law
    whose scale is a matrix. O(d) for diagonal draws, O(d⁶) for others in a mixture.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.5, for diagonal draws and
    :math:`\sigma = 0`; derived here for the others.
    """
    return array(prompts.law.minimiser(prompts.context_length, prompts.noise_variance))


def mean_risk(gain: Any, prompts: RandomCovariancePrompts) -> Scalar:
    """`tr(B^T E[C_τ B Λ_τ]) − 2 tr(B^T E Λ_τ²) + tr E Λ_τ`, of an operator `B`."""
    law = prompts.law
    explained = prompts.pull(gain) - 2 * law.square
    return product_trace(gain.T, explained) + law.mean.trace()
