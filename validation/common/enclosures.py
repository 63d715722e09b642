"""Closed forms once more, in balls: enclosures of what the library's floats should be.

A law is taken as the exact numbers that its floats are. Where a system is solved, a root taken or
an exponential, the formulas are those of the textbook: the library rearranges them so as to lose no
digits, here there are 400 bits of them.
"""

from collections.abc import Iterable
from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np

from lsa_theory.attention import LinearSelfAttention
from lsa_theory.linalg import array, dense, outer, solve
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss
from validation.harness import Close

POWERS = (0, 3, 6, 9, 12)  # of ten: the condition numbers
RATIOS = [10.0 ** (sign * power) for power in POWERS for sign in (1, -1)[: 1 + (power > 0)]]
LONG = 10**12  # a context so long that Γ is as badly conditioned as Λ


def laws(setting, general=False, dimension=6):
    """Of every condition number, in a usual and in a very long context; in `general` with another
    prior and other queries, as badly conditioned in other bases, and with noise."""
    cases = {}
    for power in POWERS:
        for length in (setting.context_length or 20, LONG):
            name = f"condition 1e{power}, N = {length:g}"
            draw = partial(conditioned, setting.rng(name), dimension, 10.0**power)
            options = {"task_covariance": draw(), "query_covariance": draw(), "noise_variance": 0.5}
            cases[name] = GaussianPrompts(draw(), length, **options if general else {})
    return cases


def balanced_laws(setting):
    """With balances of both signs, and signs of `s`."""
    cases = {}
    for name, law in laws(setting).items():
        cases |= {f"c = {c:g}, {name}": (law, c, s) for c, s in ((1e6, 1), (-1.0, -1), (-1e6, 1))}
    return cases


def conditioned(rng, dimension, condition):
    """A dense covariance with eigenvalues from 1 to `1 / condition`, in a random basis."""
    basis, _ = np.linalg.qr(rng.standard_normal((dimension, dimension)))
    matrix = (basis * np.geomspace(1.0, 1.0 / condition, dimension)) @ basis.T
    return (matrix + matrix.T) / 2


def moments(exponent):
    """`rt` from 0 on: just after the start, then evenly."""
    return np.concatenate([[0.0], np.geomspace(1e-12, 1e-2, 6), np.linspace(0, exponent, 8)[1:]])


def close(pairs: Iterable[tuple[Any, Any]], ulps: float, condition: float) -> Close:
    """Floats beside the balls around their exact values, each pair in units of its largest one."""
    from validation.common.balls import midpoint, radius

    floats, exact, widest = [], [], 0.0
    for value, enclosure in pairs:
        entries = np.ravel(np.asarray(enclosure, dtype=object))
        middles = [midpoint(entry) for entry in entries]
        unit = max(map(abs, middles)) or Fraction(1)
        exact += [middle / unit for middle in middles]
        floats += [Fraction(float(entry)) / unit for entry in np.ravel(value)]
        widest = max(widest, *(radius(entry) / float(unit) for entry in entries))
    return Close(floats, exact, ulps, condition, radius=2 * widest)


def shares(pairs):
    """The floats in units of their exact values, which are positive."""
    from validation.common.balls import midpoint

    return np.array([float(Fraction(float(value)) / midpoint(ball)) for value, ball in pairs])


def exactly(numbers):
    """The same numbers as balls of radius 0. Here python-flint is loaded, which is an extra."""
    from validation.common.balls import balls

    return balls(numbers)


def in_balls(law):
    """The same law in balls."""
    names = ("covariance", "task_covariance", "task_mean", "query_covariance")
    given = {name: getattr(law, name) for name in names if getattr(law, name) is not None}
    return GaussianPrompts(
        context_length=law.context_length,
        noise_variance=exactly(law.noise_variance)[()],
        **{name: exactly(entries) for name, entries in given.items()},
    )


def matrices(law):
    """Λ, Ω and Λ_q, dense."""
    return [dense(array(matrix)) for matrix in (law.context, law.task, law.query)]


def minimum(law):
    """Gain and loss of the minimiser by the normal equations, `C B = Λ Ω` with `C = E[h h^T]`, and
    the loss that they leave, `½ tr((Ω − B^T Λ Ω) Λ_q)`."""
    law = in_balls(law)
    (context, task, query), n = matrices(law), law.context_length
    signal = context @ task
    variance = signal.trace() + law.noise_variance
    gain = solve((n + 1) * signal @ context + variance * context, n * signal)
    return gain, ((task - gain.T @ signal) @ query).trace() / 2


