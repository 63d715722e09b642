r"""What training on finite data costs, in high dimensions.

The readout is a ridge regression on :math:`x_q \otimes z`, features whose covariance is that of
what a prompt shows, :math:`A = R + x I`, `R` the second moment of the pool of tasks. Two results on
large random matrices are taken as known: for ridge regression on `n` samples, which shrinks as an
effective ridge :math:`\xi` does, and for the resolvent of a sample covariance, which is that of the
population at another ridge. Everything between them and the formula is shown here, and that the
published formulas are this one: Lu, Letey, Zavatone-Veth, Maiti, Pehlevan, arXiv:2405.11751, for
white tasks, and arXiv:2509.26551 for tasks of two covariances, both without ridge.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from types import SimpleNamespace
from typing import Any

import numpy as np
import sympy

from derivations.algebra import (
    mean,
    scalar,
    slope,
    substituted,
    symbols,
    symmetric,
)
from derivations.chain import ANY, SCALARS, Chain, Identity, step
from derivations.setting import I, n, noise_symbol
from lsa_theory.limits.errors import fresh_error, pool_error
from lsa_theory.sample_spectrum import SampleSpectrum

(S,) = symbols("S")
(R,) = symmetric("R_k")
d_symbol, alpha, rho = sympy.symbols("d alpha rho", positive=True)

r, x, xi, tau, ridge, kappa, a = sympy.symbols("r x xi tau lambda kappa a", positive=True)
nu = x + xi
shrunk = r / (r + nu)  # what the readout keeps of an eigenvalue of R

C = np.array(sympy.symbols("c1 c2", positive=True))
TESTED = np.array([1, 0])  # all is linear in C̃
# in units of a, c = u / (1 − u)
SHARES = dict(zip(C, (u / (1 - u) for u in sympy.symbols("u1 u2", positive=True)), strict=True))
# M = ⟨1 / (R + ν)⟩, P = tr C̃ (R + ν)⁻¹ / d, and their slopes in ν
M, dM, P, dP, v = sympy.symbols("M M' P P' nu", real=True)


@step(ANY)
def what_a_prompt_shows() -> Iterator[Identity]:
    r"""Of :math:`\frac d\ell \sum y_i x_i` with features :math:`N(0, I/d)` the second moment given
    a task is :math:`d^2` times that of :math:`S w` and of the noise beside it. Averaged over the
    pool it is :math:`(1 + \frac1\ell) R + \frac d\ell (\frac1d \operatorname{tr} R + \rho) I`: with
    :math:`\ell = \alpha d` it tends to :math:`A = R + x I`,
    :math:`x = (\langle c \rangle + \rho) / \alpha`."""
    d, noise = scalar(d_symbol), scalar(noise_symbol)
    shown = d * d * mean(S @ R @ S) + d * d * noise * mean(S) / n
    shown = substituted(shown, {"Lambda": I / d})
    stated = (n + 1) * R / n + d / n * (R.trace() / d + noise) * I
    yield Identity(shown, stated, r"E[z z^\top]")
    eigenvalue = sympy.Symbol("epsilon", positive=True)  # 1 / d
    mean_c, length = sympy.Symbol("c", positive=True), alpha / eigenvalue
    along = (1 + 1 / length) * r + (mean_c + rho) / (eigenvalue * length)
    yield Identity(along.subs(eigenvalue, 0), r + (mean_c + rho) / alpha, "A")


@step(SCALARS)
def the_effective_ridge() -> Iterator[Identity]:
    r"""Known: on :math:`n = \tau d^2` samples a penalty :math:`\lambda` acts as the ridge
    :math:`\xi` with :math:`\lambda = \xi (1 - \mathrm{df} / n)`,
    :math:`\mathrm{df} = d^2 \langle A / (A + \xi) \rangle`. With
    :math:`\langle A / (A + \xi) \rangle = 1 - \xi M`, :math:`M = \langle 1 / (R + \nu) \rangle` and
    :math:`\nu = x + \xi`, that is :math:`\xi M - \tau \lambda / \xi = 1 - \tau`."""
    kept = (r + x) / (r + x + xi)
    yield Identity(kept, 1 - xi / (r + nu), r"A / (A + \xi)")
    known = xi * (1 - (1 - xi * M) / tau)
    stated = tau / xi * (known - ridge)
    yield Identity(stated, xi * M - tau * ridge / xi - (1 - tau), r"\tfrac\tau\xi (\ldots)")


@step(SCALARS)
def the_error_on_the_pool() -> Iterator[Identity]:
    r"""Known: the error per sample is :math:`e \tau = (\text{noise} + \text{bias}) /
    (1 - \mathrm{df}_2 / n)`, :math:`\mathrm{df}_2 = d^2 \langle A^2 / (A + \xi)^2 \rangle`. The
    best readout is :math:`R A^{-1}`. It misses :math:`R - R A^{-1} R`, and the ridge
    :math:`\xi^2 R A^{-1} \cdot A (A + \xi)^{-2} \cdot A^{-1} R` more. In each direction the two
    add up to a sum of positive terms: :math:`\nu^2 r / (r + \nu)^2 + x r^2 / (r + \nu)^2`, which is
    the error :math:`(1 - g)^2 r + x g^2` of the mean readout :math:`g = r / (r + \nu)`."""
    missed = r - r * r / (r + x)
    more = xi**2 * (r / (r + x)) ** 2 * (r + x) / (r + nu) ** 2
    positive = (nu**2 * r + x * r**2) / (r + nu) ** 2
    yield Identity(missed + more, positive, r"\text{noise} + \text{bias}")
    yield Identity((1 - shrunk) ** 2 * r + x * shrunk**2, positive, "(1 - g)^2 r + x g^2")
    stated = pool_error(one_direction(), x, tau, rho)
    yield Identity(stated * (tau - ((r + x) / (r + nu)) ** 2), rho + positive, "e")


def one_direction() -> Any:
    """The library's means, were there one eigenvalue of R."""
    return SimpleNamespace(
        nu=nu,
        first=r / (r + nu) ** 2,
        square=shrunk**2,
        inverse_square=1 / (r + nu) ** 2,
        tested=1 / (r + nu),
        tested_square=1 / (r + nu) ** 2,
    )


