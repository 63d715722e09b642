"""The six kinds of evidence, each with its rule for passing.

An observation is what one evidence function saw on one case. Its own kind's rule calls it
*accepted*, *refuted*, or *undecided* (a measurement too coarse to tell). A truth has to be
accepted, a control has to be refuted. ``Verdict.used`` is the share of what the rule allows that
was used up, so 1 is the edge for every kind.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from numbers import Rational
from typing import Any, ClassVar, Protocol

import numpy as np

from validation.harness.batches import batch_means
from validation.harness.setting import Setting

EPS = float(np.finfo(float).eps)
ACCEPTED, REFUTED, UNDECIDED = "accepted", "refuted", "undecided"


@dataclass(frozen=True)
class Verdict:
    """How an observation fared: its outcome, the share of the allowance used, and a sentence."""

    outcome: str
    used: float
    summary: str


class Observation(Protocol):
    """What one evidence function saw on one case; ``false_alarm`` is that of one sampled check."""

    kind: ClassVar[str]

    def verdict(self, false_alarm: float) -> Verdict: ...


def _judged(used: float, summary: str, edge: float = 1.0) -> Verdict:
    return Verdict(ACCEPTED if used <= edge else REFUTED, used, summary)


def _finite(kind: str, **numbers: Any) -> None:
    for name, number in numbers.items():
        if not all(math.isfinite(entry) for entry in np.ravel(np.asarray(number, dtype=object))):
            raise ValueError(f"{kind}({name}=...): must be finite, not {number!r}")


@dataclass(frozen=True, eq=False)
class Equal:
    """Symbols or exact rationals: the difference is exactly 0.

    ``difference`` is a number, an array or a SymPy expression or matrix; a float is refused, since
    it cannot show exactness.
    """

    difference: Any
    kind: ClassVar[str] = "equal"

    def verdict(self, false_alarm: float) -> Verdict:
        entries = [_exact(entry) for entry in np.ravel(np.asarray(self.difference, dtype=object))]
        if not entries:
            raise ValueError("Equal(difference=[]): must hold at least one number")
        wrong = [entry for entry in entries if entry != 0]
        if wrong:
            shown = f"off by {_short(wrong[0])} in {len(wrong)} of {len(entries)} entries"
            return Verdict(REFUTED, math.inf, shown)
        return Verdict(ACCEPTED, 0.0, f"{len(entries)} exact zero{'s' * (len(entries) > 1)}")


def _exact(entry: Any) -> Any:
    if isinstance(entry, Rational | np.integer):
        return entry
    if hasattr(entry, "free_symbols"):  # a SymPy expression, without importing SymPy
        inexact = (a.is_Float or (a.is_number and not a.is_finite) for a in entry.atoms())
        if not any(inexact):
            return entry.expand().cancel()
    raise ValueError(f"Equal(difference={entry!r}): must be exact, a rational or a symbol")


def _short(entry: Any) -> str:
    text = str(entry)
    if len(text) <= 16:
        return text
    return f"about {float(entry):.3g}" if isinstance(entry, Rational) else text[:13] + "..."


@dataclass(frozen=True, eq=False)
class Close:
    """Float against exact: the error is under ``ulps`` units in the last place times ``condition``.

    The error is the largest entry's, in units of the largest entry of ``exact``, and is subtracted
    exactly when ``exact`` holds rationals. ``condition`` is the condition number of the matrix
    actually solved. ``radius`` is half the width of an enclosure whose midpoint is ``exact``; one
    wider than what the rest allows accepts nothing.
    """

    value: Any
    exact: Any
    ulps: float
    condition: float = 1.0
    radius: float = 0.0
    kind: ClassVar[str] = "close"

    def verdict(self, false_alarm: float) -> Verdict:
        limits = {"condition": self.condition, "ulps": self.ulps, "radius": self.radius}
        _finite("Close", value=self.value, **limits)
        value, exact = (np.asarray(part, dtype=object) for part in (self.value, self.exact))
        if value.shape != exact.shape or not value.size:
            raise ValueError(f"Close(value=...): shape must be {exact.shape}, not {value.shape}")
        pairs = [_pair(a, b) for a, b in zip(value.flat, exact.flat, strict=True)]
        error = max(float(abs(a - b)) for a, b in pairs)
        scale = max(float(abs(b)) for _, b in pairs)
        rounding = self.ulps * EPS * self.condition * scale
        allowed = rounding + self.radius
        if error <= allowed and self.radius > rounding:
            return Verdict(UNDECIDED, math.inf, f"enclosure of radius {self.radius:.2g}, too wide")
        if error == 0.0:
            return Verdict(ACCEPTED, 0.0, "no error")
        used = error / allowed if allowed > 0 else math.inf
        ulps = error / (EPS * scale) if scale > 0 else math.inf
        limit = f"{self.ulps * self.condition:.3g}"
        return _judged(used, f"{ulps:.2g} ulp of {limit} allowed")


def _pair(value: Any, exact: Any) -> tuple[Any, Any]:
    """Both numbers in the arithmetic in which their difference is exact."""
    if isinstance(exact, Rational):
        return Fraction(value), Fraction(exact)
    return value, exact


@dataclass(frozen=True, eq=False)
class Bound:
    """An inequality ``greater >= lesser``, up to the rounding of its terms.

    ``scale`` is the size of the largest terms that went into either side, when cancellation made
    the sides smaller than those; the slack may fall short by ``ulps`` units in its last place.
    The share used is ``1 - slack / max(|greater|, |lesser|)``: for positive sides, their ratio.
    """

    greater: Any
    lesser: Any
    scale: Any = None
    ulps: float = 16.0
    kind: ClassVar[str] = "bound"

    def verdict(self, false_alarm: float) -> Verdict:
        _finite("Bound", greater=self.greater, lesser=self.lesser)
        greater, lesser = np.broadcast_arrays(
            *(np.asarray(side, dtype=float) for side in (self.greater, self.lesser))
        )
        if not greater.size:
            raise ValueError("Bound(greater=[]): must hold at least one number")
        size = np.maximum(abs(greater), abs(lesser))
        scale = size if self.scale is None else np.maximum(size, self.scale)
        size, scale, slack = np.broadcast_arrays(size, scale, greater - lesser)
        rounding = self.ulps * EPS * scale
        held = slack >= -rounding
        relative, allowed = (
            np.divide(part, size, out=np.zeros(slack.shape), where=size > 0).ravel()
            for part in (slack, rounding)
        )
        judged = np.arange(slack.size) if held.all() else np.flatnonzero(~held)
        tightest = judged[relative[judged].argmin()]  # of those that fail, if any does
        sentence = f"tightest slack {relative[tightest]:.3g} of the larger side"
        if relative[tightest] < 0:
            sentence += f", rounding allowed {allowed[tightest]:.2g}"
        several = f", {greater.size} inequalities" if greater.size > 1 else ""
        used = 1.0 - float(relative[tightest])
        return Verdict(ACCEPTED if held.all() else REFUTED, used, sentence + several)


@dataclass(frozen=True, eq=False)
class Flow:
    """Integrated differential equation against closed form, under a bound stated beforehand.

    ``allowed`` is what the solver's tolerance and the flow's slowest rate imply; ``reason`` says
    how.
    """

    distance: float
    allowed: float
    reason: str
    kind: ClassVar[str] = "flow"

    def verdict(self, false_alarm: float) -> Verdict:
        _finite("Flow", distance=self.distance, allowed=self.allowed)
        if not self.allowed > 0:
            raise ValueError(f"Flow(allowed={self.allowed}): must be positive")
        if self.distance < 0:
            raise ValueError(f"Flow(distance={self.distance}): must not be negative")
        sentence = f"distance {self.distance:.2g} of {self.allowed:.2g} allowed: {self.reason}"
        return _judged(self.distance / self.allowed, sentence)


@dataclass(frozen=True, eq=False)
class Sigma:
    """Sampled against exact: ``|z|`` is under a threshold fixed before anything is drawn.

    The threshold is the two-sided quantile of the run's false-alarm probability for one check:
    the normal law's when the standard error comes from an exact variance (``degrees`` None), else
    Student's with the ``degrees`` of freedom of the batch means it came from.
    """

    estimate: float
    standard_error: float
    exact: float
    degrees: int | None = None
    kind: ClassVar[str] = "sigma"

    @classmethod
    def of_batches(
        cls, mean: Callable[[int], float], exact: float, setting: Setting, batches: int = 64
    ) -> "Sigma":
        """From ``mean(seed)``, the sample mean of a batch, at ``batches`` seeds of ``setting``."""
        means = [mean(setting.integer_seed(f"batch {k}")) for k in range(batches)]
        return cls(*batch_means(means, batches), exact, degrees=batches - 1)

    def verdict(self, false_alarm: float) -> Verdict:
        estimate, error, exact = (
            float(part) for part in (self.estimate, self.standard_error, self.exact)
        )
        _finite("Sigma", estimate=estimate, standard_error=error, exact=exact)
        if not error > 0:
            raise ValueError(f"Sigma(standard_error={error}): must be positive")
        z = abs(estimate - exact) / error
        edge = threshold(false_alarm, self.degrees)
        relative = f", relative standard error {error / abs(exact):.1g}" if exact else ""
        return _judged(z / edge, f"|z| = {z:.2f} of {edge:.2f} allowed{relative}")


def threshold(false_alarm: float, degrees: int | None = None) -> float:
    """The ``|z|`` that a truth exceeds with probability ``false_alarm``."""
    from scipy import special

    if degrees is None:
        return float(-special.ndtri(false_alarm / 2))
    return float(-special.stdtrit(degrees, false_alarm / 2))


@dataclass(frozen=True, eq=False)
class Rate:
    """An order of decay: ``errors`` fall like ``sizes ** -order``.

    ``sizes`` double from each to the next. The local slopes ``p_i = log2(e_i / e_{i+1})`` approach
    the order with a correction that halves, so ``2 p_k - p_{k-1}`` is the order up to the last
    change ``|p_k - p_{k-1}|`` and the errors' own uncertainty: ``standard_errors`` of sampled ones
    times the run's threshold, plus ``numerical`` ones as they are. That total has to be less than
    half the distance to ``control_order``, else the measurement decides nothing.
    """

    sizes: Any
    errors: Any
    order: float
    control_order: float
    standard_errors: Any = 0.0
    numerical: Any = None
    kind: ClassVar[str] = "rate"

    def verdict(self, false_alarm: float) -> Verdict:
        sizes, errors = (np.asarray(part, dtype=float) for part in (self.sizes, self.errors))
        _finite("Rate", errors=errors, order=self.order, control_order=self.control_order)
        if len(sizes) < 4 or sizes.shape != errors.shape or (sizes[1:] != 2 * sizes[:-1]).any():
            raise ValueError(f"Rate(sizes={sizes}): must be four or more successive doublings")
        if not (errors > 0).all():
            raise ValueError(f"Rate(errors={errors}): must be positive")
        slopes = np.log2(errors[:-1] / errors[1:])
        change = abs(slopes[-1] - slopes[-2])
        measured = 2 * slopes[-1] - slopes[-2]  # = 3 l_{k-1} - 2 l_k - l_{k-2} in l = log2 e
        numerical = 4 * EPS * errors if self.numerical is None else self.numerical
        weights = np.array([1.0, 3.0, 2.0]) / (math.log(2) * errors[-3:])
        sampled = np.broadcast_to(self.standard_errors, errors.shape)[-3:]
        known = np.broadcast_to(numerical, errors.shape)[-3:]
        uncertainty = float(
            change
            + threshold(false_alarm) * np.linalg.norm(weights * sampled)
            + (weights * known).sum()
        )
        used = abs(measured - self.order) / uncertainty if uncertainty else math.inf
        used = 0.0 if measured == self.order else float(used)
        sentence = f"order {measured:.4g} ± {uncertainty:.2g}, claimed {self.order:g}"
        half = abs(self.order - self.control_order) / 2
        if not uncertainty < half:
            return Verdict(UNDECIDED, max(used, uncertainty / half), sentence + ", too coarse")
        return _judged(used, sentence)
