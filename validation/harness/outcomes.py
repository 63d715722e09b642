"""What a run found, as plain frozen data."""

from dataclasses import dataclass

from validation.harness.claim import Table
from validation.harness.kinds import ACCEPTED
from validation.harness.registry import Entry
from validation.harness.setting import Setting

PASSED, FAILED, POWERLESS, ERROR = "passed", "failed", "powerless", "error"


@dataclass(frozen=True)
class CaseOutcome:
    name: str
    outcome: str
    used: float
    summary: str


@dataclass(frozen=True)
class EvidenceOutcome:
    """All cases of one check on the true formula; ``vacuous`` ones violate its hypothesis.

    ``missing`` says why a check was not run; then it has no cases and did not pass.
    """

    name: str
    kind: str
    cases: tuple[CaseOutcome, ...]
    vacuous: int
    cpu_seconds: float
    missing: str = ""

    @property
    def passed(self) -> bool:
        return bool(self.cases) and all(case.outcome == ACCEPTED for case in self.cases)

    @property
    def tightest(self) -> CaseOutcome | None:
        """The case that used most of its allowance; any that was not accepted comes first."""
        return max(self.cases, key=lambda c: (c.outcome != ACCEPTED, c.used), default=None)


@dataclass(frozen=True)
class Trial:
    """One check on a control: the witness case that refuted it, or the closest to that."""

    evidence: str
    kind: str
    rejected: bool
    case: str
    summary: str


@dataclass(frozen=True)
class ControlOutcome:
    name: str
    trials: tuple[Trial, ...]

    @property
    def rejected(self) -> bool:
        return bool(self.trials) and all(trial.rejected for trial in self.trials)


@dataclass(frozen=True)
class ClaimOutcome:
    entry: Entry
    evidence: tuple[EvidenceOutcome, ...] = ()
    controls: tuple[ControlOutcome, ...] = ()
    tables: tuple[Table, ...] = ()
    figure: str | None = None
    error: str = ""
    cpu_seconds: float = 0.0

    @property
    def status(self) -> str:
        if self.error:
            return ERROR
        run = [item for item in self.evidence if not item.missing]
        if not run or not all(item.passed for item in run):
            return FAILED
        if not self.controls or not all(item.rejected for item in self.controls):
            return POWERLESS
        return PASSED


@dataclass(frozen=True)
class Run:
    setting: Setting
    claims: tuple[ClaimOutcome, ...]
    sampled_checks: int
    cpu_seconds: float

    @property
    def passed(self) -> bool:
        return bool(self.claims) and all(claim.status == PASSED for claim in self.claims)
