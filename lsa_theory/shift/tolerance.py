r"""Which shifts a trained layer tolerates: a family of them a row, in one table.

As :math:`N, M \to \infty` the layer answers :math:`x_q^\top \Lambda^{-1} \Lambda_c w`, so that
another task, another query, more noise or a longer prompt leave no risk, and another covariance of
the features leaves :math:`\operatorname{tr}(E^\top \Lambda_q E W)` with
:math:`E = \Lambda^{-1} \Lambda_c - I`. At finite lengths no shift is free: the gain is not yet
:math:`\Lambda^{-1}`, a bias that longer test prompts do not take away.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Scalar, Shaped
from lsa_theory.definiteness import rank
from lsa_theory.estimators import LeastSquares, Zero
from lsa_theory.linalg import array, dense
from lsa_theory.minimum import block_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk
from lsa_theory.shift import families as ready
from lsa_theory.shift.families import Family
from lsa_theory.shift.report import covariate_shift, overtaking
from lsa_theory.shift.text import table

ULPS = 16  # allowed to the solution of Λ E = Λ_c − Λ, times d · cond(Λ)


@dataclass(frozen=True)
class Row:
    """What a family of shifts does to the layer. Risks are relative to the zero predictor's.

    Attributes
    ----------
    kind, name, symbol
        Of the family.
    value
        The shift that is looked at, an integer if it is a length.
    attention, least_squares
        Risks there, at the lengths of the two laws.
    limit
        The layer's as `N, M → ∞`. Least squares' is then 0.
    tolerated
        Whether the limit is 0.
    crossings
        The shifts in the family's interval at which the lead over least squares changes; of
        lengths, the first ones at which the other leads.
    """

    kind: str
    name: str
    symbol: str
    value: float
    attention: Scalar
    limit: Scalar
    least_squares: Scalar
    tolerated: bool
    crossings: tuple[float, ...]

    @property
    def overtaken(self) -> bool:
        """Whether least squares does better at the shift that is looked at."""
        return bool(self.least_squares < self.attention)


@dataclass(frozen=True, eq=False)
class Curve:
    """Relative risks over a family's interval, as in `Row`."""

    values: Shaped[Array, " n"]
    attention: Shaped[Array, " n"]
    limit: Shaped[Array, " n"]
    least_squares: Shaped[Array, " n"]


@dataclass(frozen=True, eq=False)
class Tolerance:
    """The table tolerated / not tolerated of a training law: see `tolerance`. As text, a table.

    Attributes
    ----------
    rows
        One for each family, covariate shifts first.
    families
        In the order of the rows.
    """

    train: GaussianPrompts
    families: tuple[Family, ...] = field(repr=False)
    rows: tuple[Row, ...]

    def curve(self, family: Family, count: int = 97) -> Curve:
        """Relative risks over the family's interval, at values that leave some signal."""
        low, high = family.interval
        if family.kind == "length":
            values = np.unique(np.geomspace(low, high, count).round())
        else:
            values = np.linspace(low, high, count)
        laws = [(value, family(float(value))) for value in values]
        gain = block_minimum(self.train).gain
        points = [
            (value, *(float(one) for one in _relative(gain, self.train, law)))
            for value, law in laws
            if _signal(law) > 0
        ]
        return Curve(*np.array(points).T)

    def __str__(self) -> str:
        n, d = self.train.context_length, self.train.dimension
        title = f"A layer trained at N = {n}, d = {d}; risks relative to the zero predictor's"
        return "\n".join([title, "", *table(self.rows)])


