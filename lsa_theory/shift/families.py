r"""One-parameter families of shifts: a law for every value of a parameter.

Each function makes a `Family`; `family(value)` is the law. `neutral` is the value at which nothing
is shifted, `interval` where the parameter usually lives. A covariate shift moves the context and,
unless `query` is False, the query with it. Of exact laws a float is taken as the rational that it
is; under JAX the value may be traced.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.definiteness import rank
from lsa_theory.estimators.base import floats
from lsa_theory.linalg import (
    Diagonal,
    array,
    dense,
    eigenbasis,
    is_exact,
    is_traced,
    namespace,
    operator,
    outer,
    product_trace,
)
from lsa_theory.prompts import GaussianPrompts


@dataclass(frozen=True, eq=False)
class Family:
    """Laws by a parameter.

    Attributes
    ----------
    name, symbol
        In words, and as in the paper.
    kind
        What it shifts: "covariate", "task", "query", "noise" or "length".
    """

    name: str
    symbol: str
    kind: str
    law: Callable[[Any], GaussianPrompts]
    neutral: Any
    interval: tuple[Any, Any]

    def __call__(self, value: Any) -> GaussianPrompts:
        """The law at a value of the parameter."""
        return self.law(value)


def _covariate(
    name: str,
    symbol: str,
    prompts: GaussianPrompts,
    covariance: Callable[[Any], Any],
    neutral: float,
    interval: tuple[float, float],
    query: bool,
) -> Family:
    kept = array(prompts.query)

    def law(value: Any) -> GaussianPrompts:
        moved = covariance(value)
        return prompts.replace(covariance=moved, query_covariance=moved if query else kept)

    return Family(name, symbol, "covariate", law, neutral, interval)


def scaled(prompts: GaussianPrompts, *, query: bool = True) -> Family:
    """`Λ → c Λ`."""

    def covariance(scale: Any) -> Array:
        scale, base = _of_one_kind(scale, prompts.covariance)
        return scale * base

    return _covariate("scale", "c", prompts, covariance, 1.0, (0.1, 4.0), query)


def rotated(
    prompts: GaussianPrompts, first: int = 0, second: int = -1, *, query: bool = True
) -> Family:
    """Λ turned by an angle, in radians, in the plane of two of its eigenvectors (in ascending
    order of eigenvalues: by default of the smallest and the largest)."""
    eigenvalues, basis = _eigenbasis(prompts)
    d = len(eigenvalues)
    for argument, index in (("first", first), ("second", second)):
        if not -d <= index < d:
            checks.refuse("rotated", argument, index, f"the index of one of {d} eigenvectors")
    if first % d == second % d:
        checks.refuse("rotated", "second", second, "another eigenvector than the first")
    unit = np.eye(d)
    kept = 1 - unit[first] - unit[second]

    def covariance(angle: Any) -> Array:
        u, v = basis[:, first], basis[:, second]
        cos, sin = namespace(angle).cos(angle), namespace(angle).sin(angle)
        turned = basis * kept + outer(cos * u + sin * v, unit[first])
        turned = turned + outer(cos * v - sin * u, unit[second])
        return (turned * eigenvalues) @ turned.T

    return _covariate("rotation", r"\theta", prompts, covariance, 0.0, (0.0, np.pi / 2), query)


def spiked(
    prompts: GaussianPrompts, direction: Shaped[Array, " d"] | None = None, *, query: bool = True
) -> Family:
    """`Λ + a e e^T` along a direction (the last eigenvector): `a` in units of `tr(Λ)/d`."""
    unit, base, mean = _direction("spiked", prompts, direction)
    spike = mean * outer(unit, unit)
    return _covariate("spike", "a", prompts, lambda a: base + a * spike, 0.0, (0.0, 10.0), query)


def removed(
    prompts: GaussianPrompts, direction: Shaped[Array, " d"] | None = None, *, query: bool = True
) -> Family:
    """A share of a direction taken out of the features: `x → x − a e e^T x`."""
    unit, _, _ = _direction("removed", prompts, direction)
    eigenvalues, basis = _eigenbasis(prompts)
    root = basis * namespace(eigenvalues).sqrt(eigenvalues)

    def covariance(share: Any) -> Array:
        kept = root - share * outer(unit, unit @ root)
        return kept @ kept.T  # as a square, positive to its own rounding

    return _covariate("removal", "a", prompts, covariance, 0.0, (0.0, 1.0), query)


def interpolated(
    prompts: GaussianPrompts, other: Shaped[Array, "d ..."], *, query: bool = True
) -> Family:
    """`(1 − t) Λ + t Λ'`, from the law's covariance to another."""
    other = checks.covariance("interpolated", "other", other, prompts.dimension)

    def covariance(share: Any) -> Array:
        share, *ends = _of_one_kind(share, prompts.covariance, other)
        base, target = (operator(end) for end in ends)
        return array(base + share * (target - base))

    return _covariate("interpolation", "t", prompts, covariance, 0.0, (0.0, 1.0), query)


