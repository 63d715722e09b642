"""Condition numbers of closed forms: by how much, relative to itself, a result moves at most when
each matrix that it is made of moves by a small share of its spectral norm.

Rounding the entries of a matrix to floats moves it so, and a formula that moves its result no more
than that loses no digit that is there to keep.
"""

import numpy as np

from lsa_theory.gamma import gamma
from lsa_theory.linalg import array, dense


def norm(matrix):
    return np.linalg.norm(matrix, 2)


def of_gamma(law):
    """The condition number of Γ, at most `N + 2`."""
    eigenvalues = np.linalg.eigvalsh(dense(gamma(law)))
    return eigenvalues[-1] / eigenvalues[0]


def of_gain(law, gain):
    """Of the minimiser `B = N R`, `R^{-1} = (N + 1) Λ + ρ Ω^{-1}`, `ρ = tr(ΛΩ) + σ²`.

    `dR = −(N + 1) R dΛ R + P dΩ P^T / ρ − P R dρ / ρ` with `P = I − (N + 1) R Λ`. With Ω = I that
    is about the condition number of Γ; but where Λ and Ω all but annihilate each other, ‖Λ‖ ‖Ω‖
    counts, and not the norm of their product.
    """
    (context, task, _), n = matrices(law), law.context_length
    inverse, labels = gain / n, (context * task).sum() + law.noise_variance
    left = norm(np.eye(len(context)) - (n + 1) * inverse @ context)
    by_context = (n + 1) * norm(inverse) * norm(context)
    by_task = left**2 * norm(task) / (labels * norm(inverse))
    return by_context + by_task + left * norm(context) * norm(task) / labels


def of_least_loss(law, gain, loss):
    """Of `[tr(Ω Λ_q) + ρ tr(B Λ_q)] / (2 (N + 1))`."""
    context, task, query = matrices(law)
    labels = (context * task).sum() + law.noise_variance
    explained = norm(gain) * (labels * of_gain(law, gain) + norm(context) * norm(task))
    return norm(query) * (norm(task) + explained) / (2 * (law.context_length + 1) * loss)


def of_risk(gain, law, risk):
    """Of the risk of `h^T B x_q`, bias and variance: `E = B^T Λ − I` moves by `‖B‖ ‖Λ‖`, for a
    trained gain the condition number of Γ."""
    context, weight, query = matrices(law)
    if law.task_mean is not None:
        weight = weight + np.outer(law.task_mean, law.task_mean)
    missed, product = norm(gain.T @ context - np.eye(len(gain))), norm(gain) * norm(context)
    bias = missed * (missed + product) * norm(weight)
    labels = norm(context) * norm(weight) + law.noise_variance
    variance = product * norm(gain) * labels / law.context_length
    return norm(query) * (bias + variance) / risk


def of_trained_error(law, task):
    """Of each term of the trained layer's error on a target along `w`: of Γ, of `w^T Λ w`, and of
    the same form in `Γ^{-1} w`."""
    context = dense(law.covariance)
    forms = (task, np.linalg.solve(dense(gamma(law)), task))
    return of_gamma(law) + sum(norm(context) * (a @ a) / (a @ context @ a) for a in forms)


def matrices(law):
    """Λ, Ω and Λ_q, dense."""
    return [dense(array(matrix)).astype(float) for matrix in (law.context, law.task, law.query)]
