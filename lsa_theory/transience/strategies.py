"""The eight numbers of two strategies that share circuits: losses, slopes, and a step.

See `lsa_theory.transience.coopetition`. Everything here is in sums and products, and takes floats,
rationals and symbols.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

NAMES = "abcd"
STRATEGIES = {"a": (0, 1, 2), "d": (3, 1, 2)}  # by the part of their own


class Slopes(NamedTuple):
    """:math:`L_1`, :math:`L_2`, `L`; and the gradient of a part is `shrink` times the part less
    `pull` times its target."""

    in_context: Any
    in_weights: Any
    loss: Any
    pull: Sequence[Any]
    shrink: Sequence[Any]


def slopes(
    share: Sequence[Any],
    beside: Sequence[Any],
    targets: Sequence[Any],
    sizes: Sequence[Any],
    alpha: Any,
    floors: Sequence[Any],
    l2: Any = 0,
) -> Slopes:
    """At shares and squared norms beside, for the targets' squared norms; the loss is without
    penalties."""
    norms = [x * x * t + y for x, t, y in zip(share, targets, beside, strict=True)]
    first, second = errors(share, beside, targets, sizes)
    both = alpha * norms[0] * norms[3] / (2 * sizes[0] * sizes[3])
    loss = (first + floors[0]) * (second + floors[1]) + both
    weights = second + floors[1], first + floors[0]
    return Slopes(first, second, loss, *forces(share, norms, targets, sizes, alpha, weights, l2))


def errors(
    share: Sequence[Any], beside: Sequence[Any], targets: Sequence[Any], sizes: Sequence[Any]
) -> tuple[Any, Any]:
    r""":math:`L_1` and :math:`L_2`, as sums of positive terms: the shortfall along the target, and
    what is beside it."""
    along = [x * x * t for x, t in zip(share, targets, strict=True)]
    norms = [x + y for x, y in zip(along, beside, strict=True)]
    found = []
    for k, i, j in STRATEGIES.values():
        short = 1 - share[k] * share[i] * share[j]
        spread = beside[k] * norms[i] * norms[j]
        spread = spread + along[k] * (beside[i] * norms[j] + along[i] * beside[j])
        missed = targets[k] * targets[i] * targets[j] * short * short + spread
        found.append(missed / (2 * sizes[k] * sizes[i] * sizes[j]))
    return found[0], found[1]


def forces(
    share: Sequence[Any],
    norms: Sequence[Any],
    targets: Sequence[Any],
    sizes: Sequence[Any],
    alpha: Any,
    weights: tuple[Any, Any],
    l2: Any = 0,
) -> tuple[Sequence[Any], Sequence[Any]]:
    """What pulls a part to its target and what shrinks it, the slopes of both errors weighted."""
    both = sizes[0] * sizes[3]
    pull = [0, 0, 0, 0]
    shrink = [l2 + alpha * norms[3] / both, l2, l2, l2 + alpha * norms[0] / both]
    for trio, weight in zip(STRATEGIES.values(), weights, strict=True):
        weight = weight / (sizes[trio[0]] * sizes[trio[1]] * sizes[trio[2]])
        for part in trio:
            i, j = (other for other in trio if other != part)
            pull[part] = pull[part] + weight * share[i] * share[j] * targets[i] * targets[j]
            shrink[part] = shrink[part] + weight * norms[i] * norms[j]
    return pull, shrink


def stepped(
    share: Sequence[Any], beside: Sequence[Any], at: Slopes, rate: Any, off: int | None = None
) -> tuple[Sequence[Any], Sequence[Any]]:
    """A step of gradient descent; the part `off` is held."""
    kept = [1 - rate * shrink for shrink in at.shrink]
    new = [k * x + rate * f for k, x, f in zip(kept, share, at.pull, strict=True)]
    if off is not None:
        new[off] = share[off]
    return new, [k * k * x for k, x in zip(kept, beside, strict=True)]