@step(SCALARS)
def the_error_on_fresh_tasks() -> Identity:
    r"""Fresh tasks of covariance :math:`\tilde C` show :math:`\tilde A = \tilde C + \tilde x I`.
    The mean readout errs by :math:`(1 - g)^2 \tilde c + \tilde x g^2`, and the scatter of the
    fitted weights, of covariance :math:`e\, A (A + \xi)^{-2}`, adds
    :math:`e\, \frac1d \operatorname{tr} \tilde A A (A + \xi)^{-2}`. In a direction of unit
    :math:`\tilde c`:"""
    fresh, e = sympy.symbols("x_t e", positive=True)
    mean_readout = (1 - shrunk) ** 2 + fresh * shrunk**2
    scatter = e * (1 + fresh) * (r + x) / (r + nu) ** 2
    found = fresh_error(one_direction(), x, fresh, rho, e)
    return Identity(found, rho + mean_readout + scatter, r"\text{out}")


def spectrum(tested: tuple[int, int] = (1, 0)) -> Any:
    """The library's means, of two generic eigenvalues."""
    one = np.array([sympy.Integer(1)])
    values = np.array([*map(sympy.cancel, SHARES.values())])
    return SampleSpectrum(one, kappa * one, values, np.array(tested))


def same(left: Any, right: Any, label: str) -> Identity:
    """Both in the one form of a rational function."""
    left, right = (sympy.cancel(np.asarray(side).item()) for side in (left, right))
    return Identity(left, right, label)


@cache
def in_the_ridge() -> tuple[sympy.Expr, ...]:
    """ν, M, P, and the slopes of the last two in ν."""
    shares = [c / (c + a) for c in C]
    q = 1 - sum(shares) / 2 / kappa
    ridge_of = a * q
    resolvent = sum(1 / (c + a) for c in C) / 2 / q
    tests = sum(t / (c + a) for c, t in zip(C, TESTED, strict=True)) / 2 / q
    speed = slope(ridge_of, a)
    found = ridge_of, resolvent, slope(resolvent, a) / speed, tests, slope(tests, a) / speed
    return tuple(sympy.cancel(part.subs(SHARES | {a: 1})) for part in found)


