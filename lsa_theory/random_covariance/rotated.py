"""A fixed spectrum in a basis drawn at random."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.definiteness import rank
from lsa_theory.linalg import Diagonal, identity
from lsa_theory.random_covariance.law import CovarianceLaw, summary_moment

NAME = "RotatedSpectrum"


@dataclass(frozen=True, eq=False)
class RotatedSpectrum(CovarianceLaw):
    r""":math:`\Lambda_\tau = Q D Q^\top` with a fixed diagonal `D` and `Q` uniform (Haar) among the
    orthogonal matrices.

    The mean map commutes with every rotation, so it is
    :math:`E[C_\tau B \Lambda_\tau] = \alpha (\operatorname{tr}(B) I + B^\top) + \beta B`; with
    `C` the draw's at `D`, its three contractions give

    .. math::
        \alpha = \frac{d \operatorname{tr}(C D) - \operatorname{tr}(C) \operatorname{tr}(D)}
        {d (d - 1) (d + 2)}, \qquad
        \beta = \frac{\operatorname{tr}(C D)}{d} - (d + 1)\, \alpha,

    and the minimiser is a multiple of the identity,
    :math:`B = \operatorname{tr}(D^2) / \operatorname{tr}(C D) \cdot I`.

    Parameters
    ----------
    spectrum
        (d,), the diagonal of `D`, non-negative; rationals stay exact.

    Raises
    ------
    ValueError
        If the spectrum is not a vector of non-negative numbers.

    Source: derived here.
    """

    spectrum: Any

    def __post_init__(self) -> None:
        checks.real_array(NAME, "spectrum", self.spectrum, (1,))
        object.__setattr__(self, "spectrum", checks.covariance(NAME, "spectrum", self.spectrum))

    @property
    def dimension(self) -> int:  # type: ignore[override]
        return len(self.spectrum)

    @property
    def mean(self) -> Any:
        return self._isotropic(Diagonal(self.spectrum))

    @property
    def square(self) -> Any:
        return self._isotropic(Diagonal(self.spectrum * self.spectrum))

    def _isotropic(self, matrix: Diagonal) -> Diagonal:
        return matrix.trace() / self.dimension * identity(self.dimension)

    @property
    def determined(self) -> int:
        d, r = self.dimension, rank(Diagonal(self.spectrum))
        return d * (d + 1) // 2 if r == 1 else d * d * (r > 1)

    def pull(self, gain: Any, length: Any, noise: Scalar) -> Any:
        context, d = Diagonal(self.spectrum), self.dimension
        moment = summary_moment(context, length, noise)
        joint = (moment @ context).trace()
        if d == 1:
            return joint * gain
        apart = (d * joint - moment.trace() * context.trace()) / (d * (d - 1) * (d + 2))
        along = joint / d - (d + 1) * apart
        return apart * (gain.trace() * identity(d) + gain.T) + along * gain

    def drawn(self, count: int, rng: np.random.Generator) -> Shaped[Array, "count d d"]:
        basis, upper = np.linalg.qr(rng.standard_normal((count, self.dimension, self.dimension)))
        basis = basis * np.sign(upper.diagonal(axis1=1, axis2=2))[:, None, :]
        return (basis * self.spectrum.astype(np.float64)) @ basis.swapaxes(1, 2)
