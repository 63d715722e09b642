r"""Strategies for starts that Theorem 4.1 covers, and for those that it just misses.

A start on the block is :math:`s` and :math:`P` with :math:`U = s P`. The theorem names eight
hypotheses, `lsa_theory.convergence.HYPOTHESES`; seven can fail alone. The eighth, "seen", follows
from "balance" and "covariance": :math:`\Lambda\Theta = 0` with an invertible :math:`\Lambda` has
:math:`P = \Theta\Theta^\top = 0`, not of norm 1.
"""

from __future__ import annotations

from math import frexp
from typing import Any

import numpy as np
from hypothesis import assume
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from lsa_theory import checks
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.convergence import HYPOTHESES, convergence_guarantee
from lsa_theory.gamma import gamma
from lsa_theory.initial import initial_layer, isotropic_theta
from lsa_theory.linalg import dense
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.testing.laws import prompts as laws
from lsa_theory.testing.matrices import SMALL, array_of, counts, covariances

Start = tuple[LinearSelfAttention, GaussianPrompts]


def balanced_starts(prompts: GaussianPrompts) -> SearchStrategy[LinearSelfAttention]:
    r"""Starts that satisfy every hypothesis of Theorem 4.1 for the given law.

    :math:`U = s P` with :math:`P = \Theta\Theta^\top / \|\Theta\Theta^\top\|_F` for an integer
    matrix :math:`\Theta` of any rank, and :math:`s` from a 64th to 15/16 of
    :math:`(2 / \|\Gamma\| \sqrt d)^{1/2}`, about; in float64. Shrinks to
    :math:`\Theta = d^{-1/4} I` and a power of 2.

    Parameters
    ----------
    prompts
        The training law, of a kind that the theorem is about.

    Raises
    ------
    ValueError
        If the law has label noise, a mean, tasks other than N(0, I) or queries of its own, or a
        covariance that is not positive definite in float64.

    Notes
    -----
    :math:`\Lambda\Theta \ne 0` is decided in float64: where :math:`\Lambda` has a condition number
    beyond 1e7, the few :math:`\Theta` for which rounding hides it are not drawn.

    Examples
    --------
    >>> from hypothesis import find
    >>> layer = find(balanced_starts(GaussianPrompts([1.0], 1)), lambda layer: True)
    >>> print(layer.s, layer.u)
    0.5 [[0.5]]
    """
    checks.instance("balanced_starts", "prompts", prompts, GaussianPrompts)
    tiny = initial_layer(isotropic_theta(prompts.dimension), _largest_scale(prompts) / 2)
    held = convergence_guarantee(tiny, prompts).hypotheses
    for name in ("law", "covariance"):
        if not held[name]:
            rule = f"such that {HYPOTHESES[name]}"
            checks.refuse("balanced_starts", "prompts", "another law", rule)
    return _start(prompts)


def violating(
    hypothesis: str, dimension: int | SearchStrategy[int] | None = None
) -> SearchStrategy[Start]:
    """Starts and laws that break one named hypothesis of Theorem 4.1 and satisfy all others.

    Parameters
    ----------
    hypothesis
        A name in `lsa_theory.convergence.HYPOTHESES`. "seen" is refused, as it cannot fail alone:
        see the module. "small" breaks that of the sharp form as well.
    dimension
        :math:`d`, at least 2 for "semidefinite" and "covariance" (None: up to 3).

    Returns
    -------
    A strategy of pairs `(layer, prompts)`.

    Raises
    ------
    ValueError
        Of a name that is not one, or a dimension in which the hypothesis cannot fail alone.

    Examples
    --------
    >>> from hypothesis import find
    >>> layer, prompts = find(violating("scale", 1), lambda start: True)
    >>> print(layer.s, layer.u, prompts.covariance)
    -0.5 [[-0.5]] [[1.]]
    """
    if hypothesis == "seen":
        rule = 'one that can fail alone: "balance" and "covariance" imply it'
        checks.refuse("violating", "hypothesis", "seen", rule)
    if hypothesis not in BREAKERS:
        checks.refuse("violating", "hypothesis", hypothesis, f"one of {', '.join(BREAKERS)}")
    least = 2 if hypothesis in ("semidefinite", "covariance") else 1
    given = st.integers(least, 3) if dimension is None else dimension
    sizes = counts("violating", "dimension", given, minimum=least)
    return _broken(sizes, hypothesis)


# --- one way of breaking each ------------------------------------------------------------------


def _off_the_block(draw: Any, d: int) -> Start:
    layer, prompts = _covered(draw, d)
    ends = array_of(draw, (2, d), exact=False)
    if not ends.any():
        ends[0, 0] = 1
    return LinearSelfAttention.from_parameters(ends[0], layer.s, layer.u, ends[1]), prompts


def _with_negative_scale(draw: Any, d: int) -> Start:
    layer, prompts = _covered(draw, d)
    return LinearSelfAttention.from_block(-layer.u, -layer.s), prompts


