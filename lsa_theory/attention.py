"""The layer: one merged head of linear self-attention."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.linalg import concatenate, is_traced, outer, squared_norm


class Parameters(NamedTuple):
    """The parameters that the prediction sees: `(v, s)` is the last row of `W^PV`, and `u` over
    `p^T` are the first `d` columns of `W^KQ`. A tuple, hence a JAX pytree."""

    v: Any
    s: Any
    u: Any
    p: Any

    @property
    def gain(self) -> Shaped[Array, "d d"]:
        """`s U + v p^T`."""
        return self.s * self.u + outer(self.v, self.p)

    @property
    def balance(self) -> Scalar:
        """`‖v‖² + s² − ‖U‖_F² − ‖p‖²`, conserved by gradient flow."""
        left = squared_norm(self.v) + self.s * self.s
        return left - squared_norm(self.u) - squared_norm(self.p)


def checked(call: str, parameters: Parameters) -> Parameters:
    """The parameters as arrays of shapes that fit, without NaN or infinity.

    `v` and `p` keep their type: integers beside exact rationals become no floats.
    """
    u = checks.square(call, "u", checks.real_array(call, "u", parameters.u, (2,)))
    for argument in ("v", "p"):
        checks.vector(call, argument, getattr(parameters, argument), len(u))
    pair = (parameters.v, parameters.p)
    v, p = (x if is_traced(x) or checks.is_tracer(x) else np.asarray(x) for x in pair)
    return Parameters(v, checks.real(call, "s", parameters.s), u, p)


@dataclass(frozen=True, eq=False)
class LinearSelfAttention:
    r"""A layer of linear self-attention with merged value-projection and key-query matrices.

    On the embedding of a prompt, :math:`E \in \mathbb{R}^{(d+1) \times (N+1)}` with columns
    :math:`(x_i, y_i)` and last :math:`(x_q, 0)`,

    .. math::
        f(E) = E + W^{PV} E \, \frac{E^\top W^{KQ} E}{\rho}, \qquad \hat y = f(E)_{d+1, N+1},

    where :math:`\rho` is the number of labelled pairs in the prompt at hand.

    Parameters
    ----------
    pv, kq
        :math:`W^{PV}` and :math:`W^{KQ}`, both of shape (d + 1, d + 1), dimensionless up to the
        units of features and label.

    Raises
    ------
    ValueError
        If a matrix is not square, not finite, smaller than 2 by 2, or differs from the other in
        size.

    Notes
    -----
    The prediction sees the last row :math:`(v^\top, s)` of `pv` and the first d columns of `kq`,
    :math:`U` over :math:`p^\top`; all other entries have zero gradient. On the block
    :math:`v = p = 0` it is :math:`\hat y = h^\top \mathrm{gain}\, x_q` with
    :math:`h = X^\top y / N`.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, the setting of Section 3.
    """

    pv: Any
    kq: Any

    def __post_init__(self) -> None:
        name = type(self).__name__
        pv = checks.square(name, "pv", checks.real_array(name, "pv", self.pv, (2,)))
        kq = checks.real_array(name, "kq", self.kq, (2,))
        checks.square(name, "kq", kq, len(pv))
        if len(pv) < 2:
            checks.refuse(name, "pv", f"array of shape {pv.shape}", "at least 2 by 2")
        object.__setattr__(self, "pv", pv)
        object.__setattr__(self, "kq", kq)

    @classmethod
    def from_parameters(cls, v: Any, s: Any, u: Any, p: Any) -> LinearSelfAttention:
        """The layer with the given visible parameters and zeros elsewhere."""
        v, s, u, p = checked("from_parameters", Parameters(v, s, u, p))
        unseen = np.zeros((len(u), len(u) + 1), dtype=int)
        row = concatenate([v, s + np.zeros(1, dtype=int)])
        seen = concatenate([u, p[None, :]])
        pv = concatenate([unseen, row[None, :]])
        kq = concatenate([seen, np.zeros((len(u) + 1, 1), dtype=int)], axis=1)
        return cls(pv, kq)

    @classmethod
    def from_block(cls, u: Shaped[Array, "d d"], s: Scalar) -> LinearSelfAttention:
        """The layer with `v = p = 0`: its gain is `s U`."""
        u = checks.square("from_block", "u", checks.real_array("from_block", "u", u, (2,)))
        s = checks.real("from_block", "s", s)
        zero = np.zeros(len(u), dtype=int)
        return cls.from_parameters(zero, s, u, zero)

    def with_parameters(self, parameters: Parameters) -> LinearSelfAttention:
        """The layer with other visible parameters and its own unseen entries."""
        checks.instance("with_parameters", "parameters", parameters, Parameters)
        parameters = checked("with_parameters", parameters)
        checks.square("with_parameters", "u", parameters.u, self.dimension)
        d, pv, kq = self.dimension, self.pv.copy(), self.kq.copy()
        pv[d, :d], pv[d, d] = parameters.v, parameters.s
        kq[:d, :d], kq[d, :d] = parameters.u, parameters.p
        return LinearSelfAttention(pv, kq)

    @property
    def dimension(self) -> int:
        """`d`, the number of features."""
        return len(self.pv) - 1

    @property
    def parameters(self) -> Parameters:
        """What the prediction sees, `(v, s, u, p)`."""
        d = self.dimension
        return Parameters(self.pv[d, :d], self.pv[d, d], self.kq[:d, :d], self.kq[d, :d])

    @property
    def v(self) -> Shaped[Array, " d"]:
        return self.parameters.v

    @property
    def s(self) -> Scalar:
        return self.parameters.s

    @property
    def u(self) -> Shaped[Array, "d d"]:
        return self.parameters.u

    @property
    def p(self) -> Shaped[Array, " d"]:
        return self.parameters.p

    @property
    def gain(self) -> Shaped[Array, "d d"]:
        """`s U + v p^T`, the matrix in `ŷ = h^T gain x_q` where `v = p = 0`."""
        return self.parameters.gain

    @property
    def balance(self) -> Scalar:
        """`‖v‖² + s² − ‖U‖_F² − ‖p‖²`, conserved by gradient flow from any start."""
        return self.parameters.balance

    def predict(self, x: Any, y: Any, x_query: Any) -> Scalar:
        """The prediction `f(E)[d+1, N+1]` for one prompt, with `ρ = len(x)`.

        `x` (N, d) and `y` (N,) are the labelled pairs, `x_query` (d,) the query; in exact
        rationals, floats or traced. Raises `ValueError` where the shapes do not fit.
        """
        x, y, x_query = (a if is_traced(a) else np.asarray(a) for a in (x, y, x_query))
        d = self.dimension
        if x.ndim != 2 or x.shape[1] != d or not len(x):
            checks.refuse("predict", "x", f"array of shape {x.shape}", f"of shape (N, {d}), N >= 1")
        for name, given, shape in (("y", y, (len(x),)), ("x_query", x_query, (d,))):
            if given.shape != shape:
                checks.refuse("predict", name, f"array of shape {given.shape}", f"of shape {shape}")
        labelled = concatenate([x.T, y[None, :]])
        query = concatenate([x_query, 0 * y[:1]])
        embedding = concatenate([labelled, query[:, None]], axis=1)
        attended = embedding @ (embedding.T @ (self.kq @ query))
        return query[-1] + self.pv[-1] @ attended / len(x)