def respaced(prompts: GaussianPrompts, *, query: bool = True) -> Family:
    r"""`Λ^a` at the same trace: the exponent of the spectrum; of a singular Λ, `a >= 0`."""
    eigenvalues, basis = eigenbasis(floats(prompts.context))
    eigenvalues = eigenvalues.clip(min=0)
    total = eigenvalues.sum()
    free = is_traced(eigenvalues) or rank(prompts.context) == len(eigenvalues)

    def covariance(exponent: Any) -> Array:
        if not (free or is_traced(exponent) or exponent >= 0):
            rule = "at least 0, as the covariance has a zero eigenvalue"
            checks.refuse("respaced", "exponent", exponent, rule)
        powers = eigenvalues**exponent
        return array(basis @ (Diagonal(powers * (total / powers.sum())) @ basis.T))

    return _covariate("spectrum exponent", "a", prompts, covariance, 1.0, (0.0, 3.0), query)


# --- the tolerated side ---


def retasked(prompts: GaussianPrompts) -> Family:
    """Tasks of `a` times the size: `Ω → a² Ω`, `μ → a μ`."""

    def law(size: Any) -> GaussianPrompts:
        size, task, mean, _ = _of_one_kind(
            size, array(prompts.task), prompts.task_mean, prompts.covariance
        )
        mean = None if mean is None else size * mean
        return prompts.replace(task_covariance=size * size * task, task_mean=mean)

    return Family("task size", "a", "task", law, 1.0, (0.0, 4.0))


def requeried(prompts: GaussianPrompts) -> Family:
    """Queries of `c` times the variance: `Λ_q → c Λ_q`."""

    def law(scale: Any) -> GaussianPrompts:
        scale, query = _of_one_kind(scale, array(prompts.query))
        return prompts.replace(query_covariance=scale * query)

    return Family("query scale", "c", "query", law, 1.0, (0.1, 4.0))


def noisier(prompts: GaussianPrompts) -> Family:
    """Label noise of a variance, in units of the label's signal `tr(Λ E[w w^T])`."""
    signal = floats(product_trace(prompts.context, prompts.second_moment))

    def law(variance: Any) -> GaussianPrompts:
        return prompts.replace(noise_variance=variance * signal)

    silent = not is_traced(signal) and signal == 0
    neutral = 0.0 if silent else floats(prompts.noise_variance) / signal
    return Family("noise", r"\sigma^2", "noise", law, neutral, (0.0, 1.0))


def longer(prompts: GaussianPrompts) -> Family:
    """Another context length: an integer, also as a float."""
    n = prompts.context_length

    def law(length: Any) -> GaussianPrompts:
        length = checks.real("longer", "length", length)
        known = not (is_traced(length) or getattr(length, "free_symbols", None))
        if known and length != int(length):
            checks.refuse("longer", "length", length, "an integer")
        length = int(length) if known else length
        return prompts.replace(context_length=length)

    return Family("context length", "M", "length", law, n, (1, 64 * n))


def _of_one_kind(value: Any, *arrays: Any) -> Any:
    """All exact if the arrays are (some may be integers, or None), else all in floats; a traced
    value is a float."""
    given = [array for array in arrays if array is not None]
    exact = all(is_exact(array) or array.dtype.kind == "i" for array in given)
    known = not (is_traced(value) or getattr(value, "free_symbols", None))
    if exact and is_exact(*given) and not is_traced(value):
        return checks.rational(checks.exactly(value)) if known else value, *arrays
    floated = (None if array is None else floats(array) for array in arrays)
    return float(value) if known else value, *floated


def _eigenbasis(prompts: GaussianPrompts) -> tuple[Array, Array]:
    """Eigenvalues in ascending order, and eigenvectors as the columns of a matrix."""
    eigenvalues, basis = eigenbasis(floats(dense(prompts.covariance)))
    return eigenvalues.clip(min=0), basis


def _direction(call: str, prompts: GaussianPrompts, direction: Any) -> tuple[Array, Array, Scalar]:
    """A unit vector, the covariance, and the mean variance."""
    base = floats(dense(prompts.covariance))
    if direction is None:
        direction = _eigenbasis(prompts)[1][:, -1]
    unit = floats(checks.vector(call, "direction", direction, len(base)))
    norm = namespace(unit).linalg.norm(unit)
    if not is_traced(norm) and norm == 0:
        checks.refuse(call, "direction", direction, "not the zero vector")
    return unit / norm, base, base.trace() / len(base)
