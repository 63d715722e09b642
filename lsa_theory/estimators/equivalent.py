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

import numpy as np

from lsa_theory._typing import Array, Shaped


def limit_parts(
    context: Shaped[Array, "d d"],
    query: Shaped[Array, "d d"],
    moment: Shaped[Array, "d d"],
    noise_variance: float,
    length: int,
    penalty: float,
) -> tuple[float, float]:
    """Bias and variance; the variance is infinite where the number of effective features is M."""
    eigenvalues, basis = np.linalg.eigh(context)
    eigenvalues = eigenvalues.clip(min=0)
    query, moment = (basis.T @ matrix @ basis for matrix in (query, moment))
    kappa = threshold(eigenvalues, length, penalty)
    if kappa == 0:
        return _unregularised(eigenvalues, query, moment, noise_variance, length)
    shrunk = 1 / (eigenvalues + kappa)
    seen = (eigenvalues * shrunk**2) @ query.diagonal()
    free = length - ((eigenvalues * shrunk) ** 2).sum()
    direct = shrunk @ (moment * query) @ shrunk
    bias = kappa**2 * (direct + moment.diagonal() @ (eigenvalues * shrunk**2) * seen / free)
    return float(bias), float(noise_variance * seen / free)


def threshold(eigenvalues: Shaped[Array, " d"], length: int, penalty: float) -> float:
    r""":math:`\kappa`: at least the penalty, and at most that plus `tr Λ / M`. 0 where the samples
    determine every direction and nothing is penalised."""
    from scipy.optimize import brentq

    if penalty == 0 and np.count_nonzero(eigenvalues) <= length:
        return 0.0

    def excess(kappa: float) -> float:
        return kappa - penalty - kappa / length * (eigenvalues / (eigenvalues + kappa)).sum()

    most = (penalty + eigenvalues.sum() / length) * (1 + 1e-9)
    least = max(penalty, most * 1e-16)
    while excess(least) > 0:  # the root of a flat spectrum's tail
        least /= 1e8
    return float(brentq(excess, least, most, xtol=1e-300, rtol=1e-15))


def _unregularised(
    eigenvalues: Array, query: Array, moment: Array, noise_variance: float, length: int
) -> tuple[float, float]:
    """Ordinary least squares: exact in what the context determines, blind elsewhere."""
    positive = eigenvalues > 0
    blind = (~positive).astype(float)
    bias = blind @ (moment * query) @ blind
    free = length - positive.sum()
    seen = (query.diagonal()[positive] / eigenvalues[positive]).sum()
    if noise_variance == 0:
        return float(bias), 0.0
    return float(bias), float(noise_variance * seen / free) if free > 0 else np.inf
