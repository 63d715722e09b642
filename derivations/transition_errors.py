r"""From memorising to generalising: contexts and prompts without end, in either order.

The errors of `learning_errors` without ridge, as :math:`\alpha` and :math:`\tau` grow. With the
effective ridge `a` of the pool for a parameter they are rational functions, here of two generic
eigenvalues of `C`. A limit is then a value at a point that is no pole, and what is left out is of
first order there.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy

from derivations import learning_errors as finite
from derivations.chain import SCALARS, Chain, Identity, step
from lsa_theory.limits.errors import fresh_error, pool_error
from lsa_theory.limits.transition import transition_error
from lsa_theory.sample_spectrum import SampleSpectrum

LETTERS: Any
FIELD, *LETTERS = sympy.field("c1 c2 t1 t2 a b q x delta kappa rho tau r", sympy.QQ)
c1, c2, t1, t2, a, b, q, x, delta, kappa, rho, tau, ratio = LETTERS
ONE, HALF = FIELD.one, FIELD.one / 2
C, T = np.array([c1, c2]), np.array([t1, t2])  # eigenvalues, and the diagonal of C̃
ALONG = np.array([t1, FIELD.zero])  # the errors are affine in C̃
WHITE = np.array([ONE])


def pool(ridge: Any, size: Any, spectrum: Any = C, tested: Any = T) -> SimpleNamespace:
    """The library's means."""
    found = SampleSpectrum(np.array([ridge]), np.array([size]), spectrum, tested)
    return SimpleNamespace(
        **{key: value[0] for key, value in vars(found).items()},
        signal=spectrum.mean(),
        shown=tested.mean(),
    )


def length(means: Any, at: Any = None) -> Any:
    r""":math:`\alpha = (\langle c \rangle + \rho) / x`."""
    return (means.signal + rho) / (means.nu if at is None else at)


def share(means: Any) -> Any:
    return rho / (means.signal + rho)


def errors(means: Any, prompts: Any, at: Any = None) -> tuple[Any, Any]:
    r"""The library's two errors, at :math:`x = \nu` if no other is given."""
    at = means.nu if at is None else at
    e = pool_error(means, at, prompts, rho)
    return prompts * e, fresh_error(means, at, (means.shown + rho) / length(means, at), rho, e)


def value(expression: Any, variable: Any) -> Any:
    """Of a rational function at zero, where it has no pole: else this divides by zero."""
    return expression.subs(variable, 0)


def same(left: Any, right: Any, label: str) -> Identity:
    return Identity(FIELD(left).as_expr(), FIELD(right).as_expr(), label)


PHI = (C / (C + 1)).mean()
MU = (T / (C + 1)).mean()
SCARCE = pool(ONE, PHI / (1 - q))  # in units of a; x = q, and κ → φ as it vanishes


@step(SCALARS)
def without_ridge() -> Iterator[Identity]:
    r"""Above :math:`\tau = 1` there is no :math:`\xi`, and :math:`\nu = x`: in a direction
    :math:`e = (\rho + x \frac{r}{r + x}) / (\tau - 1)`, and this scatter adds
    :math:`e\, (\tilde x + 1) / (r + x)` to the error on a fresh task."""
    means = finite.one_direction()
    fresh, e = sympy.symbols("x_t e", positive=True)
    found = pool_error(means, finite.x, finite.tau, finite.rho).subs(finite.xi, 0)
    kept = finite.r / (finite.r + finite.x)
    yield Identity(found, (finite.rho + finite.x * kept) / (finite.tau - 1), "e")
    found = fresh_error(means, finite.x, fresh, finite.rho, e).subs(finite.xi, 0)
    stated = finite.rho + (1 - kept) ** 2 + fresh * kept**2
    stated += e * (fresh + 1) / (finite.r + finite.x)
    yield Identity(found, stated, r"\text{out}")


