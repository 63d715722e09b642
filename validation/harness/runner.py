"""Runs claims: plans every case, fixes the false-alarm budget, then checks truths and controls."""

import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from validation.harness.claim import Claim, Control, Evidence
from validation.harness.kinds import REFUTED, Rate, Sigma, Verdict
from validation.harness.outcomes import (
    CaseOutcome,
    ClaimOutcome,
    ControlOutcome,
    EvidenceOutcome,
    Run,
    Trial,
)
from validation.harness.registry import FOLDER, Entry
from validation.harness.setting import FALSE_ALARM_BUDGET, Setting

Step = Callable[[str, str], None]


@dataclass(frozen=True, eq=False)
class Plan:
    """A claim with all its cases, made before any check of the run has begun."""

    entry: Entry
    cases: tuple[dict[str, Any], ...] = ()
    vacuous: tuple[int, ...] = ()
    error: str = ""

    @property
    def steps(self) -> int:
        """Checks on the truth and on controls, plus one for the figure and the tables."""
        claim = self.entry.claim
        if self.error or claim is None:
            return 1
        return 1 + len(claim.evidence) + sum(len(_judges(claim, c)) for c in claim.controls)

    @property
    def sampled(self) -> int:
        if self.error or self.entry.claim is None:
            return 0
        pairs = zip(self.entry.claim.evidence, self.cases, strict=True)
        return sum(len(cases) for item, cases in pairs if item.kind in (Sigma, Rate))


def run(plans: list[Plan], setting: Setting, step: Step = lambda stem, what: None) -> Run:
    """Check planned claims; ``step(stem, what)`` is called before each piece of work.

    The false-alarm budget is divided over all sampled checks of the plans before any is made.
    """
    start = time.process_time()
    sampled = sum(item.sampled for item in plans)
    setting = replace(setting, false_alarm=FALSE_ALARM_BUDGET / max(sampled, 1))
    outcomes = tuple(outcome(item, setting, step) for item in plans)
    return Run(setting, outcomes, sampled, time.process_time() - start)


def plan(entry: Entry, setting: Setting) -> Plan:
    """The cases of every check of a claim; those that violate its hypothesis are only counted."""
    if entry.claim is None:
        return Plan(entry, error=sentence(entry.error))
    kept, vacuous = [], []
    try:
        for item in entry.claim.evidence:
            cases = {} if item.missing else item.cases
            drawn = _drawn(cases, setting.at(entry.stem, item.name))
            kept.append(_satisfying(item, drawn))
            vacuous.append(len(drawn) - len(kept[-1]))
    except Exception as error:
        return Plan(entry, error=sentence(error))
    return Plan(entry, tuple(kept), tuple(vacuous))


def outcome(plan: Plan, setting: Setting, step: Step) -> ClaimOutcome:
    """Evidence on the true formula, then every control, then figure and tables."""
    start = time.process_time()
    found = ClaimOutcome(plan.entry, error=plan.error)
    claim = plan.entry.claim
    if plan.error or claim is None:
        step(plan.entry.stem, "cannot start")
        return found
    setting = setting.at(plan.entry.stem)
    try:
        for item, cases, vacuous in zip(claim.evidence, plan.cases, plan.vacuous, strict=True):
            step(plan.entry.stem, item.name)
            one = _evidence(claim, item, cases, vacuous, setting)
            found = replace(found, evidence=(*found.evidence, one))
        for control in claim.controls:
            tried = _control(plan, control, setting, lambda what: step(plan.entry.stem, what))
            found = replace(found, controls=(*found.controls, tried))
        step(plan.entry.stem, "figure")
        tables = tuple(claim.reported(setting.at("reported"))) if claim.reported else ()
        found = replace(found, tables=tables, figure=_figure(claim, plan.entry.stem, setting))
    except Exception as error:
        found = replace(found, error=sentence(error))
    return replace(found, cpu_seconds=time.process_time() - start)


