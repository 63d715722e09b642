"""From memorising to generalising: what is left where contexts and prompts abound."""

from __future__ import annotations

from typing import Any

import numpy as np

from lsa_theory._typing import Array
from lsa_theory.checks import EPSILON
from lsa_theory.limits.errors import LearningErrors
from lsa_theory.sample_spectrum import effective_ridge, positive, task_spectra, together


def transition_errors(
    *,
    kappa: Any,
    ratio: Any,
    noise_variance: Any,
    task_covariance: Any = None,
    test_task_covariance: Any = None,
) -> LearningErrors:
    r"""What the errors without ridge tend to as :math:`\alpha, \tau \to \infty` at one ratio.

    With :math:`\alpha / \tau \to r`, and `a` the root of :math:`\langle c/(c + a) \rangle =
    \kappa`, or :math:`a \to 0` where there is none,

    .. math::
        \text{in} \to \rho, \qquad
        \text{out} \to \rho + \mu \Big( 1 + \frac{\rho\, r}{\langle c \rangle + \rho} \Big), \qquad
        \mu = \tfrac1d \operatorname{tr} \tilde C a (C + a)^{-1} .

    The pool does not span :math:`\mu` of a fresh task, which is :math:`(1 - \kappa)_+` for
    :math:`C = I`. In those directions prompts show mere noise, of variance in proportion to
    :math:`1/\alpha`, with which label noise is fitted by weights of variance :math:`\alpha/\tau`.

    The order of the limits matters: :math:`\tau \to \infty` before :math:`\alpha` is
    :math:`r = 0`, and the other order :math:`r = \infty`, where with label noise `out` is infinite
    if :math:`\mu > 0`, or if :math:`\kappa d` is the rank of `C`: the transition. With label noise
    relative errors of the limit are of order :math:`1/\alpha + 1/\tau`, and at the transition
    :math:`1/\sqrt\alpha + \sqrt\alpha/\tau`.

    Parameters
    ----------
    kappa, ratio, noise_variance
        :math:`\kappa`, `r` and :math:`\rho`: non-negative; `ratio` may be infinite.
    task_covariance, test_task_covariance
        :math:`C` and :math:`\tilde C`, as for `learning_errors`.

    Returns
    -------
    The two limits, in the shape of the arguments.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the covariances are of two dimensions.

    Source: derived here, extends Lu, Letey, Zavatone-Veth, Maiti, Pehlevan, arXiv:2405.11751.
    """
    name = "transition_errors"
    values = {"kappa": kappa, "noise_variance": noise_variance}
    values = {key: positive(name, key, value, zero=True) for key, value in values.items()}
    values["ratio"] = positive(name, "ratio", ratio, zero=True, infinite=True)
    kappa, noise, ratio = together(name, **values)
    spectrum, tested = task_spectra(name, task_covariance, test_task_covariance)
    spectrum, tested = (  # but for rounding
        np.where(part > len(part) * EPSILON * part.max(), part, 0.0) for part in (spectrum, tested)
    )
    rank = (spectrum > 0).mean()
    missed = _missed(kappa, rank, spectrum, tested)
    share = noise / np.where(noise > 0, spectrum.mean() + noise, 1.0)
    long = np.isinf(ratio)
    found = transition_error(missed, np.where(long, 0.0, ratio), share, noise)
    lost = (missed > 0) | ((kappa == rank) & tested.any())
    return LearningErrors(+noise, np.where(long & lost & (noise > 0), np.inf, found)[()])


def transition_error(missed: Any, ratio: Any, share: Any, noise: Any) -> Any:
    """Out of distribution, given what the pool does not span and the share of noise in labels."""
    return noise + missed * (1 + share * ratio)


def _missed(kappa: Array, rank: float, spectrum: Array, tested: Array) -> Array:
    """What `kappa` d tasks do not span of a fresh one."""
    scarce = (kappa > 0) & (kappa < rank)
    a = np.where(kappa > 0, 0.0, np.inf)
    a[scarce] = effective_ridge(spectrum, np.zeros(scarce.sum()), kappa[scarce])
    shown = spectrum > 0
    spanned = spectrum / np.where(shown, spectrum + a[..., None], 1.0)
    return (tested * (1 - spanned)).mean(-1)
