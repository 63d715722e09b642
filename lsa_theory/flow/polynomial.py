r"""The population loss as a polynomial whose coefficients are computed once.

With :math:`u = (v, s)`, :math:`A = (U; p^\top)` and the second-moment matrix :math:`Z` of the
labelled pairs, the prediction is
:math:`\hat y = x_q^\top A^\top Z u + \frac1N (v^\top x_q)(x_q^\top U x_q)`, so the loss is a
polynomial in :math:`(u, A)` whose coefficients are moments of :math:`Z`, the task and the query.
They are kept as tensors of size :math:`O(d^4)`: nothing here uses the matrix formulas of
`lsa_theory.risk`.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.attention import Parameters
from lsa_theory.linalg import array, dense, outer, product_trace
from lsa_theory.prompts import GaussianPrompts


class Moments(NamedTuple):
    """The coefficients of the loss."""

    pairs: Any  # E[Z_ij Z_lm], at [i, j, l, m]
    crossed: Any  # E[Z_ij w_k], at [i, j, k]
    mean: Any  # E[Z]
    task_mean: Any
    query: Any
    task_variance: Any  # E[w^T Λ_q w]
    context_length: Any


def moments(prompts: GaussianPrompts) -> Moments:
    """The moments of a law.

    Given the task, `Z` is Wishart with scale `Ψ(w)`, whose entries are quadratic in `w`: the mean
    of `Ψ_ij Ψ_lm` follows from their slopes at the task's mean and the one curvature, 2 Λ.
    """
    d, n = prompts.dimension, prompts.context_length
    context, query, task = (
        np.asarray(dense(array(x)), dtype=np.float64)
        for x in (prompts.context, prompts.query, prompts.task)
    )
    centre = np.zeros(d) if prompts.task_mean is None else prompts.task_mean
    second = task + outer(centre, centre)
    mean = np.block([[context, (context @ centre)[:, None]], [context @ centre, np.zeros(1)]])
    mean[d, d] = product_trace(context, second) + prompts.noise_variance
    slopes = np.zeros((d + 1, d + 1, d))
    slopes[:d, d] = slopes[d, :d] = context
    slopes[d, d] = 2 * context @ centre
    scale = np.einsum("ij,lm->ijlm", mean, mean)
    scale += np.einsum("ija,ab,lmb->ijlm", slopes, task, slopes, optimize=True)
    scale[d, d, d, d] += 2 * product_trace(context @ task, context @ task)
    pairs = scale + (scale.transpose(0, 2, 1, 3) + scale.transpose(0, 2, 3, 1)) / n
    crossed = np.einsum("ij,k->ijk", mean, centre) + slopes @ task
    variance = product_trace(query, second)
    return Moments(pairs, crossed, mean, centre, query, np.float64(variance), np.float64(n))


def split(flat: Shaped[Array, " n"], dimension: int) -> tuple[Array, Array]:
    """`u = (v, s)` and `A = (U; p^T)` from the flat vector `(v, s, U, p)`."""
    return flat[: dimension + 1], flat[dimension + 1 :].reshape(dimension + 1, dimension)


def flatten(parameters: Parameters) -> Shaped[Array, " n"]:
    v, s, u, p = (np.asarray(part, dtype=np.float64) for part in parameters)
    return np.concatenate([v, s[None], u.ravel(), p])


def unflatten(flat: Shaped[Array, " n"], dimension: int) -> Parameters:
    left, right = split(flat, dimension)
    return Parameters(left[:-1], left[-1], right[:-1], right[-1])


@jax.jit
def loss(flat: Shaped[Array, " n"], law: Moments) -> Scalar:
    """The population loss as a polynomial with the given coefficients."""
    d, n, query = len(law.query), law.context_length, law.query
    left, right = split(flat, d)
    keyed = jnp.einsum("ijlm,j,m->il", law.pairs, left, left)
    square = jnp.sum(keyed * (right @ query @ right.T))
    target = jnp.einsum("ijk,j,ik->", law.crossed, left, right @ query)
    # the query's own column: (v^T x)(x^T U x)/N, crossed with the rest and squared
    v, u = query @ left[:-1], right[:-1] + right[:-1].T
    residual = right.T @ (law.mean @ left) - law.task_mean
    trace, turned = jnp.sum(u * query) / 2, query @ (u @ v)
    cross = residual @ (trace * v + turned)
    spread = trace**2 + jnp.sum((u @ query) * (u @ query).T) / 2
    sixth = (left[:-1] @ v) * spread + 2 * trace * (v @ (u @ v)) + 2 * (v @ (u @ turned))
    return (square - 2 * target + law.task_variance + 2 * cross / n + sixth / n**2) / 2


gradient = jax.jit(jax.grad(loss))
hessian = jax.jit(jax.hessian(loss))
evaluated = jax.jit(jax.vmap(jax.value_and_grad(loss), (0, None)))  # at many points
