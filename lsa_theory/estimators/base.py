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
from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, cast

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.estimators.result import EstimatorRisk, Kind
from lsa_theory.estimators.sample import bartlett, chunks, standard_error
from lsa_theory.linalg import Diagonal, array, dense, factor, is_traced, outer, select
from lsa_theory.prompts import GaussianPrompts

COUNT = 2048  # contexts of a sampled risk


@dataclass(frozen=True)
class Parts:
    """Bias and variance by a formula.

    `holds`: where it does. True, or of a traced law a condition that is traced too; where it fails
    both parts are finite or infinite, not NaN.
    """

    bias: Any
    variance: Any
    holds: Any = True

    def __iter__(self) -> Iterator[Any]:
        return iter((self.bias, self.variance))

    def where(self, condition: Any, other: Parts) -> Parts:
        """These where the condition holds, else others."""
        pairs = zip((*self, self.holds), (*other, other.holds), strict=True)
        return Parts(*(select(condition, mine, theirs) for mine, theirs in pairs))


NOWHERE = Parts(np.nan, np.nan, False)


class NoFormula(Exception):
    """Why a risk has no closed form, or no limit, on a law."""


def required(condition: Any, reason: str) -> Any:
    """True, or the condition if it is traced; where it fails `NoFormula` with the reason."""
    if is_traced(condition):
        return condition
    if not condition:
        raise NoFormula(reason)
    return True


class Estimator(ABC):
    """An estimator of a linear task from labelled pairs.

    `fit(x, y)` and `predict(x)` follow scikit-learn's conventions; `risk(prompts)` is the error on
    a law of prompts.
    """

    @abstractmethod
    def summary_operator(self, sample: Shaped[Array, "*b d d"], length: Scalar) -> Array:
        """`A(S)`, for a batch of sample covariances of `length` pairs each."""

    def prior_mean(self) -> Any:
        """`m`, None if it is zero."""
        return None

    def features(self) -> int | None:
        """How many features it was made for, None for any number."""
        return None

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

        Notes
        -----
        Under JAX any number of the law may be traced. Where it decides between exact and limit,
        `kind` says "exact or limit" and `error` is 0 or NaN: nothing is drawn, so that a limit's
        error is not known. A traced law to which a formula insisted on does not apply gets NaN.

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
        try:
            kind, parts, error = self._formula(prompts, method)
        except NoFormula as reason:
            if method in ("exact", "limit"):
                checks.refuse(name, "method", f'"{method}"', f"another: {reason}")
            return self._sampled(prompts, count, seed)
        if kind == "limit" and not is_traced(*parts):
            sampled = self._sampled(prompts, count, seed)
            error = float(abs(sum(parts) - sampled.value) + 2 * sampled.error)
        return EstimatorRisk(parts.bias, parts.variance, kind, error)

    def known(self, prompts: GaussianPrompts) -> Parts:
        """Bias and variance by a formula, exact or of the limit; raises `NoFormula`."""
        return self._formula(prompts, "auto")[1]

    def _formula(self, prompts: GaussianPrompts, method: str) -> tuple[Kind, Parts, Any]:
        """A formula that the method allows, and where it is exact: an error of 0 there, else NaN.
        Raises `NoFormula`."""
        if method == "sampled":
            raise NoFormula("asked for samples")
        exact = NOWHERE
        if method != "limit":
            try:
                exact = self.exact(prompts)
            except NoFormula:
                if method == "exact":
                    raise
        if exact.holds is True:
            return "exact", exact, 0.0
        error = select(exact.holds, 0.0, np.nan)
        if method == "exact":
            return "exact", exact.where(exact.holds, NOWHERE), error
        limit = self.limit(prompts)
        limit = limit.where(limit.holds, NOWHERE)
        kind: Kind = "limit" if exact is NOWHERE else "exact or limit"
        return kind, exact.where(exact.holds, limit), error

    def _sampled(self, prompts: GaussianPrompts, count: int, seed: int) -> EstimatorRisk:
        if any(checks.is_tracer(value) for value in vars(prompts).values()):
            rule = "one of numbers to be sampled: for a traced one no formula is known"
            checks.refuse(f"{type(self).__name__}.risk", "prompts", "a traced law", rule)
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
        moment = dense(array(task_moment(prompts, self.prior_mean())))
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
            If the arrays do not fit together, or the estimator, or hold something other than finite
        numbers.
        """
        name = f"{type(self).__name__}.fit"
        x = checks.real_array(name, "x", x, (2,)).astype(np.float64)
        if self.features() not in (None, x.shape[1]):
            rule = f"of {self.features()} features, the dimension that the estimator was made for"
            checks.refuse(name, "x", x, rule)
        y = checks.vector(name, "y", y, len(x)).astype(np.float64)
        sample, summary = x.T @ x / len(x), x.T @ y / len(x)
        prior = self.prior_mean()
        mean = np.zeros(x.shape[1]) if prior is None else np.asarray(prior, dtype=np.float64)
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


def task_moment(prompts: GaussianPrompts, mean: Any = None) -> Any:
    """`E (w - m)(w - m)^T` as an operator in floats; a mean of None is zero."""
    if mean is None and prompts.task_mean is None:
        return floats(prompts.task)
    own, other = (floats(0.0 if x is None else x) for x in (prompts.task_mean, mean))
    return floats(prompts.task) + outer(own - other, own - other)


def floats(given: Any) -> Any:
    """An operator, a vector or a number in float64, or traced as it is."""
    if isinstance(given, Diagonal):
        return Diagonal(floats(given.entries))
    if is_traced(given):
        return given
    found = np.asarray(given, dtype=np.float64)
    return found if found.ndim else float(found)
