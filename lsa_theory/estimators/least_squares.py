"""Ordinary least squares, its minimum-norm solution, and ridge regression."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.definiteness import rank
from lsa_theory.estimators.base import (
    NOWHERE,
    Estimator,
    NoFormula,
    Parts,
    floats,
    required,
    task_moment,
)
from lsa_theory.estimators.equivalent import limit_parts
from lsa_theory.estimators.result import EstimatorRisk
from lsa_theory.estimators.white import white_ridge, white_scale
from lsa_theory.gamma import same_matrix
from lsa_theory.linalg import (
    array,
    dense,
    diagonal,
    identity,
    is_traced,
    product_trace,
    select,
    solve,
)
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
    covariances there is the high-dimensional limit; the bias at :math:`M = d - 1` with noise,
    beside a risk that is exactly infinite, is its too.
    """

    def summary_operator(self, sample: Shaped[Array, "*b d d"], length: Scalar) -> Array:
        d = sample.shape[-1]
        return np.linalg.pinv(sample, rcond=4 * d * checks.EPSILON, hermitian=True)

    def exact(self, prompts: GaussianPrompts) -> Parts:
        few = prompts.context_length < prompts.dimension
        if not is_traced(few):
            return _fewer(prompts) if few else _determined(prompts)
        regimes = [_attempt(formula, prompts) for formula in (_fewer, _determined)]
        if all(regime is NOWHERE for regime in regimes):
            raise NoFormula("neither with fewer samples than features nor with more")
        found = regimes[0].where(few, regimes[1])
        return replace(found, holds=True) if all(r.holds is True for r in regimes) else found

    def limit(self, prompts: GaussianPrompts) -> Parts:
        return _limit(prompts, 0.0)


def _attempt(formula: Callable[[GaussianPrompts], Parts], prompts: GaussianPrompts) -> Parts:
    try:
        return formula(prompts)
    except NoFormula:
        return NOWHERE


def _determined(prompts: GaussianPrompts) -> Parts:
    """As many samples as features, or more."""
    length, d, noise = prompts.context_length, prompts.dimension, prompts.noise_variance
    holds = required(rank(prompts.context) == d, "the context covariance is singular")
    entries, query = array(prompts.context), array(prompts.query)
    if entries.ndim == 1 and query.ndim == 1:
        seen = (query / select(holds, entries, 1)).sum()
    else:
        seen = solve(select(holds, dense(entries), np.eye(d, dtype=int)), dense(query)).trace()
    exists = length > d + 1
    variance = select(exists, noise * seen / select(exists, length - d - 1, 1), np.inf)
    return Parts(0 * noise, select(noise == 0, 0 * noise, variance), holds)


def _fewer(prompts: GaussianPrompts) -> Parts:
    """Fewer samples than features: of white ones, or where the risk is infinite."""
    border = _attempt(_border, prompts)
    try:
        white = _fewer_white(prompts)
    except NoFormula:
        if border is NOWHERE:
            raise
        return border
    return white if white.holds is True else white.where(white.holds, border)


def _border(prompts: GaussianPrompts) -> Parts:
    """One sample fewer than features, with noise; the bias is that of the limit."""
    d = prompts.dimension
    reason = "its risk is not infinite"
    holds = required(prompts.context_length == d - 1, reason)
    holds = holds & required(prompts.noise_variance != 0, reason)
    holds = holds & required(rank(prompts.context) == d, reason)
    return Parts(_limit(prompts, 0.0).bias, np.inf, holds)


def _fewer_white(prompts: GaussianPrompts) -> Parts:
    """Fewer samples than features, `Λ = c I`."""
    length, d, noise = prompts.context_length, prompts.dimension, prompts.noise_variance
    reason = "with fewer samples than features it is for white covariates only"
    scale, holds = white_scale(prompts.context, reason)
    moment, query = prompts.second_moment, prompts.query
    left = d - length
    # multiplied through by d (d - 1)(d + 2)
    spread = length * left
    direct = left * left * (d - 1) * (d + 2) - 2 * spread
    total = (direct + d * spread) * product_trace(moment, query)
    total = total + d * spread * moment.trace() * query.trace()
    bias = total / (d * d * max(d - 1, 1) * (d + 2))
    exists = left > 1
    seen = scale * d * select(exists, left - 1, 1)
    variance = select(exists, noise * length * query.trace() / seen, np.inf)
    return Parts(bias, select(noise == 0, 0 * noise, variance), holds)


