r"""Exact errors of a matrix predictor or of a whole layer, on any Gaussian law of prompts.

Given the task :math:`w`, a labelled pair :math:`(x, y)` is Gaussian with covariance
:math:`\Psi_w`, so :math:`Z = \frac1N \sum (x_i, y_i)(x_i, y_i)^\top` has the moments of a Wishart
matrix, and with :math:`u = (v, s)`, :math:`A = (U; p^\top)` the prediction is
:math:`\hat y = x_q^\top A^\top Z u + \frac1N (v^\top x_q)(x_q^\top U x_q)`. Hence

.. math::
    E \| A^\top Z u - w \|^2_{\Lambda_q} = E_w \Big[ \| A^\top \Psi_w u - w \|^2_{\Lambda_q}
    + \tfrac1N \| A^\top \Psi_w u \|^2_{\Lambda_q}
    + \tfrac1N (u^\top \Psi_w u) \operatorname{tr}(\Psi_w A \Lambda_q A^\top) \Big],

a sum of non-negative terms, each a product of at most two quadratics in the Gaussian task.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.attention import LinearSelfAttention, Parameters
from lsa_theory.linalg import array, dense, identity, product_trace
from lsa_theory.predictors import gain_of, parameters_of
from lsa_theory.prompts import GaussianPrompts, draws_covariances


def risk(
    predictor: LinearSelfAttention | Parameters | Shaped[Array, "d ..."],
    prompts: Any,
) -> Scalar:
    r"""The exact error :math:`E(\hat y - \langle w, x_q \rangle)^2` of a predictor on a law.

    For a matrix predictor :math:`\hat y = h^\top B x_q`, with the law's :math:`\Lambda`,
    :math:`\Lambda_q`, :math:`\sigma^2`, context length :math:`M` and
    :math:`W = \Omega + \mu\mu^\top`,

    .. math::
        \operatorname{tr}\big[ (B^\top \Lambda - I)^\top \Lambda_q (B^\top \Lambda - I) W \big]
        + \tfrac1M \operatorname{tr}\big( B \Lambda_q B^\top
        [ (\operatorname{tr} W \Lambda + \sigma^2) \Lambda + \Lambda W \Lambda ] \big).

    A layer with :math:`v` or :math:`p` non-zero has terms of every degree up to four in the task;
    all are included (see the module).

    Parameters
    ----------
    predictor
        A layer, its `Parameters`, or a gain :math:`B`: (d, d), or (d,) if diagonal. No symmetry
        is assumed.
    prompts
        The law to take the error on: it need not be the one that the predictor was trained on, so
        task, query, covariate, label-noise and context-length shift are one call. Over random
        covariances the error is averaged.

    Returns
    -------
    In units of the label squared; not halved; without the query's own label noise. O(d³), or O(d)
    where all matrices are diagonal.

    Raises
    ------
    ValueError
        If the dimensions of predictor and prompts differ, the parameters do not fit together, an
        argument is of another kind, or a layer off the block :math:`v = p = 0` meets random
        covariances other than a mixture.

    Source: beyond Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.2, which is the case
    :math:`B = \Gamma^{-1}`, :math:`\Lambda_q = \Lambda`.
    """
    return _risk("risk", predictor, prompts)


def population_loss(
    predictor: LinearSelfAttention | Parameters | Shaped[Array, "d ..."],
    prompts: Any,
) -> Scalar:
    r"""The training loss :math:`L = \frac12 E(\hat y - \langle w, x_q \rangle)^2`, exactly.

    Exact over all parameters of :math:`W^{PV}` and :math:`W^{KQ}`, for any task covariance, task
    mean and label noise. On the block :math:`v = p = 0` with :math:`\Omega = I`,
    :math:`\sigma = 0` it is

    .. math::
        L(U, s) = \tfrac12 \operatorname{tr}(\Gamma \Lambda\, sU \Lambda\, sU^\top)
        - \operatorname{tr}(\Lambda^2\, sU^\top) + \tfrac12 \operatorname{tr} \Lambda,
        \qquad \Gamma = (1 + \tfrac1N) \Lambda + \tfrac{\operatorname{tr} \Lambda}{N} I.

    Half of `risk`, whose arguments, units and errors it has.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Lemmas 5.1 and 5.2, for the block.
    """
    return _risk("population_loss", predictor, prompts) / 2


def _risk(call: str, predictor: Any, prompts: Any) -> Scalar:
    if draws_covariances(prompts):
        return _averaged_risk(call, predictor, prompts)
    checks.instance(call, "prompts", prompts, GaussianPrompts)
    parameters = parameters_of(call, predictor, prompts.dimension)
    if isinstance(predictor, LinearSelfAttention | Parameters):
        return _layer_risk(parameters, prompts)
    return _matrix_risk(parameters.u, prompts)


def _averaged_risk(call: str, predictor: Any, prompts: Any) -> Scalar:
    from lsa_theory.random_covariance.mixture import Mixture
    from lsa_theory.random_covariance.prompts import mean_risk

    law, n, noise = prompts.law, prompts.context_length, prompts.noise_variance
    if not isinstance(law, Mixture):
        return mean_risk(gain_of(call, predictor, prompts.dimension), prompts)
    draws = [GaussianPrompts(context, n, noise_variance=noise) for context in law.covariances]
    risks = [_risk(call, predictor, draw) for draw in draws]
    return sum(weight * one for weight, one in zip(law.weights, risks, strict=True))


def _matrix_risk(gain: Any, prompts: GaussianPrompts) -> Scalar:
    context, query, n = prompts.context, prompts.query, prompts.context_length
    error = gain.T @ context - identity(prompts.dimension)
    spread = gain @ (query @ gain.T)
    label_variance = _task_mean(context, prompts) + prompts.noise_variance
    bias = _task_mean(error.T @ (query @ error), prompts)
    coincident = _task_mean(context @ (spread @ context), prompts)
    return bias + (label_variance * product_trace(spread, context) + coincident) / n


def _task_mean(matrix: Any, prompts: GaussianPrompts) -> Scalar:
    """`E[w^T matrix w]`."""
    mean = prompts.task_mean
    variance = product_trace(matrix, prompts.task)
    return variance if mean is None else variance + mean @ (matrix @ mean)


@dataclass(frozen=True, eq=False)
class _Quadratic:
    """The polynomial `w^T a w + b^T w + c` in the task."""

    a: Any
    b: Any
    c: Any

    def mean(self, prompts: GaussianPrompts) -> Scalar:
        centre = prompts.task_mean
        linear = 0 if centre is None else self.b @ centre
        return _task_mean(self.a, prompts) + linear + self.c

    def covariance(self, other: _Quadratic, prompts: GaussianPrompts) -> Scalar:
        """Both centred at the task's mean, where `½ tr(H Ω H' Ω) + g^T Ω g'` is exact."""
        task, centre = prompts.task, prompts.task_mean
        left, right = self.a + self.a.T, other.a + other.a.T
        slopes = [
            q.b if centre is None else hessian @ centre + q.b
            for q, hessian in ((self, left), (other, right))
        ]
        curved = product_trace(left @ task, right @ task) / 2
        return curved + slopes[0] @ (task @ slopes[1])

    def product_mean(self, other: _Quadratic, prompts: GaussianPrompts) -> Scalar:
        return self.mean(prompts) * other.mean(prompts) + self.covariance(other, prompts)


