"""What an estimator's risk is, and how it is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lsa_theory._typing import Scalar

Kind = Literal["exact", "limit", "sampled", "exact or limit"]


@dataclass(frozen=True)
class EstimatorRisk:
    r"""The risk :math:`E(\langle \hat w - w, x_q \rangle)^2` of an estimator, in two parts.

    Attributes
    ----------
    bias
        What remains of the error as the mean over label noise is taken, given context and task.
    variance
        What the label noise adds.
    kind
        "exact", "limit" (the high-dimensional one) or "sampled"; under JAX "exact or limit" where a
        traced number decides which.
    error
        0 for an exact risk; the standard error of a sampled one; for a limit, the difference from
        a sampled risk plus twice the standard error of that, or NaN under JAX.
    """

    bias: Scalar
    variance: Scalar
    kind: Kind
    error: Scalar = 0.0

    @property
    def value(self) -> Scalar:
        """`bias + variance`, in units of the label squared, without the query's own noise."""
        return self.bias + self.variance