@dataclass(eq=False)
class Ridge(Estimator):
    r"""Ridge regression, :math:`\hat w = (S + \lambda I)^{-1} h`.

    For :math:`\Lambda = c I` the eigenvectors of `S` are uniformly random. With
    :math:`D = \lambda (S + \lambda I)^{-1}` the bias is

    .. math::
        &\beta\, [\operatorname{tr}(W) \operatorname{tr}(\Lambda_q)
        + \operatorname{tr}(W \Lambda_q)] + \alpha \operatorname{tr}(W \Lambda_q), \\
        &\beta = \frac{d\, E \operatorname{tr} D^2 - E (\operatorname{tr} D)^2}
        {d (d - 1)(d + 2)}, \qquad
        \alpha = \frac{E \operatorname{tr} D^2}{d} - (d + 1)\, \beta,

    and the variance :math:`\frac{\sigma^2}{M} \frac{\operatorname{tr} \Lambda_q}{d}
    E \operatorname{tr}[S (S + \lambda I)^{-2}]`: means over the eigenvalues, by quadrature (see
    `white_spectrum`), for numbers that are not traced. For other covariances there is the
    high-dimensional limit.

    Parameters
    ----------
    penalty
        :math:`\lambda > 0`, in units of the covariance, beside :math:`S` and not :math:`X^\top X`.
    """

    penalty: Scalar

    def __post_init__(self) -> None:
        if not checks.is_tracer(self.penalty):
            rule = "a positive number"
            checks.option("Ridge", "penalty", self.penalty, rule, lambda x: 0 < x < np.inf)

    def summary_operator(self, sample: Shaped[Array, "*b d d"], length: Scalar) -> Array:
        return np.linalg.inv(sample + self.penalty * np.eye(sample.shape[-1]))

    def exact(self, prompts: GaussianPrompts) -> Parts:
        return white_ridge(prompts, task_moment(prompts), self.penalty)

    def limit(self, prompts: GaussianPrompts) -> Parts:
        return _limit(prompts, self.penalty)


def _limit(prompts: GaussianPrompts, penalty: Scalar) -> Parts:
    moment, noise = task_moment(prompts), floats(prompts.noise_variance)
    context, query = floats(prompts.context), floats(prompts.query)
    return Parts(*limit_parts(context, query, moment, noise, prompts.context_length, penalty))


def optimal_penalty(prompts: GaussianPrompts) -> Scalar:
    r"""The ridge penalty of least risk.

    For tasks :math:`N(0, \omega I)` it is :math:`\sigma^2 / (M \omega)`, exactly, whatever the
    covariances: ridge regression is then the Bayes predictor. For other priors it is the minimiser
    of the high-dimensional limit. Infinite where any prediction hurts; 0 where none is needed.
    Noise and length may be traced if the prior is isotropic, and so known.
    """
    checks.instance("optimal_penalty", "prompts", prompts, GaussianPrompts)
    moment = task_moment(prompts)
    noise, length = floats(prompts.noise_variance), prompts.context_length
    traced = any(checks.is_tracer(value) for value in vars(prompts).values())
    if traced and (prompts.task_mean is not None or is_traced(array(moment))):
        rule = "one of numbers, or traced with a known prior of zero mean"
        checks.refuse("optimal_penalty", "prompts", "a traced law", rule)
    if prompts.zero_mean and same_matrix(moment, diagonal(moment)[0] * identity(prompts.dimension)):
        size = diagonal(moment)[0]
        return np.inf if size == 0 else noise / (length * size)
    if traced:
        checks.refuse(
            "optimal_penalty", "prompts", "a traced law", "traced with an isotropic prior"
        )
    return _least_penalty(floats(prompts.context), floats(prompts.query), moment, noise, length)


def _least_penalty(context: Any, query: Any, moment: Any, noise: float, length: int) -> float:
    """Of the high-dimensional limit."""
    from scipy.optimize import minimize_scalar

    scale = context.trace() / length

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
        known = not is_traced(penalty)
        if known and penalty == 0:
            return LeastSquares().risk(prompts, **options)
        if known and penalty == np.inf:
            from lsa_theory.estimators.others import Zero

            return Zero().risk(prompts, **options)
    return Ridge(penalty).risk(prompts, **options)