@step(SCALARS)
def what_the_pool_does_not_span() -> Iterator[Identity]:
    r"""Fewer tasks than directions: `a` stays as :math:`x = a q \to 0`, where
    :math:`\langle c / (c + a) \rangle \to \kappa`. With :math:`\mu = \frac1d \operatorname{tr}
    \tilde C a (C + a)^{-1}` and :math:`P = \frac1d \operatorname{tr} \tilde C (R + x)^{-1}`,
    :math:`x P = \mu` and :math:`x^2 \tilde D \to \mu`: that part of a task is missed. Along the
    pool all is learnt, and :math:`\langle R^2 / (R + x)^2 \rangle \to \kappa`."""
    yield same(SCARCE.nu * SCARCE.tested, MU, "x P")
    yield same(value(SCARCE.nu**2 * SCARCE.tested_square, q), MU, r"x^2 \tilde D")
    yield same(value(SCARCE.square, q), PHI, r"\langle R^2 / (R + x)^2 \rangle")


@step(SCALARS)
def at_one_ratio() -> Iterator[Identity]:
    r"""At :math:`\tau = \alpha / r`, :math:`\alpha = (\langle c \rangle + \rho) / x`, the scatter
    is :math:`e \approx \rho / \tau`. On the pool it is lost; on a fresh task :math:`P = \mu / x`
    lifts it to :math:`\mu \rho r / (\langle c \rangle + \rho)`."""
    inside, out = errors(SCARCE, length(SCARCE) / ratio)
    yield same(value(inside, q), rho, r"\text{in}")
    yield same(value(out, q), transition_error(MU, ratio, share(SCARCE), rho), r"\text{out}")


@step(SCALARS)
def prompts_first() -> Identity:
    r"""As :math:`\tau \to \infty` first there is no scatter, :math:`e = 0`: the formula at
    :math:`r = 0`."""
    fresh = (SCARCE.shown + rho) / length(SCARCE)
    found = fresh_error(SCARCE, SCARCE.nu, fresh, rho, 0)
    return same(value(found, q), transition_error(MU, 0, share(SCARCE), rho), r"\text{out}")


@step(SCALARS)
def contexts_first() -> Iterator[Identity]:
    r"""As :math:`\alpha \to \infty` at one :math:`\tau > 1` the error on fresh tasks grows without
    end, as the formula does at :math:`r = \alpha / (\tau - 1)`; that on the pool does not."""
    inside, out = errors(SCARCE, tau)
    grown = transition_error(MU, length(SCARCE) / (tau - 1), share(SCARCE), rho)
    yield same(value(q * out, q), value(q * grown, q), r"x \cdot \text{out}")
    yield same(value(inside, q), tau * rho / (tau - 1), r"\text{in}")


@step(SCALARS)
def the_first_correction() -> Identity:
    r"""What the limit leaves out at :math:`\kappa < 1`, for white tasks: at one ratio
    :math:`\frac1\alpha \big[ (1 + \rho) \kappa + r \big( (1 - \kappa) (\rho + \kappa) +
    \frac{\rho \kappa^2}{1 - \kappa} + \frac{(1 - \kappa) \rho r}{1 + \rho} \big) \big]`, with a
    pole at the transition."""
    means = pool((1 - kappa) / kappa + delta, kappa, WHITE, WHITE)
    limit = transition_error(1 - kappa, ratio, share(means), rho)
    above = errors(means, length(means) / ratio)[1] - limit
    inner = (1 - kappa) * (rho + kappa) + rho * kappa**2 / (1 - kappa)
    inner += (1 - kappa) * share(means) * ratio
    stated = (1 + rho) * kappa + ratio * inner
    return same(
        value(length(means) * above, delta), stated, r"\alpha\, (\text{out} - \text{limit})"
    )


@step(SCALARS)
def enough_tasks() -> Iterator[Identity]:
    r"""More tasks than directions: `a` vanishes with `x`, and the scatter that is left does with
    :math:`1 / \tau`. Either order leads to :math:`\rho`. A direction that `C` lacks is never
    spanned: then :math:`\mu` is what a fresh task has there."""
    stated = rho + rho / (tau - 1) * kappa / (kappa - 1) * t1 / c1
    out = errors(pool(a, kappa, C[:1], T[:1]), tau)[1]
    yield same(value(out, a), stated, r"\alpha \to \infty: \text{out}")
    singular = pool(a, kappa, np.array([c1, FIELD.zero]))
    out = errors(singular, length(singular) / ratio)[1]
    stated = transition_error(t2 / 2, ratio, share(singular), rho)
    yield same(value(out, a), stated, r"c_2 = 0: \text{out}")


