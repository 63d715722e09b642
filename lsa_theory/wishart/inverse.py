r"""The factors of an expectation that depend on `N` and on the dimension.

An expectation of degree `k` is :math:`f \sum_w c_w(t)\, w`, with trace words :math:`w` in the
covariance and the constants and polynomials :math:`c_w`; for `S`, :math:`f = 1` and
:math:`t = 1/N`. For the inverse, :math:`\Lambda^{-1}` stands for Λ in the very same sum, and with
:math:`m = N - d`

.. math::
    E[S^{-1}_{ij}] &= \frac{N}{m - 1} \Lambda^{-1}_{ij}, \qquad m > 1, \\
    E[S^{-1}_{ij} S^{-1}_{kl}] &= \frac{N^2 (m - 2)}{m (m - 1)(m - 3)} \Big[
        \Lambda^{-1}_{ij} \Lambda^{-1}_{kl} + \frac{1}{m - 2} \big(\Lambda^{-1}_{ik}
        \Lambda^{-1}_{jl} + \Lambda^{-1}_{il} \Lambda^{-1}_{jk}\big) \Big], \qquad m > 3,

so :math:`t = 1/(m - 2)`. At a smaller `m` no diagonal entry of :math:`S^{-1}`, or no product of two
of them, is integrable. A word in special constants may be, as :math:`S^{-1} B S^{-1} = B / \det S`
for :math:`B = -B^\top` at :math:`d = 2`; it is refused all the same.

Source: von Rosen, Moments for the inverted Wishart distribution, Scand. J. Statist. 15, 1988.
"""

from __future__ import annotations

from dataclasses import dataclass

from lsa_theory._typing import Scalar

LARGEST_INVERSE_DEGREE = 2


@dataclass(frozen=True)
class Scale:
    """`f` and `t`, of a sample covariance (`degree` 0) or of so many inverses."""

    degree: int = 0

    @property
    def least_excess(self) -> int | None:
        """The number that `N - d` must be above, for general constants."""
        return {0: None, 1: 1, 2: 3}[self.degree]

    def prefactor(self, n: Scalar, d: Scalar) -> Scalar:
        m = n - d
        if self.degree == 0:
            return 1
        if self.degree == 1:
            return n / (m - 1)
        return n**2 * (m - 2) / (m * (m - 1) * (m - 3))

    def variable(self, n: Scalar, d: Scalar) -> Scalar:
        return 1 / (n - d - 2) if self.degree == 2 else 1 / n

    @property
    def latex(self) -> tuple[str, str]:
        """The prefactor, and the variable's denominator."""
        return {
            0: ("", "N"),
            1: (r"\frac{N}{N - d - 1}", "N"),
            2: (r"\frac{N^{2} (N - d - 2)}{(N - d)(N - d - 1)(N - d - 3)}", "(N - d - 2)"),
        }[self.degree]
