r"""Prediction of labels that need not be linear: Theorem 4.2 for any joint law.

Let the pairs :math:`(x_i, y_i)` and :math:`(x_q, y_q)` be independent draws of one law with
:math:`E x x^\top = \Lambda` and finite :math:`E y^2 x x^\top`. A predictor
:math:`\hat y = h^\top B x_q` sees the context through :math:`h = \frac1M \sum y_i x_i`, whose mean
is :math:`E[xy] = \Lambda a` and whose covariance is :math:`\Sigma / M`,
:math:`\Sigma = \operatorname{Cov}(xy)`; and :math:`y - \langle a, x \rangle` is uncorrelated
with :math:`x`. So the error is the sum of three non-negative terms, with no approximation.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.attention import LinearSelfAttention, Parameters
from lsa_theory.gamma import is_paper_law, same_matrix
from lsa_theory.linalg import dense, operator, outer, product_trace
from lsa_theory.minimum import global_minimum
from lsa_theory.predictors import gain_of
from lsa_theory.prompts import GaussianPrompts


@dataclass(frozen=True, eq=False)
class RankOneUpdate:
    """The matrix `matrix + weight · vector vector^T`, kept in O(d) where `matrix` is a vector (the
    entries of a diagonal matrix)."""

    matrix: Any
    weight: Any
    vector: Any

    def dense(self) -> Shaped[Array, "d d"]:
        return dense(self.matrix) + self.weight * outer(self.vector, self.vector)


@dataclass(frozen=True, eq=False)
class TargetPrompts:
    r"""In-context prediction of any target: what a matrix predictor sees of a joint law.

    Parameters
    ----------
    covariance
        :math:`\Lambda = E[x x^\top]`, shape (d, d), or (d,) for a diagonal matrix.
    context_length
        :math:`M`, the number of labelled pairs of a test prompt.
    coefficients
        :math:`a` with :math:`\Lambda a = E[x y]`, shape (d,): the best linear predictor. With a
        singular :math:`\Lambda` any solution will do.
    label_covariance
        :math:`\Sigma = \operatorname{Cov}(x y)`, like `covariance`; or a `RankOneUpdate`, whose
        positive semi-definiteness is taken on trust.
    linear_error
        :math:`\min_w E(\langle w, x \rangle - y)^2 \ge 0`, in units of the label squared.

    Raises
    ------
    ValueError
        One sentence that names the argument, the rule and the value.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.2.
    """

    covariance: Any
    context_length: Any
    coefficients: Any
    label_covariance: Any
    linear_error: Any

    def __post_init__(self) -> None:
        name = type(self).__name__
        covariance = checks.covariance(name, "covariance", self.covariance)
        d = len(covariance)
        values = {
            "covariance": covariance,
            "context_length": checks.integer(name, "context_length", self.context_length),
            "coefficients": checks.vector(name, "coefficients", self.coefficients, d),
            "linear_error": checks.real(name, "linear_error", self.linear_error, minimum=0),
        }
        spread = self.label_covariance
        if isinstance(spread, RankOneUpdate):
            matrix = checks.real_array(name, "label_covariance.matrix", spread.matrix, (1, 2))
            vector = checks.vector(name, "label_covariance.vector", spread.vector, d)
            checks.square(name, "label_covariance.matrix", matrix, d)
            values["label_covariance"] = RankOneUpdate(matrix, spread.weight, vector)
        else:
            values["label_covariance"] = checks.covariance(name, "label_covariance", spread, d)
        for argument, value in values.items():
            object.__setattr__(self, argument, value)

    @property
    def dimension(self) -> int:
        """`d`, the number of features."""
        return len(self.covariance)


@dataclass(frozen=True)
class PredictionError:
    r"""`E(ŷ − y_q)²` as a sum of non-negative terms, in units of the label squared.

    Attributes
    ----------
    linear_error
        :math:`\min_w E(\langle w, x \rangle - y)^2`: what no linear prediction can explain, label
        noise included.
    bias
        What the mean prediction misses of the best linear one; it vanishes as the training
        context grows.
    variance
        What the finite test context adds.
    """

    linear_error: Scalar
    bias: Scalar
    variance: Scalar

    @property
    def excess(self) -> Scalar:
        """`bias + variance`, the error above the best linear predictor."""
        return self.bias + self.variance

    @property
    def total(self) -> Scalar:
        """`linear_error + bias + variance`."""
        return self.linear_error + self.excess


def prediction_error(
    predictor: LinearSelfAttention | Parameters | Shaped[Array, "d ..."], target: TargetPrompts
) -> PredictionError:
    r"""The exact error of a matrix predictor on any target.

    For :math:`\hat y = h^\top B x_q` with any gain :math:`B`, no symmetry assumed,

    .. math::
        E(\hat y - y_q)^2 = \min_w E(\langle w, x \rangle - y)^2
        + (B^\top \Lambda a - a)^\top \Lambda\, (B^\top \Lambda a - a)
        + \tfrac1M \operatorname{tr}(\Sigma B \Lambda B^\top).

    At the trained gain :math:`B = \Gamma^{-1}`, which commutes with :math:`\Lambda`, it is
    Theorem 4.2: see `theorem_4_2`.

    Parameters
    ----------
    predictor
        A gain :math:`B`: (d, d), or (d,) if diagonal; or a layer on the block
        :math:`v = p = 0`, or its `Parameters`.
    target
        The joint law of covariates and label, and the context length.

    Returns
    -------
    `.total` and `.excess`, and the three terms apart; exact rationals stay exact. O(d³), or O(d)
    where all matrices are diagonal.

    Raises
    ------
    ValueError
        If the dimensions of predictor and target differ, or a layer has :math:`v` or :math:`p`
        non-zero.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.2, for :math:`B = \Gamma^{-1}`.
    """
    checks.instance("prediction_error", "target", target, TargetPrompts)
    gain = gain_of("prediction_error", predictor, target.dimension)
    context, a = operator(target.covariance), target.coefficients
    missed = gain.T @ (context @ a) - a
    bias = missed @ (context @ missed)
    return PredictionError(target.linear_error, bias, _variance(gain, target))


def theorem_4_2(train: GaussianPrompts, target: TargetPrompts) -> PredictionError:
    r"""Theorem 4.2 in the form of the paper: the error of the trained layer on any target,

    .. math::
        \min_w E(\langle w, x \rangle - y)^2
        + \tfrac1M \operatorname{tr}(\Sigma\, \Gamma^{-2} \Lambda)
        + \tfrac1{N^2} \big[ a^\top \Gamma^{-2} \Lambda^3 a
        + 2 \operatorname{tr}(\Lambda)\, a^\top \Gamma^{-2} \Lambda^2 a
        + \operatorname{tr}(\Lambda)^2\, a^\top \Gamma^{-2} \Lambda\, a \big],

    with :math:`N` the context length in training and :math:`M` that of the target. The same as
    `prediction_error` at :math:`B = \Gamma^{-1}`, since
    :math:`\Lambda \Gamma^{-1} - I = -\frac1N (\Lambda + \operatorname{tr}(\Lambda) I) \Gamma^{-1}`.

    Raises
    ------
    ValueError
        If the training law is not the paper's (:math:`\mu = 0`, :math:`\Omega = I`,
        :math:`\sigma = 0`, :math:`\Lambda_q = \Lambda`), or has another covariance than the
        target.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.2.
    """
    checks.instance("theorem_4_2", "train", train, GaussianPrompts)
    checks.instance("theorem_4_2", "target", target, TargetPrompts)
    context, n = train.context, train.context_length
    if not is_paper_law(train):
        rule = "of tasks N(0, I), without noise, queries as the context"
        checks.refuse("theorem_4_2", "train", "another law", rule)
    if not same_matrix(context, operator(target.covariance)):
        rule = "that of the training law"
        checks.refuse("theorem_4_2", "target.covariance", "another covariance", rule)
    trace = context.trace()
    inverse = operator(global_minimum(train).gain)  # Γ^{-1}
    weighted = inverse @ target.coefficients  # a^T Γ^{-2} Λ^k a = weighted^T Λ^k weighted
    once = context @ weighted
    twice = context @ once
    bias = once @ twice + 2 * trace * (once @ once) + trace * trace * (weighted @ once)
    return PredictionError(target.linear_error, bias / (n * n), _variance(inverse, target))


def _variance(gain: Any, target: TargetPrompts) -> Scalar:
    """`tr(Σ B Λ B^T) / M`."""
    spread = gain @ (operator(target.covariance) @ gain.T)
    labels = target.label_covariance
    if isinstance(labels, RankOneUpdate):
        along = labels.vector @ (spread @ labels.vector)
        trace = product_trace(operator(labels.matrix), spread) + labels.weight * along
    else:
        trace = product_trace(operator(labels), spread)
    return trace / target.context_length
