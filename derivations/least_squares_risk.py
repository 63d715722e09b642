r"""The risk of least squares: blind to every shift, but not to noise.

With :math:`h = S w + g`, where :math:`g = \frac1M \sum \varepsilon_i x_i` is what the label noise
adds, least squares answers :math:`\hat w = S^+ h`. Of `M > d + 1` samples :math:`S^+ = S^{-1}`, and
one inverse moment says everything. Of fewer samples than white features :math:`S^+ S` is the
projection :math:`P_M` on a uniformly random subspace of `M` dimensions, in which `S` is a sample
covariance once more: of `d` vectors of dimension `M`, in units of `d / M`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy

from derivations.algebra import (
    DIMENSION,
    LENGTH,
    Words,
    evaluated,
    mean,
    reduced,
    scalar,
    slope,
    substituted,
    symbols,
    symmetric,
)
from derivations.chain import ANY, AT_2, SCALARS, Chain, Identity, step
from derivations.setting import QUERY, B, I, noise, noise_symbol
from derivations.shifted_risk import M, M_symbol
from lsa_theory.estimators import ols_risk
from lsa_theory.prompts import GaussianPrompts

AT_4 = "generic symbols at d = 4"

S, INVERSE, g, w = symbols("S S^-1 g w")
P, W, PSEUDO_INVERSE = symmetric("P_M W S^+")  # the projection, E[w w^T], and the pseudo-inverse
(PRECISION,) = symbols("Lambda^-1")
d, scale = scalar(DIMENSION), sympy.Symbol("c", positive=True)


def between(matrix: Words) -> Words:
    """`E[P_M B P_M]`."""
    return ALPHA * matrix + BETA * (matrix.T + matrix.trace() * I)


def beside(matrix: Words) -> Words:
    """`E[tr(P B) P]`: the same tensor, read across."""
    return ALPHA * matrix.trace() * I + BETA * (matrix + matrix.T)


BETA = M * (d - M) / (d * (d - 1) * (d + 2))
ALPHA = M / d - (d + 1) * BETA


def over_noise(words: Words, sample: Words) -> Words:
    """Given the features, `g g^T` is on average σ²/M times the sample covariance."""
    return reduced(words, {("g", "g'"): noise * sample / M})


def of_samples(words: Words) -> Words:
    """The mean over the features, `M` of them."""
    return substituted(mean(words), {LENGTH: M_symbol})


def in_the_row_space(words: Words) -> Words:
    """The mean over `d` vectors of dimension `M` with covariance P_M."""
    swapped = {LENGTH: DIMENSION, DIMENSION: M_symbol}
    return substituted(mean(words), {"Lambda": P, "Lambda^-1": P, **swapped})


@step(ANY)
def no_bias() -> Identity:
    r"""Where :math:`S` is invertible, the error :math:`\hat w - w = S^{-1} (S w + g) - w` is
    :math:`S^{-1} g`: the task is gone, and with it every shift of it. Without noise nothing is
    left, whatever the covariances."""
    error = INVERSE @ (S @ w + g) - w
    return Identity(reduced(error, {("S^-1", "S"): I}), INVERSE @ g, r"\hat w - w")


@step(ANY)
def the_noise() -> Identity:
    r"""Given the features, :math:`E[g g^\top] = \frac{1}{M^2} \sum_{ij} E[\varepsilon_i
    \varepsilon_j]\, x_i x_j^\top = \frac{\sigma^2}M S`: the mean square of the error is
    :math:`\frac{\sigma^2}M \operatorname{tr}(\Lambda_q S^{-1})`."""
    error = INVERSE @ g
    square = (QUERY @ over_noise(error.outer(error), S)).trace()
    stated = noise * (QUERY @ INVERSE).trace() / M
    label = r"E[\langle \hat w - w, x_q \rangle^2 \mid S]"
    return Identity(reduced(square, {("S^-1", "S"): I}), stated, label)


DETERMINED = noise * (QUERY @ PRECISION).trace() / (M - d - 1)


@step(ANY)
def the_inverse_moment() -> Identity:
    r"""With :math:`E[S^{-1}] = \frac{M}{M - d - 1} \Lambda^{-1}` the risk is
    :math:`\frac{\sigma^2 \operatorname{tr}(\Lambda_q \Lambda^{-1})}{M - d - 1}`."""
    found = of_samples(noise * (QUERY @ INVERSE).trace() / M)
    return Identity(found, DETERMINED, r"\mathrm{risk}")


@step(SCALARS)
def the_gap() -> Iterator[Identity]:
    r"""In any direction `u`, :math:`u^\top S^{-1} u = M u^\top \Lambda^{-1} u\, / \chi^2_k` with
    :math:`k = M - d + 1`; in the row space of fewer samples :math:`k = d - M + 1`. The density of
    :math:`\chi^2_k` near 0 is :math:`z^{k/2 - 1}` times a smooth positive function. Times
    :math:`1 / z` it has the primitive :math:`z^{k/2 - 1} / (\frac k2 - 1)`, or :math:`\ln z` for
    :math:`k = 2`, bounded at 0 if and only if :math:`k > 2`: with noise the risk is infinite for
    :math:`d - 1 \le M \le d + 1`. For :math:`k > 2` the mean is that of the inverse moment in one
    dimension."""
    z, k = sympy.symbols("z k", positive=True)
    primitive = z ** (k / 2 - 1) / (k / 2 - 1)
    yield Identity(
        slope(primitive, z), z ** (k / 2 - 1) / z, r"\tfrac{d}{dz} \tfrac{z^{k/2 - 1}}{k/2 - 1}"
    )
    yield Identity(slope(sympy.log(z), z), 1 / z, r"\tfrac{d}{dz} \ln z")
    (value,) = mean(INVERSE / scalar(LENGTH)).terms.values()
    yield Identity(value.subs({DIMENSION: 1, LENGTH: k}), 1 / (k - 2), r"E[1 / \chi^2_k]")


@step(ANY)
def a_random_projection() -> Iterator[Identity]:
    r"""Fewer samples than features, :math:`\Lambda = I`: the error of :math:`S^+ h` is
    :math:`(P_M - I) w + S^+ g`. Rotated features have the law of the old ones, so that
    :math:`E[P_M B P_M] = \alpha B + \beta (B^\top + \operatorname{tr}(B) I)`, the only equivariant
    form, and :math:`E[\operatorname{tr}(P_M B) P_M] = \alpha \operatorname{tr}(B) I
    + \beta (B + B^\top)`, the same fourth-order tensor. With :math:`E[P_M] = \frac Md I`,
    :math:`P_M P_M = P_M` and :math:`\operatorname{tr} P_M = M` are two linear equations, solved by
    :math:`\beta = \frac{M (d - M)}{d (d - 1) (d + 2)}` and
    :math:`\alpha = \frac Md - (d + 1) \beta`."""
    error = reduced(PSEUDO_INVERSE @ (S @ w + g) - w, {("S^+", "S"): P})
    yield Identity(error, (P - I) @ w + PSEUDO_INVERSE @ g, r"\hat w - w")
    yield Identity(between(I), M * I / d, "E[P_M P_M]")
    yield Identity(beside(I), M * M * I / d, r"E[\operatorname{tr}(P_M) P_M]")


@step(ANY)
def the_sample_in_its_row_space() -> Iterator[Identity]:
    r"""Another way to the constants. Given the row space, :math:`\frac Md S` is the sample
    covariance of `d` vectors with covariance :math:`P_M`; averaged over it, the second moment has
    to be :math:`E[S B S] = B + \frac1M (B^\top + \operatorname{tr}(B) I)`, that of `M` vectors."""
    given = P @ B @ P + (P @ B.T @ P + (P @ B).trace() * P) / d
    yield Identity(in_the_row_space(S @ B @ S), given, r"\tfrac{M^2}{d^2} E[S B S \mid P_M]")
    averaged = between(B) + (between(B.T) + beside(B)) / d
    white = substituted(of_samples(S @ B @ S), {"Lambda": I})
    yield Identity(averaged * d * d / (M * M), white, "E[S B S]")


SPREAD = W + W.trace() * I
UNSEEN = (1 - M / d) * (1 - M / d) * W + BETA * (SPREAD - 2 * W / d)
BIAS = (QUERY @ UNSEEN).trace()
VARIANCE = noise * M * QUERY.trace() / (d * (d - M - 1) * scalar(scale))


@step(ANY)
def what_fewer_samples_miss() -> Iterator[Identity]:
    r"""The bias is :math:`\operatorname{tr}\big( \Lambda_q E[(I - P_M) W (I - P_M)] \big)`, where
    :math:`E[(I - P_M) W (I - P_M)] = (1 - \frac Md)^2 W + \beta\, \big[ (1 - \frac 2d) W
    + \operatorname{tr}(W) I \big]`, whatever `c` in :math:`\Lambda = c I`. For
    :math:`\Lambda_q = W = I` it is :math:`d - M`."""
    missed = (I - P) @ W @ (I - P)
    yield Identity(missed, W - P @ W - W @ P + P @ W @ P, "(I - P_M) W (I - P_M)")
    averaged = W - 2 * M * W / d + between(W)
    yield Identity(averaged, UNSEEN, "E[(I - P_M) W (I - P_M)]")
    white = substituted(BIAS, {"W": I, "Lambda_q": I})
    yield Identity(white, d - M, r"\text{bias} \,\big|_{W = \Lambda_q = I}")


@step(ANY)
def noise_of_fewer_samples() -> Iterator[Identity]:
    r"""Given the features the noise adds :math:`\frac{\sigma^2}{M} \operatorname{tr}(\Lambda_q
    S^+)`. In the row space the inverse moment of `d` vectors of dimension `M` gives
    :math:`E[S^+ \mid P_M] = \frac{M}{d - M - 1} P_M`, hence
    :math:`\frac{\sigma^2}{c}\, \frac Md\, \frac{\operatorname{tr} \Lambda_q}{d - M - 1}` for
    :math:`\Lambda = c I`."""
    error = PSEUDO_INVERSE @ g
    spread = reduced(
        over_noise(error.outer(error), S), {("S^+", "S"): P, ("P_M", "S^+"): PSEUDO_INVERSE}
    )
    yield Identity(spread, noise * PSEUDO_INVERSE / M, r"E[S^+ g g^\top S^+ \mid S]")
    seen = in_the_row_space(INVERSE) * M / d
    yield Identity(seen, M * P / (d - M - 1), r"E[S^+ \mid P_M]")
    found = noise * (QUERY @ substituted(seen, {"P_M": M * I / d})).trace() / M
    yield Identity(found / scalar(scale), VARIANCE, r"\text{variance}")


@step(AT_2)
def the_library(formula: Any = ols_risk) -> Iterator[Identity]:
    r"""The library's risk, in the eigenbasis of :math:`\Lambda`."""
    spectrum, query = np.array(sympy.symbols("lambda1:3", positive=True)), entries("q", 2)
    arrays = {"Lambda^-1": np.diag(1 / spectrum), "Lambda_q": query}
    for length in (4, 5, 8):
        law = GaussianPrompts(spectrum, length, noise_variance=noise_symbol, query_covariance=query)
        stated = evaluated(DETERMINED, arrays, {"M": length, "sigma^2": noise_symbol})
        yield Identity(formula(law).value, stated, rf"\mathrm{{risk}} \,\big|_{{M = {length}}}")


