"""The errors at given sizes, and the ridge of least error."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.sample_spectrum import (
    SampleSpectrum,
    effective_ridge,
    positive,
    task_spectra,
    together,
)

POLE = (
    "learning_errors(tau=1): is a pole without ridge, the errors infinite: there are as many "
    "prompts as weights"
)


@dataclass(frozen=True, eq=False)
class LearningErrors:
    """Errors :math:`E(\\hat y - y)^2`, label noise included, in the shape of the arguments.

    Attributes
    ----------
    in_distribution
        On tasks of the pre-training pool: what Lu et al. call `e_IDG`.
    out_of_distribution
        On fresh tasks: what they call `e_ICL`.
    """

    in_distribution: Array
    out_of_distribution: Array


def learning_errors(
    *,
    alpha: Any,
    kappa: Any,
    tau: Any,
    noise_variance: Any,
    ridge: Any = 0.0,
    task_covariance: Any = None,
    test_task_covariance: Any = None,
    test_alpha: Any = None,
) -> LearningErrors:
    r"""Errors in and out of distribution of a layer trained on finite data.

    With the symbols of `lsa_theory.limits`, :math:`D = \langle (R + \nu)^{-2} \rangle`, test tasks
    :math:`N(0, \tilde C)`, :math:`\tilde x = (\operatorname{tr} \tilde C / d + \rho) /
    \tilde \alpha` and
    :math:`\tilde D = \tfrac1d \operatorname{tr} (-\partial_\nu (q C + \nu)^{-1}) \tilde C`,

    .. math::
        e &= \frac{\rho + \nu^2 \langle R/(R + \nu)^2 \rangle + x \langle R^2/(R + \nu)^2 \rangle}
        {\tau - \langle (R + x)^2/(R + \nu)^2 \rangle}, \qquad \text{in} = \tau e, \\
        \text{out} &= \rho + \nu^2 \tilde D + \tilde x \langle R^2/(R + \nu)^2 \rangle
        + e \big[ \tilde x \langle (R + x)/(R + \nu)^2 \rangle
        + \tfrac1d \operatorname{tr} \tilde C (q C + \nu)^{-1} - \xi \tilde D \big] .

    Parameters
    ----------
    alpha, kappa, tau
        :math:`\ell/d`, :math:`k/d`, :math:`n/d^2`: positive, finite.
    noise_variance, ridge
        :math:`\rho` and :math:`\lambda`, non-negative.
    task_covariance, test_task_covariance
        :math:`C` and :math:`\tilde C`: (d, d), or (d,) if diagonal; None: the identity, and
        :math:`C`.
    test_alpha
        :math:`\tilde\alpha`, the length of the test contexts over `d`; None: `alpha`.

    Numbers, or arrays that broadcast: a whole curve is one call.

    Returns
    -------
    The two errors. Infinite, with a `RuntimeWarning`, at the pole :math:`\tau = 1`,
    :math:`\lambda = 0`, where the number of prompts is that of the weights.

    Raises
    ------
    ValueError
        If an argument is out of its range, or the covariances are of two dimensions.

    Source: Lu, Letey, Zavatone-Veth, Maiti, Pehlevan, arXiv:2405.11751 (C = I, no ridge); for
    :math:`\tilde C \ne C`, arXiv:2509.26551; one formula for all, with ridge, derived here.
    """
    name = "learning_errors"
    test_alpha = alpha if test_alpha is None else test_alpha
    values = {"alpha": alpha, "kappa": kappa, "tau": tau, "test_alpha": test_alpha}
    values = {key: positive(name, key, value) for key, value in values.items()}
    rest = {"noise_variance": noise_variance, "ridge": ridge}
    values |= {key: positive(name, key, value, zero=True) for key, value in rest.items()}
    alpha, kappa, tau, test_alpha, noise, ridge = together(name, **values)
    spectrum, tested = task_spectra(name, task_covariance, test_task_covariance)
    x, x_test = (spectrum.mean() + noise) / alpha, (tested.mean() + noise) / test_alpha
    a = _regularised(spectrum, x, kappa, tau, ridge)
    means = SampleSpectrum(a, kappa, spectrum, tested)
    pole = (tau == 1) & (ridge == 0)
    if pole.any():
        warnings.warn(POLE, RuntimeWarning, stacklevel=2)
    with np.errstate(divide="ignore"):
        error = np.where(pole, np.inf, pool_error(means, x, tau, noise))
        return LearningErrors(tau * error, fresh_error(means, x, x_test, noise, error))


def pool_error(means: Any, x: Any, tau: Any, noise: Any) -> Any:
    """`e`, by means as of a `SampleSpectrum`."""
    missed = noise + means.nu**2 * means.first + x * means.square
    return missed / (tau - means.square - x * (2 * means.first + x * means.inverse_square))


def fresh_error(means: Any, x: Any, x_test: Any, noise: Any, error: Any) -> Any:
    """Out of distribution, given `e`; means as of a `SampleSpectrum`."""
    carried = x_test * (means.first + x * means.inverse_square)
    carried += means.tested - (means.nu - x) * means.tested_square
    return noise + means.nu**2 * means.tested_square + x_test * means.square + error * carried


def optimal_ridge(
    *,
    alpha: float,
    kappa: float,
    tau: float,
    noise_variance: float,
    task_covariance: Any = None,
    test_task_covariance: Any = None,
    test_alpha: float | None = None,
) -> float:
    """The ridge of least error out of distribution: a root of its derivative, 0 if none helps.

    Arguments and errors as for `learning_errors`, single numbers.
    """
    name = "optimal_ridge"
    test_alpha = alpha if test_alpha is None else test_alpha
    values = {"alpha": alpha, "kappa": kappa, "tau": tau, "test_alpha": test_alpha}
    rule = "a positive number"
    numbers = (
        np.asarray(checks.option(name, *item, rule, lambda v: 0 < v < np.inf))
        for item in values.items()
    )
    length, pool, prompts, test_length = numbers
    noise = checks.option(
        name, "noise_variance", noise_variance, "a number >= 0", lambda v: 0 <= v < np.inf
    )
    spectrum, tested = task_spectra(name, task_covariance, test_task_covariance)
    x, x_test = (spectrum.mean() + noise) / length, (tested.mean() + noise) / test_length
    least = _regularised(spectrum, x, pool, prompts, np.zeros(()))

    def error(logarithm: Array) -> Array:
        means = SampleSpectrum(least + np.exp(logarithm), pool, spectrum, tested)
        return fresh_error(means, x, x_test, noise, pool_error(means, x, prompts, noise))

    def slope(logarithm: float) -> float:
        return error(np.asarray(logarithm + 1e-20j)).imag  # a formula without roots is analytic

    grid = np.log(least + spectrum.mean()) + np.linspace(-24, 24, 385)
    k = int(np.argmin(error(grid)))
    if k == 0 or slope(grid[0]) >= 0:
        return 0.0
    if k == len(grid) - 1:
        return np.inf
    from scipy.optimize import brentq

    a = least + np.exp(brentq(slope, grid[k - 1], grid[k + 1], xtol=1e-14))
    means = SampleSpectrum(np.asarray(a), pool, spectrum, tested)
    xi = means.nu - x
    return float(xi * (xi / means.nu * (1 - means.share) - 1 + prompts) / prompts)


def _regularised(spectrum: Array, x: Array, kappa: Array, tau: Array, ridge: Array) -> Array:
    """The effective ridge of `ν = x + ξ`, in the shape of the broadcast arguments."""
    least = effective_ridge(spectrum, x, kappa)
    regular = (ridge > 0) | (tau < 1)
    if not regular.any():
        return least

    given = tuple(each[regular] for each in (least, x, kappa, tau, ridge))
    found = np.array(least)
    found[regular] += np.exp(_logarithm(spectrum, *given))
    return found


def _logarithm(
    spectrum: Array, least: Array, x: Array, kappa: Array, tau: Array, ridge: Array
) -> Array:
    """Of `a` less its value without regularisation: the root of an increasing function, by Newton's
    method between bounds."""
    u_least = spectrum / (spectrum + least[..., None])

    def excess(logarithm: Array) -> tuple[Array, Array]:
        step = np.exp(logarithm)
        a = least + step
        shifted = spectrum + a[..., None]
        u, v = spectrum / shifted, a[..., None] / shifted
        rest, square = v.mean(-1), (u * u).mean(-1)
        xi = step * (1 - (u * u_least).mean(-1) / kappa)  # ν(a) − ν(a₀) without cancellation
        share, pull = xi / (x + xi), tau * ridge / xi
        slope = (1 - square / kappa) * (x * rest / (x + xi) ** 2 + pull / xi)
        slope += share * (u * v).mean(-1) / a
        return share * rest - pull - 1 + tau, step * slope

    # 1 / (x + ⟨c⟩ + ξ) ≤ ⟨1 / (R + ν)⟩ ≤ 1 / (x + ξ), and ξ over the step is between two numbers
    low = np.log(_positive_root(x, tau, ridge)) - 1e-9
    high = np.log(_positive_root(x + spectrum.mean(), tau, ridge)) + 1e-9
    high -= np.log1p(-(u_least * u_least).mean(-1) / kappa)
    found, step = high, high - low
    for _ in range(200):
        value, slope = excess(found)
        low, high = np.where(value < 0, found, low), np.where(value < 0, high, found)
        newton = found - value / slope
        good = (newton >= low) & (newton <= high) & (2 * abs(newton - found) < step)
        found, last = np.where(good, newton, (low + high) / 2), found
        step = abs(found - last)
        if (step < 1e-9).all():  # the next one would be its square
            break
    return found


def _positive_root(w: Array, tau: Array, ridge: Array) -> Array:
    """The positive root of `τ ξ² − (τ λ + (1 − τ) w) ξ − τ λ w`."""
    half, product = (ridge + (1 / tau - 1) * w) / 2, ridge * w
    root = np.sqrt(half**2 + product)
    return np.where(half > 0, half + root, product / (root + abs(half)))
