r"""Wherever the scale is not small, the squared gradient is at least a constant times the excess.

With :math:`E = sU - \Gamma^{-1}`, :math:`C = \Gamma\Lambda` and
:math:`X = C^{1/2} E \Lambda^{1/2}`, the excess is :math:`\frac12 \|X\|_F^2` and the gradient in
:math:`U` is :math:`s\, C^{1/2} X \Lambda^{1/2}`: two factors that shrink :math:`X` by no more than
the roots of :math:`\lambda_{\min}(C)` and :math:`\lambda_{\min}(\Lambda)`. What is missing from one
side of an inequality to the other is a sum of squares throughout.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import sympy

from derivations.algebra import (
    DIMENSION,
    Words,
    functions_of_covariance,
    reduced,
    scalar,
    substituted,
    symbols,
)
from derivations.chain import ANY, AT_2, SCALARS, Chain, Identity, step
from derivations.flow_limit import (
    C_ROOT,
    EXCESS_ROOT,
    LEAST,
    RELATIONS,
    ROOT,
    SLOPE_S,
    SLOPE_U,
    same,
    squared_norm,
    squared_slope,
)
from derivations.scale_lower_bound import (
    GAMMAS,
    UNIT,
    VALUES,
    library_spectrum,
    norm_gamma,
    norm_lambda,
    start_symbol,
    x,
)
from derivations.setting import GAMMA_INVERSE, I, block_loss, s, s_symbol
from lsa_theory.convergence import least_squared_scale, pl_constant

X, q = symbols("X q")
# the roots of C and Λ less their least eigenvalues, and of the inverse of either
S_C, S_LAMBDA, INVERSE_ROOT = functions_of_covariance("S_C S_Lambda M^-1/2")
least_c, least_lambda = sympy.symbols("c l", positive=True)
gamma_symbol = sympy.Symbol("gamma", positive=True)
EIGENVECTOR = {
    ("Lambda", "q"): least_lambda * q,
    ("Gamma", "q"): gamma_symbol * q,
    ("Gamma^-1", "q"): q / gamma_symbol,
    ("q'", "q"): 1,
}
ABOVE_LEAST = {
    ("C^1/2", "C^1/2"): scalar(least_c) * I + S_C @ S_C,
    ("Lambda^1/2", "Lambda^1/2"): scalar(least_lambda) * I + S_LAMBDA @ S_LAMBDA,
}


@step(ANY)
def the_excess() -> Identity:
    r"""It is half of a squared norm, :math:`L - \min L = \frac12 \|X\|_F^2`."""
    label = r"2 (L - \min L) = \|X\|_F^2"
    return same(2 * (block_loss() - LEAST), squared_norm(EXCESS_ROOT), label)


@step(ANY)
def the_gradient() -> Identity:
    r"""The gradient in :math:`U` is :math:`s\, C^{1/2} X \Lambda^{1/2}`."""
    label = r"\partial L/\partial U = s\, C^{1/2} X \Lambda^{1/2}"
    return same(SLOPE_U, s * C_ROOT @ EXCESS_ROOT @ ROOT, label)


@step(ANY)
def the_sharp_inequality() -> Identity:
    r"""With :math:`c = \lambda_{\min}(C)`, :math:`l = \lambda_{\min}(\Lambda)` and the roots
    :math:`S_C`, :math:`S_\Lambda` of :math:`C - c I` and :math:`\Lambda - l I`, for every
    :math:`X`, :math:`\|C^{1/2} X \Lambda^{1/2}\|_F^2 \ge c\, l\, \|X\|_F^2`."""
    whole = reduced(squared_norm(C_ROOT @ X @ ROOT), ABOVE_LEAST)
    missing = (
        least_c * squared_norm(X @ S_LAMBDA)
        + least_lambda * squared_norm(S_C @ X)
        + squared_norm(S_C @ X @ S_LAMBDA)
    )
    label = r"\|C^{1/2} X \Lambda^{1/2}\|_F^2 - c\, l\, \|X\|_F^2"
    return Identity(whole - least_c * least_lambda * squared_norm(X), missing, label)


@step(ANY)
def the_trace_of_an_inverse() -> Identity:
    r"""For a unit eigenvector :math:`x` of the least eigenvalue of a positive definite
    :math:`M`, :math:`1 / \lambda_{\min}(M) = x^\top M^{-1} x \le \operatorname{tr}(M^{-1})`. So
    :math:`c \ge 1 / \operatorname{tr}(C^{-1})` and :math:`l \ge 1 / \operatorname{tr}
    (\Lambda^{-1})`, which is the paper's form."""
    inverse = INVERSE_ROOT @ INVERSE_ROOT
    missing = reduced(squared_norm(INVERSE_ROOT - (INVERSE_ROOT @ x).outer(x)), UNIT)
    label = r"\|M^{-1/2} (I - x x^\top)\|_F^2"
    return Identity(missing, inverse.trace() - x @ inverse @ x, label)