@step(AT_4)
def the_library_of_fewer_samples(formula: Any = ols_risk) -> Iterator[Identity]:
    r"""For white covariates, bias and variance."""
    tasks, query = entries("w", 4), entries("q", 4)
    arrays = {"W": tasks, "Lambda_q": query}
    for length in (1, 2):
        law = GaussianPrompts(
            np.full(4, scale),
            length,
            noise_variance=noise_symbol,
            task_covariance=tasks,
            query_covariance=query,
        )
        known = {"M": length, "sigma^2": noise_symbol, "c": scale}
        at = rf"\big|_{{M = {length}}}"
        found = formula(law)
        yield Identity(found.bias, evaluated(BIAS, arrays, known), rf"\text{{bias}} \,{at}")
        stated = evaluated(VARIANCE, arrays, known)
        yield Identity(found.variance, stated, rf"\text{{variance}} \,{at}")


def entries(name: str, size: int) -> Any:
    """A symmetric matrix of symbols."""
    return np.array(
        [[sympy.Symbol(f"{name}{min(i, j)}{max(i, j)}") for j in range(size)] for i in range(size)]
    )


@step(ANY)
def inverse_of_the_mean() -> Identity:
    r""":math:`\sigma^2 \operatorname{tr}(\Lambda_q \Lambda^{-1}) / M`, as if :math:`E[S^{-1}]` were
    :math:`\Lambda^{-1}`."""
    found = of_samples(noise * (QUERY @ INVERSE).trace() / M)
    return Identity(found, noise * (QUERY @ PRECISION).trace() / M, r"\mathrm{risk}")


@step(ANY)
def independent_entries() -> Identity:
    r""":math:`E[P_M B P_M] = (\frac Md)^2 B`, as if :math:`P_M` were :math:`\frac Md I`."""
    return Identity(between(B), M * M * B / (d * d), "E[P_M B P_M]")


chain = Chain(
    (
        no_bias,
        the_noise,
        the_inverse_moment,
        the_gap,
        a_random_projection,
        the_sample_in_its_row_space,
        what_fewer_samples_miss,
        noise_of_fewer_samples,
        the_library,
        the_library_of_fewer_samples,
    ),
    wrong=(inverse_of_the_mean, independent_entries),
)
residuals = chain.residuals
