r"""Ridge regression in the high-dimensional limit, at a law's own dimensions.

With penalty :math:`\lambda` on :math:`S + \lambda I`, let :math:`\kappa \ge 0` solve

.. math::
    \kappa = \lambda + \tfrac{\kappa}{M} \operatorname{tr}[\Lambda (\Lambda + \kappa I)^{-1}],

:math:`G = (\Lambda + \kappa I)^{-1}`. As :math:`M, d \to \infty` together,

.. math::
    \text{bias} &\to \kappa^2 \Big[ \operatorname{tr}(W G \Lambda_q G)
    + \frac{\operatorname{tr}(W \Lambda G^2) \operatorname{tr}(\Lambda G \Lambda_q G)}
    {M - \operatorname{tr}(\Lambda^2 G^2)} \Big], \\
    \text{variance} &\to \sigma^2 \frac{\operatorname{tr}(\Lambda G \Lambda_q G)}
    {M - \operatorname{tr}(\Lambda^2 G^2)} .

At :math:`\lambda = 0` and :math:`M < d` this is the minimum-norm solution.

Source: Hastie, Montanari, Rosset, Tibshirani, Ann. Statist. 50, 2022, for :math:`\Lambda_q =
\Lambda`; with a query law of its own: Canatar, Bordelon, Pehlevan, NeurIPS 2021.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.iteration import descent_limit
from lsa_theory.linalg import (
    Diagonal,
    diagonal,
    eigenbasis,
    namespace,
    product_trace,
    select,
    square_root,
)


def limit_parts(
    context: Any, query: Any, moment: Any, noise_variance: Scalar, length: Scalar, penalty: Scalar
) -> tuple[Scalar, Scalar]:
    """Bias and variance, of operators in float64 or traced. Without penalty the variance is
    infinite where that of finite samples is: for M within 1 of the rank. O(d) if all are diagonal.
    """
    eigenvalues, basis = eigenbasis(context)
    eigenvalues = positive_part(eigenvalues)
    query, moment = (basis.T @ (matrix @ basis) for matrix in (query, moment))
    kappa = threshold(eigenvalues, length, penalty)
    inverse, missed = resolvent(eigenvalues, kappa)
    columns = eigenvalues * eigenvalues, eigenvalues * diagonal(query)
    seen, spread = weighted_sums(inverse * inverse, *columns)
    free = length - seen
    some = free > 0
    spread = spread / select(some, free, 1.0)
    cross = (diagonal(moment) * eigenvalues * missed * missed).sum()
    direct = product_trace(moment @ Diagonal(missed), query @ Diagonal(missed))
    bias = direct + select(some, cross * spread, 0.0)
    exists = (penalty > 0) | (abs((eigenvalues > 0).sum() - length) > 1)
    variance = select(exists, noise_variance * spread, np.inf)
    return bias, select(noise_variance == 0, 0.0, variance)


def resolvent(
    eigenvalues: Shaped[Array, " d"], kappa: Scalar
) -> tuple[Shaped[Array, " d"], Shaped[Array, " d"]]:
    """`1 / (λ + κ)`, 0 where λ is, and `κ / (λ + κ)`, 1 there."""
    positive = eigenvalues > 0
    inverse = select(positive, 1 / select(positive, eigenvalues + kappa, 1.0), 0.0)
    return inverse, select(positive, kappa * inverse, 1.0)


def weighted_sums(weights: Shaped[Array, " d"], *columns: Array) -> Shaped[Array, " k"]:
    """All in one product: a sum over a reciprocal for each would take the reciprocal for each."""
    return weights @ namespace(weights, *columns).stack(columns, axis=1)


def positive_part(eigenvalues: Shaped[Array, " d"]) -> Shaped[Array, " d"]:
    """Those above rounding, as `definiteness.rank` counts them, and zeros."""
    floor = len(eigenvalues) * np.finfo(np.float64).eps * eigenvalues.max()
    return select(eigenvalues > floor, eigenvalues, 0.0)


def threshold(eigenvalues: Shaped[Array, " d"], length: Scalar, penalty: Scalar) -> Scalar:
    r""":math:`\kappa`: at least the penalty, and at most that plus `tr Λ / M`. 0 where the samples
    determine every direction and nothing is penalised.

    By Newton's iteration on :math:`\kappa - \lambda - \frac\kappa M \operatorname{tr}[\Lambda
    (\Lambda + \kappa I)^{-1}]`, which is convex, from the zero for white covariates of the same
    trace and rank, which is no less: by Jensen, since the trace is concave in the eigenvalues.
    """
    rank = (eigenvalues > 0).sum()
    needed = (penalty > 0) | (rank > length)
    penalty = select(needed, penalty, 1.0)  # any other will do, where it is not used
    mean = eigenvalues.sum() / select(rank > 0, rank, 1)
    excess = mean * (rank / length - 1) + penalty  # κ² = excess κ + penalty · mean
    larger = (abs(excess) + square_root(excess * excess + 4 * penalty * mean)) / 2
    start = select(excess > 0, larger, penalty * mean / larger)
    return select(needed, descent_limit(newton, start, eigenvalues, length, penalty), 0.0)


def newton(kappa: Scalar, eigenvalues: Array, length: Scalar, penalty: Scalar) -> Scalar:
    """One step: a ratio of positive terms, so that nothing cancels."""
    inverse, _ = resolvent(eigenvalues, kappa)
    columns = eigenvalues, eigenvalues * eigenvalues
    missed, seen = weighted_sums(inverse * inverse, *columns)
    return (length * penalty + kappa * kappa * missed) / (length - seen)
