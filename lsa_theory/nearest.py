r"""Which of two Bayes predictors the trained layer is near: memorising or generalising.

Trained on a list of tasks the layer can be compared with the predictor that knows the list
(`lsa_theory.task_list.TaskListBayes`), and with ridge regression, which knows that tasks are
:math:`N(0, I)`. Both are best, the one on the list and the other on new tasks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lsa_theory._typing import Array
from lsa_theory.sample_spectrum import SampleSpectrum, effective_ridge, positive, together


@dataclass(frozen=True, eq=False)
class PredictorDistances:
    """Squared distances of the layer's weights, per dimension, on tasks of the list.

    Attributes
    ----------
    task_list, ridge
        To the predictor that knows the list, and to ridge regression.
    """

    task_list: Array
    ridge: Array

    @property
    def memorises(self) -> Array:
        """Whether the layer is nearer to the first."""
        return self.task_list < self.ridge


def predictor_distances(task_ratio: Any, length_ratio: Any, *, noise: Any) -> PredictorDistances:
    r"""The layer changes sides at :math:`\frac Kd = \frac{1 + 2 \tau}{2 (1 + \tau)^2}`.

    White covariates, `K` tasks :math:`N(0, I)` and label noise :math:`\sigma^2 = \rho d`;
    :math:`d, K, N \to \infty` at fixed :math:`r = K/d`, :math:`\ell = N/d`. With the limiting
    spectrum of the second moment `R` of the list, :math:`\tau = (1 + \rho)/\ell`,
    :math:`\phi = \langle R / (R + \tau) \rangle`, and :math:`\gamma = \rho/\ell`,
    :math:`m = \langle 1 / (S + \gamma) \rangle` for the sample covariance `S` of a context,

    .. math::
        \text{to the list} = \tau \phi, \qquad
        \text{to ridge} = \tau \phi + \gamma m\, [1 - 2 (1 + \tau) \phi] .

    So the layer is as near to the one as to the other where :math:`\phi = \frac{1}{2 (1 + \tau)}`,
    whatever part of :math:`\tau` is noise: at
    :math:`\frac Kd = \frac{1 + 2 \tau}{2 (1 + \tau)^2}`, which is `equidistant_ratio`, and
    :math:`\frac12` for long contexts. Of fewer tasks it memorises, of more it generalises.

    Parameters
    ----------
    task_ratio, length_ratio, noise
        `r`, :math:`\ell` and :math:`\rho`, positive.

    Numbers, or arrays that broadcast.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Source: derived here; the comparison is that of Raventós, Paul, Chen, Ganguli, arXiv:2306.15063.
    """
    name = "predictor_distances"
    values = {"task_ratio": task_ratio, "length_ratio": length_ratio, "noise": noise}
    values = {key: positive(name, key, value) for key, value in values.items()}
    ratio, length, rho = together(name, **values)
    tau, gamma = (1 + rho) / length, rho / length
    share = _means(tau, ratio).share
    # γ m = 1 − ⟨S / (S + γ)⟩ is what ridge misses of a direction
    missed = 1 - _means(gamma, length).share
    near, farther = distances(share, tau, missed)
    return PredictorDistances(near, farther)


def distances(share: Any, tau: Any, missed: Any) -> tuple[Any, Any]:
    r"""For :math:`\phi`, :math:`\tau` and :math:`\gamma m`."""
    return tau * share, tau * share + missed * (1 - 2 * (1 + tau) * share)


def equidistant_ratio(length_ratio: Any, *, noise: Any) -> Any:
    r"""The :math:`K/d` at which the layer is as near to the list's predictor as to ridge; without
    noise, where both are the task, its limit."""
    name = "equidistant_ratio"
    length = positive(name, "length_ratio", length_ratio)
    rho = positive(name, "noise", noise, zero=True)
    length, rho = together(name, length_ratio=length, noise=rho)
    tau = (1 + rho) / length
    return (1 + 2 * tau) / (2 * (1 + tau) ** 2)


def _means(ridge: Array, ratio: Array) -> SampleSpectrum:
    one = np.ones(1)
    return SampleSpectrum(effective_ridge(one, ridge, ratio), ratio, one, one)