@step(SCALARS)
def as_many_tasks_as_directions() -> Iterator[Identity]:
    r"""At :math:`\kappa = 1`, :math:`a \approx \sqrt{x / \langle 1 / c \rangle}`, and the errors
    are rational in this root: at one ratio what is left out is of order :math:`1 / \sqrt\alpha`,
    and at one :math:`\tau` the error on fresh tasks grows like :math:`\sqrt\alpha`."""
    means = pool(a, ONE, C, ALONG)
    yield same(value(means.nu / a**2, a), (1 / C).mean(), "x / a^2")
    above = errors(means, length(means) / ratio)[1] - rho
    stated = (ALONG / C).mean() * (HALF + share(means) * ratio)
    yield same(value(above / a, a), stated, r"(\text{out} - \rho) / a")
    grown = a * errors(means, tau)[1]
    stated = rho / (tau - 1) * (ALONG / C).mean() / (1 / C).mean()
    yield same(value(grown, a), stated, r"a \cdot \text{out}")


@step(SCALARS)
def few_tasks() -> Iterator[Identity]:
    r"""A pool that spans nothing, :math:`\kappa \to 0`, so that :math:`b = 1 / a \to 0` at any
    :math:`\alpha`: of :math:`\xi M = 1 - \tau` is left :math:`\nu = x / \min(\tau, 1)`. With
    :math:`g = \min(\tau, 1) / |\tau - 1|` the error on fresh tasks is the formula at
    :math:`\kappa = 0`, :math:`r = \alpha g`, plus :math:`g \rho \tilde x / x`; that on the pool is
    :math:`\rho\, (1 + g)`."""
    spanned = c1 * b / (c1 * b + 1)
    below = 1 - (1 - tau) * (1 - spanned)  # 1 − ξ M at ν = x / τ, and τ as b vanishes
    for ridge, prompts, g in ((x, tau, 1 / (tau - 1)), (x / tau, below, tau / (1 - tau))):
        means = pool(1 / b, spanned / (1 - ridge * b), C[:1], T[:1])
        inside, out = errors(means, prompts, x)
        limit = transition_error(means.shown, g * length(means, x), share(means), rho)
        extra = g * rho * (means.shown + rho) / (means.signal + rho)
        yield same(value(inside, b), rho * (1 + g), r"\text{in}")
        yield same(value(out, b), limit + extra, r"\text{out}")


def as_if(at: Any) -> Identity:
    """The limit at one ratio for that at another, of one eigenvalue."""
    means = pool(ONE, c1 / (c1 + 1) / (1 - q), C[:1], T[:1])
    out = errors(means, length(means) / ratio)[1]
    stated = transition_error(t1 / (c1 + 1), at, share(means), rho)
    return same(value(out, q), stated, r"\text{out}")


@step(SCALARS)
def the_orders_exchanged() -> Identity:
    r""":math:`\tau / \alpha` for :math:`\alpha / \tau`."""
    return as_if(1 / ratio)


@step(SCALARS)
def one_limit_in_every_order() -> Identity:
    r""":math:`\rho + \mu`, whatever the ratio."""
    return as_if(0)


@step(SCALARS)
def a_share_of_directions() -> Identity:
    r""":math:`1 - \kappa` of a task, whatever `C`: so for white tasks."""
    return same(MU, (1 - PHI) * T.mean(), r"\mu")


chain = Chain(
    (
        without_ridge,
        what_the_pool_does_not_span,
        at_one_ratio,
        prompts_first,
        contexts_first,
        the_first_correction,
        enough_tasks,
        as_many_tasks_as_directions,
        few_tasks,
    ),
    wrong=(the_orders_exchanged, one_limit_in_every_order, a_share_of_directions),
)
residuals = chain.residuals
