"""Independent routes to the library's values: nothing here comes from `lsa_theory`.

`network_error` takes the definition of the network literally. A prompt's embedding is a matrix of
polynomials in independent standard Gaussians, `f(E) = E + W^PV E E^T W^KQ E / N` is evaluated on
it, and the mean of the squared error follows from `E z^{2k} = (2k − 1)!!`: exact rationals in,
exact rational out, and no Gaussian or Wishart identity in between. `scalar_error` is the case
d = 1 by hand, for any context length.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from math import prod

import numpy as np


class Polynomial:
    """A polynomial over the rationals: its coefficients by tuples of (variable, power)."""

    def __init__(self, terms: dict) -> None:
        self.terms = {powers: c for powers, c in terms.items() if c != 0}

    @classmethod
    def of(cls, value: object) -> Polynomial:
        return value if isinstance(value, Polynomial) else cls({(): Fraction(value)})

    def __add__(self, other: object) -> Polynomial:
        total = defaultdict(Fraction, self.terms)
        for powers, coefficient in Polynomial.of(other).terms.items():
            total[powers] += coefficient
        return Polynomial(total)

    def __mul__(self, other: object) -> Polynomial:
        total: dict = defaultdict(Fraction)
        for left, a in self.terms.items():
            for right, b in Polynomial.of(other).terms.items():
                total[joined(left, right)] += a * b
        return Polynomial(total)

    __radd__, __rmul__ = __add__, __mul__

    def mean_square(self) -> Fraction:
        """`E f(z)²`: only pairs of monomials with the same odd variables contribute."""
        classes = defaultdict(list)
        for powers, coefficient in self.terms.items():
            classes[frozenset(i for i, k in powers if k % 2)].append((powers, coefficient))
        return sum(
            (
                a * b * prod(double_factorial(k - 1) for _, k in joined(left, right))
                for terms in classes.values()
                for left, a in terms
                for right, b in terms
            ),
            Fraction(0),
        )


def joined(left: tuple, right: tuple) -> tuple:
    powers = defaultdict(int, left)
    for variable, power in right:
        powers[variable] += power
    return tuple(sorted(powers.items()))


def double_factorial(n: int) -> int:
    return prod(range(n, 0, -2))


def gaussians(count: int, fresh: Iterator[int]) -> np.ndarray:
    return np.array([Polynomial({((next(fresh), 1),): Fraction(1)}) for _ in range(count)])


@dataclass(frozen=True, eq=False)
class Law:
    """A law of prompts by rational square roots of its covariances: `Λ = A A^T` and so on."""

    context_root: np.ndarray
    query_root: np.ndarray
    task_root: np.ndarray
    task_mean: np.ndarray
    noise: Fraction  # a standard deviation
    context_length: int
    arguments: dict = field(init=False)  # of `GaussianPrompts`

    def __post_init__(self) -> None:
        arguments = {
            "covariance": self.context_root @ self.context_root.T,
            "context_length": self.context_length,
            "noise_variance": self.noise**2,
            "task_covariance": self.task_root @ self.task_root.T,
            "task_mean": self.task_mean,
            "query_covariance": self.query_root @ self.query_root.T,
        }
        object.__setattr__(self, "arguments", arguments)


def network_error(pv: np.ndarray, kq: np.ndarray, law: Law) -> Fraction:
    """`E(f(E)[d+1, N+1] − ⟨w, x_q⟩)²` from the definition of `f`, exactly."""
    fresh = iter(range(10**6))
    d, n = len(law.context_root), law.context_length
    w = law.task_root @ gaussians(d, fresh) + law.task_mean
    x = np.array([law.context_root @ gaussians(d, fresh) for _ in range(n)])
    y = x @ w + law.noise * gaussians(n, fresh)
    x_query = law.query_root @ gaussians(d, fresh)
    labelled = np.concatenate([x.T, y[None, :]])
    query = np.concatenate([x_query, [Polynomial({})]])
    embedding = np.concatenate([labelled, query[:, None]], axis=1)
    attended = embedding @ (embedding.T @ (kq @ query))
    prediction = query[-1] + Fraction(1, n) * (pv[-1] @ attended)
    return (prediction + -1 * (w @ x_query)).mean_square()


def scalar_error(v, s, u, p, *, covariance, context_length, task, noise, query):
    """The case d = 1 with a task of mean zero, by hand.

    With `S = Σ x²/N`, `h = Σ x y/N`, `q = Σ y²/N` the prediction is
    `x_q [v u (S + x_q²/N) + (v p + s u) h + s p q]`. Its middle term alone is odd in (w, ε), so
    the error is a sum of two: `E x_q² E(g h − w)²` and `E[x_q² (a S + b q + a x_q²/N)²]`.
    """
    c, n = covariance, context_length
    g, a, b = v * p + s * u, v * u, s * p
    h_w = c * task  # E h w
    h_h = c * c * task * (n + 1) / n + c * (c * task + noise) / n
    odd = query * (g * g * h_h - 2 * g * h_w + task)
    label = c * task + noise  # E y²
    square = 3 * c * c * task * task + 2 * c * task * noise + noise * noise  # E(c w² + σ²)²
    s_s = c * c * (n + 2) / n
    q_q = square * (n + 2) / n  # given w, N q / (c w² + σ²) is a χ² of N degrees
    s_q = c * label + 2 * c * c * task / n  # E x²y² = c (3 c w² + σ²) where the pairs coincide
    even = query * (a * a * s_s + b * b * q_q + 2 * a * b * s_q)
    even += 3 * query**2 * 2 * a / n * (a * c + b * label)  # E x_q⁴ = 3 Λ_q²
    even += 15 * query**3 * a * a / (n * n)  # E x_q⁶ = 15 Λ_q³
    return odd + even