def gamma_inverse(law):
    context, n = dense(in_balls(law).covariance), law.context_length
    one = np.eye(len(context), dtype=int)
    return solve((n + 1) * context + context.trace() * one, n * one)


def limit(law, balance=0.0, sign=1):
    """`s` and `U` where training ends: `s U = Γ^{-1}` and `s² − ‖U‖² = balance`."""
    inverse, balance = gamma_inverse(law), exactly(balance)[()]
    squares = (inverse * inverse).sum()  # tr(Γ^{-2})
    s = sign * ((balance + (balance * balance + 4 * squares).sqrt()) / 2).sqrt()
    return s, inverse / s


def guarantee(layer, law, sharp):
    """The lower bound on `s` and the rate of Theorem 4.1, in the paper's form or the sharp one."""
    from validation.common.balls import eigenvalues

    context, n, d = dense(in_balls(law).covariance), law.context_length, law.dimension
    s, u, root = exactly(layer.s)[()], exactly(layer.u), exactly(d)[()].sqrt()
    spectrum = np.array(eigenvalues(context), dtype=object)
    gammas = ((n + 1) * spectrum + spectrum.sum()) / n
    seen = (context @ context @ u).trace() / s  # ‖ΛΘ‖²
    if sharp:
        bracket, size = 2 - s * s * gammas[-1], (spectrum**4).sum().sqrt()
        curvature = spectrum[0] * spectrum[0] * gammas[0]
    else:
        bracket, size = 2 - root * s * s * gammas[-1], root * spectrum[-1] * spectrum[-1]
        curvature = 1 / ((1 / (gammas * spectrum)).sum() * (1 / spectrum).sum())
    squared = s * s * seen * bracket / (2 * size)
    return squared.sqrt(), 2 * squared * curvature


def error_terms(train, kind, task, length, noise):
    """Linear error, bias and variance of the trained layer, by `B = Γ^{-1}` in the error of any
    gain: `‖(B Λ − I) a‖²` in the norm of Λ, and `tr(Σ B Λ B) / M`."""
    inverse, context = gamma_inverse(train), dense(in_balls(train).covariance)
    noise = exactly(noise)[()]
    a, spread, error = target(kind, exactly(task), context, noise * noise)
    missed = inverse @ context @ a - a
    variance = (spread @ inverse @ context @ inverse).trace() / length
    return error, missed @ context @ missed, variance


def target(kind, task, context, noise_variance):
    """Coefficients, label covariance and linear error of `⟨w, x⟩ + ε`, or of `⟨w, x⟩² + ε`."""
    seen = context @ task
    power, along = task @ seen, outer(seen, seen)
    if kind == "linear":
        return task, (power + noise_variance) * context + along, noise_variance
    residual = 3 * power * power + noise_variance
    return 0 * task, residual * context + 12 * power * along, residual


def matrix_risk(gain, law):
    """Bias and variance of `h^T B x_q`, by `W = Ω + μ μ^T` and the covariance of `h`."""
    law, gain, n = in_balls(law), exactly(gain), law.context_length
    context, weight, query = matrices(law)
    if law.task_mean is not None:
        weight = weight + outer(law.task_mean, law.task_mean)
    missed = gain.T @ context - np.eye(len(gain), dtype=int)
    labels = (weight @ context).trace() + law.noise_variance
    spread = (labels * context + context @ weight @ context) / n
    return (missed.T @ query @ missed @ weight + gain @ query @ gain.T @ spread).trace()


def layer_loss(layer, law):
    """The library's own formula, which solves nothing, on balls."""
    exact = LinearSelfAttention(exactly(layer.pv), exactly(layer.kq))
    return population_loss(exact, in_balls(law))


def white_course(law, start, times, sign=1):
    """Shares and losses of white features at the times: the loss at a gain `b I` is
    `½ d λ_q (c b² − 2 λ ω b + ω)` with `C = c I`, and `b/√d` follows the logistic curve; from
    `U(0) = −u_0 I` (`sign` −1) backwards."""
    context, prior, query = (matrix[0, 0] for matrix in matrices(in_balls(law)))
    n, d = law.context_length, law.dimension
    noise, start = exactly([law.noise_variance, start])
    moment = ((n + 1) * context * prior + d * context * prior + noise) * context / n
    root, gain = exactly(d)[()].sqrt(), context * prior / moment
    falling = [(-2 * sign * root * context * prior * query * time).exp() for time in exactly(times)]
    odds = sign * gain / (root * start * start) - 1
    shares = np.array([1 / (1 + odds * fall) for fall in falling])
    reached = shares * gain
    losses = moment * reached * reached - 2 * context * prior * reached + prior
    return shares, d * query * losses / 2
