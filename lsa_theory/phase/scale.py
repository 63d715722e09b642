"""Attention against least squares, by the length of the test prompt and its features' scale."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from lsa_theory import checks, shift
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
    power_law,
    spectrum,
    spectrum_note,
    with_ratio,
)
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk

DIMENSION = 50


def scale(
    covariance: Shaped[Array, "d ..."] | None = None,
    *,
    train_length: int | None = None,
    noise: float = 2.0,
    context_lengths: Values | None = None,
    scales: Values | None = None,
    sampled: int = 0,
    seed: int = 0,
    **sweep_options: Any,
) -> PhaseDiagram:
    r"""Attention against least squares in :math:`(M/d, c)`: features of covariance
    :math:`c \Lambda`.

    The layer has the gain :math:`B` of its training on :math:`\Lambda`. With the same label noise
    in training and test, and queries that are scaled too, the risks over :math:`c` are

    .. math::
        q_0 + q_1 c + q_2 c^2 \qquad\text{and}\qquad \beta + \frac{v \sigma^2}{c}, \qquad
        \text{for } M > d + 1:\ \beta = 0,\ v = \frac{d}{M - d - 1},

    with :math:`q_0 = \operatorname{tr} \Lambda`,
    :math:`q_1 = \frac{\sigma^2}{M} \operatorname{tr}(B \Lambda B^\top \Lambda)
    - 2 \operatorname{tr}(B \Lambda^2)` and
    :math:`q_2 = (1 + \frac1M) \operatorname{tr}(B^\top \Lambda^2 B \Lambda)
    + \frac1M \operatorname{tr}(B \Lambda B^\top \Lambda) \operatorname{tr} \Lambda`. The boundary
    is made of the positive roots of :math:`q_2 c^3 + q_1 c^2 + (q_0 - \beta) c - v \sigma^2`:
    there are one or three. Long prompts pin the layer's answer to :math:`c\, w`, and it is right
    near :math:`c = 1` only.

    Parameters
    ----------
    covariance
        :math:`\Lambda`, of which only the eigenvalues matter; None: :math:`\lambda_k = 1/k` in 50
        dimensions. For one that is not a multiple of the identity, least squares of fewer pairs
        than features is taken from its high-dimensional limit.
    train_length
        :math:`N`; None: :math:`10 d`.
    noise
        :math:`\sigma^2`, in training and test, in units of :math:`\operatorname{tr} \Lambda`.
        Positive: without noise least squares is exact from :math:`M = d` on.
    context_lengths
        Values of :math:`M`; None: from :math:`d/4` to :math:`40 d`.
    scales
        Values of :math:`c`; None: from 0.05 to 5.
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
    values = spectrum("scale", power_law(DIMENSION) if covariance is None else covariance)
    d = len(values)
    n = 10 * d if train_length is None else checks.integer("scale", "train_length", train_length)
    checks.option("scale", "noise", noise, "a positive number", lambda x: 0 < x < np.inf)
    m = lengths("scale", "context_lengths", context_lengths, integers(d / 4, 40 * d, 120, d))
    factors = numbers("scale", "scales", scales, np.geomspace(0.05, 5.0, 101))
    sampled = checks.integer("scale", "sampled", sampled, minimum=0)

    train = GaussianPrompts(values, n, noise_variance=noise * float(values.sum()))
    data = _swept(values, n, noise, m, factors, sweep_options)
    data = compared(data, d)
    gain = block_minimum(train).gain
    places = between(m)
    roots = [equal_scales(gain, train.replace(context_length=int(k))) for k in places]
    return contest_diagram(
        "scale",
        r"Attention against least squares: $\Lambda \to c\,\Lambda$",
        with_ratio(data, "context_length", d, "M/d", "length of the test prompt"),
        "scale",
        boundaries=boundaries(places / d, roots, "equal risk"),
        points=_points(gain, train, m, factors, sampled, seed) if sampled else None,
        logarithmic=("length_ratio", "scale"),
        notes=(
            spectrum_note(values),
            f"$d = {d}$",
            f"trained on prompts of $N = {n}$ pairs at $c = 1$",
            f"{noise_note(noise)} in training and test",
            *limit_note(values, int(m[0])),
        ),
    )


def equal_scales(gain: Shaped[Array, " d"], law: GaussianPrompts) -> list[float]:
    """The scales at which the risks are equal, in ascending order."""
    bias, slope = least_squares(law)
    if slope == np.inf:
        return []
    kept = law.replace(query_covariance=law.covariance)
    at = [float(risk(gain, kept.replace(covariance=c * law.covariance))) for c in (0.0, 1.0, 2.0)]
    square = (at[2] - 2 * at[1] + at[0]) / 2
    linear = at[1] - at[0] - square
    found = np.roots([square, linear, at[0] - bias, -slope * law.noise_variance])
    return sorted(float(x.real) for x in found if x.real > 0 and abs(x.imag) <= 1e-12 * abs(x))


def scale_risks(
    context_length: Scalar,
    scale: Scalar,
    *,
    eigenvalues: Sequence[float],
    train_length: int,
    noise: float,
) -> dict[str, Scalar]:
    """A cell of the sweep."""
    values = np.asarray(eigenvalues)
    train = GaussianPrompts(values, train_length, noise_variance=noise * values.sum())
    test = train.replace(covariance=scale * values, context_length=context_length)
    attention = risk(block_minimum(train).gain, test)
    # in units of the features least squares sees noise over c: its sums are those at c = 1
    same = test.replace(covariance=values, noise_variance=test.noise_variance / scale)
    return {"attention": attention, "least_squares": scale * sum(LeastSquares().known(same))}


def _swept(values: Array, n: int, noise: float, m: Array, factors: Array, options: Any) -> Any:
    from lsa_theory.sweeps import Axis, sweep

    axes = {
        "context_length": Axis(m, "M", label="length of the test prompt"),
        "scale": Axis(factors, "c", label="scale of the features"),
    }
    settings = {"eigenvalues": values.tolist(), "train_length": n, "noise": float(noise)}
    return sweep(scale_risks, axes, settings=settings, **options)


def _points(
    gain: Array, train: GaussianPrompts, m: Array, factors: Array, number: int, seed: int
) -> Any:
    d, family = train.dimension, shift.scaled(train)

    def contest(ratio: float, factor: float) -> tuple[Array, GaussianPrompts]:
        return gain, family(factor).replace(context_length=round(ratio * d))

    cells = [
        (n / d, c) for n in spread_lengths(apart(m, d), number) for c in spread(factors, number)
    ]
    return sampled_points(cells, ("length_ratio", "scale"), contest, seed)
