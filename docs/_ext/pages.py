"""Pages that are made, not written: one a claim, one a module.

A claim's page takes its statement from the docstring of the claim's formula, its derivation from
the claim file's own docstring, and its evidence and figure from the last verification.
"""

from __future__ import annotations

import inspect
import json
from pathlib import Path
from typing import Any

import api
import derived
from markup import paragraph, table
from sphinx.application import Sphinx
from sphinx.util import logging

from validation.harness import Claim, figures, kinds, registry
from validation.harness.prose import rest
from validation.harness.results import qualified

REPORT = Path(__file__).resolve().parents[2] / "report"
UNVERIFIED = "Not part of a verification on this machine yet: `make verify` fills in this section."
WORDS = {"passed": "✓ passed", "failed": "✗ failed", "powerless": "✗ powerless", "error": "✗ error"}


def documented(formula: Any) -> str:
    """The docstring of a formula, set as the API sets it."""
    directive = "autoclass" if inspect.isclass(formula) else "autofunction"
    options = ":no-index:\n   :no-members:" if inspect.isclass(formula) else ":no-index:"
    return f"```{{eval-rst}}\n.. {directive}:: {qualified(formula)}\n   {options}\n```"


# --- a claim -----------------------------------------------------------------------------------


def results(report: Path) -> dict[str, Any]:
    """The last verification, empty if there was none."""
    path = report / "results.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def claim_page(stem: str, prose: str, claim: Claim, run: dict[str, Any], report: Path) -> str:
    found = next((item for item in run.get("claims", []) if item["stem"] == stem), None)
    drawing = []
    if found and found["figure"]:
        svg = (report / found["figure"]).read_text(encoding="utf-8")
        label = f'role="img" aria-label="Figure: {claim.title}"'
        drawing = [
            f'```{{raw}} html\n<figure class="drawing" {label}>\n'
            f"{figures.themed(svg[svg.index('<svg') :])}\n</figure>\n```"
        ]
    parts = [
        f"# {claim.title}",
        f"Source: {claim.source}.".replace("..", "."),
        "**Assumed:** " + "; ".join(claim.hypotheses) + ".",
        "## Statement",
        documented(claim.formula),
        *drawing,
        "## Why it is true",
        f"``````{{eval-rst}}\n{rest(prose)}\n``````",
        *derived.section(stem),
        "## How to call it",
        f"```python\n{claim.call}\n```",
        "## Evidence",
        evidence(found, run) if found else UNVERIFIED,
    ]
    return "\n\n".join([*parts, f"The claim is `validation/{stem}.py`.\n"])


def evidence(found: dict[str, Any], run: dict[str, Any]) -> str:
    size = "short run" if run["quick"] else "run"
    parts = [
        f"**{WORDS[found['status']]}** in a {size} with seed {run['seed']}, "
        f"version {run['version']}. {found['message']}",
        table(
            ["check", "kind", "cases", "vacuous", "tightest case", "outcome"],
            [
                [
                    ("– " if item.get("not_run") else "✓ " if item["passed"] else "✗ ")
                    + item["name"],
                    f"[{item['kind']}](#kind-{item['kind']})",
                    item["count"],
                    item["vacuous"],
                    item["case"],
                    item["summary"],
                ]
                for item in found["evidence"]
            ],
        ),
    ]
    for control in found["controls"]:
        verdict = "rejected" if control["rejected"] else "not rejected"
        witnesses = [
            [trial["evidence"], trial["case"], trial["summary"]] for trial in control["by"]
        ]
        parts.append(f"**Control**, {verdict}: {control['name']}")
        parts.append(table(["by the check", "on", "because"], witnesses))
    for item in found["tables"]:
        parts.append(f"**Reported, not judged:** {item['caption']}")
        rows = [[shown(entry) for entry in row] for row in item["rows"]]
        parts.append(table(item["columns"], rows))
    return "\n\n".join(parts)


def shown(entry: object) -> str:
    return f"{entry:.5g}" if isinstance(entry, float) else str(entry)


def theory_index(entries: list[registry.Entry], run: dict[str, Any]) -> str:
    status = {item["stem"]: WORDS[item["status"]] for item in run.get("claims", [])}
    rows = [
        [f"[{entry.claim.title}]({entry.stem}.md)", entry.claim.source, status.get(entry.stem, "—")]
        for entry in entries
        if entry.claim is not None
    ]
    ordered = [
        kind for kind in vars(kinds).values() if inspect.isclass(kind) and hasattr(kind, "kind")
    ]
    meanings = [f"(kind-{kind.kind})=\n**{kind.kind}**\n: {paragraph(kind)}" for kind in ordered]
    parts = [
        "# Theory",
        "One page a claim. Each is made from one file, `validation/STEM.py`, the docstring of the "
        "formula it is about, and the last verification.",
        table(["claim", "source", "last verification"], rows),
        "## Kinds of evidence",
        *meanings,
        "```{toctree}\n:hidden:\n\n" + "\n".join(entry.stem for entry in entries) + "\n```\n",
    ]
    return "\n\n".join(parts)


# --- writing -----------------------------------------------------------------------------------


def written(folder: Path, pages: dict[str, str]) -> None:
    """`folder` holds these pages and no other; an unchanged one keeps its time."""
    folder.mkdir(exist_ok=True)
    for stale in folder.glob("*.md"):
        if stale.stem not in pages:
            stale.unlink()
    for stem, text in pages.items():
        path = folder / f"{stem}.md"
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def write_pages(app: Sphinx) -> None:
    logger, report, pages = logging.getLogger(__name__), Path(app.config.report), {}
    run = results(report)
    entries = registry.entries(registry.stems())
    for entry in entries:
        if entry.claim is None:
            logger.warning("validation/%s.py holds no claim: %s", entry.stem, entry.error)
        else:
            pages[entry.stem] = claim_page(entry.stem, entry.prose, entry.claim, run, report)
    good = [entry for entry in entries if entry.stem in pages]
    written(Path(app.srcdir, "theory"), pages | {"index": theory_index(good, run)})
    written(Path(app.srcdir, "api"), api.pages())


def source_section(app: Sphinx, what: str, name: str, item: Any, options: Any, lines: list[str]):
    """A docstring's closing `Source: ...` as a section: it shall not run into the one above."""
    for number, line in enumerate(lines):
        if line.startswith("Source: "):
            lines[number : number + 1] = ["Source", "------", line.removeprefix("Source: ")]
            return


def skipped(app: Sphinx, what: str, name: str, item: Any, skip: bool, options: Any) -> bool | None:
    """Nothing is said of the fields of a named tuple but what its docstring says."""
    return True if (getattr(item, "__doc__", "") or "").startswith("Alias for field") else None


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_config_value("report", str(REPORT), "env", (str,))
    app.connect("builder-inited", write_pages)
    app.connect("autodoc-process-docstring", source_section, priority=400)  # before napoleon
    app.connect("autodoc-skip-member", skipped)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
