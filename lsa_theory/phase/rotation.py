"""Attention against least squares, by the length of the training prompts and a rotation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.polynomial import chebyshev

from lsa_theory import checks, shift
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.estimators import LeastSquares
from lsa_theory.linalg import namespace
from lsa_theory.minimum import block_minimum
from lsa_theory.phase.branches import boundaries
from lsa_theory.phase.diagram import PhaseDiagram
from lsa_theory.phase.points import sampled_points, spread, spread_lengths
from lsa_theory.phase.rivals import (
    Values,
    between,
    compared,
    contest_diagram,
    integers,
    lengths,
    noise_note,
    numbers,
    power_law,
    spectrum,
    spectrum_note,
    with_ratio,
)
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk

DIMENSION = 20
DEGREE = 3  # of the risk in cos 2θ


def rotation(
    covariance: Shaped[Array, "d ..."] | None = None,
    *,
    context_length: int | None = None,
    noise: float = 1.0,
    train_lengths: Values | None = None,
    angles: Values | None = None,
    sampled: int = 0,
    seed: int = 0,
    **sweep_options: Any,
) -> PhaseDiagram:
    r"""Attention against least squares in :math:`(N/d, \theta)`: training prompts of :math:`N`
    pairs, test prompts of a covariance that is turned.

    The features, queries included, are turned by :math:`\theta` in the plane of the eigenvectors
    of the largest and the smallest eigenvalue of :math:`\Lambda`. The layer with its gain
    :math:`B` of training at :math:`\theta = 0` has a risk that is a polynomial of degree three in
    :math:`t = \cos 2\theta`: :math:`\Lambda_\theta` is affine in :math:`(\cos 2\theta, \sin
    2\theta)`, the risk of degree three in :math:`\Lambda_\theta`, and the reflection of an
    eigenvector takes :math:`\theta` to :math:`-\theta`. Least squares has
    :math:`\sigma^2 d / (M - d - 1)` throughout. The boundary is made of the roots in
    :math:`-1 \le t \le 1`; there are up to three.

    Parameters
    ----------
    covariance
        :math:`\Lambda`, of which only the eigenvalues matter; None: :math:`\lambda_k = 1/k` in 20
        dimensions.
    context_length
        :math:`M > d + 1`, of the test prompts; None: :math:`2d`.
    noise
        :math:`\sigma^2`, in training and test, in units of :math:`\operatorname{tr} \Lambda`.
        Positive: without noise least squares is exact.
    train_lengths
        Values of :math:`N`; None: from :math:`d/2` to :math:`100 d`.
    angles
        Values of :math:`\theta` in radians, from 0 to :math:`\pi/2`.
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
    values = spectrum("rotation", power_law(DIMENSION) if covariance is None else covariance)
    d = len(values)
    if d < 2:
        checks.refuse("rotation", "covariance", covariance, "of two dimensions or more")
    checks.option("rotation", "noise", noise, "a positive number", lambda x: 0 < x < np.inf)
    m = 2 * d if context_length is None else context_length
    m = checks.integer("rotation", "context_length", m, minimum=d + 2)
    n = lengths("rotation", "train_lengths", train_lengths, integers(d / 2, 100 * d, 100))
    turns = numbers("rotation", "angles", angles, np.linspace(0.0, np.pi / 2, 91), least=0.0)
    if turns[-1] > np.pi / 2:
        checks.refuse("rotation", "angles", f"array with {turns[-1]:g}", "at most π/2")
    sampled = checks.integer("rotation", "sampled", sampled, minimum=0)

    test = GaussianPrompts(values, m, noise_variance=noise * float(values.sum()))
    data = compared(_swept(values, m, noise, n, turns, sweep_options), d)
    attributes = {"symbol": r"\theta", "units": "degrees", "long_name": "angle of the turn"}
    data = data.assign_coords(degrees=("angle", np.degrees(turns), attributes))
    places = between(n)
    roots = [np.degrees(equal_angles(test, int(length))).tolist() for length in places]
    return contest_diagram(
        "rotation",
        r"Attention against least squares: $\Lambda$ turned by $\theta$",
        with_ratio(data, "train_length", d, "N/d", "length of the training prompts"),
        "degrees",
        boundaries=boundaries(places / d, roots, "equal risk"),
        points=_points(test, n, turns, sampled, seed) if sampled else None,
        logarithmic=("length_ratio",),
        notes=(
            spectrum_note(values),
            f"$d = {d}$",
            "in the plane of the largest and the smallest eigenvalue",
            f"test prompts of $M = {m}$ pairs",
            f"{noise_note(noise)} in training and test",
        ),
    )


