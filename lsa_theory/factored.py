"""Laws of prompts by factors of their matrices in float64: what sampling multiplies normals by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.linalg import array, factor, identity, operator
from lsa_theory.prompts import GaussianPrompts, draws_covariances


@dataclass(frozen=True, eq=False)
class FactoredLaw:
    """A law of prompts by float64 factors: rows of standard normals times `factor.T`."""

    context: Any
    query: Any
    task: Any
    mean: Array
    noise: float  # σ, the root of the noise variance
    prompts: Any

    @classmethod
    def of(cls, prompts: GaussianPrompts) -> FactoredLaw:
        context, query, task = (
            factor(operator(floats(array(matrix))))
            for matrix in (prompts.context, prompts.query, prompts.task)
        )
        mean = 0.0 if prompts.task_mean is None else floats(prompts.task_mean)
        return cls(context, query, task, mean, float(prompts.noise_variance) ** 0.5, prompts)

    def drawn(self, count: int, rng: np.random.Generator) -> FactoredLaw:
        """The law of `count` prompts."""
        return self

    def normals(self, rng: np.random.Generator, *shape: int) -> Array:
        return rng.standard_normal((*shape, self.prompts.dimension))

    def tasks(self, count: int, rng: np.random.Generator) -> Array:
        return self.mean + self.normals(rng, count) @ self.task.T

    def queries(self, count: int, rng: np.random.Generator) -> Array:
        return self.normals(rng, count) @ self.query.T


@dataclass(frozen=True, eq=False)
class RandomLaw:
    """A law of prompts that draw their covariance, for tasks `N(0, I)`."""

    prompts: Any

    def drawn(self, count: int, rng: np.random.Generator) -> FactoredLaw:
        """The law of `count` prompts, given their covariances."""
        context = Factors.of(self.prompts.law.drawn(count, rng))
        task = identity(self.prompts.dimension)
        noise = float(self.prompts.noise_variance) ** 0.5
        return FactoredLaw(context, context, task, np.zeros(1), noise, self.prompts)


@dataclass(frozen=True, eq=False)
class Factors:
    """A matrix for each prompt, (count, d, d), or (count, d) of diagonal ones: `rows @ factors`
    multiplies the k-th row, or rows, by the k-th."""

    matrices: Array
    __array_ufunc__ = None  # NumPy leaves `rows @ factors` to this class

    @classmethod
    def of(cls, covariances: Shaped[Array, "k ..."]) -> Factors:
        if covariances.ndim == 2:
            return cls(np.sqrt(covariances))
        eigenvalues, vectors = np.linalg.eigh(covariances)
        return cls(vectors * np.sqrt(eigenvalues.clip(min=0.0))[:, None, :])

    @property
    def T(self) -> Factors:
        return self if self.matrices.ndim == 2 else Factors(self.matrices.swapaxes(1, 2))

    def __rmatmul__(self, rows: Array) -> Array:
        """`rows` of shape (d,), (count, d) or (count, n, d)."""
        if self.matrices.ndim == 2:
            return rows * (self.matrices[:, None] if rows.ndim == 3 else self.matrices)
        if rows.ndim == 2:
            return (rows[:, None, :] @ self.matrices)[:, 0]
        return rows @ self.matrices


def factored(call: str, prompts: Any) -> FactoredLaw | RandomLaw:
    """Either kind of law, to be drawn from."""
    if draws_covariances(prompts):
        return RandomLaw(prompts)
    checks.instance(call, "prompts", prompts, GaussianPrompts)
    return FactoredLaw.of(prompts)


def floats(entries: Array) -> Array:
    return np.asarray(entries, dtype=np.float64)
