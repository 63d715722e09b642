"""The law of a prompt: Gaussian covariates, a Gaussian linear task, noisy labels."""

from __future__ import annotations

import sys
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any

from lsa_theory import checks
from lsa_theory.linalg import identity, is_exact, is_traced, operator, outer


@dataclass(frozen=True, eq=False)
class GaussianPrompts:
    r"""In-context linear regression with Gaussian data.

    A prompt holds `context_length` labelled pairs and a query,

    .. math::
        x_1, \dots, x_N \sim N(0, \Lambda), \quad x_q \sim N(0, \Lambda_q), \quad
        w \sim N(\mu, \Omega), \quad y_i = \langle w, x_i \rangle + \varepsilon_i, \quad
        \varepsilon_i \sim N(0, \sigma^2),

    all independent given the task :math:`w`, which is drawn once a prompt.

    Parameters
    ----------
    covariance
        :math:`\Lambda`, shape (d, d), symmetric and positive semi-definite up to `d · eps` times
        its largest entry and eigenvalue; or (d,) for a matrix that is diagonal in the given
        coordinates: results are then one-dimensional too, at O(d).
    context_length
        :math:`N`, an integer from 1 to 2^53.
    noise_variance
        :math:`\sigma^2 \ge 0`, a variance, in units of the label squared.
    task_covariance, task_mean
        :math:`\Omega`, like `covariance` (None: the identity), and :math:`\mu`, shape (d,)
        (None: zero).
    query_covariance
        :math:`\Lambda_q`, like `covariance` (None: that of the context).

    Raises
    ------
    ValueError
        One sentence that names the argument, the rule and the value.

    Notes
    -----
    Arrays of `fractions.Fraction` or SymPy numbers stay exact and make every formula of the
    package exact. JAX tracers pass unchecked but for their shapes.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.1, which has
    :math:`\mu = 0`, :math:`\Omega = I`, :math:`\sigma = 0` and :math:`\Lambda_q = \Lambda`.
    """

    covariance: Any
    context_length: Any
    _: KW_ONLY
    noise_variance: Any = 0.0
    task_covariance: Any = None
    task_mean: Any = None
    query_covariance: Any = None

    def __post_init__(self) -> None:
        name = type(self).__name__
        covariance = checks.covariance(name, "covariance", self.covariance)
        values = {
            "covariance": covariance,
            "context_length": checks.integer(name, "context_length", self.context_length),
            "noise_variance": checks.real(name, "noise_variance", self.noise_variance, minimum=0),
        }
        for argument in ("task_covariance", "query_covariance"):
            if (given := getattr(self, argument)) is not None:
                values[argument] = checks.covariance(name, argument, given, len(covariance))
        if self.task_mean is not None:
            values["task_mean"] = checks.vector(name, "task_mean", self.task_mean, len(covariance))
        if is_traced(*values.values()):  # no rationals beside tracers
            values = {k: v.astype(float) if is_exact(v) else v for k, v in values.items()}
            if not is_traced(values["noise_variance"]):
                values["noise_variance"] = float(values["noise_variance"])
        elif is_exact(covariance):
            values["noise_variance"] = checks.rational(values["noise_variance"])
        for argument, value in values.items():
            object.__setattr__(self, argument, value)

    @property
    def dimension(self) -> int:
        """`d`, the number of features."""
        return len(self.covariance)

    @property
    def context(self) -> Any:
        """Λ as an operator, as in `lsa_theory.linalg.operator`."""
        return operator(self.covariance)

    @property
    def query(self) -> Any:
        """Λ_q as an operator."""
        return self.context if self.query_covariance is None else operator(self.query_covariance)

    @property
    def task(self) -> Any:
        """Ω as an operator."""
        if self.task_covariance is None:
            return identity(self.dimension)
        return operator(self.task_covariance)

    @property
    def second_moment(self) -> Any:
        """`E[w w^T] = Ω + μ μ^T` as an operator."""
        if self.task_mean is None:
            return self.task
        return self.task + outer(self.task_mean, self.task_mean)

    @property
    def zero_mean(self) -> bool:
        """Whether `μ = 0`, so that the loss splits in parts even and odd in the task."""
        return self.task_mean is None or bool((self.task_mean == 0).all())

    def replace(self, **changes: Any) -> GaussianPrompts:
        """The same law but for the given arguments."""
        return replace(self, **changes)


def draws_covariances(prompts: Any) -> bool:
    """Whether a law is a `RandomCovariancePrompts`, whose module is loaded if one was made."""
    module = sys.modules.get("lsa_theory.random_covariance.prompts")
    return module is not None and isinstance(prompts, module.RandomCovariancePrompts)
