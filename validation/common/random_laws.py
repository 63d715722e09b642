"""Laws of covariances for the claims, and simulated prompts of them from the definition alone."""

from fractions import Fraction

import numpy as np
from scipy.stats import expon, gamma, lognorm, uniform

from lsa_theory.random_covariance import (
    DiagonalEigenvalues,
    Mixture,
    RandomCovariancePrompts,
    RotatedSpectrum,
    WishartCovariances,
)

F = Fraction


def exact(rows):
    return np.array([[F(entry) for entry in row] for row in rows], dtype=object)


FACTORS = (exact([[1, 0], [1, 2]]), exact([[2, 0], [0, 1]]))  # of covariances A Aᵀ
WEIGHTS = (F(1, 3), F(2, 3))
APART = Mixture([a @ a.T for a in FACTORS], WEIGHTS)  # they do not commute


def rational_laws(setting):
    third = exact([[1, F(1, 2), 0], [F(1, 2), 2, 0], [0, 0, 0]])
    diagonal = Mixture([[F(1), F(2), F(0)], [F(3), F(1, 2), F(1)]], [F(1, 4), F(3, 4)])
    full = Mixture([third, exact(np.eye(3, dtype=int)), exact(np.ones((3, 3), dtype=int))])
    laws = {
        "exponential": DiagonalEigenvalues((F(1), F(2), F(6)), 3),
        "two diagonal matrices": diagonal,
        "two matrices that do not commute": APART,
        "three matrices, two singular": full,
        "Wishart": WishartCovariances(np.array([F(1), F(2), F(1, 3)]), 4),
        "rotated": RotatedSpectrum([F(1), F(2), F(0)]),
    }
    return {
        f"{name}{', with noise' * (noise > 0)}": RandomCovariancePrompts(
            law, 5, noise_variance=noise
        )
        for name, law in laws.items()
        for noise in (F(0), F(3, 4))
    }


def float_laws(setting):
    rng, d = setting.rng("laws"), 3
    roots = rng.standard_normal((4, d, d))
    covariances = roots @ roots.swapaxes(1, 2) / d
    laws = {
        "exponential": DiagonalEigenvalues(expon(), d),
        "gamma": DiagonalEigenvalues(gamma(3, scale=0.5), d),
        "uniform": DiagonalEigenvalues(uniform(0.5, 2), d),
        "log-normal": DiagonalEigenvalues(lognorm(0.4), d),
        "three dense matrices": Mixture(covariances[:3], [0.5, 0.3, 0.2]),
        "Wishart": WishartCovariances(covariances[3], 5),
        "rotated": RotatedSpectrum([0.5, 1.0, 2.0]),
    }
    names = ("exponential", "three dense matrices", "Wishart", "rotated")
    n = setting.context_length or 12
    return {
        name: RandomCovariancePrompts(laws[name], n, noise_variance=0.2)
        for name in (names if setting.quick else laws)
    }


def spread_law(spread, dimension, length):
    """Gamma eigenvalues of mean 1."""
    distribution = gamma(spread**-2, scale=spread**2)
    return RandomCovariancePrompts(DiagonalEigenvalues(distribution, dimension), length)


def drawn(prompts, count, seed):
    """Prompts from the definition: `(x, y, x_q, w)`, the covariance and the task drawn for each."""
    covariances = prompts.law.sample(count, seed=seed)
    rng = np.random.default_rng((seed, 1))
    n, d = prompts.context_length, prompts.dimension
    white, task = rng.standard_normal((count, n + 1, d)), rng.standard_normal((count, d))
    if covariances.ndim == 2:
        points = white * np.sqrt(covariances)[:, None]
    else:
        eigenvalues, vectors = np.linalg.eigh(covariances)
        points = white @ (vectors * np.sqrt(eigenvalues.clip(min=0.0))[:, None]).swapaxes(1, 2)
    x, query = points[:, :-1], points[:, -1]
    noise = np.sqrt(float(prompts.noise_variance)) * rng.standard_normal((count, n))
    return x, np.einsum("knd,kd->kn", x, task) + noise, query, task


def squared_errors(gain, x, labels, query, task):
    """Of `ŷ = h^T B x_q`."""
    summary = np.einsum("knd,kn->kd", x, labels) / labels.shape[1]
    turned = summary * gain if gain.ndim == 1 else summary @ gain
    return ((turned - task) * query).sum(axis=1) ** 2


def mean_squared_error(gain, prompts, count, seed):
    return float(squared_errors(gain, *drawn(prompts, count, seed)).mean())


def mean_lead(gain, prompts, count, seed):
    """How much less least squares errs than `ŷ = h^T B x_q`, on the same prompts."""
    x, labels, query, task = drawn(prompts, count, seed)
    least = np.array([np.linalg.lstsq(*pairs)[0] for pairs in zip(x, labels, strict=True)])
    missed = ((least - task) * query).sum(axis=1) ** 2
    return float((squared_errors(gain, x, labels, query, task) - missed).mean())
