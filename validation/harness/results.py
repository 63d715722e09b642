"""A run as the plain dictionary that becomes ``results.json``."""

import importlib.metadata
import math
import platform
from collections import Counter
from typing import Any

from validation.harness.outcomes import PASSED, ClaimOutcome, EvidenceOutcome, Run

PACKAGES = (
    "numpy",
    "scipy",
    "jax",
    "diffrax",
    "sympy",
    "scikit-learn",
    "matplotlib",
    "python-flint",
)


def results(run: Run) -> dict[str, Any]:
    """Everything the run found, JSON-ready; it names no path of this machine."""
    setting = run.setting
    return {
        "version": version("lsa-theory"),
        "seed": setting.seed,
        "quick": setting.quick,
        "settings": {
            "context_length": setting.context_length,
            "covariances": {name: len(matrix) for name, matrix in setting.covariances.items()},
        },
        "passed": run.passed,
        "counts": dict(Counter(claim.status for claim in run.claims)),
        "cpu_seconds": round(run.cpu_seconds, 3),
        "false_alarm": setting.false_alarm,
        "sampled_checks": run.sampled_checks,
        "not_run": not_run(run),
        "environment": {
            "python": platform.python_version(),
            "system": f"{platform.system()} {platform.machine()}",
            **{name: version(name) for name in PACKAGES},
        },
        "claims": [_claim(claim) for claim in run.claims],
    }


def not_run(run: Run) -> dict[str, int]:
    """How many checks were not made, by the reason."""
    return dict(Counter(e.missing for claim in run.claims for e in claim.evidence if e.missing))


def version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def _claim(outcome: ClaimOutcome) -> dict[str, Any]:
    entry, claim = outcome.entry, outcome.entry.claim
    return {
        "stem": entry.stem,
        "title": claim.title if claim else entry.stem,
        "source": claim.source if claim else "",
        "hypotheses": list(claim.hypotheses) if claim else [],
        "statement": claim.statement if claim else "",
        "prose": entry.prose,
        "call": claim.call if claim else "",
        "formula": qualified(claim.formula) if claim else "",
        "status": outcome.status,
        "message": message(outcome),
        "cpu_seconds": round(outcome.cpu_seconds, 3),
        "evidence": [_evidence(item) for item in outcome.evidence],
        "controls": [
            {
                "name": control.name,
                "rejected": control.rejected,
                "by": [vars(t) for t in control.trials],
            }
            for control in outcome.controls
        ],
        "figure": f"figures/{entry.stem}.svg" if outcome.figure else None,
        "tables": [
            {
                "caption": table.caption,
                "columns": list(table.columns),
                "rows": [[_plain(cell) for cell in row] for row in table.rows],
            }
            for table in outcome.tables
        ],
    }


def _evidence(item: EvidenceOutcome) -> dict[str, Any]:
    tightest = item.tightest
    return {
        "name": item.name,
        "kind": item.kind,
        "passed": item.passed,
        "not_run": item.missing,
        "count": len(item.cases),
        "vacuous": item.vacuous,
        "used": _plain(tightest.used) if tightest else None,
        "case": tightest.name if tightest else "",
        "summary": tightest.summary if tightest else _nothing(item),
        "cases": [{**vars(case), "used": _plain(case.used)} for case in item.cases],
        "cpu_seconds": round(item.cpu_seconds, 3),
    }


def _nothing(item: EvidenceOutcome) -> str:
    return f"not run: {item.missing}" if item.missing else "no case satisfies the hypothesis"


def message(outcome: ClaimOutcome) -> str:
    """Why a claim did not pass, in one sentence; empty when it did."""
    if outcome.error:
        return outcome.error
    if outcome.status == PASSED:
        return ""
    for item in [item for item in outcome.evidence if not item.missing]:
        if not item.cases:
            return f"{item.name}: no case satisfies the hypothesis ({item.vacuous} vacuous)"
        if not item.passed and item.tightest:
            return f"{item.name}: {item.tightest.name}: {item.tightest.summary}"
    for control in outcome.controls:
        for trial in control.trials:
            if not trial.rejected:
                where = f"{trial.case}: {trial.summary}".rstrip(": ")
                return f"{trial.evidence}: accepts the control {control.name!r} ({where})"
    return "no check was tried on a control"


def qualified(formula: Any) -> str:
    """The dotted name of a formula."""
    name = getattr(formula, "__qualname__", type(formula).__qualname__)
    return f"{getattr(formula, '__module__', '')}.{name}".lstrip(".")


def _plain(cell: Any) -> Any:
    """A JSON value: numbers as numbers if finite, else as text."""
    if isinstance(cell, bool | int | str) or cell is None:
        return cell
    try:
        number = float(cell)
    except (TypeError, ValueError):
        return str(cell)
    return number if math.isfinite(number) else str(number)
