"""One line of the table."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """A CPU time, alone or beside a reference, and the aim for it.

    `value` is what the aim bounds: from below where `at_least`, from above otherwise.
    """

    what: str
    seconds: float
    value: float
    aim: float
    unit: str  # of `value` and `aim`: a ratio's "×" or "s"
    reference: str = ""
    reference_seconds: float | None = None
    at_least: bool = False
    compile_seconds: float | None = None
    note: str = ""

    @property
    def met(self) -> bool:
        return self.value >= self.aim if self.at_least else self.value <= self.aim

    def cells(self) -> tuple[str, ...]:
        return (
            self.what,
            duration(self.seconds),
            duration(self.compile_seconds),
            self.reference,
            duration(self.reference_seconds),
            f"{self.value:.3g} {self.unit}",
            f"{'≥' if self.at_least else '≤'} {self.aim:g} {self.unit}",
            "yes" if self.met else "NO",
            self.note,
        )


HEADINGS = ("what", "CPU", "compile", "beside", "CPU", "value", "aim", "met", "note")


def duration(seconds: float | None) -> str:
    if seconds is None:
        return ""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds / 1e-6:.3g} µs"


def cost(what: str, seconds: float, aim: float, **details: object) -> Row:
    """A time in seconds with an upper bound."""
    return Row(what, seconds, seconds, aim, "s", **details)  # type: ignore[arg-type]


def ratio(what: str, seconds: float, reference: str, beside: float, aim: float, **details) -> Row:
    """At most `aim` times the reference."""
    return Row(what, seconds, seconds / beside, aim, "×", reference, beside, **details)


def advantage(
    what: str, seconds: float, reference: str, beside: float, aim: float, **details
) -> Row:
    """At least `aim` times less than the reference."""
    value = beside / seconds
    return Row(what, seconds, value, aim, "×", reference, beside, at_least=True, **details)
