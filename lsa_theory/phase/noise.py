"""Attention against least squares, by the length of the test prompt and its label noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.estimators import LeastSquares
from lsa_theory.minimum import block_minimum
from lsa_theory.phase.branches import boundaries
from lsa_theory.phase.diagram import PhaseDiagram
from lsa_theory.phase.points import apart, sampled_points, spread, spread_lengths
from lsa_theory.phase.rivals import (
    Values,
    between,
    compared,
    contest_diagram,
    integers,
    least_squares,
    lengths,
    limit_note,
    noise_note,
    numbers,
    spectrum,
    spectrum_note,
    with_ratio,
)
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk

DIMENSION = 30


def noise(
    covariance: Shaped[Array, "d ..."] | None = None,
    *,
    train_length: int | None = None,
    training_noise: float = 0.0,
    context_lengths: Values | None = None,
    noises: Values | None = None,
    sampled: int = 0,
    seed: int = 0,
    **sweep_options: Any,
) -> PhaseDiagram:
    r"""Attention against least squares in :math:`(M/d, \sigma^2)`.

    A layer at the minimum of its training loss, with the gain :math:`B`, and least squares answer
    the same prompts. Both risks are affine in the label noise,

    .. math::
        &\operatorname{tr}[(B^\top \Lambda - I)^\top \Lambda (B^\top \Lambda - I)]
        + \tfrac1M \operatorname{tr}\big(B \Lambda B^\top [(\operatorname{tr}\Lambda + \sigma^2)
        \Lambda + \Lambda^2]\big) = a + b\, \sigma^2, \\
        &\beta + v\, \sigma^2, \quad \text{for } M > d + 1:\ \beta = 0,\ v = \tfrac{d}{M - d - 1},

    so they are equal at :math:`\sigma^2 = (a - \beta) / (v - b)`, where that is positive: the
    boundary. For :math:`M < d - 1` least squares is the solution of least norm, with
    :math:`\beta = d - M`, :math:`v = \tfrac{M}{d - M - 1}` if :math:`\Lambda = I`. In the gap
    between, :math:`v` is infinite.

    Parameters
    ----------
    covariance
        :math:`\Lambda`, of which only the eigenvalues matter; None: the identity in 30
        dimensions. For one that is not a multiple of the identity, least squares of fewer pairs
        than features is taken from its high-dimensional limit.
    train_length, training_noise
        :math:`N` (None: :math:`2d`), and the noise of the training labels, in units of
        :math:`\operatorname{tr} \Lambda`.
    context_lengths
        Values of :math:`M`; None: from :math:`d/5` to :math:`10 d`.
    noises
        Values of :math:`\sigma^2 / \operatorname{tr} \Lambda`; None: from 0.001 to 3.
    sampled, seed
        How many sampled points a side to put on top, and their seed.
    sweep_options
        For `lsa_theory.sweep`.

    Raises
    ------
    ValueError
        If an argument is out of its range.

    Source: derived here.
    """
    values = spectrum("noise", np.ones(DIMENSION) if covariance is None else covariance)
    d, signal = len(values), float(values.sum())
    n = 2 * d if train_length is None else checks.integer("noise", "train_length", train_length)
    training_noise = float(checks.real("noise", "training_noise", training_noise, minimum=0))
    m = lengths("noise", "context_lengths", context_lengths, integers(d / 5, 10 * d, 120, d))
    levels = numbers("noise", "noises", noises, np.geomspace(1e-3, 3.0, 101))
    sampled = checks.integer("noise", "sampled", sampled, minimum=0)

    train = GaussianPrompts(values, n, noise_variance=training_noise * signal)
    data = _swept(values, n, training_noise, m, levels, sweep_options)
    data = compared(data, d)
    gain = block_minimum(train).gain
    places = between(m)
    roots = [equal_noise(gain, train.replace(context_length=int(k))) / signal for k in places]
    labels = noise_note(training_noise) if training_noise else "no label noise"
    return contest_diagram(
        "noise",
        "Attention against least squares: label noise",
        with_ratio(data, "context_length", d, "M/d", "length of the test prompt"),
        "noise",
        boundaries=boundaries(
            places / d, [[x] if 0 < x < np.inf else [] for x in roots], "equal risk"
        ),
        points=_points(gain, train, m, levels, sampled, seed) if sampled else None,
        logarithmic=("length_ratio", "noise"),
        notes=(
            spectrum_note(values),
            f"$d = {d}$",
            f"trained on prompts of $N = {n}$ pairs",
            f"{labels} in training",
            *limit_note(values, int(m[0])),
        ),
    )


def equal_noise(gain: Shaped[Array, " d"], law: GaussianPrompts) -> float:
    """The noise variance at which the risks are equal, negative or infinite if none is."""
    quiet, loud = (float(risk(gain, law.replace(noise_variance=v))) for v in (0.0, 1.0))
    bias, slope = least_squares(law)
    steeper = slope - (loud - quiet)
    return (quiet - bias) / steeper if steeper else np.inf


def noise_risks(
    context_length: Scalar,
    noise: Scalar,
    *,
    eigenvalues: Sequence[float],
    train_length: int,
    training_noise: float,
) -> dict[str, Scalar]:
    """A cell of the sweep."""
    values = np.asarray(eigenvalues)
    signal = values.sum()
    train = GaussianPrompts(values, train_length, noise_variance=training_noise * signal)
    test = train.replace(context_length=context_length, noise_variance=noise * signal)
    attention = risk(block_minimum(train).gain, test)
    return {"attention": attention, "least_squares": sum(LeastSquares().known(test))}


def _swept(
    values: Array, n: int, training_noise: float, m: Array, levels: Array, options: Any
) -> Any:
    from lsa_theory.sweeps import Axis, sweep

    axes = {
        "context_length": Axis(m, "M", label="length of the test prompt"),
        "noise": Axis(levels, r"\sigma^2 / \mathrm{tr}\,\Lambda", label="label noise"),
    }
    settings = {
        "eigenvalues": values.tolist(),
        "train_length": n,
        "training_noise": training_noise,
    }
    return sweep(noise_risks, axes, settings=settings, **options)


def _points(
    gain: Array, train: GaussianPrompts, m: Array, levels: Array, number: int, seed: int
) -> Any:
    d, signal = train.dimension, float(train.covariance.sum())

    def contest(ratio: float, level: float) -> tuple[Array, GaussianPrompts]:
        return gain, train.replace(context_length=round(ratio * d), noise_variance=level * signal)

    cells = [
        (n / d, v) for n in spread_lengths(apart(m, d), number) for v in spread(levels, number)
    ]
    return sampled_points(cells, ("length_ratio", "noise"), contest, seed)
