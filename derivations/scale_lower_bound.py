r"""A start that does better than predicting nothing keeps its scale above a bound, at all times.

The flow starts at :math:`U = \sigma_0 P`, :math:`s = \sigma_0` with :math:`P = \Theta\Theta^\top`,
:math:`\|P\|_F = 1`. Its gain over the zero predictor,
:math:`\frac12 \operatorname{tr} \Lambda - L`, never shrinks, as the loss never rises. At any time
it is at most :math:`\|\Lambda^2\|_F\, s^2`, by the Cauchy–Schwarz inequality and the balance; at
the start it is at least
:math:`\frac12 \sigma_0^2 \|\Lambda\Theta\|_F^2 [2 - \sigma_0^2 \|\Gamma\|]`. Each inequality is an
identity here: what is missing from one side to the other is a sum of squares. Norms are operator
norms but for :math:`\|\cdot\|_F`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import sympy

from derivations.algebra import (
    DIMENSION,
    LENGTH,
    derivative,
    functions_of_covariance,
    reduced,
    scalar,
    substituted,
    symbols,
)
from derivations.chain import ANY, AT_2, SCALARS, Chain, Identity, step
from derivations.flow_limit import (
    BALANCE,
    C_ROOT,
    FLOW,
    RELATIONS,
    ROOT,
    same,
    squared_norm,
    squared_slope,
)
from derivations.setting import GAMMA, LAMBDA, I, U, block_loss, s, s_symbol
from lsa_theory.convergence import Spectrum, least_squared_scale

THETA, R_P = symbols("Theta R_P")
R_GAMMA, R_LAMBDA = functions_of_covariance("R_Gamma R_Lambda")
P = THETA @ THETA.T
(x,) = symbols("x")
UNIT = {("x'", "x"): 1}

start_symbol = sympy.Symbol("sigma_0", positive=True)
norm_gamma = sympy.Symbol(r"\|\Gamma\|", positive=True)
norm_lambda = sympy.Symbol(r"\|\Lambda\|", positive=True)
start, norm = scalar(start_symbol), scalar(norm_gamma)

SQUARE = LAMBDA @ LAMBDA
SIZE, ALONG = squared_norm(SQUARE), (SQUARE @ U.T).trace()
RESIDUAL = SIZE * U - ALONG * SQUARE  # Z
SEEN = squared_norm(LAMBDA @ THETA)  # ‖ΛΘ‖_F²
QUARTIC = (GAMMA @ LAMBDA @ P @ LAMBDA @ P).trace()
GAINED = LAMBDA.trace() / 2 - block_loss()
GAINED_AT_START = substituted(GAINED, {"U": start * P, s_symbol: start_symbol})

# two eigenvalues of Λ, and those of Γ
SMALLER, ABOVE = sympy.symbols("lambda_1 delta", positive=True)
VALUES = np.array([SMALLER, SMALLER + ABOVE], dtype=object)
GAMMAS = np.array([value + (value + VALUES.sum()) / LENGTH for value in VALUES], dtype=object)


@step(ANY)
def the_gain_never_shrinks() -> Identity:
    r"""The loss falls at the rate of the squared gradient."""
    label = r"\frac{d}{dt} \left( \tfrac12 \operatorname{tr} \Lambda - L \right) = \|\nabla L\|^2"
    return same(derivative(GAINED, FLOW), squared_slope(), label)


@step(ANY)
def no_gain_without_scale() -> Identity:
    r"""The gain is less than :math:`s \operatorname{tr}(\Lambda^2 U^\top)`, by
    :math:`\frac12 \|C^{1/2} sU \Lambda^{1/2}\|_F^2` with :math:`C = \Gamma\Lambda`."""
    root = squared_norm(s * C_ROOT @ U @ ROOT) / 2
    label = r"s \operatorname{tr}(\Lambda^2 U^\top) + L - \tfrac12 \operatorname{tr} \Lambda"
    return same(s * ALONG - GAINED, root, label)


@step(ANY)
def cauchy_schwarz() -> Identity:
    r"""For :math:`Z = \|\Lambda^2\|_F^2\, U - \operatorname{tr}(\Lambda^2 U^\top)\, \Lambda^2`,
    :math:`\|Z\|_F^2 = \|\Lambda^2\|_F^2 \big( \|\Lambda^2\|_F^2 \|U\|_F^2
    - \operatorname{tr}(\Lambda^2 U^\top)^2 \big) \ge 0`."""
    stated = SIZE * (SIZE * squared_norm(U) - ALONG * ALONG)
    return Identity(squared_norm(RESIDUAL), stated, r"\|Z\|_F^2")


@step(ANY)
def the_balance() -> Identity:
    r"""As :math:`\|U\|_F^2 = s^2` at all times, :math:`(s \operatorname{tr}(\Lambda^2 U^\top))^2
    \le (\|\Lambda^2\|_F\, s^2)^2`: the gain is at most :math:`\|\Lambda^2\|_F\, s^2`."""
    stated = SIZE * (SIZE * s**4 - (s * ALONG) ** 2)
    missing = s * s * squared_norm(RESIDUAL) + s * s * SIZE * SIZE * BALANCE
    label = r"s^2 \|Z\|_F^2 + s^2 \|\Lambda^2\|_F^4 \left( s^2 - \|U\|_F^2 \right)"
    return Identity(missing, stated, label)


@step(ANY)
def the_gain_at_the_start() -> Identity:
    r"""At the start it is :math:`\sigma_0^2 \|\Lambda\Theta\|_F^2
    - \frac12 \sigma_0^4 \operatorname{tr}(\Gamma \Lambda P \Lambda P)`."""
    stated = start**2 * SEEN - start**4 * QUARTIC / 2
    return Identity(GAINED_AT_START, stated, r"\tfrac12 \operatorname{tr} \Lambda - L(0)")


@step(ANY)
def the_start_is_at_most_the_identity() -> Iterator[Identity]:
    r"""For a unit vector :math:`x`, :math:`(x^\top P x)^2 \le \|Px\|^2 \le \|P\|_F^2 = 1`: what is
    missing are :math:`\|Px - (x^\top P x)\, x\|^2` and :math:`\|P - P x x^\top\|_F^2`. So
    :math:`I - P` has no negative eigenvalue, and a root :math:`R_P`,
    :math:`R_P R_P^\top = I - P`."""
    value, length = x @ P @ x, (P @ x) @ (P @ x)
    along, across = P @ x - value * x, P - (P @ x).outer(x)
    first, second = reduced(along @ along, UNIT), reduced(squared_norm(across), UNIT)
    yield Identity(first, length - value * value, r"\|Px - (x^\top P x)\, x\|^2")
    yield Identity(second, squared_norm(P) - length, r"\|P - P x x^\top\|_F^2")


@step(ANY)
def the_quartic_term() -> Iterator[Identity]:
    r""":math:`\operatorname{tr}(\Gamma\Lambda P \Lambda P) \le \|\Gamma\| \operatorname{tr}(\Lambda
    P \Lambda P) \le \|\Gamma\|\, \|\Lambda\Theta\|_F^2`: the root :math:`R_\Gamma` of
    :math:`\|\Gamma\| I - \Gamma`, a function of :math:`\Lambda` as :math:`\Gamma` is, and
    :math:`R_P` give what is missing."""
    plain = (LAMBDA @ P @ LAMBDA @ P).trace()
    roots = {("R_Gamma", "R_Gamma"): norm * I - GAMMA, ("R_P", "R_P'"): I - P}
    first = reduced(squared_norm(R_GAMMA @ ROOT @ P @ ROOT), RELATIONS | roots)
    second = reduced(squared_norm(R_P.T @ LAMBDA @ THETA), roots)
    yield Identity(first, norm * plain - QUARTIC, r"\|R_\Gamma \Lambda^{1/2} P \Lambda^{1/2}\|_F^2")
    yield Identity(second, SEEN - plain, r"\|R_P^\top \Lambda \Theta\|_F^2")


@step(ANY)
def the_sharp_form() -> Identity:
    r"""Together, :math:`\|\Lambda^2\|_F\, s(t)^2 \ge \frac12 \operatorname{tr} \Lambda - L(t) \ge
    \frac12 \operatorname{tr} \Lambda - L(0) \ge \frac12 \sigma_0^2 \|\Lambda\Theta\|_F^2
    [2 - \sigma_0^2 \|\Gamma\|]`; the library divides the last by :math:`\|\Lambda^2\|_F`."""
    stated = least_squared_scale(start**2, SEEN, norm, 1)
    missing = start**4 * (norm * SEEN - QUARTIC) / 2
    label = r"\tfrac12 \operatorname{tr} \Lambda - L(0) - \tfrac12 \sigma_0^2 \|\Lambda\Theta\|_F^2"
    return Identity(GAINED_AT_START - stated, missing, label + r"[2 - \sigma_0^2 \|\Gamma\|]")


@step(ANY)
def the_norm_of_the_square() -> Identity:
    r""":math:`\|\Lambda^2\|_F^2 \le d\, \|\Lambda\|^4`, by the root :math:`R_\Lambda` of
    :math:`\|\Lambda\|^2 I - \Lambda^2`."""
    missing = norm_lambda**2 * squared_norm(R_LAMBDA) + squared_norm(R_LAMBDA @ LAMBDA)
    given = {("R_Lambda", "R_Lambda"): scalar(norm_lambda) ** 2 * I - SQUARE}
    stated = DIMENSION * norm_lambda**4 - squared_norm(SQUARE)
    label = r"\|\Lambda\|^2 \|R_\Lambda\|_F^2 + \|R_\Lambda \Lambda\|_F^2"
    return Identity(reduced(missing, given), stated, label)


@step(SCALARS)
def the_form_in_the_paper() -> Identity:
    r"""It has :math:`\sqrt d\, \|\Gamma\| = (1 + r^2) \|\Gamma\|` for :math:`\|\Gamma\|` and
    :math:`\sqrt d\, \|\Lambda\|^2 = f + q^2` for :math:`f = \|\Lambda^2\|_F`. With
    :math:`a = \|\Lambda\Theta\|_F` the sharp bound is larger where
    :math:`\sigma_0^2 \|\Gamma\| < 2`, by what the right side says."""
    a, f, r, q = sympy.symbols("a f r q", positive=True)
    squared, larger = start_symbol**2, f + q**2
    sharp = least_squared_scale(squared, a**2, norm_gamma, f)
    paper = least_squared_scale(squared, a**2, (1 + r**2) * norm_gamma, larger)
    room = q**2 * (2 - squared * norm_gamma) + f * r**2 * squared * norm_gamma
    return Identity(sharp - paper, squared * a**2 * room / (2 * f * larger))


def library_spectrum() -> Spectrum:
    """Of these eigenvalues, in descending order."""
    return Spectrum.between(VALUES[::-1], VALUES[::-1], LENGTH, sympy.sqrt(2))


@step(AT_2)
def the_library() -> Iterator[Identity]:
    r"""What the library takes for :math:`\|\Gamma\|` and :math:`\|\Lambda^2\|_F`, from the
    eigenvalues :math:`\lambda_1` and :math:`\lambda_2 = \lambda_1 + \delta` of :math:`\Lambda`, and
    in the paper's form for :math:`\sqrt d\, \|\Gamma\|` and :math:`\sqrt d\, \|\Lambda\|^2`."""
    found = library_spectrum()
    frobenius = sympy.sqrt(VALUES[0] ** 4 + VALUES[1] ** 4)
    root = sympy.sqrt(2)
    yield Identity(found.stiffness(sharp=True), GAMMAS[1], r"\|\Gamma\|")
    yield Identity(found.size(sharp=True), frobenius, r"\|\Lambda^2\|_F")
    yield Identity(found.stiffness(sharp=False), root * GAMMAS[1], r"\sqrt d\, \|\Gamma\|")
    yield Identity(found.size(sharp=False), root * VALUES[1] ** 2, r"\sqrt d\, \|\Lambda\|^2")


@step(ANY)
def half_of_the_quartic_forgotten() -> Identity:
    r"""Without the factor :math:`\frac12` of the quartic term the bracket would be
    :math:`1 - \sigma_0^2 \|\Gamma\|`."""
    return Identity(GAINED_AT_START, start**2 * SEEN - start**4 * QUARTIC)


@step(ANY)
def the_start_as_a_projection() -> Identity:
    r"""For a projection :math:`P` the last of these inequalities would be an equality."""
    return Identity((LAMBDA @ P @ LAMBDA @ P).trace(), SEEN)


chain = Chain(
    (
        the_gain_never_shrinks,
        no_gain_without_scale,
        cauchy_schwarz,
        the_balance,
        the_gain_at_the_start,
        the_start_is_at_most_the_identity,
        the_quartic_term,
        the_sharp_form,
        the_norm_of_the_square,
        the_form_in_the_paper,
        the_library,
    ),
    wrong=(half_of_the_quartic_forgotten, the_start_as_a_projection),
)
residuals = chain.residuals
