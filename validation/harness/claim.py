"""What a claim file declares."""

import importlib.util
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from validation.harness.kinds import Observation
from validation.harness.setting import Setting

Cases = Mapping[str, Any] | Callable[[Setting], Mapping[str, Any]]

EXTRAS = {"rigor": "flint"}  # optional extras of the project, and the module that each installs


@dataclass(frozen=True, eq=False)
class Evidence:
    """A check that is generic in the formula: ``check(formula, case, setting)`` -> observation.

    The same check runs on the true formula, where every case has to be accepted, and on a control,
    where at least one witness case has to be refuted.
    """

    kind: type[Observation]
    name: str
    cases: Cases
    given: Callable[[Any], bool] | None
    check: Callable[[Any, Any, Setting], Any]
    extra: str = ""

    @property
    def missing(self) -> str:
        """Why the check cannot be made here; empty where it can."""
        if not self.extra or importlib.util.find_spec(EXTRAS[self.extra]):
            return ""
        return f"the extra {self.extra} is not installed"


def evidence(
    kind: type[Observation],
    name: str,
    *,
    cases: Cases,
    given: Callable[[Any], bool] | None = None,
    extra: str = "",
) -> Callable[[Callable[[Any, Any, Setting], Any]], Evidence]:
    """Decorator: a function ``(formula, case, setting) -> kind(...)`` becomes evidence.

    ``cases`` maps names to cases, or is a function of the setting that does. Cases on which
    ``given`` (the hypothesis) is false are counted as vacuous and not judged. Without the ``extra``
    of the project that it needs, evidence is reported as not run, and is not counted as passed.
    """
    return lambda check: Evidence(kind, name, cases, given, check, extra)


@dataclass(frozen=True, eq=False)
class Control:
    """A plausible wrong neighbour of the truth, which the evidence has to reject.

    Either a wrong ``formula``, or (``formula`` None) the true one on ``cases`` that violate a
    hypothesis. ``cases`` None: each evidence's own. ``rejected_by`` None: all of the claim's.
    """

    name: str
    formula: Any = None
    cases: Cases | None = None
    rejected_by: tuple[Evidence, ...] | None = None


@dataclass(frozen=True)
class Table:
    """Numbers that are reported beside a claim and not judged."""

    caption: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, eq=False)
class Claim:
    """One theorem: its formula, whose docstring is the statement, with evidence and controls.

    ``call`` shows how to use the formula; ``figure(setting)`` returns a matplotlib figure and
    ``reported(setting)`` yields tables of numbers that are shown and not judged.
    """

    title: str
    source: str
    formula: Any
    hypotheses: tuple[str, ...]
    call: str
    evidence: tuple[Evidence, ...]
    control: Control | tuple[Control, ...]
    figure: Callable[[Setting], Any] | None = None
    reported: Callable[[Setting], Iterable[Table]] | None = None

    @property
    def statement(self) -> str:
        return inspect.getdoc(self.formula) or ""

    @property
    def controls(self) -> tuple[Control, ...]:
        return self.control if isinstance(self.control, tuple) else (self.control,)