def tolerance(
    train: GaussianPrompts,
    families: Sequence[Family] | None = None,
    *,
    at: Mapping[str, float] | None = None,
    other: Shaped[Array, "d ..."] | None = None,
) -> Tolerance:
    r"""Which shifts the layer trained on a law tolerates, and which not.

    A shift is tolerated if no risk is left as :math:`N, M \to \infty`,

    .. math::
        \operatorname{tr}\big[ (\Lambda^{-1} \Lambda_c - I)^\top \Lambda_q
        (\Lambda^{-1} \Lambda_c - I) W \big] = 0,

    up to a rounding of :math:`\rho^2 \operatorname{tr}(\Lambda_q) \operatorname{tr}(W)` with
    :math:`\rho = 16\, d\, \epsilon \operatorname{cond}(\Lambda)`, in float64.

    Parameters
    ----------
    train
        The training law.
    families
        As from `lsa_theory.shift.scaled(train)`. None: all that are ready to use, but for those
        that shift nothing on this law, as a rotation of white features.
    at
        The shift to look at, by the family's name. Default: the middle of the family's interval,
        rounded down if it is a length.
    other
        The covariance that the ready family `interpolated` leads to. Default: the eigenvalues in
        reversed order.

    Raises
    ------
    ValueError
        If the training law's covariance or the second moment of its tasks is singular, so that the
        limit is another, or a name in `at` is none of the families'.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Section 4.2, for what is tolerated in the
    limit; risks at finite lengths and crossings derived here.
    """
    checks.instance("tolerance", "train", train, GaussianPrompts)
    for matrix, name in ((train.context, "covariance"), (train.second_moment, "task_covariance")):
        if rank(matrix) < train.dimension:
            rule = "positive definite (the limit of long contexts is another where it is not)"
            checks.refuse("tolerance", f"train.{name}", "a singular matrix", rule)
    train = _in_floats(train)
    chosen = tuple(_ready(train, other) if families is None else families)
    at = {} if at is None else at
    names = [family.name for family in chosen]
    for name in at:
        if name not in names:
            checks.refuse("tolerance", "at", repr(name), f"by name, of {', '.join(names)}")
    gain = block_minimum(train).gain
    rows = (_row(gain, train, family, at.get(family.name)) for family in chosen)
    return Tolerance(train, chosen, tuple(rows))


def _in_floats(law: GaussianPrompts) -> GaussianPrompts:
    names = ("covariance", "task_covariance", "task_mean", "query_covariance")
    given = {name: getattr(law, name) for name in names}
    floats = {k: np.asarray(x, dtype=np.float64) for k, x in given.items() if x is not None}
    return law.replace(**floats, noise_variance=float(law.noise_variance))


def _ready(train: GaussianPrompts, other: Any) -> Iterator[Family]:
    if other is None:
        eigenvalues, basis = np.linalg.eigh(dense(train.covariance))
        other = (basis * eigenvalues[::-1]) @ basis.T
    yield ready.scaled(train)
    if train.dimension > 1:
        moved = (
            ready.rotated(train),
            ready.spiked(train),
            ready.removed(train),
            ready.interpolated(train, other),
            ready.respaced(train),
        )
        yield from (family for family in moved if _moves(train, family))
    for make in (ready.retasked, ready.requeried, ready.noisier, ready.longer):
        yield make(train)


def _moves(train: GaussianPrompts, family: Family) -> bool:
    """Whether a covariate shift is one, at an end of its interval or in the middle."""
    low, high = family.interval
    kept = dense(array(train.context))
    moved = (dense(array(family(value).context)) for value in (low, (low + high) / 2, high))
    return any(abs(one - kept).max() > ULPS * len(kept) * _size(kept) for one in moved)


def _size(matrix: Shaped[Array, "d d"]) -> float:
    return checks.EPSILON * float(abs(matrix).max())


def _row(gain: Any, train: GaussianPrompts, family: Family, value: float | None) -> Row:
    if value is None:
        low, high = family.interval
        value = (low + high) // 2 if family.kind == "length" else (low + high) / 2
    law = family(value)
    if family.kind == "length":
        value = law.context_length
    if not _signal(law) > 0:
        rule = "a shift that leaves some signal"
        checks.refuse("tolerance", "at", f"{family.name} {value:g}", rule)
    attention, limit, least = _relative(gain, train, law)
    return Row(
        kind=family.kind,
        name=family.name,
        symbol=family.symbol,
        value=value,
        attention=attention,
        limit=limit,
        least_squares=least,
        tolerated=bool(limit <= _allowance(train, law)),
        crossings=_crossings(train, family, least),
    )


def _signal(law: GaussianPrompts) -> Scalar:
    return Zero().exact(law).bias


def _relative(gain: Any, train: GaussianPrompts, law: GaussianPrompts) -> tuple[Scalar, ...]:
    """Of the layer, of the layer in the limit, and of least squares."""
    signal, least = _signal(law), sum(LeastSquares().known(law))
    limit = covariate_shift(train, law).limit_risk
    return risk(gain, law) / signal, limit / signal, least / signal


def _allowance(train: GaussianPrompts, law: GaussianPrompts) -> float:
    """Of rounding, to the relative limit."""
    context = dense(array(train.context))
    rounding = ULPS * len(context) * checks.EPSILON * np.linalg.cond(context)
    size = law.query.trace() * law.second_moment.trace() / _signal(law)
    return float(rounding**2 * size)


def _crossings(train: GaussianPrompts, family: Family, least: Scalar) -> tuple[float, ...]:
    if family.kind != "length" and np.isinf(float(least)):  # too few pairs, whatever the shift
        return ()
    return tuple(overtaking(train, family))
