"""The Bayes predictor, the zero predictor, gradient descent in context, and linear attention."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.estimators.base import (
    Estimator,
    NoFormula,
    Parts,
    floats,
    required,
    task_moment,
)
from lsa_theory.estimators.equivalent import limit_parts
from lsa_theory.estimators.white import white_ridge
from lsa_theory.linalg import array, dense, diagonal, factor, identity, is_traced, product_trace
from lsa_theory.minimum import block_minimum
from lsa_theory.predictors import gain_of
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk

MOST_STEPS = 3  # with an exact risk: an expectation of degree 2 k in S


@dataclass(eq=False)
class Zero(Estimator):
    """The predictor that always says 0: its risk is `tr(Λ_q E[w w^T])`."""

    def summary_operator(self, sample: Shaped[Array, "*b d d"], length: Scalar) -> Array:
        return 0 * sample

    def exact(self, prompts: GaussianPrompts) -> Parts:
        return Parts(
            product_trace(prompts.query, prompts.second_moment), 0 * prompts.noise_variance
        )


@dataclass(eq=False)
class Bayes(Estimator):
    r"""The posterior mean under a Gaussian prior, the predictor of least risk on its own law.

    .. math::
        \hat w = \mu + \Omega \big( S \Omega + \tfrac{\sigma^2}{M} I \big)^{-1} (h - S \mu),

    ridge regression with penalty :math:`\sigma^2 / M` on the covariates :math:`\Omega^{1/2} x`;
    without noise the solution of least norm there. With :math:`\Omega = \omega I` and white
    covariates its risk is exact, that of ridge regression with penalty
    :math:`\sigma^2 / (M \omega)`.

    Parameters
    ----------
    prior
        The law whose task and noise are believed; the prompts it is tested on may have others.
    """

    prior: GaussianPrompts

    def __post_init__(self) -> None:
        checks.instance("Bayes", "prior", self.prior, GaussianPrompts)

    def prior_mean(self) -> Any:
        return self.prior.task_mean

    def features(self) -> int:
        return self.prior.dimension

    def summary_operator(self, sample: Shaped[Array, "*b d d"], length: Scalar) -> Array:
        d, root = sample.shape[-1], dense(array(self._root()))
        inner = root.T @ sample @ root
        penalty = float(self.prior.noise_variance) / length
        if penalty == 0:
            found = np.linalg.pinv(inner, rcond=4 * d * checks.EPSILON, hermitian=True)
        else:
            found = np.linalg.inv(inner + penalty * np.eye(d))
        return root @ found @ root.T

    def exact(self, prompts: GaussianPrompts) -> Parts:
        task, length = floats(self.prior.task), prompts.context_length
        size = diagonal(task)[0]
        isotropic = (array(task - size * identity(prompts.dimension)) == 0).all()
        noise = floats(self.prior.noise_variance)
        known = not is_traced(isotropic, noise, length)
        if not (known and isotropic and size > 0 and noise > 0):
            raise NoFormula("it is for isotropic priors with noise, where it is ridge regression")
        moment = task_moment(prompts, self.prior_mean())
        return white_ridge(prompts, moment, noise / (length * size))

    def _root(self) -> Any:
        return factor(floats(self.prior.task))

    def limit(self, prompts: GaussianPrompts) -> Parts:
        root, length = self._root(), prompts.context_length
        unexpected = task_moment(prompts, self.prior_mean()) - floats(self.prior.task)
        expected = (array(unexpected) == 0).all()
        holds = required(expected, "its limit is for tasks of its own prior")
        context, query = (root.T @ (floats(m) @ root) for m in (prompts.context, prompts.query))
        penalty = floats(self.prior.noise_variance) / length
        noise, unit = floats(prompts.noise_variance), floats(identity(prompts.dimension))
        return Parts(*limit_parts(context, query, unit, noise, length, penalty), holds)


@dataclass(eq=False)
class GradientDescent(Estimator):
    r"""Steps of preconditioned gradient descent on the context, from zero weights.

    .. math::
        \hat w_{j+1} = \hat w_j + P (h - S \hat w_j), \qquad
        A(S) = \sum_{j < k} (I - P S)^j P .

    One step is what a layer of linear attention does, with :math:`P` its gain transposed. Up to
    three steps the risk is exact, an expectation of words in :math:`S`.

    Parameters
    ----------
    preconditioner
        :math:`P`, shape (d, d) or (d,), or a learning rate.
    steps
        :math:`k \ge 1`.
    """

    preconditioner: Any
    steps: int = 1

    def __post_init__(self) -> None:
        name = "GradientDescent"
        checks.integer(name, "steps", self.steps)
        if np.ndim(self.preconditioner):
            checks.square(name, "preconditioner", self._array())
        else:
            checks.real(name, "preconditioner", self.preconditioner)

    def features(self) -> int | None:
        return len(self._array()) if np.ndim(self.preconditioner) else None

    def _array(self) -> Array:
        return checks.real_array("GradientDescent", "preconditioner", self.preconditioner, (1, 2))

    def _matrix(self, dimension: int) -> Shaped[Array, "d d"]:
        if not np.ndim(self.preconditioner):
            return self.preconditioner * np.eye(dimension, dtype=int)
        return dense(self._array())

    def summary_operator(self, sample: Shaped[Array, "*b d d"], length: Scalar) -> Array:
        step = np.broadcast_to(self._matrix(sample.shape[-1]).astype(np.float64), sample.shape)
        found = 0 * sample
        for _ in range(self.steps):
            found = found + step - step @ sample @ found
        return found

    def exact(self, prompts: GaussianPrompts) -> Parts:
        if self.steps > MOST_STEPS:
            raise NoFormula(f"the exact form is offered up to {MOST_STEPS} steps")
        return _descent_parts(self._matrix(prompts.dimension), self.steps, prompts)


def _descent_parts(step: Array, steps: int, prompts: GaussianPrompts) -> Parts:
    """`K = −(I − P S)^k` and `A`, each a sum of powers of `P S`, and their mean word by word."""
    from lsa_theory.wishart import expectation

    known = {
        "P": step,
        "Q": dense(array(prompts.query)),
        "W": dense(array(prompts.second_moment)),
    }

    def mean(word: str, *names: str) -> Scalar:
        constants = {name: known[name] for name in names}
        law = {"covariance": prompts.covariance, "context_length": prompts.context_length}
        return expectation(word).evaluate(**law, **constants)

    bias = product_trace(prompts.query, prompts.second_moment)
    variance = 0 * bias
    for i in range(steps + 1):
        for j in range(steps + 1):
            left, right = "S P' " * i, "P S " * j
            weight = (-1) ** (i + j) * comb(steps, i) * comb(steps, j)
            if i or j:
                bias = bias + weight * mean(f"tr({left}Q {right}W)", "P", "Q", "W")
            if i and j:
                word = f"tr(Q {right}P' " + "S P' " * (i - 1) + ")"
                variance = variance + weight * mean(word, "P", "Q")
    return Parts(bias, prompts.noise_variance * variance / prompts.context_length)


@dataclass(eq=False)
class LinearAttention(Estimator):
    r"""A trained layer as an estimator: :math:`\hat w = B^\top h`.

    Parameters
    ----------
    predictor
        A layer on the block :math:`v = p = 0` or its gain :math:`B`, (d, d) or (d,).
    """

    predictor: LinearSelfAttention | Any

    def __post_init__(self) -> None:
        _ = self.gain

    @property
    def gain(self) -> Any:
        """`B` as an operator."""
        given = self.predictor
        size = given.dimension if isinstance(given, LinearSelfAttention) else len(given)
        return gain_of("LinearAttention", given, size)

    def features(self) -> int:
        return len(array(self.gain))

    @classmethod
    def trained(cls, prompts: GaussianPrompts) -> LinearAttention:
        """At the minimum of the training loss on the block."""
        return cls(block_minimum(prompts).gain)

    def summary_operator(self, sample: Shaped[Array, "*b d d"], length: Scalar) -> Array:
        matrix = dense(np.asarray(array(self.gain), dtype=np.float64)).T
        return np.broadcast_to(matrix, sample.shape)

    def exact(self, prompts: GaussianPrompts) -> Parts:
        gain = array(self.gain)
        silent = prompts.replace(noise_variance=0 * prompts.noise_variance)
        bias = risk(gain, silent)
        return Parts(bias, risk(gain, prompts) - bias)
