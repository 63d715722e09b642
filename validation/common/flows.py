"""Flows from the starts of Theorem 4.1, for the claims on their course."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lsa_theory import gradient_flow
from lsa_theory.convergence import convergence_guarantee
from lsa_theory.final_rate import final_rate
from lsa_theory.gamma import gamma
from lsa_theory.initial import initial_layer, isotropic_theta
from lsa_theory.linalg import dense, solve
from lsa_theory.prompts import GaussianPrompts

COUNT = 48  # of times, the same for all flows: the integrator is compiled for it


@dataclass(frozen=True, eq=False)
class Start:
    """A law and a layer to start from, with the flow from there."""

    prompts: GaussianPrompts
    layer: Any

    @cached_property
    def times(self):
        """From long before anything happens to long after, in a geometric sequence."""
        first = 1e-2 / np.linalg.norm(dense(self.prompts.covariance), 2) ** 2
        return np.append(0.0, np.geomspace(first, 24 / final_rate(self.prompts), COUNT - 1))

    @cached_property
    def layers(self):
        """Those at `times`."""
        return gradient_flow(self.layer, self.prompts, times=self.times, rtol=1e-9).layers

    @cached_property
    def scales(self):
        """(T,), `s` at `times`."""
        return np.array([layer.s for layer in self.layers])

    @cached_property
    def excess(self):
        """(T,), `L − min L` at `times`."""
        return np.array([excess(layer, self.prompts) for layer in self.layers])


def starts(setting):
    """Of many sizes, as fractions of the paper's limit: from white, random and real features."""
    n = setting.context_length or 20
    white = GaussianPrompts(np.eye(8), n)
    factor = setting.rng("law").standard_normal((10, 10))
    random = GaussianPrompts(factor @ factor.T, n)
    cases = {
        "white, σ₀ = 0.02": Start(white, initial_layer(isotropic_theta(8), 0.02)),
    }
    for fraction in (0.01, 0.3, 0.99):
        cases[f"random, {fraction:g} of the limit"] = started(random, fraction, 10, setting)
    cases["random, above the paper's limit"] = started(random, 1.5, 10, setting)
    for name, covariance in setting.covariances.items():
        if len(covariance) <= (10 if setting.quick else 30):
            law, rank = GaussianPrompts(covariance, n), (len(covariance) + 1) // 2
            cases[f"{name}, Θ of rank {rank}"] = started(law, 0.5, rank, setting)
            cases[name] = started(law, 0.1, len(covariance), setting)
    return cases


def covered(start):
    """The hypotheses hold, in the sharp form at least."""
    return convergence_guarantee(start.layer, start.prompts, sharp=True).holds


def started(prompts, fraction, rank, setting):
    """From a random Θ with `rank` columns and a fraction of the largest σ₀."""
    theta = unit_theta(setting.rng("theta"), prompts.dimension, rank)
    return Start(prompts, initial_layer(theta, fraction * largest_size(prompts)))


def unit_theta(rng, dimension, rank):
    """With `‖ΘΘ^T‖_F = 1`."""
    theta = rng.standard_normal((dimension, rank))
    return theta / np.sqrt(np.linalg.norm(theta @ theta.T))


def largest_size(prompts, sharp=False):
    """The σ₀ at which the paper's condition becomes an equality; or the sharp one."""
    root = 1.0 if sharp else np.sqrt(prompts.dimension)
    return np.sqrt(2 / (root * np.linalg.norm(dense(gamma(prompts)), 2)))


def excess(layer, prompts):
    """`L − min L = ½ tr(ΓΛ E Λ E^T)` with `E = sU − Γ^{-1}`, without cancellation."""
    gap, pull = gap_and_pull(layer, prompts, gamma(prompts))
    return (gap * pull).sum() / 2


def squared_slope(layer, prompts):
    """`‖∇L‖²` on the block."""
    _, pull = gap_and_pull(layer, prompts, gamma(prompts))
    return (layer.s * pull * layer.s * pull).sum() + (layer.u * pull).sum() ** 2


def gap_and_pull(layer, prompts, matrix):
    """`E = sU − Γ^{-1}` and the loss's derivative in the gain, `ΓΛ E Λ`; `matrix` stands for Γ.

    So `∂L/∂U = s · pull` and `∂L/∂s = tr(U^T pull)`.
    """
    context, matrix = prompts.context, dense(matrix)
    gap = layer.gain - solve(matrix, np.eye(len(matrix), dtype=int))
    return gap, matrix @ (context @ gap @ context)