@step(SCALARS)
def the_spectrum_of_the_pool() -> Iterator[Identity]:
    r"""Known: with :math:`\nu = a q`, :math:`q = 1 - \phi / \kappa` and
    :math:`\phi = \langle c / (c + a) \rangle`, :math:`\nu (R + \nu)^{-1}` is in the mean
    :math:`a (C + a)^{-1}`, so :math:`M = (1 - \phi) / \nu`. That is the equation
    :math:`M = \langle 1 / (q c + \nu) \rangle` with :math:`q = 1 - \frac1\kappa
    + \frac\nu\kappa M`, and for :math:`C = c I` the Marchenko–Pastur law's,
    :math:`\frac{c \nu}\kappa M^2 + (\nu + c - \frac c\kappa) M - 1 = 0`."""
    at, resolvent, *_ = in_the_ridge()
    q = 1 - 1 / kappa + at * resolvent / kappa
    yield same(resolvent, sum(1 / (q * c + at) for c in SHARES.values()) / 2, "M")
    u1, u2 = sympy.symbols("u1 u2", positive=True)
    at, resolvent, c = (part.subs(u1, u2) for part in (at, resolvent, SHARES[C[0]]))
    law = c * at / kappa * resolvent**2 + (at + c - c / kappa) * resolvent - 1
    yield same(law, 0, r"\tfrac{c \nu}\kappa M^2 + (\nu + c - \tfrac c\kappa) M - 1")


@step(SCALARS)
def its_means() -> Iterator[Identity]:
    r"""The library's means as slopes of `M` and :math:`P = \frac1d \operatorname{tr} \tilde C
    (q C + \nu)^{-1}`, for two generic eigenvalues. The third is also
    :math:`\langle u^2 \rangle + \langle u (1 - u) \rangle^2 / (\kappa (1 - \psi))`, a sum of
    positive terms, as :math:`\psi < 1`."""
    found, (at, resolvent, change, tests, turn) = spectrum(), in_the_ridge()
    yield same(found.nu, at, r"\nu")
    yield same(found.share, 1 - at * resolvent, r"\langle R / (R + \nu) \rangle")
    yield same(found.first, resolvent + at * change, r"\langle R / (R + \nu)^2 \rangle")
    yield same(
        found.square,
        1 - 2 * at * resolvent - at**2 * change,
        r"\langle R^2 / (R + \nu)^2 \rangle",
    )
    white = spectrum((1, 1)).tested_square  # C̃ = I
    yield Identity(found.inverse_square, white, r"\langle (R + \nu)^{-2} \rangle")
    yield same(found.tested, tests, r"\tfrac1d \operatorname{tr} \tilde C (R + \nu)^{-1}")
    yield same(found.tested_square, -turn, r"\tfrac1d \operatorname{tr} \tilde C (R + \nu)^{-2}")


@step(SCALARS)
def slopes_as_published() -> Iterator[Identity]:
    r"""With :math:`F = (q C + \nu)^{-1}`, :math:`t_1 = \frac1d \operatorname{tr} C F^2` and
    :math:`t_2 = \frac1d \operatorname{tr} F^2` the slope of `M` is
    :math:`-(\frac M\kappa t_1 + t_2) / (1 + \frac\nu\kappa t_1)`, and that of `P` is
    :math:`-\frac1d \operatorname{tr} \tilde C F [\frac{M + \nu M'}\kappa C + I] F`."""
    at, resolvent, change, _, turn = in_the_ridge()
    q = 1 - 1 / kappa + at * resolvent / kappa
    eigenvalues = [*map(sympy.cancel, SHARES.values())]
    squares = [sympy.cancel(1 / (q * c + at) ** 2) for c in eigenvalues]
    t1 = sum(c * f for c, f in zip(eigenvalues, squares, strict=True)) / 2
    t2 = sum(squares) / 2
    yield same(change, -(resolvent / kappa * t1 + t2) / (1 + at / kappa * t1), "M'")
    faded = (resolvent + at * change) / kappa
    inner = [(faded * c + 1) * f for c, f in zip(eigenvalues, squares, strict=True)]
    stated = -sum(t * g for t, g in zip(TESTED, inner, strict=True)) / 2
    yield same(turn, stated, "P'")


def by_slopes() -> Any:
    """The library's means, by the step before."""
    return SimpleNamespace(
        nu=v,
        first=M + v * dM,
        square=1 - 2 * v * M - v**2 * dM,
        inverse_square=-dM,
        tested=P,
        tested_square=-dP,
    )


