r"""One-parameter families of shifts: a law for every value of a parameter.

Each function makes a `Family`; `family(value)` is the law. `neutral` is the value at which nothing
is shifted, `interval` where the parameter usually lives. A covariate shift moves the context and,
unless `query` is False, the query with it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.linalg import array, dense
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
    neutral: float
    interval: tuple[float, float]

    def __call__(self, value: Any) -> GaussianPrompts:
        """The law at a value of the parameter."""
        return self.law(value)


def _covariate(
    name: str,
    symbol: str,
    prompts: GaussianPrompts,
    covariance: Callable[[float], Any],
    neutral: float,
    interval: tuple[float, float],
    query: bool,
) -> Family:
    kept = array(prompts.query)

    def law(value: float) -> GaussianPrompts:
        moved = covariance(value)
        return prompts.replace(covariance=moved, query_covariance=moved if query else kept)

    return Family(name, symbol, "covariate", law, neutral, interval)


def scaled(prompts: GaussianPrompts, *, query: bool = True) -> Family:
    """`Λ → c Λ`."""
    base = prompts.covariance
    return _covariate("scale", "c", prompts, lambda c: c * base, 1.0, (0.1, 4.0), query)


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

    def covariance(angle: float) -> Array:
        turned = basis.copy()
        u, v = basis[:, first], basis[:, second]
        turned[:, first] = np.cos(angle) * u + np.sin(angle) * v
        turned[:, second] = np.cos(angle) * v - np.sin(angle) * u
        return (turned * eigenvalues) @ turned.T

    return _covariate("rotation", r"\theta", prompts, covariance, 0.0, (0.0, np.pi / 2), query)


def spiked(
    prompts: GaussianPrompts, direction: Shaped[Array, " d"] | None = None, *, query: bool = True
) -> Family:
    """`Λ + a e e^T` along a direction (the last eigenvector): `a` in units of `tr(Λ)/d`."""
    unit, base, mean = _direction("spiked", prompts, direction)
    spike = mean * np.outer(unit, unit)
    return _covariate("spike", "a", prompts, lambda a: base + a * spike, 0.0, (0.0, 10.0), query)


def removed(
    prompts: GaussianPrompts, direction: Shaped[Array, " d"] | None = None, *, query: bool = True
) -> Family:
    """A share of a direction taken out of the features: `x → x − a e e^T x`."""
    unit, _, _ = _direction("removed", prompts, direction)
    eigenvalues, basis = _eigenbasis(prompts)
    root = basis * np.sqrt(eigenvalues)

    def covariance(share: float) -> Array:
        kept = root - share * np.outer(unit, unit @ root)
        return kept @ kept.T  # as a square, positive to its own rounding

    return _covariate("removal", "a", prompts, covariance, 0.0, (0.0, 1.0), query)


def interpolated(
    prompts: GaussianPrompts, other: Shaped[Array, "d ..."], *, query: bool = True
) -> Family:
    """`(1 − t) Λ + t Λ'`, from the law's covariance to another."""
    d = prompts.dimension
    base = dense(prompts.covariance)
    target = dense(checks.covariance("interpolated", "other", other, d))
    return _covariate(
        "interpolation", "t", prompts, lambda t: base + t * (target - base), 0.0, (0.0, 1.0), query
    )


def respaced(prompts: GaussianPrompts, *, query: bool = True) -> Family:
    r"""`Λ^a` at the same trace: the exponent of the spectrum."""
    eigenvalues, basis = _eigenbasis(prompts)
    total = eigenvalues.sum()

    def covariance(exponent: float) -> Array:
        powers = eigenvalues**exponent
        return (basis * (powers * (total / powers.sum()))) @ basis.T

    return _covariate("spectrum exponent", "a", prompts, covariance, 1.0, (0.0, 3.0), query)


# --- the tolerated side ---


def retasked(prompts: GaussianPrompts) -> Family:
    """Tasks of `a` times the size: `Ω → a² Ω`, `μ → a μ`."""

    def law(size: float) -> GaussianPrompts:
        mean = None if prompts.task_mean is None else size * prompts.task_mean
        task = array(size * size * prompts.task)
        return prompts.replace(task_covariance=task, task_mean=mean)

    return Family("task size", "a", "task", law, 1.0, (0.0, 4.0))


def requeried(prompts: GaussianPrompts) -> Family:
    """Queries of `c` times the variance: `Λ_q → c Λ_q`."""

    def law(scale: float) -> GaussianPrompts:
        return prompts.replace(query_covariance=array(scale * prompts.query))

    return Family("query scale", "c", "query", law, 1.0, (0.1, 4.0))


def noisier(prompts: GaussianPrompts) -> Family:
    """Label noise of a variance, in units of the label's signal `tr(Λ E[w w^T])`."""
    signal = float((prompts.context @ dense(array(prompts.second_moment))).trace())

    def law(variance: float) -> GaussianPrompts:
        return prompts.replace(noise_variance=variance * signal)

    neutral = float(prompts.noise_variance) / signal if signal else 0.0
    return Family("noise", r"\sigma^2", "noise", law, neutral, (0.0, 1.0))


def longer(prompts: GaussianPrompts) -> Family:
    """Another context length."""
    n = prompts.context_length

    def law(length: float) -> GaussianPrompts:
        return prompts.replace(context_length=int(length))

    return Family("context length", "M", "length", law, n, (1, 64 * n))


def _eigenbasis(prompts: GaussianPrompts) -> tuple[Array, Array]:
    eigenvalues, basis = np.linalg.eigh(dense(np.asarray(prompts.covariance, dtype=np.float64)))
    return eigenvalues.clip(min=0), basis


def _direction(call: str, prompts: GaussianPrompts, direction: Any) -> tuple[Array, Array, float]:
    """A unit vector, the covariance, and the mean variance."""
    base = dense(np.asarray(prompts.covariance, dtype=np.float64))
    if direction is None:
        direction = _eigenbasis(prompts)[1][:, -1]
    unit = checks.vector(call, "direction", direction, len(base)).astype(np.float64)
    norm = np.linalg.norm(unit)
    if norm == 0:
        checks.refuse(call, "direction", direction, "not the zero vector")
    return unit / norm, base, float(np.trace(base) / len(base))
