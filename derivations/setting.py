r"""The letters of the chapter: the layer, the law of its prompts, and what follows from them."""

from __future__ import annotations

import sympy

from derivations.algebra import (
    LENGTH,
    Words,
    functions_of_covariance,
    identity,
    inverse_pair,
    scalar,
    symbols,
)
from lsa_theory.attention import Parameters
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss

I = identity()  # noqa: E741
n = scalar(LENGTH)
noise_symbol, s_symbol = sympy.Symbol("sigma^2", nonnegative=True), sympy.Symbol("s", real=True)
noise, s = scalar(noise_symbol), scalar(s_symbol)

LAMBDA, OMEGA, QUERY = symbols("Lambda Omega Lambda_q")
U, B = symbols("U B")
v, p, mu = symbols("v p mu")

PARAMETERS = Parameters(v, s, U, p)
# the law of the theorems, and the most general one
PAPER = GaussianPrompts(LAMBDA, n)
GENERAL = GaussianPrompts(
    LAMBDA, n, noise_variance=noise, task_covariance=OMEGA, task_mean=mu, query_covariance=QUERY
)
ZERO_MEAN = GENERAL.replace(task_mean=None)

# Γ as a letter of its own with its inverse, both functions of Λ
GAMMA, GAMMA_INVERSE = functions_of_covariance("Gamma Gamma^-1")
GAMMA_DEFINED = ((n + 1) * LAMBDA + LAMBDA.trace() * I) / n
inverse_pair(GAMMA_DEFINED, GAMMA_INVERSE)
INVERSES = {("Gamma", "Gamma^-1"): I, ("Lambda", "Lambda^-1"): I}


def block_loss() -> Words:
    """Of the paper's law, at `v = p = 0`, in `s` and `U`, with Γ a letter."""
    return (
        s * s * (GAMMA @ LAMBDA @ U @ LAMBDA @ U.T).trace() / 2
        - s * (LAMBDA @ LAMBDA @ U.T).trace()
        + LAMBDA.trace() / 2
    )


def whole_loss() -> Words:
    """Of the general law, in all parameters: the library's formula, run on words."""
    return population_loss(PARAMETERS, GENERAL)
