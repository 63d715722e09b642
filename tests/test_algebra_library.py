"""The library's formulas run on words: put numbers for the letters afterwards, or before."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from derivations.algebra import LENGTH, Words, evaluated, scalar, symbols, symmetric
from lsa_theory import GaussianPrompts, TargetPrompts, population_loss, prediction_error, risk
from lsa_theory.attention import Parameters

RNG = np.random.default_rng(0)
LAMBDA, OMEGA, QUERY, U = symbols("Lambda Omega Lambda_q U")
v, p, mu, a = symbols("v p mu a")


def rationals(*shape):
    return np.array([Fraction(int(k), 2) for k in RNG.integers(-3, 4, np.prod(shape))]).reshape(
        shape
    )


def covariance():
    root = rationals(3, 3)
    return root @ root.T


def test_losses_of_every_layer():
    s, n, noise = scalar("s"), scalar(LENGTH), scalar("z")
    law = GaussianPrompts(
        LAMBDA, n, noise_variance=noise, task_covariance=OMEGA, task_mean=mu, query_covariance=QUERY
    )
    words = [population_loss(Parameters(v, s, U, p), law), risk(U, law)]
    arrays = {name: covariance() for name in ("Lambda", "Omega", "Lambda_q")}
    arrays |= {"U": rationals(3, 3)} | {name: rationals(3) for name in ("v", "p", "mu")}
    scalars = {"s": Fraction(2, 3), "N": Fraction(5), "z": Fraction(1, 4)}
    numbers = GaussianPrompts(
        arrays["Lambda"],
        5,
        noise_variance=scalars["z"],
        task_covariance=arrays["Omega"],
        task_mean=arrays["mu"],
        query_covariance=arrays["Lambda_q"],
    )
    layer = Parameters(arrays["v"], scalars["s"], arrays["U"], arrays["p"])
    found = [evaluated(each, arrays, scalars) for each in words]
    assert found == [population_loss(layer, numbers), risk(arrays["U"], numbers)]


def test_the_error_on_any_target():
    (spread,), (gain,) = symmetric("Sigma"), symbols("B")
    target = TargetPrompts(LAMBDA, scalar("M"), a, spread, scalar("r"))
    error = prediction_error(gain, target).total
    assert isinstance(error, Words)
    arrays = {
        "Lambda": covariance(),
        "Sigma": covariance(),
        "B": rationals(3, 3),
        "a": rationals(3),
    }
    numbers = TargetPrompts(arrays["Lambda"], 4, arrays["a"], arrays["Sigma"], Fraction(1, 3))
    found = evaluated(error, arrays, {"M": Fraction(4), "r": Fraction(1, 3)})
    assert found == prediction_error(arrays["B"], numbers).total
