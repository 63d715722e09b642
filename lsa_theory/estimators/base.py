r"""Estimators that are linear in the labels, on prompts and on a person's own arrays.

From :math:`S = \frac1M \sum x_i x_i^\top` and :math:`h = \frac1M \sum y_i x_i` the weights are
:math:`\hat w = m + A(S)\, (h - S m)`, with a prior mean :math:`m`, zero but for the Bayes
predictor. With :math:`K = A(S) S - I`, given :math:`S`,

.. math::
    E \big[ \langle \hat w - w, x_q \rangle^2 \,\big|\, S \big]
    = \operatorname{tr}(K^\top \Lambda_q K\, W)
    + \tfrac{\sigma^2}{M} \operatorname{tr}(\Lambda_q A S A^\top),
    \qquad W = E (w - m)(w - m)^\top :

bias and variance. Sampled risks average this over :math:`S`, drawn by Bartlett's decomposition.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import fields
from typing import Any, NamedTuple, cast

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.estimators.result import EstimatorRisk, Kind
from lsa_theory.estimators.sample import bartlett, chunks, standard_error
from lsa_theory.linalg import array, dense, factor, operator, outer
from lsa_theory.prompts import GaussianPrompts

COUNT = 2048  # contexts of a sampled risk


class Parts(NamedTuple):
    """Bias and variance."""

    bias: Any
    variance: Any


class NoFormula(Exception):
    """Why a risk has no closed form, or no limit, on a law."""


class Estimator(ABC):
    """An estimator of a linear task from labelled pairs.

    `fit(x, y)` and `predict(x)` follow scikit-learn's conventions; `risk(prompts)` is the error on
    a law of prompts.
    """

    @abstractmethod
    def summary_operator(self, sample: Shaped[Array, "*b d d"], length: Scalar) -> Array:
        """`A(S)`, for a batch of sample covariances of `length` pairs each."""

    def prior_mean(self, dimension: int) -> Any:
        """`m`."""
        return np.zeros(dimension)

    def exact(self, prompts: GaussianPrompts) -> Parts:
        """Raises `NoFormula` with the reason where there is none."""
        raise NoFormula("no closed form is known for it")

    def limit(self, prompts: GaussianPrompts) -> Parts:
        """The high-dimensional limit at the law's own dimensions."""
        raise NoFormula("no high-dimensional limit is known for it")

    # --- on a law of prompts ---

    def risk(
        self,
        prompts: GaussianPrompts,
        *,
        method: str = "auto",
        count: int = COUNT,
        seed: int = 0,
    ) -> EstimatorRisk:
        """The risk on a law: exact where a formula exists, else the limit, else sampled.

        Parameters
        ----------
        prompts
            The law of the test prompts.
        method
            "exact", "limit" or "sampled" to insist on one of the three.
        count, seed
            How many contexts are drawn for a sampled risk, and for the error of a limit.

        Raises
        ------
        ValueError
            If the method asked for does not exist for this estimator on this law, with the
            reason; or an argument is out of its range.
        """
        name = f"{type(self).__name__}.risk"
        checks.instance(name, "prompts", prompts, GaussianPrompts)
        if method not in ("auto", "exact", "limit", "sampled"):
            rule = '"auto", "exact", "limit" or "sampled"'
            checks.refuse(name, "method", checks.described(method), rule)
        count = checks.integer(name, "count", count, minimum=2)
        seed = checks.integer(name, "seed", seed, minimum=0)
        for kind, parts in (("exact", self.exact), ("limit", self.limit)):
            if method in ("auto", kind):
                try:
                    return self._known(kind, parts(prompts), prompts, count, seed)
                except NoFormula as reason:
                    if method == kind:
                        checks.refuse(name, "method", f'"{kind}"', f"another: {reason}")
        return self._sampled(prompts, count, seed)

    def known(self, prompts: GaussianPrompts) -> Parts:
        """Bias and variance by a formula, exact or of the limit; raises `NoFormula`."""
        try:
            return self.exact(prompts)
        except NoFormula:
            return self.limit(prompts)

    def _known(
        self, kind: Any, parts: Parts, prompts: GaussianPrompts, count: int, seed: int
    ) -> EstimatorRisk:
        if kind == "exact":
            return EstimatorRisk(*parts, "exact")
        sampled = self._sampled(prompts, count, seed)
        error = abs(sum(parts) - sampled.value) + 2 * sampled.error
        return EstimatorRisk(*parts, "limit", float(error))

    def _sampled(self, prompts: GaussianPrompts, count: int, seed: int) -> EstimatorRisk:
        rng = np.random.default_rng(seed)
        parts = [self._drawn(prompts, k, rng) for k in chunks(count, prompts.dimension)]
        bias, variance = (np.concatenate(each) for each in zip(*parts, strict=True))
        kind: Kind = "sampled"
        error = standard_error(bias + variance)
        return EstimatorRisk(float(bias.mean()), float(variance.mean()), kind, error)

    def _drawn(self, prompts: GaussianPrompts, count: int, rng: np.random.Generator) -> Any:
        """Bias and variance given each of `count` contexts."""
        d, length = prompts.dimension, prompts.context_length
        root = dense(array(factor(floats(prompts.context))))
        half = root @ bartlett(d, length, count, rng)
        sample = half @ half.swapaxes(-1, -2) / length
        query = dense(array(floats(prompts.query)))
        found = self.summary_operator(sample, length)
        missed = found @ sample - np.eye(d)
        moment = task_moment(prompts, self.prior_mean(d))
        bias = np.einsum("kji,jl,klm,mi->k", missed, query, missed, moment, optimize=True)
        spread = found @ half
        variance = np.einsum("kji,jl,kli->k", spread, query, spread, optimize=True)
        return bias, float(prompts.noise_variance) / length**2 * variance

    # --- on arrays ---

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """The arguments it was made with, by name."""
        return {field.name: getattr(self, field.name) for field in fields(cast(Any, self))}

    def set_params(self, **params: Any) -> Estimator:
        """The same estimator with other arguments, checked as at first."""
        type(self)(**(self.get_params() | params))
        for name, value in params.items():
            setattr(self, name, value)
        return self

    def fit(self, x: Shaped[Array, "m d"], y: Shaped[Array, " n"]) -> Estimator:
        """The weights `coef_` from `m` labelled pairs; no intercept. Returns the estimator.

        Raises
        ------
        ValueError
            If the arrays do not fit together or hold something other than finite numbers.
        """
        name = f"{type(self).__name__}.fit"
        x = checks.real_array(name, "x", x, (2,)).astype(np.float64)
        y = checks.vector(name, "y", y, len(x)).astype(np.float64)
        sample, summary = x.T @ x / len(x), x.T @ y / len(x)
        mean = np.asarray(self.prior_mean(x.shape[1]), dtype=np.float64)
        found = self.summary_operator(sample, len(x))
        self.coef_ = mean + found @ (summary - sample @ mean)
        self.n_features_in_ = x.shape[1]
        return self

    def predict(self, x: Shaped[Array, "m d"]) -> Shaped[Array, " m"]:
        """`x @ coef_`.

        Raises
        ------
        ValueError
            Before `fit`, or if the number of features is another.
        """
        name = f"{type(self).__name__}.predict"
        if not hasattr(self, "coef_"):
            checks.refuse(name, "self", "an estimator without weights", "fitted first")
        x = checks.real_array(name, "x", x, (2,)).astype(np.float64)
        if x.shape[1] != self.n_features_in_:
            rule = f"of {self.n_features_in_} features, as in fit"
            checks.refuse(name, "x", x, rule)
        return x @ self.coef_


def task_moment(prompts: GaussianPrompts, mean: Any) -> Shaped[Array, "d d"]:
    """`E (w - m)(w - m)^T`, dense."""
    centre = 0 if prompts.task_mean is None else prompts.task_mean
    gap = np.asarray(centre - mean, dtype=np.float64)
    return dense(array(floats(prompts.task))) + outer(gap, gap)


def floats(matrix: Any) -> Any:
    """An operator in float64."""
    return operator(np.asarray(array(matrix), dtype=np.float64))
