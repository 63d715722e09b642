"""Linear attention fitted to whole prompts, many training sets at a time."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Training:
    """Sizes over the dimension, as `lsa_theory.limits` has them, and the tasks' covariances."""

    alpha: float
    kappa: float
    tau: float
    noise_variance: float
    ridge: float
    task_covariance: object = None  # a function of the dimension, as the other
    test_task_covariance: object = None

    def options(self, d):
        """For `learning_errors`."""
        names = ("alpha", "kappa", "tau", "noise_variance", "ridge")
        spectra = {
            name: None if getattr(self, name) is None else getattr(self, name)(d)
            for name in ("task_covariance", "test_task_covariance")
        }
        return {name: getattr(self, name) for name in names} | spectra

    def spectra(self, d):
        white = self.task_covariance is None
        trained = np.ones(d) if white else np.asarray(self.task_covariance(d))
        tested = self.test_task_covariance
        return trained, trained if tested is None else np.asarray(tested(d))


def fitted_errors(training, d, count, rng):
    """Errors in and out of distribution of `count` fits, and statistics of their training sets
    that vanish in the mean: control variates."""
    chunk = max(1, 2**17 // round(training.tau * d * d) ** 2)
    parts = [_fitted(training, d, min(chunk, count - k), rng) for k in range(0, count, chunk)]
    return tuple(np.concatenate(part) for part in zip(*parts, strict=True))


def _fitted(training, d, count, rng):
    noise = training.noise_variance
    length, pool, prompts = (
        round(training.alpha * d),
        round(training.kappa * d),
        round(training.tau * d * d),
    )
    trained, tested = training.spectra(d)
    tasks = rng.standard_normal((count, pool, d)) * np.sqrt(trained)
    chosen = np.take_along_axis(tasks, rng.integers(pool, size=(count, prompts, 1)), axis=1)
    x = rng.standard_normal((count, prompts, length, d)) / np.sqrt(d)
    query = rng.standard_normal((count, prompts, d)) / np.sqrt(d)
    errors = np.sqrt(noise) * rng.standard_normal((count, prompts, length + 1))
    y = (x @ chosen[..., None])[..., 0] + errors[..., 1:]
    label = (query * chosen).sum(-1) + errors[..., 0]
    shown = (y[..., None, :] @ x)[..., 0, :] * (d / length)
    z = np.concatenate([shown, (y * y).mean(-1, keepdims=True)], axis=-1)
    kernel = (query @ query.swapaxes(1, 2)) * (z @ z.swapaxes(1, 2))
    diagonal = np.arange(prompts)
    penalised = kernel.copy()
    penalised[:, diagonal, diagonal] += prompts / d * training.ridge
    dual = np.linalg.solve(penalised, label[..., None])
    weights = (query * dual).swapaxes(1, 2) @ z
    inside, fresh = pool_moments(tasks, noise), fresh_moments(tested, noise)
    found = [quadratic(weights, moments, length, noise) for moments in (inside, fresh)]
    second, energy, _, crossed = inside
    centred = [energy - trained.mean() - noise, (second**2).sum((1, 2)) / d]
    centred[1] -= (trained.sum() ** 2 + (pool + 1) * (trained**2).sum()) / pool / d
    centred.append((label**2).mean(1) - energy)
    centred.append((query**2).sum(-1).mean(1) - 1)
    if prompts > 1:  # mean overlap of two prompts' labelled features
        pairs = (label * (kernel @ label[..., None])[..., 0]).sum(1)
        pairs -= (label**2 * kernel[:, diagonal, diagonal]).sum(1)
        known = ((second**2).sum((1, 2)) + (crossed**2).sum(-1)) / d**2
        centred.append(pairs / prompts / (prompts - 1) - known)
    return np.transpose(found), np.transpose(centred)


def pool_moments(tasks, noise):
    d = tasks.shape[-1]
    variance = (tasks**2).sum(-1) / d + noise
    second = tasks.swapaxes(1, 2) @ tasks / tasks.shape[1]
    crossed = (variance[:, None] @ tasks)[:, 0] / tasks.shape[1]
    return second, variance.mean(1), (variance**2).mean(1), crossed


def fresh_moments(spectrum, noise):
    variance = spectrum.mean() + noise
    square = variance**2 + 2 * (spectrum**2).sum() / len(spectrum) ** 2
    return np.diag(spectrum)[None], variance, square, np.zeros((1, len(spectrum)))


def quadratic(weights, moments, length, noise):
    """`ρ + tr E[w wᵀ]/d − 2 tr W Aᵀ/d + tr W B Wᵀ/d`: the exact error of each weight matrix."""
    second, variance, square, crossed = moments
    d = weights.shape[1]
    main, last = weights[..., :d], weights[..., d]
    spread = (main @ second * main).sum((1, 2)) * (1 + 1 / length)
    spread += d * variance / length * (main**2).sum((1, 2))
    pull = ((main @ crossed[..., None])[..., 0] * last).sum(-1)
    spread += (1 + 2 / length) * (2 * pull + square * (last**2).sum(-1))
    overlap = (main * second).sum((1, 2)) + (last * crossed).sum(-1)
    return noise + (np.trace(second, axis1=1, axis2=2) - 2 * overlap + spread) / d


def controlled(values, centred):
    """The mean and its standard error, with what the control variates explain taken away."""
    design = np.column_stack([np.ones(len(values)), centred])
    found, *_ = np.linalg.lstsq(design, values)
    rest = values - design @ found
    return found[0], rest.std(axis=0) / np.sqrt(len(values) - design.shape[1])
