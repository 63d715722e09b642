"""The report: one self-contained page, its numbers as JSON, its figures as SVG."""

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from validation.harness import figures, prose
from validation.harness.mathsvg import MathSheet

TEMPLATE = "report.html.j2"
STATUSES = {
    "passed": ("holds", "all evidence accepts it and every control is rejected"),
    "failed": ("fails", "some evidence speaks against it"),
    "powerless": ("powerless", "a check accepts a control, so its agreement means nothing"),
    "error": ("error", "it could not be evaluated"),
}
KINDS = {
    "equal": "symbols or exact rationals differ by exactly 0",
    "close": "a float differs from the exact value by less than a stated number of units in the "
    "last place, times the condition number of the matrix that was solved",
    "bound": "an inequality holds up to rounding; the tightest slack is shown",
    "flow": "an integrated differential equation ends within the distance that the solver’s "
    "tolerance and the flow’s slowest rate imply",
    "sigma": "a sampled mean lies within a multiple of its standard error that was fixed before "
    "anything was drawn",
    "rate": "the measured order of decay is the claimed one, and known well enough to exclude the "
    "control’s",
}


def page(found: Mapping[str, Any], drawings: Mapping[str, str]) -> str:
    """``index.html`` for the results of a run and its figures by stem."""
    sheet = MathSheet()
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "prose": lambda text: Markup(prose.html(text, sheet)),
        "line": lambda text: Markup(prose.line(text, sheet)),
        "statement": prose.statement,
        "cell": cell,
    }
    body = environment.get_template(TEMPLATE).render(
        run=found,
        statuses=STATUSES,
        kinds=KINDS,
        drawings={stem: Markup(figures.themed(text)) for stem, text in drawings.items()},
    )
    return body.replace("<!--glyphs-->", sheet.glyphs(), 1)


def cell(value: Any) -> str:
    """A table's cell: floats to four significant digits."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def written(found: Mapping[str, Any], drawings: Mapping[str, str], folder: Path) -> None:
    """Write the whole report, or leave a former one as it was.

    Every file is complete in a folder beside the former ones before the first of them is
    replaced, each in one step.
    """
    files = {f"figures/{stem}.svg": text for stem, text in drawings.items()}
    files["results.json"] = json.dumps(found, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    files["index.html"] = page(found, drawings)
    try:
        with tempfile.TemporaryDirectory(prefix=".new-", dir=folder) as fresh:
            for name, text in files.items():
                path = Path(fresh, name)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, encoding="utf-8")
                (folder / name).parent.mkdir(parents=True, exist_ok=True)
            for name in files:
                os.replace(Path(fresh, name), folder / name)
    except OSError as error:
        raise ValueError(
            f"--out {folder}: must be a folder that can be written ({error.strerror})"
        ) from error
