r"""Theorem 4.1: from which starts training provably reaches the minimum, and how fast.

On the block :math:`v = p = 0`, with :math:`B = sU` and the law of `is_paper_law`, the loss is

.. math::
    L = \tfrac12 \operatorname{tr} \Lambda - s \operatorname{tr}(\Lambda^2 U^\top)
    + \tfrac12 s^2 \operatorname{tr}(\Gamma \Lambda U \Lambda U^\top).

*s stays away from 0.* The last term is not negative and the loss never rises, so
:math:`s \operatorname{tr}(\Lambda^2 U^\top) \ge \tfrac12 \operatorname{tr} \Lambda - L(0)` at all
times. The left side is at most :math:`\|\Lambda^2\|_F\, s \|U\|_F = \|\Lambda^2\|_F\, s^2`, as
:math:`s^2 - \|U\|_F^2` is conserved and starts at 0. At the start
:math:`U = \sigma_0 P`, :math:`s = \sigma_0`, :math:`P = \Theta \Theta^\top`, the right side is
:math:`\sigma_0^2 \|\Lambda\Theta\|_F^2 - \frac12 \sigma_0^4 \operatorname{tr}(\Gamma\Lambda P
\Lambda P)`, and as :math:`\Gamma` commutes with :math:`\Lambda`,

.. math::
    \operatorname{tr}(\Gamma \Lambda P \Lambda P)
    = \| \Gamma^{1/2} \Lambda^{1/2} P \Lambda^{1/2} \|_F^2
    \le \|\Gamma\| \operatorname{tr}(P \cdot \Lambda P \Lambda)
    \le \|\Gamma\| \|P\| \operatorname{tr}(\Lambda P \Lambda)
    \le \|\Gamma\| \|\Lambda\Theta\|_F^2 .

Hence :math:`s(t)^2 \ge \frac{\sigma_0^2}{2 \|\Lambda^2\|_F} \|\Lambda\Theta\|_F^2
[2 - \sigma_0^2 \|\Gamma\|]`: the sharp form. The paper has
:math:`\sqrt d\, \|\Lambda\|^2 \ge \|\Lambda^2\|_F` below and :math:`\sqrt d\, \|\Gamma\|` in the
bracket.

*The loss falls exponentially.* With :math:`C = \Gamma \Lambda`, :math:`D = B - \Gamma^{-1}` and
:math:`X = C^{1/2} D \Lambda^{1/2}`, the gap is :math:`L - \min L = \frac12 \|X\|_F^2` and
:math:`\|\partial L / \partial U\|_F^2 = s^2 \|C^{1/2} X \Lambda^{1/2}\|_F^2
\ge s^2 \lambda_{\min}(\Gamma\Lambda) \lambda_{\min}(\Lambda) \|X\|_F^2`, so that

.. math::
    \|\nabla L\|^2 \ge \mu\, (L - \min L), \qquad
    \mu = 2 \min_t s(t)^2\, \lambda_{\min}(\Gamma \Lambda)\, \lambda_{\min}(\Lambda),

and :math:`\frac{d}{dt} L = -\|\nabla L\|^2`. The paper has
:math:`1 / \operatorname{tr}(\Gamma^{-1} \Lambda^{-1})` and
:math:`1 / \operatorname{tr}(\Lambda^{-1})` for the two smallest eigenvalues.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.gamma import is_paper_law
from lsa_theory.linalg import square_root
from lsa_theory.minimum import block_minimum
from lsa_theory.predictors import on_block, parameters_of
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import population_loss
from lsa_theory.rounding import rounding

HYPOTHESES: Mapping[str, str] = MappingProxyType(
    {
        "block": "v = p = 0",
        "scale": "s > 0",
        "semidefinite": "U = s P with P symmetric positive semi-definite",
        "balance": "‖P‖_F = 1, so that ‖U‖_F = |s|",
        "seen": "Λ Θ ≠ 0, where P = Θ Θ^T",
        "covariance": "Λ is positive definite",
        "law": "tasks N(0, I), no label noise, queries as the context",
        "small": "s² ‖Γ‖ √d < 2",
    }
)
SHARP_SMALL = "s² ‖Γ‖ < 2"


@dataclass(frozen=True, eq=False)
class ConvergenceGuarantee:
    r"""What Theorem 4.1 says of one start: see `convergence_guarantee`.

    Where a hypothesis fails, `scale_bound` and `pl_constant` are 0: nothing is claimed.

    Attributes
    ----------
    hypotheses
        Whether each hypothesis holds, by the names of `HYPOTHESES`.
    sharp
        Whether the sharp form was asked for.
    scale_bound
        A lower bound on :math:`s(t)` for all :math:`t \ge 0`.
    pl_constant
        A :math:`\mu` with :math:`\|\nabla L\|^2 \ge \mu (L - \min L)` all along the flow.
    initial_loss, least_loss
        :math:`L(0)`, and the least loss on the block.
    """

    hypotheses: Mapping[str, bool]
    sharp: bool
    scale_bound: float
    pl_constant: float
    initial_loss: float
    least_loss: float
    statements: Mapping[str, str] = field(repr=False)

    @property
    def holds(self) -> bool:
        """Whether every hypothesis holds, so that the flow reaches the global minimum."""
        return all(self.hypotheses.values())

    @property
    def rate(self) -> float:
        """The rate at which `L − min L` falls at least, the PL constant, as `L' = −‖∇L‖²`."""
        return self.pl_constant

    def loss_bound(self, times: Shaped[Array, "*t"] | float) -> Shaped[Array, "*t"] | float:
        r"""An upper bound on the loss, :math:`\min L + e^{-\mu t} (L(0) - \min L)`; at rate 0,
        where nothing is claimed, :math:`L(0)`, above which gradient flow never rises."""
        times = np.asarray(times, dtype=float)
        if not (times >= 0).all():
            checks.refuse("loss_bound", "times", times[~(times >= 0)].flat[0], "non-negative")
        gap = self.initial_loss - self.least_loss
        return (self.least_loss + np.exp(-self.rate * times) * gap)[()]

    @property
    def report(self) -> str:
        """The hypotheses line by line, and what follows."""
        lines = [
            f"{'holds' if held else 'FAILS'}  {self.statements[name]}"
            for name, held in self.hypotheses.items()
        ]
        if self.holds:
            lines.append(f"so s(t) >= {self.scale_bound:.6g}, and L(t) - min L <=")
            lines.append(f"exp(-{self.rate:.6g} t) (L(0) - min L) at all times t >= 0")
        else:
            lines.append("so the theorem claims nothing")
        return "\n".join(lines)


def convergence_guarantee(
    layer: LinearSelfAttention, prompts: GaussianPrompts, *, sharp: bool = False
) -> ConvergenceGuarantee:
    r"""Theorem 4.1 and its rate, for the gradient flow from `layer` on `prompts`.

    With :math:`\sigma_0 = s(0)`, from a start :math:`U(0) = \sigma_0 \Theta\Theta^\top`,
    :math:`\|\Theta\Theta^\top\|_F = 1`, with :math:`\sigma_0^2 \|\Gamma\| \sqrt d < 2`, the flow
    reaches the global minimum, and on the way

    .. math::
        s(t)^2 \ge \frac{\sigma_0^2}{2 \sqrt d\, \|\Lambda\|^2} \|\Lambda\Theta\|_F^2
        \big[ 2 - \sqrt d\, \sigma_0^2 \|\Gamma\| \big], \qquad
        L(t) - \min L \le e^{-\mu t} (L(0) - \min L),

    .. math::
        \mu = \frac{\sigma_0^2 \|\Lambda\Theta\|_F^2 [2 - \sqrt d\, \sigma_0^2 \|\Gamma\|]}
        {\sqrt d\, \|\Lambda\|^2 \operatorname{tr}(\Gamma^{-1} \Lambda^{-1})
        \operatorname{tr}(\Lambda^{-1})}.

    The sharp form asks for :math:`\sigma_0^2 \|\Gamma\| < 2` only and gives

    .. math::
        s(t)^2 \ge \frac{\sigma_0^2}{2 \|\Lambda^2\|_F} \|\Lambda\Theta\|_F^2
        \big[ 2 - \sigma_0^2 \|\Gamma\| \big], \qquad
        \mu = 2 \min_t s(t)^2\, \lambda_{\min}(\Gamma\Lambda) \lambda_{\min}(\Lambda),

    never less than the paper's. Norms are operator norms but for :math:`\|\cdot\|_F`.

    Parameters
    ----------
    layer, prompts
        The start and the training law, of any kind: what breaks a hypothesis is reported, not
        refused.
    sharp
        Whether to use the sharp form.

    Notes
    -----
    Everything is rounded to the safe side, by the errors of its floating-point evaluation: a
    start exactly at the edge of a strict hypothesis is not claimed. Balance and symmetry are taken
    to hold up to rounding. Time has the units of one over the loss's curvature: `W' = −∂L/∂W`.

    Raises
    ------
    ValueError
        If the dimensions of layer and prompts differ.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.1 and its proof in the appendix;
    the sharp form is derived here.
    """
    call = "convergence_guarantee"
    checks.instance(call, "layer", layer, LinearSelfAttention)
    checks.instance(call, "prompts", prompts, GaussianPrompts)
    d = prompts.dimension
    parameters = parameters_of(call, layer, d, argument="layer")
    s, u = float(parameters.s), np.asarray(parameters.u, dtype=float)
    spectrum = _spectrum(prompts)
    towards = -u if s < 0 else u  # |s| P
    seen = _seen(abs(s), towards, prompts)
    stiffness = spectrum.stiffness(sharp) * (1 + rounding(d))
    hypotheses = {
        "block": on_block(parameters),
        "scale": s > 0,
        "semidefinite": _is_semidefinite(towards),
        "balance": abs(np.linalg.norm(u) - abs(s)) <= rounding(d) * abs(s),
        "seen": seen > 0,
        "covariance": spectrum.least.min() > 0,
        "law": is_paper_law(prompts),
        "small": s * s * stiffness < 2,
    }
    squared_bound = constant = 0.0
    if all(hypotheses.values()):
        squared_bound = least_squared_scale(s * s, seen, stiffness, spectrum.size(sharp))
        squared_bound *= 1 - rounding(d)
        constant = pl_constant(squared_bound, spectrum.curvature(sharp)) * (1 - rounding(d))
    return ConvergenceGuarantee(
        MappingProxyType({name: bool(held) for name, held in hypotheses.items()}),
        sharp,
        float(np.sqrt(squared_bound)),
        float(constant),
        float(population_loss(layer, prompts)),
        float(block_minimum(prompts).loss),
        {**HYPOTHESES, "small": SHARP_SMALL} if sharp else HYPOTHESES,
    )


def least_squared_scale(squared: Scalar, seen: Scalar, stiffness: Scalar, size: Scalar) -> Scalar:
    r"""The lower bound on :math:`s(t)^2`, by :math:`\sigma_0^2`, :math:`\|\Lambda\Theta\|_F^2`,
    :math:`\|\Gamma\|` and :math:`\|\Lambda^2\|_F`; the paper's has :math:`\sqrt d\, \|\Gamma\|` and
    :math:`\sqrt d\, \|\Lambda\|^2` for the last two."""
    return squared * seen * (2 - squared * stiffness) / (2 * size)


def pl_constant(squared_scale: Scalar, curvature: Scalar) -> Scalar:
    """`μ`, by the lower bound on `s(t)²` and that on `λ_min(ΓΛ) λ_min(Λ)`."""
    return 2 * squared_scale * curvature


class Spectrum(NamedTuple):
    """Of Λ and Γ: eigenvalues from below, and norms from above."""

    least: Any  # of Λ
    least_gamma: Any
    norm: Scalar
    square_norm: Scalar  # ‖Λ²‖_F
    gamma_norm: Scalar
    root: Scalar  # √d

    @classmethod
    def between(cls, least: Array, most: Array, n: Scalar, root: Scalar) -> Spectrum:
        """By bounds on the eigenvalues of Λ, in one order, and `√d`."""
        least_gamma, most_gamma = (((n + 1) * e + e.sum()) / n for e in (least, most))
        at, square_norm = most.argmax(), square_root(most**2 @ most**2)
        return cls(least, least_gamma, most[at], square_norm, most_gamma[at], root)

    def stiffness(self, sharp: bool) -> Scalar:
        """`‖Γ‖`, or the paper's `√d ‖Γ‖`."""
        return self.gamma_norm if sharp else self.gamma_norm * self.root

    def size(self, sharp: bool) -> Scalar:
        """`‖Λ²‖_F`, or the paper's `√d ‖Λ‖²`."""
        return self.square_norm if sharp else self.root * self.norm**2

    def curvature(self, sharp: bool) -> Scalar:
        """`λ_min(ΓΛ) λ_min(Λ)`, or the paper's `1 / (tr(Γ^{-1}Λ^{-1}) tr(Λ^{-1}))`."""
        least, gamma, at = self.least, self.least_gamma, self.least.argmin()
        if sharp:
            return least[at] ** 2 * gamma[at]
        return 1 / ((1 / (gamma * least)).sum() * (1 / least).sum())


def _spectrum(prompts: GaussianPrompts) -> Spectrum:
    """By the errors of the eigenvalues in floating point."""
    covariance = np.asarray(prompts.covariance, dtype=float)
    diagonal = covariance.ndim == 1
    eigenvalues = covariance if diagonal else np.linalg.eigvalsh(covariance)
    error = 0.0 if diagonal else rounding(len(covariance)) * eigenvalues.max()
    n, root = prompts.context_length, np.sqrt(len(eigenvalues))
    return Spectrum.between(eigenvalues - error, eigenvalues + error, n, root)


def _seen(s: float, u: Array, prompts: GaussianPrompts) -> float:
    """`‖ΛΘ‖_F² = tr(Λ² P)` from below; 0 where s is."""
    if s == 0:
        return 0.0
    covariance = np.asarray(prompts.covariance, dtype=float)
    square = np.diag(covariance**2) if covariance.ndim == 1 else covariance @ covariance
    products = square * u.T / s
    error = np.linalg.norm(covariance) ** 2 * np.linalg.norm(u / s)
    diagonal = covariance.ndim == 1
    return products.sum() - rounding(len(u)) * (abs(products).sum() if diagonal else error)


def _is_semidefinite(u: Shaped[Array, "d d"]) -> bool:
    """Symmetric and positive semi-definite up to rounding."""
    tolerance = rounding(len(u)) * abs(u).max()
    return bool(
        abs(u - u.T).max() <= tolerance
        and np.linalg.eigvalsh((u + u.T) / 2)[0] >= -len(u) * tolerance
    )