def turned_risk(gain: Any, test: GaussianPrompts, angle: Scalar) -> Scalar:
    r"""The risk of a diagonal gain on the test law, turned in the plane of its first and its last
    direction, at O(d).

    The plane and the rest do not mix, and each is to the other a part of the label: with isotropic
    tasks it adds its share of :math:`\operatorname{tr} \Lambda` to the noise.
    """
    values, noise = test.covariance, test.noise_variance
    ends, inner = values[[0, -1]], values[1:-1]
    half, gap = (ends[0] + ends[1]) / 2, (ends[0] - ends[1]) / 2
    circle = namespace(angle)
    plane = half * np.eye(2) + gap * (
        circle.cos(2 * angle) * np.array([[1.0, 0.0], [0.0, -1.0]])
        + circle.sin(2 * angle) * np.array([[0.0, 1.0], [1.0, 0.0]])
    )
    turned = GaussianPrompts(plane, test.context_length, noise_variance=noise + inner.sum())
    found = risk(gain[np.array([0, -1])], turned)
    if len(inner):
        rest = test.replace(covariance=inner, noise_variance=noise + ends.sum())
        found = found + risk(gain[1:-1], rest)
    return found


def equal_angles(test: GaussianPrompts, train_length: int) -> list[float]:
    """The angles up to π/2 at which the risks are equal, in ascending order."""
    gain = block_minimum(test.replace(context_length=train_length)).gain
    nodes = np.cos(np.pi * (np.arange(DEGREE + 1) + 0.5) / (DEGREE + 1))
    risks = [float(turned_risk(gain, test, np.arccos(t) / 2)) for t in nodes]
    level = float(sum(LeastSquares().exact(test)))
    found = chebyshev.chebroots(chebyshev.chebfit(nodes, np.array(risks) - level, DEGREE))
    real = [x.real for x in found if abs(x.imag) <= 1e-12 and abs(x.real) <= 1]
    return sorted(float(np.arccos(x)) / 2 for x in real)


def rotation_risks(
    train_length: Scalar,
    angle: Scalar,
    *,
    eigenvalues: Sequence[float],
    context_length: int,
    noise: float,
) -> dict[str, Scalar]:
    """A cell of the sweep."""
    values = np.asarray(eigenvalues)
    test = GaussianPrompts(values, context_length, noise_variance=noise * values.sum())
    gain = block_minimum(test.replace(context_length=train_length)).gain
    least_squares = sum(LeastSquares().exact(test))
    return {"attention": turned_risk(gain, test, angle), "least_squares": least_squares}


def _swept(values: Array, m: int, noise: float, n: Array, turns: Array, options: Any) -> Any:
    from lsa_theory.sweeps import Axis, sweep

    axes = {
        "train_length": Axis(n, "N", label="length of the training prompts"),
        "angle": Axis(turns, r"\theta", unit="rad", label="angle of the turn"),
    }
    settings = {"eigenvalues": values.tolist(), "context_length": m, "noise": float(noise)}
    return sweep(rotation_risks, axes, settings=settings, **options)


def _points(test: GaussianPrompts, n: Array, turns: Array, number: int, seed: int) -> Any:
    d, family = test.dimension, shift.rotated(test, -1, 0)  # by ascending eigenvalues

    def contest(ratio: float, degrees: float) -> tuple[Array, GaussianPrompts]:
        train = test.replace(context_length=round(ratio * d))
        return block_minimum(train).gain, family(np.radians(degrees))

    cells = [
        (k / d, np.degrees(a)) for k in spread_lengths(n, number) for a in spread(turns, number)
    ]
    return sampled_points(cells, ("length_ratio", "degrees"), contest, seed)
