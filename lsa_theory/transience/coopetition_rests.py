"""Where strategies that share circuits come to rest, with and without L2.

Two equations in the unit square, on a grid of logits, polished by Newton's steps. The indices of
what was found say whether an odd number is missing; a pair within one cell of the grid may be.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.transience.strategies import STRATEGIES, slopes

CELLS = 160  # of the unit square, along an axis, in logits


class RestPoint(NamedTuple):
    """A point at which the flow rests.

    Attributes
    ----------
    context_share, weights_share
        What either strategy explains of its target, in [0, 1].
    shares
        (4,): of `a`, `b`, `c` and `d` along their targets; the signs that differ in pairs, and
        nothing beside the targets.
    stable
        Whether it attracts, up to directions in which the flow rests too.
    """

    context_share: float
    weights_share: float
    shares: Array
    stable: bool


def rest_points(
    targets: Sequence[Any], sizes: Sequence[int], alpha: Any, floors: Sequence[Any], l2: Any
) -> list[RestPoint]:
    r"""L2 leaves the origin and what two equations in the unit square allow.

    With the penalty :math:`\frac\lambda2 (|a|^2 + |b|^2 + |c|^2 + |d|^2)` nothing is left beside
    the targets at rest. With :math:`T_a = |a_*| |b_*| |c_*|`, :math:`T_d = |d_*| |b_*| |c_*|` let
    `p` and `q` be the shares that either strategy explains of its target. Signs apart, of lengths
    :math:`x_b = x_c = \sqrt Y`, :math:`x_a = T_a p / Y` and :math:`x_d = T_d q / Y`,

    .. math::
        \frac{p}{1 - p} = \frac{w_a Y^4}{\lambda Y^2 + c\, T_d^2 q^2}, \quad
        \frac{q}{1 - q} = \frac{w_d Y^4}{\lambda Y^2 + c\, T_a^2 p^2}, \\
        Y^5 = (T_a^2 p^2 + T_d^2 q^2)\, Y^2 + \frac{2 c}{\lambda} T_a^2 T_d^2\, p^2 q^2

    with :math:`w_a = (L_2 + \mu_2)/(n_a n_b n_c)`, :math:`w_d = (L_1 + \mu_1)/(n_d n_b n_c)` and
    :math:`c = \alpha/(n_a n_d)`; or all are zero. The indices
    :math:`\operatorname{sign} \det \nabla^2 L` of all rest points sum to 1, that of the origin, and
    those of the others to 0.

    Without L2 what attracts comes in sets, of which the shortest is returned: the solution in the
    weights if :math:`\mu_2 = 0`, that in context if :math:`\mu_1 = 0`, and else both at once, if
    :math:`\alpha = 0`. Otherwise no answer rests: `b` and `c` grow for ever.

    Parameters
    ----------
    targets
        (4,): squared norms of the targets of `a`, `b`, `c` and `d`.
    sizes
        (4,): numbers of their entries.
    alpha
        :math:`\alpha \ge 0`.
    floors
        :math:`\mu_1, \mu_2 \ge 0`.
    l2
        :math:`\lambda \ge 0`.

    Returns
    -------
    A list in the order of what the context explains, the origin first.

    Raises
    ------
    ValueError
        If the L2 is positive and so weak that the points cannot be told apart in floats, or the
        lengths of the targets are beyond floats.
    RuntimeError
        If the indices do not sum to 0, as at a fold.

    Source: derived here.
    """
    law = Law(
        np.array([checks.as_float(t) for t in targets]),
        np.array(sizes, dtype=np.float64),
        checks.as_float(alpha),
        (checks.as_float(floors[0]), checks.as_float(floors[1])),
        checks.as_float(l2),
    )
    with np.errstate(all="ignore"):
        scales = [*law.whole, *(law.weights(np.ones(2)) * law.whole)]
        if not all(1e-99 < scale < 1e99 for scale in scales):
            rule = "of such lengths that their product is between 1e-99 and 1e99"
            checks.refuse("Coopetition.stationary_points", "targets", "vectors of others", rule)
        found = with_penalty(law) if law.l2 > 0 else without_penalty(law)
    origin = RestPoint(0.0, 0.0, np.zeros(4), law.l2 > 0)
    return [origin, *sorted(found, key=lambda point: point.context_share)]


class Law(NamedTuple):
    """Squared lengths of the targets, numbers of entries, α, (μ1, μ2) and λ."""

    targets: Array
    sizes: Array
    alpha: float
    floors: tuple[float, float]
    l2: float

    @property
    def whole(self) -> Array:
        r""":math:`T_a, T_d`."""
        return np.array([math.sqrt(self.targets[list(k)].prod()) for k in STRATEGIES.values()])

    @property
    def entries(self) -> Array:
        """Of either tensor."""
        return np.array([self.sizes[list(k)].prod() for k in STRATEGIES.values()])

    @property
    def cost(self) -> float:
        return self.alpha / (self.sizes[0] * self.sizes[3])

    def weights(self, missed: Array) -> Array:
        r""":math:`w_a, w_d` where a part `missed` (2, …) of either target is not explained."""
        whole, entries = self.whole, self.entries
        losses = [
            (t * m) ** 2 / (2 * n) + floor
            for t, m, n, floor in zip(whole, missed, entries, self.floors, strict=True)
        ]
        return np.array([losses[1] / entries[0], losses[0] / entries[1]])

    def force(self, along: Array) -> Array:
        """The flow of the lengths along the targets, with nothing beside them."""
        lengths = np.sqrt(self.targets)
        at = slopes([*(along / lengths)], [0] * 4, [*self.targets], [*self.sizes], *self[2:])
        return np.array(at.pull) * lengths - np.array(at.shrink) * along

    def hessian(self, lengths: Array) -> Array:
        """Of the penalised loss, by complex steps."""
        steps = 1e-30j * np.eye(4)
        return -np.array([self.force(lengths + step).imag / 1e-30 for step in steps])

    def point(self, lengths: Array, stable: bool) -> RestPoint:
        shares = lengths / np.sqrt(self.targets)
        context, weights = (float(shares[list(k)].prod()) for k in STRATEGIES.values())
        return RestPoint(context, weights, shares, stable)


def without_penalty(law: Law) -> Iterator[RestPoint]:
    """The shortest of each set that attracts."""
    (context, weights), (first, second) = law.whole, law.floors
    explained = [(0.0, weights)] * (second == 0) + [(context, 0.0)] * (first == 0)
    if not explained and law.alpha == 0:
        explained = [(context, weights)]
    for own in explained:
        shared = float(np.hypot(*own)) ** (1 / 3)  # of b and of c
        yield law.point(np.array([own[0] / shared**2, shared, shared, own[1] / shared**2]), True)


def with_penalty(law: Law) -> list[RestPoint]:
    """All but the origin."""
    found: list[Array] = []
    low, high = bounds(law)
    for start in candidates(law) if low <= high else ():
        end = polished(law, start)
        if end is not None and not any(np.allclose(end, x, rtol=0, atol=1e-6) for x in found):
            found.append(end)
    if index(law, found):
        found += partners(law, found)
        if index(law, found):
            raise RuntimeError(f"with l2 = {law.l2!r} two rest points are one, up to rounding")
    lengths = [at(law, logits) for logits in found]
    return [law.point(x, bool(np.linalg.eigvalsh(law.hessian(x))[0] > 0)) for x in lengths]


def partners(law: Law, known: Sequence[Array]) -> list[Array]:
    """Near a fold the second of a pair: by deflation, from beside the first."""
    found: list[Array] = []
    for root in known:
        flat = np.linalg.svd(jacobian(law, root))[2][-1]
        ends = (polished(law, root + side * flat, [*known, *found]) for side in (-1e-3, 1e-3))
        found += [end for end in ends if end is not None][:1]
    return found


def index(law: Law, found: Sequence[Array]) -> int:
    """The sum of the signs of the determinants of the Hessian."""
    curvatures = [np.linalg.eigvalsh(law.hessian(at(law, logits))) for logits in found]
    return sum(int(np.sign(bent).prod()) for bent in curvatures)


def candidates(law: Law) -> Array:
    """(n, 2): logits of `p` and `q` near all rest points, of a grid: where both equations change
    sign within a cell, and where their residual is least among the neighbours."""
    logits = np.stack(np.meshgrid(*axes(law), indexing="ij"))
    gaps, _ = residuals(law, logits)
    corners = np.stack([gaps[:, i : CELLS + i, j : CELLS + j] for i in (0, 1) for j in (0, 1)])
    crossed = ((corners.min(axis=0) <= 0) & (corners.max(axis=0) >= 0)).all(axis=0)
    size = (gaps**2).sum(axis=0)
    moves = [(i, j) for i in (0, 1, 2) for j in (0, 1, 2) if (i, j) != (1, 1)]
    around = [size[i : CELLS - 1 + i, j : CELLS - 1 + j] for i, j in moves]
    chosen = np.zeros(size.shape, dtype=bool)
    chosen[:-1, :-1] = crossed
    chosen[1:-1, 1:-1] |= size[1:-1, 1:-1] <= np.min(around, axis=0)
    return logits[:, chosen].T


def bounds(law: Law) -> tuple[float, float]:
    r"""Between which `Y` is at a rest point other than the origin.

    There :math:`x_a^2 + x_d^2 \le Y`, so that :math:`\lambda \le r \sqrt Y` with the growth rate
    `r`, and :math:`\lambda Y \le \frac14 (w_a T_a^2 + w_d T_d^2)`, both with the weights at zero.
    """
    whole, pulls = law.whole, law.weights(np.ones(2))
    rate = np.hypot(*(pulls * whole))
    return float(np.square(law.l2 / rate)), float(pulls @ whole**2 / (4 * law.l2))


def axes(law: Law) -> list[Array]:
    """Logits of `p` and of `q` from the least to the most that these bounds allow."""
    low, high = bounds(law)
    most = law.weights(np.ones(2)) * high**2 / law.l2  # of the odds
    least = law.weights(1 / (1 + most)) * low**2 / (law.l2 + law.cost * low)
    if not (least >= 1e-120 * most).all():
        rule = "0 or not as small, for targets of these lengths"
        checks.refuse("Coopetition.stationary_points", "l2", law.l2, rule)
    margins = zip(np.log(least) - 1, np.log(most) + 1, strict=True)
    return [np.linspace(*ends, CELLS + 1) for ends in margins]


def residuals(law: Law, logits: Array) -> tuple[Array, Array]:
    """Of both equations, in logits, and `Y` by the third."""
    explained, missed = 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(logits))
    parts = np.square(law.whole.reshape(2, *[1] * (logits.ndim - 1)) * explained)
    y = shared_length(parts.sum(axis=0), 2 * law.cost / law.l2 * parts.prod(axis=0))
    odds = law.weights(missed) * y**4 / (law.l2 * y**2 + law.cost * parts[::-1])
    return logits - np.log(odds), y


def shared_length(square: Array, constant: Array) -> Array:
    """The positive root of :math:`Y^5 = s Y^2 + k`: Newton's steps from above, where the
    difference is convex."""
    y = np.maximum((2 * square) ** (1 / 3), (2 * constant) ** (1 / 5))
    for _ in range(12):
        y = y - (y**5 - square * y**2 - constant) / (5 * y**4 - 2 * square * y)
    return y


def polished(law: Law, logits: Array, known: Sequence[Array] = ()) -> Array | None:
    r"""By Newton's steps; None where they lead elsewhere. The residual is multiplied by
    :math:`\prod (1 + 1/|z - z_k|)` over the `known` roots, which repel."""
    roots = np.reshape(known, (-1, 2))
    for _ in range(60):
        gaps = residuals(law, logits)[0]
        step = -np.linalg.solve(jacobian(law, logits), gaps)
        away = np.linalg.norm(logits - roots, axis=1)
        step = step / (1 + ((logits - roots) @ step / (away**2 * (1 + away))).sum())
        logits = logits + step
        if not (abs(logits) < 200).all():
            return None
        if (abs(step) <= 1e-9).all():
            return logits
    return None


def jacobian(law: Law, logits: Array) -> Array:
    """Of the residuals, by complex steps."""
    steps = 1e-30j * np.eye(2)
    return np.transpose([residuals(law, logits + step)[0].imag / 1e-30 for step in steps])


def at(law: Law, logits: Array) -> Array:
    """(4,): lengths of the parts."""
    y = float(residuals(law, logits)[1])
    own = law.whole / (1 + np.exp(-logits)) / y
    return np.array([own[0], math.sqrt(y), math.sqrt(y), own[1]])
