r"""What a shift does to a trained layer, beside the estimators that it does not fool.

The layer answers :math:`\hat w = B^\top h` with the gain :math:`B` of its training law. On another
law its error splits in eigen-directions of :math:`\Lambda_q`, and as :math:`N, M \to \infty` it
answers :math:`\hat y \to x_q^\top \Lambda^{-1} \Lambda_c w`. With :math:`c B` in the place of
:math:`B` the risk is :math:`a c^2 - 2 b c + e`, least at :math:`c = b / a`: what one rescaling of
`s` repairs, :math:`b^2 / a` measured against `e`, and retraining what remains above the minimum of
the new law.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.definiteness import rank
from lsa_theory.estimators import (
    Bayes,
    Estimator,
    EstimatorRisk,
    LeastSquares,
    LinearAttention,
    Zero,
    ridge_risk,
)
from lsa_theory.estimators.base import NoFormula, floats
from lsa_theory.linalg import (
    array,
    dense,
    eigenbasis,
    factor,
    is_traced,
    namespace,
    operator,
    product_trace,
    select,
    solve,
)
from lsa_theory.minimum import block_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk
from lsa_theory.rounding import rounding
from lsa_theory.shift.families import Family
from lsa_theory.shift.lengths import length_crossings
from lsa_theory.shift.roots import crossings


@dataclass(frozen=True)
class Repair:
    """A remedy: the risk with it, and the share of the avoidable risk that it takes away, 0 where
    none is avoidable but by rounding."""

    risk: Scalar
    share: Scalar
    factor: Scalar = 1


class Risks(Mapping[str, EstimatorRisk]):
    """Risks by name, each found when it is first asked for."""

    def __init__(self, sources: Mapping[str, Callable[[], EstimatorRisk]]) -> None:
        self._sources, self._found = sources, dict[str, EstimatorRisk]()

    def __getitem__(self, name: str) -> EstimatorRisk:
        if name not in self._found:
            self._found[name] = self._sources[name]()
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sources)

    def __len__(self) -> int:
        return len(self._sources)

    def __repr__(self) -> str:
        return f"Risks({', '.join(self)})"


@dataclass(frozen=True, eq=False)
class CovariateShift:
    """A trained layer on another law: see `covariate_shift`.

    Attributes
    ----------
    train, test
        The two laws.
    attention
        The layer's risk on the test law, in bias and variance.
    others
        The risks of least squares, ridge at its optimal penalty, the Bayes predictor of the test
        law and the zero predictor, by name, each found when first asked for; it says how it is
        known.
    """

    train: GaussianPrompts
    test: GaussianPrompts
    gain: Any = field(repr=False)
    attention: EstimatorRisk
    others: Mapping[str, EstimatorRisk]

    @cached_property
    def directions(self) -> tuple[Shaped[Array, " d"], Shaped[Array, "d d"]]:
        """How much of the risk each eigenvector of the query covariance carries, largest first,
        and the eigenvectors as columns. They add up to the risk."""
        eigenvalues, basis = eigenbasis(_dense(self.test.query))
        error = _error_moment(self.gain, self.test)
        damage = eigenvalues.clip(min=0) * ((error @ basis) * basis).sum(axis=0)
        order = namespace(damage).argsort(-damage)
        return damage[order], namespace(damage).take(basis, order, axis=1)

    @cached_property
    def limit_map(self) -> Shaped[Array, "d d"]:
        r""":math:`\Lambda^{-1} \Lambda_c`: what the layer makes of the task in long contexts.

        Where the training law is singular, :math:`F (F^\top \Lambda F)^+ F^\top \Lambda_c`, with
        the second moment :math:`F F^\top` of its tasks, and infinite if the test covariance shows
        what a singular :math:`\Lambda` did not: there the gain grows like :math:`N`.
        """
        train, test = (dense(array(law.context)) for law in (self.train, self.test))
        moment = self.train.second_moment
        singular = (rank(matrix) < len(train) for matrix in (self.train.context, moment))
        if is_traced(train, array(moment)) or not any(singular):
            return solve(train, test)
        root = dense(array(factor(floats(moment))))
        seen = root.T @ _dense(train) @ root
        inverse = np.linalg.pinv(seen, hermitian=True)
        grown = root @ (np.eye(len(seen)) - inverse @ seen) @ root.T @ _dense(test)
        size = abs(root).max() ** 2 * abs(test).max()
        if abs(grown).max() > 64 * len(train) ** 2 * checks.EPSILON * size:
            return np.full(test.shape, np.inf)
        return root @ inverse @ root.T @ test

    @cached_property
    def limit_risk(self) -> Scalar:
        """The risk that is left as both context lengths grow."""
        if not is_traced(self.limit_map) and np.inf in self.limit_map:
            return np.inf
        missed = self.limit_map - np.eye(self.train.dimension, dtype=int)
        query, moment = (dense(array(m)) for m in (self.test.query, self.test.second_moment))
        return (missed.T @ query @ missed @ moment).trace()

    @cached_property
    def retrained(self) -> Repair:
        """Training anew on the test law: the least risk of any gain, hence the whole share."""
        return Repair(2 * block_minimum(self.test).loss, 1)

    @cached_property
    def rescaled(self) -> Repair:
        """The best single factor on `s`, in closed form."""
        zero, whole = self.others["zero"].value, self.attention.value
        doubled = risk(array(2 * operator(self.gain)), self.test)
        square = (doubled - 2 * whole + zero) / 2  # risk(c B) = square c² − 2 cross c + zero
        cross = (square + zero - whole) / 2
        silent = square == 0  # no factor matters
        factor = select(silent, 1, cross / select(silent, 1, square))
        least = zero - select(silent, 0 * zero, cross * factor)
        avoidable = whole - self.retrained.risk
        some = avoidable > rounding(self.train.dimension) * whole
        partial = select(silent, False, some)
        share = select(partial, whole - least, 0 * zero) / select(partial, avoidable, 1)
        return Repair(least, share, factor)

    @property
    def overtaken(self) -> Any:
        """Whether least squares does better."""
        found = self.others["least squares"].value < self.attention.value
        return found if is_traced(found) else bool(found)


def covariate_shift(train: GaussianPrompts, test: GaussianPrompts) -> CovariateShift:
    r"""A layer trained on one law and tested on another, beside the estimators.

    Parameters
    ----------
    train
        The training law; the layer is at the minimum of its loss on the block (the global one for
        tasks of zero mean).
    test
        The test law: covariances, task, noise and context length may all be others.

    Returns
    -------
    The layer's risk in bias and variance, the estimators' risks, the eigen-directions that carry
    the damage, the limit of long contexts, and what rescaling or retraining would repair.

    Raises
    ------
    ValueError
        If the laws are not of one dimension.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Section 4.2, for the limits; derived here.
    """
    for argument, law in (("train", train), ("test", test)):
        checks.instance("covariate_shift", argument, law, GaussianPrompts)
    if train.dimension != test.dimension:
        rule = f"of the training law's dimension {train.dimension}"
        checks.refuse("covariate_shift", "test", f"dimension {test.dimension}", rule)
    gain = block_minimum(train).gain
    others: dict[str, Callable[[], EstimatorRisk]] = {
        "least squares": lambda: LeastSquares().risk(test),
        "ridge": lambda: ridge_risk(test),
        "bayes": lambda: Bayes(test).risk(test),
        "zero": lambda: Zero().risk(test),
    }
    return CovariateShift(train, test, gain, LinearAttention(gain).risk(test), Risks(others))


def overtaking(
    train: GaussianPrompts,
    family: Family,
    *,
    estimator: Estimator | None = None,
    interval: tuple[float, float] | None = None,
) -> list[float]:
    """The shifts at which an estimator overtakes the trained layer, or falls behind it again.

    Of context lengths, the first ones at which the other leads: integers, found as in
    `lsa_theory.shift.lengths`, where an infinite risk is one that loses.

    Parameters
    ----------
    family
        The shifts, as from `lsa_theory.shift.scaled(train)`.
    estimator
        Least squares by default; its risk must be exact or a limit on the whole interval.
    interval
        Of the parameter; None: the family's.

    Returns
    -------
    Where the difference of the two risks changes its sign, in ascending order: none and several
    are answers.

    Raises
    ------
    ValueError
        If the estimator's risk is neither exact nor a limit, the interval is empty, or a risk is
        infinite inside it (but for context lengths).
    """
    other = LeastSquares() if estimator is None else estimator
    low, high = family.interval if interval is None else interval
    if not low < high:
        checks.refuse("overtaking", "interval", f"({low}, {high})", "two numbers in order")
    gain = block_minimum(train).gain

    def risks(law: GaussianPrompts) -> tuple[float, float]:
        try:
            parts = other.known(law)
        except NoFormula as reason:
            rule = f"one whose risk is exact or a limit: {reason}"
            checks.refuse("overtaking", "estimator", type(other).__name__, rule)
        return float(risk(gain, law)), float(parts.bias + parts.variance)

    def difference(value: float) -> float:
        ours, theirs = risks(family(value))
        if not np.isfinite(ours - theirs):
            rule = f"where both risks are finite: one is infinite at {family.name} {value:.4g}"
            checks.refuse("overtaking", "interval", f"({low:g}, {high:g})", rule)
        return ours - theirs

    if family.kind == "length":
        return [*length_crossings(risks, family, other, (low, high))]
    return crossings(difference, (float(low), float(high)))


def _error_moment(gain: Any, law: GaussianPrompts) -> Shaped[Array, "d d"]:
    """`E (ŵ − w)(ŵ − w)^T` of `ŵ = B^T h`."""
    matrix, context, moment = map(_dense, (operator(gain), law.context, law.second_moment))
    missed = matrix.T @ context - np.eye(len(context))
    label = product_trace(context, moment) + floats(law.noise_variance)
    spread = label * context + context @ moment @ context
    return missed @ moment @ missed.T + matrix.T @ spread @ matrix / law.context_length


def _dense(matrix: Any) -> Shaped[Array, "d d"]:
    return dense(array(floats(matrix)))
