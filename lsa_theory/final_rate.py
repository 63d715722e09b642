"""How fast training ends: the slowest rate of the flow at its limit."""

from __future__ import annotations

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.gamma import same_matrix
from lsa_theory.linalg import Diagonal, array, identity
from lsa_theory.minimum import label_variance, squared_scale
from lsa_theory.prompts import GaussianPrompts


def final_rate(prompts: GaussianPrompts, balance: Scalar = 0.0) -> float:
    r"""The rate at which the loss finally approaches its least value on the block.

    In the eigenbasis of :math:`\Lambda`, with :math:`m_{ij} = \gamma_i \lambda_i \lambda_j` and
    :math:`Y_{ij} = \sqrt{m_{ij}}\, (sU - \Gamma^{-1})_{ij}`, the loss is
    :math:`\min L + \frac12 \|Y\|_F^2` and the flow is, along all of its course,

    .. math::
        \dot Y = -A Y, \qquad A = s^2 \operatorname{diag}(m)
        + (\sqrt m \odot U)(\sqrt m \odot U)^\top .

    So :math:`L(t) - \min L \sim e^{-\rho t}` with :math:`\rho = 2 \lambda_{\min}(A_\infty)` from
    every start that reaches the minimum but for an exceptional set, which ends faster. The slowest
    mode is diagonal, or shared by the two smallest eigenvalues :math:`\lambda_1 \le \lambda_2` of
    :math:`\Lambda`:

    .. math::
        \frac2\rho = \max\Big\{ \lambda_{\max}\Big( m^{-1/2}
        \Big[ I - \frac{u u^\top}{s_\infty^2 + \|u\|^2} \Big] m^{-1/2} \Big) \Big/ s_\infty^2,\;
        \frac{1}{s_\infty^2 \gamma_1 \lambda_1 \lambda_2} \Big\}

    with :math:`m_i = \gamma_i \lambda_i^2` and :math:`u_i = 1 / (\gamma_i s_\infty)`; hence
    :math:`1 \le \rho / (2 s_\infty^2 \gamma_1 \lambda_1^2) \le 2` for `balance` >= 0. With label
    noise :math:`\Gamma` contains :math:`\sigma^2 / N` too.

    Parameters
    ----------
    prompts
        The training law, with :math:`\Omega = I`, :math:`\Lambda_q = \Lambda`, :math:`\mu = 0`.
        Directions without variance, up to `d · eps` of the largest eigenvalue, do not count.
    balance
        :math:`s^2 - \|U\|_F^2`, which the flow conserves.

    Returns
    -------
    The rate, per unit of time of the flow; 0 if the covariance is 0.

    Raises
    ------
    ValueError
        If the law's prior or query is another.

    Source: derived here.
    """
    checks.instance("final_rate", "prompts", prompts, GaussianPrompts)
    balance = checks.real("final_rate", "balance", balance)
    if not (prompts.zero_mean and same_matrix(prompts.task, identity(prompts.dimension))):
        rule = "the standard normal law (task_covariance the identity, task_mean zero)"
        checks.refuse("final_rate", "prompts.task_covariance", "another prior", rule)
    if not same_matrix(prompts.query, prompts.context):
        checks.refuse("final_rate", "prompts.query_covariance", "another law", "the context's")
    eigenvalues = _positive_eigenvalues(prompts)
    if not len(eigenvalues):
        return 0.0
    n = prompts.context_length
    gammas = ((n + 1) * eigenvalues + float(label_variance(prompts))) / n
    squared = float(squared_scale(balance, (gammas**-2.0).sum()))
    inverse = inverse_on_diagonal(eigenvalues, np.sqrt(gammas), np.sqrt(squared))
    largest = np.linalg.eigvalsh(inverse)[-1]
    return float(rate_of(slow_modes(largest, squared, gammas, eigenvalues)))


def inverse_on_diagonal(
    eigenvalues: Shaped[Array, " d"], roots: Shaped[Array, " d"], s: Scalar
) -> Shaped[Array, "d d"]:
    r"""The inverse of :math:`A_\infty` on the diagonal entries,
    :math:`m^{-1/2} [I - u u^\top / (s^2 + \|u\|^2)]\, m^{-1/2} / s^2`, by the roots of
    :math:`\gamma_i` and the scale."""
    u = 1 / (roots * roots * s)
    total = s * s + (u * u).sum()
    bracket = -np.outer(u, u)
    np.fill_diagonal(bracket, total - u * u)
    slow = eigenvalues * roots  # the root of m_i
    return bracket / np.outer(slow, slow) / (s * s * total)


def slow_modes(
    largest: Scalar, squared: Scalar, gammas: Shaped[Array, " d"], eigenvalues: Shaped[Array, " d"]
) -> list[Scalar]:
    r"""The candidates for :math:`\lambda_{\min}(A_\infty)`: on the diagonal, by the largest
    eigenvalue of the inverse, and, if there is one, off it, for ascending eigenvalues of
    :math:`\Lambda`."""
    between = [squared * gammas[0] * eigenvalues[0] * second for second in eigenvalues[1:2]]
    return [1 / largest, *between]


def rate_of(modes: list[Scalar]) -> Scalar:
    """Of the excess, which falls twice as fast as the slowest mode."""
    return 2 * min(modes)


def _positive_eigenvalues(prompts: GaussianPrompts) -> Shaped[Array, " k"]:
    """Of the covariance, in ascending order."""
    entries = np.asarray(array(prompts.context), dtype=np.float64)
    diagonal = isinstance(prompts.context, Diagonal)
    eigenvalues = np.sort(entries) if diagonal else np.linalg.eigvalsh(entries)
    return eigenvalues[eigenvalues > len(eigenvalues) * checks.EPSILON * eigenvalues[-1]]
