r"""Linear attention trained on finitely many prompts, at a finite dimension: the training itself.

The layer answers :math:`\hat y = x_q^\top W z` from what a prompt of :math:`\ell` pairs shows,

.. math::
    z = \Big( \frac{d}{\ell} \sum_i y_i x_i, \; \frac1\ell \sum_i y_i^2 \Big) \in R^{d + 1},

with a weight matrix :math:`W = [G \,|\, g]` of shape (d, d + 1), fitted by ridge regression. The
features are :math:`N(0, I/d)`; `lsa_theory.limits` has what becomes of it in high dimensions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.linalg import array, dense, factor, operator


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """What the layer sees of `n` training prompts.

    Attributes
    ----------
    queries, summaries, labels
        `x_q` (n, d), `z` (n, d + 1), and the noisy labels of the queries (n,).
    tasks
        (k, d): the pool that the prompts' tasks were drawn from.
    context_length, noise_variance
        `ℓ` and `ρ`.
    """

    queries: Array
    summaries: Array
    labels: Array
    tasks: Array
    context_length: int
    noise_variance: float


def sample_training_set(
    tasks: Shaped[Array, "k d"],
    prompt_count: int,
    context_length: int,
    *,
    noise_variance: float = 0.0,
    seed: int,
) -> TrainingSet:
    """Training prompts with tasks drawn evenly from a pool.

    Given its task, a prompt is drawn through the sufficient statistic of its pairs: in the frame
    of the task, :math:`X^T y` needs d + 3 variates whatever `ℓ`.

    Parameters
    ----------
    tasks
        (k, d).
    prompt_count, context_length
        `n` and `ℓ`, at least 1.
    noise_variance
        `ρ`, of the labels of the pairs and of the query.
    seed
        An integer.

    Raises
    ------
    ValueError
        If an argument has a wrong shape or is out of its range.
    """
    name = "sample_training_set"
    tasks = checks.real_array(name, "tasks", tasks, (2,)).astype(np.float64)
    count = checks.integer(name, "prompt_count", prompt_count)
    length = checks.integer(name, "context_length", context_length)
    noise = float(checks.real(name, "noise_variance", noise_variance, minimum=0))
    rng = np.random.default_rng(checks.integer(name, "seed", seed, minimum=0))
    d = tasks.shape[1]
    chosen = tasks[rng.integers(len(tasks), size=count)]
    queries = rng.standard_normal((count, d)) / np.sqrt(d)
    labels = (chosen * queries).sum(-1) + np.sqrt(noise) * rng.standard_normal(count)
    # y = |label| √ℓ: X^T y is along w what y's regression on it says, and Gaussian beside it
    size = np.linalg.norm(chosen, axis=1)
    variance = size**2 / d + noise
    square = variance * rng.chisquare(length, size=count)  # Σ y²
    root = np.sqrt(square)[:, None]
    free = rng.standard_normal((count, d)) / np.sqrt(d)
    unit = chosen / np.where(size > 0, size, 1)[:, None]
    share = (size**2 / d / np.where(variance > 0, variance, 1))[:, None]  # of y that x explains
    along = (free * unit).sum(-1, keepdims=True) * unit
    moved = (square / np.where(variance > 0, variance, 1))[:, None] * chosen / d
    summed = moved + root * (free + (np.sqrt(1 - share) - 1) * along)
    summaries = np.concatenate([d * summed, square[:, None]], axis=1) / length
    return TrainingSet(queries, summaries, labels, tasks, length, noise)


def ridge_weights(training_set: TrainingSet, ridge: float = 0.0) -> Shaped[Array, "d e"]:
    r"""The weights :math:`W` that minimise
    :math:`\sum (x_q^\top W z - y)^2 + \frac{n}{d} \lambda \|W\|_F^2`.

    Without ridge the solution of least norm. The features :math:`x_q \otimes z` are never formed:
    their Gram matrix is the entrywise product of those of :math:`x_q` and :math:`z`, so the cost is
    :math:`O(n^3)`.

    Raises
    ------
    ValueError
        If the ridge is negative.
    """
    checks.instance("ridge_weights", "training_set", training_set, TrainingSet)
    penalty = float(checks.real("ridge_weights", "ridge", ridge, minimum=0))
    queries, summaries = training_set.queries, training_set.summaries
    count, d = queries.shape
    gram = (queries @ queries.T) * (summaries @ summaries.T)
    if penalty > 0:
        from scipy.linalg import solve

        gram.flat[:: count + 1] += count / d * penalty
        dual = solve(gram, training_set.labels, assume_a="pos", overwrite_a=True)
    elif count <= d * (d + 1):
        dual = np.linalg.lstsq(gram, training_set.labels)[0]
    else:
        features = (queries[:, :, None] * summaries[:, None, :]).reshape(count, -1)
        return np.linalg.lstsq(features, training_set.labels)[0].reshape(d, d + 1)
    return (queries * dual[:, None]).T @ summaries


def weight_error(
    weights: Any,
    context_length: Scalar,
    *,
    noise_variance: Scalar = 0.0,
    tasks: Any = None,
    task_covariance: Shaped[Array, "d ..."] | None = None,
) -> Scalar:
    r"""The error :math:`E(\hat y - y)^2` of any weights, noise included, exactly.

    With :math:`t = \|w\|^2 / d + \rho`, the variance of a label given the task,

    .. math::
        \rho + \frac1d E_w \Big[ \|G w - w\|^2
        + \tfrac1\ell \big( \|G w\|^2 + t d \|G\|_F^2 \big) + 2 t \big( (1 + \tfrac2\ell)\,
        g^\top G w - g^\top w \big) + t^2 (1 + \tfrac2\ell) \|g\|^2 \Big] .

    Parameters
    ----------
    weights
        (d, d + 1), as from `ridge_weights`.
    context_length, noise_variance
        `ℓ` and `ρ` of the test prompts.
    tasks
        (k, d): the list that test tasks are drawn from evenly: in distribution for the pool.
    task_covariance
        Without `tasks`: fresh tasks :math:`N(0, C)`; None: the identity.

    Raises
    ------
    ValueError
        If the shapes do not fit together.

    Source: derived here; for tasks of one norm, Lu et al., arXiv:2405.11751.
    """
    name = "weight_error"
    weights = checks.real_array(name, "weights", weights, (2,))
    d, length = len(weights), checks.integer(name, "context_length", context_length)
    if weights.shape != (d, d + 1):
        checks.refuse(name, "weights", weights, "of shape (d, d + 1)")
    noise = checks.real(name, "noise_variance", noise_variance, minimum=0)
    moments = _task_moments(name, 0 * weights[:, :d], noise, tasks, task_covariance)
    second, variance, square, crossed = moments
    main, last = weights[:, :d], weights[:, d]
    missed = main - np.eye(d, dtype=int)
    spread = (main @ second * main).sum() + d * variance * (main * main).sum()
    error = length * (missed @ second * missed).sum() + spread
    error += 2 * ((length + 2) * (last @ main @ crossed) - length * (last @ crossed))
    error += square * (length + 2) * (last @ last)
    return noise + error / (length * d)


def _task_moments(
    name: str, zero: Array, noise: Scalar, tasks: Any, covariance: Any
) -> tuple[Array, Scalar, Scalar, Array]:
    """`E w w^T`, `E t`, `E t²` and `E t w`, in the arithmetic of `zero`."""
    dimension = len(zero)
    if tasks is not None:
        if covariance is not None:
            rule = "None beside tasks, which are the whole law"
            checks.refuse(name, "task_covariance", covariance, rule)
        tasks = checks.real_array(name, "tasks", tasks, (2,))
        if tasks.shape[1] != dimension:
            checks.refuse(name, "tasks", tasks, f"of {dimension} columns")
        count = len(tasks)
        variances = (tasks * tasks).sum(axis=1) / dimension + noise
        return (
            tasks.T @ tasks / count,
            variances.sum() / count,
            (variances * variances).sum() / count,
            variances @ tasks / count,
        )
    second = zero + np.eye(dimension, dtype=int)
    if covariance is not None:
        second = dense(checks.covariance(name, "task_covariance", covariance, dimension))
    variance = second.trace() / dimension + noise
    square = variance * variance + 2 * (second * second).sum() / dimension**2
    return second, variance, square, zero[0]


def sample_tasks(
    count: int,
    dimension: int,
    *,
    task_covariance: Shaped[Array, "d ..."] | None = None,
    seed: int,
) -> Shaped[Array, "k d"]:
    """A pool of tasks from :math:`N(0, C)`; None: the identity.

    Raises
    ------
    ValueError
        If an argument has a wrong shape or is out of its range.
    """
    name = "sample_tasks"
    count = checks.integer(name, "count", count)
    dimension = checks.integer(name, "dimension", dimension)
    rng = np.random.default_rng(checks.integer(name, "seed", seed, minimum=0))
    drawn = rng.standard_normal((count, dimension))
    if task_covariance is None:
        return drawn
    given = checks.covariance(name, "task_covariance", task_covariance, dimension)
    root = array(factor(operator(np.asarray(given, dtype=np.float64))))
    return drawn * root if root.ndim == 1 else drawn @ root.T