@step(SCALARS)
def two_task_covariances_as_published() -> Iterator[Identity]:
    r"""The library's two errors, in these terms: the formula of arXiv:2509.26551, with
    :math:`\xi = \nu - x`. Nothing in it knows how :math:`\xi` came about: with ridge it is the
    same."""
    fresh = sympy.Symbol("x_t", positive=True)
    xi = v - x
    above = rho + v - v**2 * M - xi * (1 - 2 * v * M - v**2 * dM)
    stated = above / (tau - (1 - 2 * xi * M - xi**2 * dM))
    found = pool_error(by_slopes(), x, tau, rho)
    yield Identity(found, stated, "e")
    e = sympy.Symbol("e", positive=True)
    error = rho + fresh * (1 + (e - 2 * v) * M + (xi * e - v**2) * dM)
    error += e * P + (xi * e - v**2) * dP
    yield Identity(fresh_error(by_slopes(), x, fresh, rho, e), error, r"\text{out}")


@step(SCALARS)
def white_tasks_as_published() -> Iterator[Identity]:
    r"""The formula of arXiv:2405.11751: with :math:`m = M(\nu)`, :math:`m' = -M'(\nu)`,
    :math:`R_1 = 1 - \nu m`, :math:`R_2 = 1 - 2 \nu m + \nu^2 m'`, :math:`T_2 = 1 - \nu R_1`,
    :math:`T_3 = T_2 - \nu R_2` and :math:`g = (1 - 2 \xi m + \xi^2 m') / \tau`."""
    xi, prime = v - x, -dM
    r1, r2 = 1 - v * M, 1 - 2 * v * M + v**2 * prime
    t2 = 1 - v * r1
    t3 = t2 - v * r2
    g = (1 - 2 * xi * M + xi**2 * prime) / tau
    inside = (1 + rho - 2 * t2 + t3 + x * r2) / (1 - g)
    means = by_slopes()
    means.tested, means.tested_square = M, -dM
    e = pool_error(means, x, tau, rho)
    yield Identity(tau * e, inside, r"e_{\mathrm{IDG}}")
    outside = 1 + rho - 2 * r1 + (1 + x) * (r2 + inside / tau * (M - xi * prime))
    yield Identity(fresh_error(means, x, x, rho, e), outside, r"e_{\mathrm{ICL}}")


@step(SCALARS)
def the_pole() -> Iterator[Identity]:
    r"""Without ridge the denominator of `e` is :math:`\tau - 1` above :math:`\tau = 1`, where
    :math:`\xi = 0`. Below it is :math:`\xi \langle (R + x) / (R + \nu)^2 \rangle`, positive, and
    vanishes with :math:`\xi`, as :math:`\xi M = 1 - \tau` does: a pole on both sides."""
    yield Identity(tau - ((r + x) / (r + x)) ** 2, tau - 1, r"\tau - \langle \ldots \rangle")
    below = 1 - xi / (r + nu) - ((r + x) / (r + nu)) ** 2  # τ = 1 − ξ M
    yield Identity(below, xi * (r + x) / (r + nu) ** 2, r"\tau - \langle \ldots \rangle")


@step(SCALARS)
def scatter_of_the_best_readout() -> Identity:
    r"""The scatter of weights fitted without shrinkage: :math:`e / A`."""
    fresh, e = sympy.symbols("x_t e", positive=True)
    found = fresh_error(one_direction(), x, fresh, rho, e)
    stated = (1 - shrunk) ** 2 + fresh * shrunk**2 + e * (1 + fresh) / (r + x)
    return Identity(found, rho + stated, r"\text{out}")


@step(SCALARS)
def a_pool_as_the_population() -> Identity:
    r""":math:`M = \langle 1 / (c + \nu) \rangle`, as if :math:`R = C`."""
    at, resolvent, *_ = in_the_ridge()
    return same(resolvent, sum(1 / (c + at) for c in SHARES.values()) / 2, "M")


chain = Chain(
    (
        what_a_prompt_shows,
        the_effective_ridge,
        the_error_on_the_pool,
        the_error_on_fresh_tasks,
        the_spectrum_of_the_pool,
        its_means,
        slopes_as_published,
        two_task_covariances_as_published,
        white_tasks_as_published,
        the_pole,
    ),
    wrong=(scatter_of_the_best_readout, a_pool_as_the_population),
)
residuals = chain.residuals