def _layer_risk(parameters: Parameters, prompts: GaussianPrompts) -> Scalar:
    v, s, u, p = parameters
    context, query = dense(prompts.covariance), dense(array(prompts.query))
    noise, n = prompts.noise_variance, prompts.context_length

    # A^T Ψ_w u = start + slope w + s p w^T Λ w
    start = u.T @ (context @ v) + noise * s * p
    slope = parameters.gain.T @ context
    bias = _mean_square(start, slope - identity(len(p)), s * p, prompts)
    coincident = _mean_square(start, slope, s * p, prompts)

    key = _Quadratic(s * s * context, 2 * s * (context @ v), v @ (context @ v) + noise * s * s)
    crossed, last = u @ (query @ p), p @ (query @ p)
    value = _Quadratic(
        last * context,
        2 * (context @ crossed),
        product_trace(context, u @ (query @ u.T)) + noise * last,
    )
    wishart = coincident + key.product_mean(value, prompts)
    return bias + wishart / n + _query_risk(parameters, start, slope, prompts)


def _mean_square(start: Any, slope: Any, curve: Any, prompts: GaussianPrompts) -> Scalar:
    """`E ‖start + slope w + curve w^T Λ w‖²` in the norm of Λ_q."""
    context, query = dense(prompts.covariance), dense(array(prompts.query))
    zero = 0 * context
    square = _Quadratic(context, 0 * start, 0)
    affine = _Quadratic(zero, slope.T @ (query @ curve), start @ (query @ curve))
    flat = _Quadratic(
        slope.T @ (query @ slope), 2 * (slope.T @ (query @ start)), start @ (query @ start)
    )
    return (
        flat.mean(prompts)
        + 2 * affine.product_mean(square, prompts)
        + (curve @ (query @ curve)) * square.product_mean(square, prompts)
    )


def _query_risk(parameters: Parameters, start: Any, slope: Any, prompts: GaussianPrompts) -> Scalar:
    """What the query's own column adds: `(v^T x_q)(x_q^T U x_q)/N`, squared and crossed."""
    v, s, u, p = parameters
    query, n = dense(array(prompts.query)), prompts.context_length
    residual = start + s * p * _task_mean(prompts.context, prompts)
    if prompts.task_mean is not None:
        residual = residual + slope @ prompts.task_mean - prompts.task_mean
    trace = product_trace(u, query)
    symmetric = u + u.T
    turned = query @ (symmetric @ (query @ v))
    cross = residual @ (trace * (query @ v) + turned)
    # E (v^T x)² (x^T U x)²: the 15 pairings of six Gaussians, symmetric = 2 sym(U)
    sixth = (
        (v @ (query @ v))
        * (trace * trace + product_trace(symmetric @ query, symmetric @ query) / 2)
        + 2 * trace * (v @ turned)
        + 2 * (v @ (query @ (symmetric @ turned)))
    )
    return 2 * cross / n + sixth / n / n
