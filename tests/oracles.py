"""The case d = 1 by hand, and laws spelt out in full for the oracle of the validation."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from lsa_theory import LinearSelfAttention
from validation.harness.oracle import RationalLaw, loss


def network_error(pv: np.ndarray, kq: np.ndarray, law: RationalLaw) -> Fraction:
    """`E(f(E)[d+1, N+1] − ⟨w, x_q⟩)²` from the definition of the network, exactly."""
    return 2 * loss(LinearSelfAttention(pv, kq), law)


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
