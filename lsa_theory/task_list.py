r"""The Bayes predictor that knows the list of pre-training tasks, beside ridge and the layer.

For tasks even on a list :math:`w_1, \dots, w_K` and Gaussian label noise the posterior mean is

.. math::
    \hat w = \sum_k p_k w_k, \qquad
    p_k \propto \exp \Big( -\frac1{2 \sigma^2} \sum_i (y_i - \langle w_k, x_i \rangle)^2 \Big),

the discrete minimum-mean-square estimator: it memorises. Ridge regression with penalty
:math:`\sigma^2` is the posterior mean for tasks :math:`N(0, I)`: it generalises. The layer is
linear in the labels and knows of the list only the second moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.minimum import block_minimum
from lsa_theory.prompts import GaussianPrompts

CHUNK = 2**21  # numbers of a batch of contexts


@dataclass
class TaskListBayes:
    """The posterior mean for tasks even on a list, with scikit-learn's conventions.

    Parameters
    ----------
    tasks
        (K, d).
    noise_variance
        :math:`\\sigma^2`, positive.

    Raises
    ------
    ValueError
        If the tasks are no matrix, or the noise variance is not positive.
    """

    tasks: Any
    noise_variance: float

    def __post_init__(self) -> None:
        name = type(self).__name__
        self.tasks = checks.real_array(name, "tasks", self.tasks, (2,)).astype(np.float64)
        rule = "a positive number"
        given = self.noise_variance
        checks.option(name, "noise_variance", given, rule, lambda x: 0 < x < np.inf)

    def fit(self, x: Shaped[Array, "m d"], y: Shaped[Array, " n"]) -> TaskListBayes:
        """The weights `coef_`, and the `probabilities_` of the tasks; returns the estimator."""
        x = checks.real_array("TaskListBayes.fit", "x", x, (2,)).astype(np.float64)
        y = checks.vector("TaskListBayes.fit", "y", y, len(x)).astype(np.float64)
        if x.shape[1] != self.tasks.shape[1]:
            checks.refuse("TaskListBayes.fit", "x", x, f"of {self.tasks.shape[1]} features")
        self.probabilities_ = _posterior(self.tasks, x[None], y[None], self.noise_variance)[0]
        self.coef_ = self.probabilities_ @ self.tasks
        return self

    def predict(self, x: Shaped[Array, "m d"]) -> Shaped[Array, " m"]:
        """`x @ coef_`."""
        name = "TaskListBayes.predict"
        if not hasattr(self, "coef_"):
            checks.refuse(name, "self", "an estimator without weights", "fitted first")
        x = checks.real_array(name, "x", x, (2,)).astype(np.float64)
        if x.shape[1] != len(self.coef_):
            checks.refuse(name, "x", x, f"of {len(self.coef_)} features")
        return x @ self.coef_


def _posterior(tasks: Array, x: Array, y: Array, noise: float) -> Shaped[Array, "b k"]:
    """The probabilities of the tasks after each of `b` contexts."""
    missed = ((y[:, :, None] - x @ tasks.T) ** 2).sum(axis=1)
    weights = np.exp(-(missed - missed.min(axis=1, keepdims=True)) / (2 * noise))
    return weights / weights.sum(axis=1, keepdims=True)


@dataclass(frozen=True)
class Mean:
    """A sampled mean and its standard error."""

    value: float
    error: float


@dataclass(frozen=True)
class TaskListComparison:
    """What three predictors make of the same prompts: the `layer` at its minimum for the list, the
    `task_list` predictor and `ridge`.

    Attributes
    ----------
    risks
        By predictor, :math:`E \\|\\hat w - w\\|^2`.
    distances
        Of the layer's weights to those of the other two, squared.
    """

    risks: dict[str, Mean]
    distances: dict[str, Mean]

    @property
    def nearest(self) -> str:
        """The predictor that the layer is closer to."""
        return min(self.distances, key=lambda name: self.distances[name].value)


def task_list_comparison(
    tasks: Any,
    context_length: int,
    *,
    noise_variance: float,
    new_tasks: bool = False,
    count: int = 2048,
    seed: int = 0,
) -> TaskListComparison:
    """Layer, `TaskListBayes` and ridge on sampled prompts with white covariates.

    Parameters
    ----------
    tasks
        (K, d): the list.
    context_length
        `N`, of training and test.
    noise_variance
        :math:`\\sigma^2`, positive.
    new_tasks
        Whether the prompts' tasks are :math:`N(0, I)` instead of even on the list.
    count, seed
        How many prompts are drawn, at least 2.

    Raises
    ------
    ValueError
        If an argument has a wrong shape or is out of its range.

    Source: the comparison is that of Raventós, Paul, Chen, Ganguli, arXiv:2306.15063.
    """
    name = "task_list_comparison"
    known = TaskListBayes(tasks, noise_variance)
    tasks, (size, d) = known.tasks, known.tasks.shape
    n = checks.integer(name, "context_length", context_length)
    count = checks.integer(name, "count", count, minimum=2)
    rng = np.random.default_rng(checks.integer(name, "seed", seed, minimum=0))
    law = GaussianPrompts(
        np.ones(d), n, noise_variance=noise_variance, task_covariance=tasks.T @ tasks / size
    )
    gain, found = block_minimum(law).gain, []
    chunk = max(1, CHUNK // (n * (d + size)))
    for start in range(0, count, chunk):
        batch = min(chunk, count - start)
        true = (
            rng.standard_normal((batch, d)) if new_tasks else tasks[rng.integers(size, size=batch)]
        )
        x = rng.standard_normal((batch, n, d))
        y = (x @ true[..., None])[..., 0] + noise_variance**0.5 * rng.standard_normal((batch, n))
        summary = (y[:, None] @ x)[:, 0]
        layer = summary @ gain / n
        listed = _posterior(tasks, x, y, noise_variance) @ tasks
        system = x.swapaxes(1, 2) @ x + noise_variance * np.eye(d)
        ridge = np.linalg.solve(system, summary[..., None])[..., 0]
        pairs = [(layer, true), (listed, true), (ridge, true), (layer, listed), (layer, ridge)]
        found.append([((one - other) ** 2).sum(axis=1) for one, other in pairs])
    values = np.concatenate(found, axis=1)
    errors = values.std(axis=1, ddof=1) / np.sqrt(count)
    means = [Mean(float(v), float(e)) for v, e in zip(values.mean(axis=1), errors, strict=True)]
    names = ("layer", "task_list", "ridge")
    return TaskListComparison(
        dict(zip(names, means[:3], strict=True)), dict(zip(names[1:], means[3:], strict=True))
    )