@step(ANY)
def the_other_slope() -> Identity:
    r"""The slope in :math:`s` only adds to the gradient. So
    :math:`\|\nabla L\|^2 \ge s^2 c\, l\, \|X\|_F^2 = 2 s^2 c\, l\, (L - \min L)`."""
    label = r"\|\nabla L\|^2 - \|\partial L/\partial U\|_F^2 = (\partial L/\partial s)^2"
    return same(squared_slope() - squared_norm(SLOPE_U), SLOPE_S * SLOPE_S, label)


@step(SCALARS)
def the_constant() -> Identity:
    r"""With the lower bound on :math:`s^2` for :math:`s^2`, :math:`2 s^2 c\, l` is a constant
    :math:`\mu`. In the paper's form, :math:`c` and :math:`l` are the inverses of the traces
    :math:`t_C`, :math:`t_\Lambda`, and with :math:`a = \|\Lambda\Theta\|_F` it is the theorem's."""
    a, of_c, of_lambda = sympy.symbols("a t_C t_Lambda", positive=True)
    root = sympy.sqrt(DIMENSION)
    size = root * norm_lambda**2
    bound = least_squared_scale(start_symbol**2, a**2, root * norm_gamma, size)
    bracket = 2 - root * start_symbol**2 * norm_gamma
    stated = start_symbol**2 * a**2 * bracket / (size * of_c * of_lambda)
    return Identity(2 * bound / (of_c * of_lambda), stated, r"\mu")


@step(ANY)
def it_cannot_be_improved() -> Iterator[Identity]:
    r"""Where all is learnt but the unit direction :math:`q` of :math:`\Lambda q = l q`,
    :math:`\Gamma q = \gamma q`, at :math:`sU = \Gamma^{-1} - q q^\top / \gamma`, the slope in
    :math:`s` is 0 and the squared gradient is :math:`2 s^2 \gamma l^2` times the excess: at the
    least :math:`l` and :math:`c = \gamma l` an equality, for every :math:`s`."""
    unlearnt = {"U": (GAMMA_INVERSE - q.outer(q) / gamma_symbol) / s_symbol}
    at = partial(at_eigenvector, values=unlearnt)
    yield Identity(at(SLOPE_S), 0, r"\partial L/\partial s")
    excess = at(block_loss() - LEAST)
    yield Identity(excess, least_lambda**2 / gamma_symbol / 2, r"L - \min L")
    rate = 2 * s_symbol**2 * gamma_symbol * least_lambda**2
    yield Identity(at(squared_slope()), rate * excess, r"\|\nabla L\|^2")


def at_eigenvector(words: Words, values: dict[Any, Any]) -> Words:
    return reduced(substituted(words, values), RELATIONS | EIGENVECTOR)


@step(AT_2)
def the_library() -> Iterator[Identity]:
    r"""The library's :math:`\mu` of a lower bound :math:`b` on :math:`s^2`, from the eigenvalues
    :math:`\lambda_i` of :math:`\Lambda` and :math:`\gamma_i` of :math:`\Gamma`, which ascend
    together: sharp, with :math:`c = \gamma_1 \lambda_1` and :math:`l = \lambda_1`, and the paper's,
    with :math:`t_C = \sum_i 1 / (\gamma_i \lambda_i)` and
    :math:`t_\Lambda = \sum_i 1 / \lambda_i`."""
    bound = sympy.Symbol("b", positive=True)
    spectrum = library_spectrum()
    of_c, of_lambda = (1 / (GAMMAS * VALUES)).sum(), (1 / VALUES).sum()
    stated = {True: GAMMAS[0] * VALUES[0] * VALUES[0], False: 1 / (of_c * of_lambda)}
    for sharp, factors in stated.items():
        found = pl_constant(bound, spectrum.curvature(sharp))
        yield Identity(found, 2 * bound * factors, r"\mu" if sharp else r"\mu_{\mathrm{paper}}")


@step(ANY)
def half_forgotten() -> Identity:
    r"""The excess as the whole of the squared norm: :math:`\mu` would be half as large."""
    return same(block_loss() - LEAST, squared_norm(EXCESS_ROOT))


@step(ANY)
def the_scale_forgotten() -> Identity:
    r"""As if the gradient in :math:`U` were that in the gain, without the factor :math:`s`."""
    return same(SLOPE_U, C_ROOT @ EXCESS_ROOT @ ROOT)


chain = Chain(
    (
        the_excess,
        the_gradient,
        the_sharp_inequality,
        the_trace_of_an_inverse,
        the_other_slope,
        the_constant,
        it_cannot_be_improved,
        the_library,
    ),
    wrong=(half_forgotten, the_scale_forgotten),
)
residuals = chain.residuals
