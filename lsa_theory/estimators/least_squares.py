"""Ordinary least squares, its minimum-norm solution, and ridge regression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.definiteness import rank
from lsa_theory.estimators.base import Estimator, NoFormula, Parts, floats, task_moment
from lsa_theory.estimators.equivalent import limit_parts
from lsa_theory.estimators.result import EstimatorRisk
from lsa_theory.linalg import array, dense, product_trace, solve
from lsa_theory.prompts import GaussianPrompts


@dataclass(eq=False)
class LeastSquares(Estimator):
    r"""Ordinary least squares; of fewer samples than features, the solution of least norm.

    With :math:`\Lambda \succ 0` and :math:`M > d + 1`, whatever task and query,

    .. math::
        \text{bias} = 0, \qquad
        \text{variance} = \frac{\sigma^2 \operatorname{tr}(\Lambda_q \Lambda^{-1})}{M - d - 1} .

    Without noise the risk is 0 for :math:`M \ge d`; with it, infinite for
    :math:`d - 1 \le M \le d + 1`. For :math:`M < d - 1` and :math:`\Lambda = c I` the row space is
    a random one of :math:`M` dimensions: its projection :math:`P` has
    :math:`E[(I - P) W (I - P)] = (\alpha + \beta) W + \beta \operatorname{tr}(W) I` with
    :math:`\beta = \frac{M (d - M)}{d (d - 1)(d + 2)}`, :math:`\alpha = (\frac{d - M}{d})^2 -
    \frac{2\beta}{d}`, and the variance is
    :math:`\frac{\sigma^2}{c} \frac{M}{d} \frac{\operatorname{tr} \Lambda_q}{d - M - 1}`. For other
    covariances there is the high-dimensional limit.
    """

    def summary_operator(self, sample: Shaped[Array, "*b d d"], length: Scalar) -> Array:
        d = sample.shape[-1]
        return np.linalg.pinv(sample, rcond=4 * d * checks.EPSILON, hermitian=True)

    def exact(self, prompts: GaussianPrompts) -> Parts:
        length, d = prompts.context_length, prompts.dimension
        if length >= d:
            return _determined(prompts)
        context = dense(array(prompts.context))
        scale = context[0, 0]
        if not (scale > 0 and (context == scale * np.eye(d, dtype=int)).all()):
            raise NoFormula("with fewer samples than features it is for white covariates only")
        return _white(prompts, scale)

    def limit(self, prompts: GaussianPrompts) -> Parts:
        return _limit(self, prompts, 0.0)


def _determined(prompts: GaussianPrompts) -> Parts:
    """As many samples as features, or more."""
    length, d, noise = prompts.context_length, prompts.dimension, prompts.noise_variance
    if rank(prompts.context) < d:
        raise NoFormula("the context covariance is singular")
    if noise == 0:
        return Parts(0 * noise, 0 * noise)
    if length <= d + 1:
        return Parts(0 * noise, np.inf)
    entries = array(prompts.context)
    if entries.ndim == 1 and array(prompts.query).ndim == 1:
        seen = (array(prompts.query) / entries).sum()
    else:
        seen = solve(dense(entries), dense(array(prompts.query))).trace()
    return Parts(0 * noise, noise * seen / (length - d - 1))


def _white(prompts: GaussianPrompts, scale: Scalar) -> Parts:
    """Fewer samples than features, `Λ = c I`."""
    length, d, noise = prompts.context_length, prompts.dimension, prompts.noise_variance
    moment, query = prompts.second_moment, prompts.query
    left = d - length
    # multiplied through by d (d - 1)(d + 2)
    spread = length * left
    direct = left * left * (d - 1) * (d + 2) - 2 * spread
    total = (direct + d * spread) * product_trace(moment, query)
    total = total + d * spread * moment.trace() * query.trace()
    bias = total / (d * d * (d - 1) * (d + 2))
    if noise == 0:
        return Parts(bias, 0 * noise)
    if left <= 1:
        return Parts(bias, np.inf)
    return Parts(bias, noise * length * query.trace() / (scale * d * (left - 1)))


@dataclass(eq=False)
class Ridge(Estimator):
    r"""Ridge regression, :math:`\hat w = (S + \lambda I)^{-1} h`.

    Parameters
    ----------
    penalty
        :math:`\lambda > 0`, in units of the covariance, beside :math:`S` and not :math:`X^\top X`.
    """

    penalty: float

    def __post_init__(self) -> None:
        rule = "a positive number"
        checks.option("Ridge", "penalty", self.penalty, rule, lambda x: 0 < x < np.inf)

    def summary_operator(self, sample: Shaped[Array, "*b d d"], length: Scalar) -> Array:
        return np.linalg.inv(sample + self.penalty * np.eye(sample.shape[-1]))

    def exact(self, prompts: GaussianPrompts) -> Parts:
        raise NoFormula("the mean of a resolvent of a Wishart matrix has no finite form")

    def limit(self, prompts: GaussianPrompts) -> Parts:
        return _limit(self, prompts, self.penalty)


def _limit(estimator: Estimator, prompts: GaussianPrompts, penalty: float) -> Parts:
    context, query = (dense(array(floats(m))) for m in (prompts.context, prompts.query))
    moment = task_moment(prompts, estimator.prior_mean(prompts.dimension))
    noise = float(prompts.noise_variance)
    return Parts(*limit_parts(context, query, moment, noise, prompts.context_length, penalty))


def optimal_penalty(prompts: GaussianPrompts) -> float:
    r"""The ridge penalty of least risk.

    For tasks :math:`N(0, \omega I)` it is :math:`\sigma^2 / (M \omega)`, exactly, whatever the
    covariances: ridge regression is then the Bayes predictor. For other priors it is the minimiser
    of the high-dimensional limit. Infinite where any prediction hurts; 0 where none is needed.
    """
    checks.instance("optimal_penalty", "prompts", prompts, GaussianPrompts)
    moment = task_moment(prompts, np.zeros(prompts.dimension))
    noise, length = float(prompts.noise_variance), prompts.context_length
    if prompts.zero_mean and (moment == moment[0, 0] * np.eye(len(moment))).all():
        return np.inf if moment[0, 0] == 0 else noise / (length * moment[0, 0])
    from scipy.optimize import minimize_scalar

    context, query = (dense(array(floats(m))) for m in (prompts.context, prompts.query))
    scale = np.trace(context) / length

    def value(log_penalty: float) -> float:
        penalty = scale * np.exp(log_penalty)
        return sum(limit_parts(context, query, moment, noise, length, penalty))

    grid = np.linspace(-30, 30, 121)
    values = [value(point) for point in grid]
    k = int(np.argmin(values))
    if k in (0, len(grid) - 1):
        return np.inf if k else 0.0
    found: Any = minimize_scalar(value, bounds=(grid[k - 1], grid[k + 1]), method="bounded")
    return float(scale * np.exp(found.x))


def ols_risk(prompts: GaussianPrompts, **options: Any) -> EstimatorRisk:
    """The risk of ordinary least squares: see `LeastSquares`, and `Estimator.risk` for options."""
    return LeastSquares().risk(prompts, **options)


def ridge_risk(
    prompts: GaussianPrompts, penalty: float | None = None, **options: Any
) -> EstimatorRisk:
    """The risk of ridge regression: see `Ridge`. Without a penalty, at the optimal one."""
    if penalty is None:
        penalty = optimal_penalty(prompts)
        if penalty == 0:
            return LeastSquares().risk(prompts, **options)
        if penalty == np.inf:
            from lsa_theory.estimators.others import Zero

            return Zero().risk(prompts, **options)
    return Ridge(penalty).risk(prompts, **options)