def _drawn(cases: Any, setting: Setting) -> Mapping[str, Any]:
    return cases(setting) if callable(cases) else cases


def _satisfying(item: Evidence, cases: Mapping[str, Any]) -> dict[str, Any]:
    return {n: case for n, case in cases.items() if item.given is None or item.given(case)}


def _judges(claim: Claim, control: Control) -> tuple[Evidence, ...]:
    named = claim.evidence if control.rejected_by is None else control.rejected_by
    return tuple(item for item in named if not item.missing)


def _verdict(formula: Any, item: Evidence, name: str, case: Any, setting: Setting) -> Verdict:
    try:
        observation = item.check(formula, case, setting.at(item.name, name))
        if not isinstance(observation, item.kind):
            shown = type(observation).__name__
            raise TypeError(f"must return {item.kind.__name__}, not {shown}")
        return observation.verdict(setting.false_alarm)
    except Exception as error:
        error.add_note(f"{item.name}: {name}")
        raise


def _evidence(
    claim: Claim, item: Evidence, cases: Mapping[str, Any], vacuous: int, setting: Setting
) -> EvidenceOutcome:
    start = time.process_time()
    seen = []
    for name, case in cases.items():
        verdict = _verdict(claim.formula, item, name, case, setting)
        seen.append(CaseOutcome(name, verdict.outcome, verdict.used, verdict.summary))
    spent = time.process_time() - start
    return EvidenceOutcome(item.name, item.kind.kind, tuple(seen), vacuous, spent, item.missing)


def _control(
    plan: Plan, control: Control, setting: Setting, step: Callable[[str], None]
) -> ControlOutcome:
    claim = plan.entry.claim
    assert claim is not None
    formula = claim.formula if control.formula is None else control.formula
    drawn = dict(zip((item.name for item in claim.evidence), plan.cases, strict=True))
    trials = []
    for item in _judges(claim, control):
        step(f"control: {item.name}")
        if control.cases is not None:  # these may violate the hypothesis
            witnesses = dict(_drawn(control.cases, setting.at(item.name)))
        elif item.name in drawn:
            witnesses = drawn[item.name]
        else:
            witnesses = _satisfying(item, _drawn(item.cases, setting.at(item.name)))
        trials.append(_trial(formula, item, witnesses, setting))
    return ControlOutcome(control.name, tuple(trials))


def _trial(formula: Any, item: Evidence, cases: Mapping[str, Any], setting: Setting) -> Trial:
    """Try witness cases in their order until one refutes."""
    closest = ("no witness case", -1.0, "")
    for name, case in cases.items():
        verdict = _verdict(formula, item, name, case, setting)
        if verdict.outcome == REFUTED:
            return Trial(item.name, item.kind.kind, True, name, verdict.summary)
        if verdict.used > closest[1]:
            closest = (name, verdict.used, verdict.summary)
    return Trial(item.name, item.kind.kind, False, closest[0], closest[2])


def _figure(claim: Claim, stem: str, setting: Setting) -> str | None:
    if claim.figure is None:
        return None
    from validation.harness import figures

    return figures.drawing(partial(claim.figure, setting.at("figure")), stem)


def sentence(error: BaseException | None) -> str:
    """What went wrong and where in the project, without a machine's paths."""
    root = FOLDER.parent
    frames = [f for f in traceback.extract_tb(error.__traceback__) if f.filename] if error else []
    inside = [f for f in frames if Path(f.filename).is_relative_to(root / "validation")]
    own = [f for f in inside if "harness" not in Path(f.filename).parts] or inside
    where = f" ({Path(own[-1].filename).relative_to(root)}:{own[-1].lineno})" if own else ""
    first = (str(error).strip().splitlines() or [""])[0].replace(f"{root}/", "")
    context = [f"{note}: " for note in getattr(error, "__notes__", [])]
    return f"{''.join(context)}{type(error).__name__}: {first}{where}"
