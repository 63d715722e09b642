r"""Finitely many pre-training tasks: what the layer memorises of them, and what it generalises.

Trained on `K` tasks :math:`w_1, \dots, w_K` the layer depends on them through their second moment
:math:`\Omega_K = \frac1K \sum_k w_k w_k^\top` alone. In distribution its tasks are drawn from the
list, out of distribution from :math:`N(0, I)` again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.estimators.result import Kind
from lsa_theory.minimum import block_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk
from lsa_theory.sample_spectrum import (
    SampleSpectrum,
    effective_ridge,
    positive,
    task_spectra,
    together,
)


@dataclass(frozen=True, eq=False)
class TaskRisks:
    """Excess risks of a layer trained on finitely many tasks, in units of the label squared.

    Attributes
    ----------
    in_distribution, out_of_distribution
        On the tasks of the list, and on new ones.
    kind
        "exact", "limit" or "sampled".
    errors
        The standard errors of the two where they are sampled over lists of tasks.
    """

    in_distribution: Scalar
    out_of_distribution: Scalar
    kind: Kind = "exact"
    errors: tuple[float, float] = (0.0, 0.0)


def finite_task_risks(
    tasks: Any,
    context_length: int,
    *,
    covariance: Shaped[Array, "d ..."] | None = None,
    noise_variance: Scalar = 0.0,
    task_covariance: Shaped[Array, "d ..."] | None = None,
) -> TaskRisks:
    r"""The risks of the block minimum for a list of tasks, on that list and on new tasks.

    With :math:`B = [(1 + \frac1N) \Omega_K \Lambda + \tau I]^{-1} \Omega_K`,
    :math:`\tau = (\operatorname{tr}(\Lambda \Omega_K) + \sigma^2) / N`, both are `risk` of `B`:
    in distribution with the task moment :math:`\Omega_K`, out of distribution with
    :math:`\Omega`. Exact for any `d`, `N`, `K` and list.

    Parameters
    ----------
    tasks
        (K, d), a row a task. Their number may be below or above `d`.
    context_length
        `N`, of training and test.
    covariance
        :math:`\Lambda`: (d, d), or (d,) if diagonal; None: the identity.
    noise_variance
        :math:`\sigma^2 \ge 0`.
    task_covariance
        :math:`\Omega` of the new tasks; None: the identity.

    Raises
    ------
    ValueError
        If an argument has a wrong shape or is out of its range.

    Source: derived here; compare Lu, Letey, Zavatone-Veth, Maiti, Pehlevan, arXiv:2405.11751.
    """
    tasks = checks.real_array("finite_task_risks", "tasks", tasks, (2,))
    count = len(tasks)
    law = GaussianPrompts(
        0 * tasks[0] + 1 if covariance is None else covariance,
        context_length,
        noise_variance=noise_variance,
        task_covariance=tasks.T @ tasks / count,
    )
    fresh = law.replace(task_covariance=task_covariance)
    gain = block_minimum(law).gain
    return TaskRisks(risk(gain, law), risk(gain, fresh))


def average_task_risks(
    task_count: int,
    dimension: int,
    context_length: int,
    *,
    noise_variance: float = 0.0,
    covariance: Shaped[Array, "d ..."] | None = None,
    task_covariance: Shaped[Array, "d ..."] | None = None,
    count: int = 64,
    seed: int = 0,
) -> TaskRisks:
    r"""The mean of `finite_task_risks` over lists of :math:`K` tasks from :math:`N(0, \Omega)`.

    Parameters
    ----------
    task_count, dimension
        `K` and `d`.
    count, seed
        How many lists are drawn, at least 2; `errors` are the standard errors of the two means.

    The others, units and errors as for `finite_task_risks`.
    """
    name = "average_task_risks"
    size = checks.integer(name, "task_count", task_count)
    dimension = checks.integer(name, "dimension", dimension)
    count = checks.integer(name, "count", count, minimum=2)
    rng = np.random.default_rng(checks.integer(name, "seed", seed, minimum=0))
    root = np.ones(dimension)
    if task_covariance is not None:
        from lsa_theory.linalg import array, factor, operator

        given = checks.covariance(name, "task_covariance", task_covariance, dimension)
        root = array(factor(operator(given)))
    options: Any = {"covariance": covariance, "noise_variance": noise_variance}
    found = []
    for _ in range(count):
        tasks = rng.standard_normal((size, dimension))
        tasks = tasks * root if root.ndim == 1 else tasks @ root.T
        risks = finite_task_risks(tasks, context_length, task_covariance=task_covariance, **options)
        found.append((risks.in_distribution, risks.out_of_distribution))
    inside, outside = np.mean(found, axis=0)
    first, second = np.std(found, axis=0, ddof=1) / np.sqrt(count)
    return TaskRisks(float(inside), float(outside), "sampled", (float(first), float(second)))


def limit_task_risks(
    task_ratio: Any,
    label_ratio: Any,
    *,
    context_length: Any = np.inf,
    task_covariance: Shaped[Array, "d ..."] | None = None,
) -> TaskRisks:
    r"""The limit of both risks, per dimension, as :math:`d, K \to \infty` for white covariates.

    With :math:`r = K / d`, :math:`\tau = (\operatorname{tr} \Omega + \sigma^2) / N`, and
    :math:`\beta = R / [(1 + \frac1N) R + \tau]` of the limiting spectrum of
    :math:`R = \Omega_K`, which is the Marchenko–Pastur law for :math:`\Omega = I`,

    .. math::
        \text{in} = \langle R (1 - \beta) \rangle, \qquad
        \text{out} = \tfrac1d \operatorname{tr} \Omega (1 - \beta)^2
        + \tfrac{1}{N d} \operatorname{tr} \Omega \beta^2 + \tau \langle \beta^2 \rangle .

    Parameters
    ----------
    task_ratio
        :math:`r > 0`: tasks per dimension.
    label_ratio
        :math:`\tau > 0`: variance of a label over the number of labels.
    context_length
        :math:`N`, which is infinite in the limit proper; a finite one keeps its terms `1/N`.
    task_covariance
        :math:`\Omega`; None: the identity.

    Numbers, or arrays that broadcast.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Source: derived here; compare Lu et al., arXiv:2405.11751.
    """
    name = "limit_task_risks"
    values = {"task_ratio": task_ratio, "label_ratio": label_ratio}
    values = {key: positive(name, key, value) for key, value in values.items()}
    length = positive(name, "context_length", context_length, infinite=True)
    ratio, tau, length = together(name, **values, context_length=length)
    share = 1 / length
    spectrum, tested = task_spectra(name, task_covariance, None)
    ridge = tau / (1 + share)  # β = R / (R + ridge) / (1 + 1/N)
    a = effective_ridge(spectrum, ridge, ratio)
    found = SampleSpectrum(a, ratio, spectrum, tested)
    return TaskRisks(*spectral_risks(found, spectrum.mean(), tau, share), "limit")


def spectral_risks(found: Any, mean: Scalar, tau: Scalar, share: Scalar) -> tuple[Any, Any]:
    """Both risks by means over the spectrum of `R`; `share` is 1/N, `mean` that of `Ω`."""
    ridge = tau / (1 + share)
    seen = mean - ridge * found.share  # ⟨R² / (R + ridge)⟩
    inside = (share * seen + (1 + share) * ridge * found.share) / (1 + share)
    # Ω (1 − β)² and Ω β², with R = (R + ridge) − ridge
    missed = share**2 * mean + 2 * share * ridge * found.tested + ridge**2 * found.tested_square
    spread = mean - 2 * ridge * found.tested + ridge**2 * found.tested_square
    outside = (missed + share * spread + tau * found.square) / (1 + share) ** 2
    return inside, outside