def _indefinite(draw: Any, d: int) -> Start:
    """`P` asymmetric, or with a negative eigenvalue, or both, but `tr(Λ² P) > 0`.

    With `b` of unit norm along the least eigenvalue of Λ and `t < 2 <= d`,
    `tr(Λ² (I - t b b^T)) >= (d - t) λ_min²`; and what is antisymmetric is not seen.
    """
    prompts = draw(LAWS[d])
    share, skew = draw(BENDS)
    b = np.linalg.eigh(prompts.covariance)[1][:, 0]
    matrix = np.eye(d) - share * b[:, None] * b
    matrix[0, 1] += skew
    matrix[1, 0] -= skew
    scale = draw(st.sampled_from(_scales(prompts)))
    return LinearSelfAttention.from_block(scale * _normalised(matrix), scale), prompts


def _unbalanced(draw: Any, d: int) -> Start:
    layer, prompts = _covered(draw, d)
    return LinearSelfAttention.from_block(draw(FACTORS) * layer.u, layer.s), prompts


def _on_singular_covariance(draw: Any, d: int) -> Start:
    prompts = draw(SINGULAR_LAWS[d])
    return _start_of(draw, prompts), prompts


def _on_another_law(draw: Any, d: int) -> Start:
    layer, prompts = _covered(draw, d)
    factor = draw(FACTORS)
    changes: dict[str, Any] = {
        "noise_variance": factor,
        "task_covariance": factor * np.eye(d),
        "task_mean": factor * np.eye(d)[0],
        "query_covariance": factor * prompts.covariance,
    }
    names = draw(st.sets(st.sampled_from(sorted(changes)), min_size=1))
    return layer, prompts.replace(**{name: changes[name] for name in sorted(names)})


def _too_large(draw: Any, d: int) -> Start:
    """Beyond the sharp form's limit, which is d^{1/4} times the paper's."""
    layer, prompts = _covered(draw, d)
    limit = _largest_scale(prompts) * d**0.25
    scale = draw(st.sampled_from([1.0, 2.0, 16.0])) * 2.0 ** frexp(limit * 17 / 16)[1]
    return LinearSelfAttention.from_block(scale * (layer.u / layer.s), scale), prompts


BREAKERS = {
    "block": _off_the_block,
    "scale": _with_negative_scale,
    "semidefinite": _indefinite,
    "balance": _unbalanced,
    "covariance": _on_singular_covariance,
    "law": _on_another_law,
    "small": _too_large,
}


# --- what they share ---------------------------------------------------------------------------


class _Laws(dict):
    """The laws of each dimension, of a covariance of full rank or of less; made when wanted."""

    def __init__(self, singular: bool) -> None:
        self.singular = singular

    def __missing__(self, d: int) -> SearchStrategy[GaussianPrompts]:
        rank = st.integers(1, d - 1) if self.singular else None
        self[d] = laws(d, covariance=covariances(d, rank=rank, condition=100))
        return self[d]


LAWS, SINGULAR_LAWS = _Laws(singular=False), _Laws(singular=True)
FACTORS = st.sampled_from([2.0, 0.5, 8.0, 0.125, 1.0009765625])
BENDS = st.sampled_from(
    [(1.5, 0.0), (1.25, 0.0), (1.875, 0.0), (0.0, 1.0), (0.0, -0.125), (1.5, 2.0)]
)


@st.composite
def _broken(draw: Any, sizes: Any, hypothesis: str) -> Any:
    return BREAKERS[hypothesis](draw, draw(sizes))


@st.composite
def _start(draw: Any, prompts: Any) -> Any:
    return _start_of(draw, prompts)


def _covered(draw: Any, d: int) -> Start:
    prompts = draw(LAWS[d])
    return _start_of(draw, prompts), prompts


def _start_of(draw: Any, prompts: GaussianPrompts) -> LinearSelfAttention:
    """`Θ` is the identity, or an integer matrix of at most d columns."""
    d = prompts.dimension
    theta = np.eye(d)
    if columns := draw(st.integers(0, d)):
        drawn = np.array([[draw(SMALL) for _ in range(columns)] for _ in range(d)], dtype=float)
        theta = drawn if drawn.any() else theta
    scale = draw(st.sampled_from(_scales(prompts)))
    layer = LinearSelfAttention.from_block(scale * _normalised(theta @ theta.T), scale)
    assume(convergence_guarantee(layer, prompts).hypotheses["seen"])
    return layer


def _largest_scale(prompts: GaussianPrompts) -> float:
    """The paper's limit, `s² ‖Γ‖ √d = 2`."""
    matrix = dense(gamma(prompts)).astype(float)
    norm = float(np.linalg.norm(matrix, 2)) * prompts.dimension**0.5
    return (2 / norm) ** 0.5 if norm else 1.0


def _scales(prompts: GaussianPrompts) -> Any:
    """Powers of 2, then shares of the limit up to 15/16."""
    largest = _largest_scale(prompts)
    power = 2.0 ** (frexp(largest * 15 / 16)[1] - 1)
    below = [power, power / 2, power / 16]
    return [*below, largest * 15 / 16, largest * 3 / 4, largest / 64]


def _normalised(matrix: Any) -> Any:
    return matrix / np.linalg.norm(matrix)
