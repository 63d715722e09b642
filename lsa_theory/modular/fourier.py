r"""How much of an embedding, or of a layer's answers, lies in few frequencies of :math:`Z_p`.

The control is a Gaussian matrix: its power is even over the frequencies but for chance, which
gives the largest more than their part. (In the plane of a frequency its points, too, lie on a
circle, if it is much wider than `p`: it is the share of power that tells, not the circle.)
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.modular.plane import line_of, points, prime

PANEL, NODES = 3.0, 32  # of the quadrature


def basis(n: int) -> tuple[Shaped[Array, " n"], Shaped[Array, "n n"]]:
    r"""The real Fourier basis of :math:`Z_n`: the frequency of each row, and orthonormal rows
    (cosine, then sine)."""
    frequency = (np.arange(n) + 1) // 2
    angle = 2 * np.pi * frequency[:, None] * np.arange(n) / n
    rows = np.where(np.arange(n)[:, None] % 2 == 1, np.cos(angle), np.sin(angle))
    rows[0] = 1
    return frequency, rows / np.linalg.norm(rows, axis=1, keepdims=True)


def powers(rows: Shaped[Array, "*s n w"]) -> Shaped[Array, "*s f"]:
    r"""The power of the frequencies :math:`1, \dots, \lfloor n/2 \rfloor`, over all columns: of the
    embedding of the numbers 0, …, n − 1. A frequency and its negative count as one."""
    frequency, matrix = basis(np.shape(rows)[-2])
    power = ((matrix @ rows) ** 2).sum(-1)
    return power[..., 1:] @ (frequency[1:, None] == np.unique(frequency[1:]))


def largest_share(power: Shaped[Array, "*s f"], count: int = 1) -> Shaped[Array, "*s"]:
    """The share of the `count` largest in a total; NaN where that is 0."""
    ordered = np.sort(power, axis=-1)[..., ::-1]
    with np.errstate(invalid="ignore"):
        return ordered[..., :count].sum(-1) / ordered.sum(-1)


def gaussian_share(degrees: Any, count: int = 1) -> float:
    r"""The expected share of the `count` largest of independent :math:`\chi^2` powers.

    Shares are independent of the total :math:`T`, so that with :math:`B(t)` powers above `t`

    .. math:: \frac{1}{E\,T} \int_0^\infty E \min(B(t), \text{count}) \, dt .

    Parameters
    ----------
    degrees
        Of freedom: how many squares each power is the sum of, as by `degrees`.

    Raises
    ------
    ValueError
        If `degrees` are not positive, or `count` is.
    """
    name = "gaussian_share"
    count = checks.integer(name, "count", count)
    freedom = checks.real_array(name, "degrees", degrees, (1,))
    if freedom.min() <= 0:
        checks.refuse(name, "degrees", float(freedom.min()), "positive")
    from scipy.special import gammaincc, gammainccinv

    most = np.sqrt(2 * gammainccinv(freedom.max() / 2, 1e-16))
    panels = np.arange(np.ceil(most / PANEL))[:, None]
    places, weights = np.polynomial.legendre.leggauss(NODES)
    root = (PANEL * (panels + (places + 1) / 2)).ravel()  # of t, which spreads alike at all degrees
    law = np.zeros((count + 1, root.size))  # of min(B, count)
    law[0] = 1
    for above in gammaincc(freedom[:, None] / 2, root**2 / 2):
        moved = law * above
        law = law - moved
        law[1:] += moved[:-1]
        law[-1] += moved[-1]
    expected = np.arange(count + 1) @ law
    return float(PANEL * (np.tile(weights, len(panels)) * root) @ expected / freedom.sum())


def degrees(n: int, width: int = 1) -> Shaped[Array, " f"]:
    """Of freedom of `powers` of a Gaussian matrix: two rows a frequency, but one for n/2."""
    frequency, _ = basis(n)
    return width * np.bincount(frequency)[1:].astype(float)


def logarithmic(rows: Shaped[Array, "*s p w"], p: int) -> Shaped[Array, "*s q w"]:
    r"""The rows 1, …, p − 1 in the order :math:`g^0, g^1, \dots` of the least primitive root `g`:
    their `powers` are those of the *multiplicative* group, in which ratios are differences."""
    p = prime("logarithmic", p)
    orders = {g: {pow(g, k, p) for k in range(p - 1)} for g in range(1, p)}
    root = next(g for g, found in orders.items() if len(found) == p - 1)
    return rows[..., [pow(root, k, p) for k in range(p - 1)], :]


def circle(rows: Shaped[Array, "n w"], frequency: int) -> Shaped[Array, "n 2"]:
    """Coordinates in the plane of a frequency: on the directions along which the embedding varies
    as its cosine and its sine (of n/2: on a line)."""
    of, matrix = basis(len(rows))
    frequency = checks.integer("circle", "frequency", frequency)
    if frequency > of[-1]:
        checks.refuse("circle", "frequency", frequency, f"at most {of[-1]}")
    directions = matrix[of == frequency] @ rows
    found = rows @ directions.T
    found = found / np.maximum(np.linalg.norm(directions, axis=1), 1e-300)
    return np.pad(found, ((0, 0), (0, 2 - found.shape[1])))


class NeuronShares(NamedTuple):
    """Of the power of each neuron, NaN for those that answer alike to all inputs.

    Attributes
    ----------
    frequency
        In the largest frequency `(k, l)` of the plane, `k` and `l` not 0, with its negative.
    line
        In the largest line of such frequencies: of answers to `k x + l y` alone.
    """

    frequency: Any
    line: Any


def neuron_shares(responses: Shaped[Array, "*s p p m"]) -> NeuronShares:
    """How far each neuron's answers to all inputs `[x, y]` are of one frequency, of one linear
    form of both: 0 for a neuron that sees only one of the two. The total is without the mean.

    The control is `gaussian_neuron_shares`.
    """
    p = prime("neuron_shares", np.shape(responses)[-2])
    power = np.abs(np.fft.fft2(responses, axes=(-3, -2))) ** 2
    power = np.moveaxis(power, -1, -3)
    flat = power.reshape(*power.shape[:-2], p * p)
    flat = np.where(flat > 1e-20 * flat.sum(-1, keepdims=True), flat, 0)[..., 1:]
    with np.errstate(invalid="ignore"):
        flat = flat / flat.sum(-1, keepdims=True)
    return NeuronShares(*((flat @ groups).max(-1) for groups in plane_groups(p)))


def gaussian_neuron_shares(p: int) -> NeuronShares:
    """The expectations for a neuron whose answers are independent Gaussians."""
    freedom = (groups.sum(0).astype(float) for groups in plane_groups(p))
    return NeuronShares(*(gaussian_share(d) * d.sum() / (p**2 - 1) for d in freedom))


def plane_groups(p: int) -> tuple[Shaped[Array, "q f"], Shaped[Array, "q l"]]:
    """Which frequencies but 0 belong to a pair `(k, l), (−k, −l)`, and which to a line, for `k`
    and `l` not 0."""
    places = points(p)[1:]
    first = np.minimum(places @ (p, 1), -places % p @ (p, 1))
    both = places.all(1)
    line = line_of(places, p)
    pairs, lines = first[:, None] == np.unique(first[both]), line[:, None] == np.arange(1, p)
    return pairs, lines
