r"""Means over the spectrum of a sample covariance, in the limit of high dimensions.

:math:`R` is the second moment of :math:`k = \kappa d` samples of :math:`N(0, C)`, with eigenvalues
:math:`c_i` of :math:`C`. Its resolvent becomes that of :math:`C` under another ridge,
:math:`\nu (R + \nu)^{-1} \to a (C + a)^{-1}`. With :math:`u_i = c_i / (c_i + a)`, and means over
the eigenvalues written :math:`\langle \cdot \rangle`,

.. math::
    \nu = a q, \quad q = 1 - \phi / \kappa, \quad \phi = \langle u \rangle, \quad
    \psi = \langle u^2 \rangle / \kappa,

and the means over the spectrum of `R` are sums of positive terms,

.. math::
    \Big\langle \frac{R}{(R + \nu)^2} \Big\rangle = \frac{\langle u (1 - u) \rangle}{a (1 - \psi)},
    \quad
    \Big\langle \frac{R^2}{(R + \nu)^2} \Big\rangle
    = \langle u^2 \rangle + \frac{\langle u (1 - u) \rangle^2}{\kappa (1 - \psi)} .

For :math:`C = I` this is the Marchenko–Pastur law.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.linalg import dense


class SampleSpectrum:
    r"""The means, in the shape of `a` and `ratio` (:math:`\kappa`).

    `nu` is the ridge; `share`, `first`, `square` and `inverse_square` are
    :math:`\langle R / (R + \nu) \rangle`, :math:`\langle R / (R + \nu)^2 \rangle`,
    :math:`\langle R^2 / (R + \nu)^2 \rangle` and :math:`\langle 1 / (R + \nu)^2 \rangle`;
    `tested` and `tested_square` are :math:`\operatorname{tr} \tilde C (R + \nu)^{-1} / d` and
    :math:`\operatorname{tr} \tilde C (R + \nu)^{-2} / d`.
    """

    def __init__(self, a: Array, ratio: Array, spectrum: Array, tested: Array) -> None:
        shift = spectrum + a[..., None]  # the last axis is that of the eigenvalues
        u = spectrum / shift
        mixed = (u * (a[..., None] / shift)).mean(-1)  # ⟨u (1 − u)⟩
        q, free = 1 - u.mean(-1) / ratio, 1 - (u * u).mean(-1) / ratio
        slope = mixed / (a * ratio * free)  # dq / dν
        faded = (slope[..., None] * spectrum + 1) / (q[..., None] * shift) ** 2
        self.nu = a * q
        self.share = u.mean(-1)
        self.first = mixed / (a * free)
        self.square = (u * u).mean(-1) + mixed**2 / (ratio * free)
        self.inverse_square = faded.mean(-1)
        self.tested = (tested / shift).mean(-1) / q
        self.tested_square = (tested * faded).mean(-1)


def effective_ridge(spectrum: Shaped[Array, " d"], nu: Array, ratio: Array) -> Array:
    """The `a` of a ridge: by Newton's method on a convex function, from the right."""
    a = nu + spectrum.mean() / ratio
    for _ in range(100):
        u = spectrum / (spectrum + a[..., None])
        value = a * (1 - u.mean(-1) / ratio) - nu
        step = value / (1 - (u * u).mean(-1) / ratio)
        a = np.maximum(a - step, nu)
        if (abs(step) <= 4 * checks.EPSILON * a).all():
            break
    return a


def positive(
    call: str, argument: str, value: Any, *, zero: bool = False, infinite: bool = False
) -> Array:
    """A number or an array of numbers, positive and finite, or also zero, or infinite."""
    rule = "a number >= 0" if zero else "a positive number"
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError):
        checks.refuse(call, argument, checks.described(value), rule)
    within = (array >= 0) if zero else (array > 0)
    wrong = ~(within & (infinite | np.isfinite(array)))
    if wrong.any():
        checks.refuse(call, argument, float(array[wrong].flat[0]), rule)
    return array


def together(call: str, **values: Array) -> tuple[Array, ...]:
    """In one shape; what does not broadcast is refused by the argument at which it shows."""
    try:
        return np.broadcast_arrays(*values.values())
    except ValueError:
        names = list(values)
        for k, name in enumerate(names):
            shapes = [values[other].shape for other in names[: k + 1]]
            try:
                np.broadcast_shapes(*shapes)
            except ValueError:
                others = " and ".join(names[:k])
                checks.refuse(call, name, values[name], f"of a shape that broadcasts with {others}")
        raise


def task_spectra(call: str, trained: Any, tested: Any) -> tuple[Array, Array]:
    """The eigenvalues of C, and the diagonal of the test tasks' covariance in its eigenbasis.

    None: the identity, and C. Without either there is one eigenvalue, whatever the dimension.
    """
    if trained is None and tested is None:
        return np.ones(1), np.ones(1)
    dimension = _dimension(call, trained, tested)
    given = np.ones(dimension) if trained is None else trained
    spectrum = checks.covariance(call, "task_covariance", given, dimension).astype(np.float64)
    other = spectrum
    if tested is not None:
        other = checks.covariance(call, "test_task_covariance", tested, dimension)
        other = other.astype(np.float64)
    if spectrum.ndim == other.ndim == 1:
        return spectrum, other
    eigenvalues, basis = np.linalg.eigh(dense(spectrum))
    return eigenvalues.clip(min=0), ((dense(other) @ basis) * basis).sum(axis=0)


def _dimension(call: str, trained: Any, tested: Any) -> int:
    name, given = "task_covariance", trained
    if trained is None:
        name, given = "test_task_covariance", tested
    return len(checks.real_array(call, name, given, (1, 2)))
