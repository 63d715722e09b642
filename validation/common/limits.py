"""For the claims on where flows on the block end: when to look, and how far off a layer is."""

from math import log

import numpy as np

from lsa_theory.gamma import gamma
from lsa_theory.linalg import dense
from lsa_theory.minimum import global_minimum
from lsa_theory.risk import population_loss


def distance(one, other):
    """Between two layers, over both matrices, in units of the other's norm."""
    far = np.hypot(np.linalg.norm(one.pv - other.pv), np.linalg.norm(one.kq - other.kq))
    return float(far / size(other))


def size(layer):
    return float(np.hypot(np.linalg.norm(layer.pv), np.linalg.norm(layer.kq)))


def waiting_time(layer, prompts, scale_bound, rtol):
    """When `‖sU − Γ^{-1}‖_F` is under `rtol ‖Γ^{-1}‖_F`, for a flow with `s ≥ scale_bound`.

    `L − min L` falls at least at the rate `2 s² λ_min(ΓΛ) λ_min(Λ)`, and it is at least half of
    `λ_min(ΓΛ) λ_min(Λ) ‖sU − Γ^{-1}‖_F²`.
    """
    gammas = np.linalg.eigvalsh(dense(gamma(prompts)))
    curvature = gammas[0] * np.linalg.eigvalsh(dense(prompts.covariance))[0] ** 2
    gap = population_loss(layer, prompts) - global_minimum(prompts).loss
    far = 2 * gap / (curvature * (gammas**-2).sum() * rtol**2)
    return log(max(far, 1.0)) / (2 * scale_bound**2 * curvature)
