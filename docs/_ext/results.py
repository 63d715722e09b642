"""Tables of the stored runs, made as a page is: `{results} CHAPTER TABLE`, no number typed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import modular_effects
import numpy as np
import stored
import transience_effects
from docutils import nodes
from effects import Effect, number
from markup import table
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from lsa_theory.modular import effects as modular
from lsa_theory.transformer.windows import windows
from lsa_theory.transience import effects as transience

EFFECTS = {"transience": transience_effects.EFFECTS, "modular": modular_effects.EFFECTS}


def verdicts(chapter: str) -> str:
    """Effect by effect."""
    rows = [row(chapter, effect) for effect in EFFECTS[chapter].values()]
    return table(["effect", "here", "measured, mean and range over seeds", "run"], rows)


def row(chapter: str, effect: Effect) -> list[object]:
    verdict, found = effect.judged(chapter)
    lines = "<br>".join(map(str, found)) or "—"
    return [effect.words, f"**{verdict}**", lines, ", ".join(f"`{name}`" for name in effect.runs)]


def seeds(chapter: str) -> str:
    """Every run, every seed."""
    names = stored.names(chapter)
    parts = []
    for name in names:
        run = stored.run(chapter, name)
        columns = ["", "mean", "spread", *(f"seed {seed}" for seed in run.seeds)]
        parts.append(f"`{name}`, {run.steps[-1]:,} steps\n\n{table(columns, _seeds(chapter, run))}")
    return "\n\n".join(parts)


def _seeds(chapter: str, run: Any) -> list[list[object]]:
    found = {"transience": _transience, "modular": _modular}[chapter](run)
    return [[words, number(x.mean()), spread(x), *map(number, x)] for words, x in found.items()]


def spread(values: Any) -> str:
    """The standard deviation over seeds."""
    found = values.std(ddof=1) if values.size > 1 else np.nan
    return number(found) if found >= 0.1 else f"{found:.1g}" if np.isfinite(found) else "—"


def _transience(run: Any) -> dict[str, Any]:
    found = transience.effects(run)
    return {
        "in context, peak": found.peak,
        "at step": found.peak_step,
        "in context, end": found.end,
        "of two labels, peak": found.two_way_at_peak,
        "of two labels, end": found.two_way_end,
        "swapped labels, peak": found.flip_at_peak,
        "swapped labels, end": found.flip_end,
        "flip at step": transience_effects.flip_step(
            run.steps, run.values["flip"], transience_effects.chance(run)
        ),
        "in the weights, peak": found.memory_at_peak,
        "in the weights, end": found.memory_end,
        "loss, peak": found.loss_at_peak,
        "loss, end": found.loss_end,
    }


def _modular(run: Any) -> dict[str, Any]:
    found = modular.effects(run)
    told = {
        "old tasks, end": found.old,
        "what ratio matching can do": found.ceiling,
        "new tasks, peak": found.peak,
        "at step": found.peak_step,
        "new tasks, end": found.new,
        "new tasks, held-out inputs": found.new_held_out,
    }
    if "validation" in run.values:
        stop = modular.stopping(run)
        told |= {"best validation at step": stop.step, "new tasks, there": stop.accuracy}
    names = {"copy": "copying", "ratio": "ratio matching", "regression": "regression"}
    like = modular.followed(run)
    return told | {f"new tasks, right like {names[name]}": x for name, x in like.items()}


def memory(chapter: str) -> str:
    """With and without L2, at equal accuracy in the weights."""
    plain, kept = (stored.run(chapter, name) for name in ("cpu", "l2"))
    if plain is None or kept is None:
        return "The runs `cpu` and `l2` are not stored."
    ends = [windows(run.values["iwl"])[:, -1:] for run in (kept, plain)]
    levels = {"its end with L2": ends[0], "0.2": 0 * ends[0] + 0.2, "its end without": ends[1]}
    rows = [
        [words, *(_spread(transience.flip_at_memory(run, level)[:, 0]) for run in (plain, kept))]
        for words, level in levels.items()
    ]
    return table(["accuracy in the weights", "swapped labels without L2", "with L2"], rows)


def _spread(values: Any) -> str:
    seen = values[np.isfinite(values)]
    if not seen.size:
        return "never reached"
    ends = f"{number(seen.mean())} ({number(seen.min())} to {number(seen.max())})"
    return ends if seen.size == values.size else f"{ends}; {seen.size} of {values.size} seeds"


def commands(chapter: str) -> str:
    """What each run was made with."""
    rows = [
        [f"`{name}`", f"{stored.run(chapter, name).steps[-1]:,}", f"`{command}`"]
        for name, command in stored.commands()[chapter].items()
    ]
    return table(["run", "steps", "command"], rows)


TABLES: dict[str, Callable[[str], str]] = {
    "verdicts": verdicts,
    "seeds": seeds,
    "memory": memory,
    "commands": commands,
}


class Results(SphinxDirective):
    """`{results} CHAPTER TABLE`."""

    required_arguments = 2

    def run(self) -> list[nodes.Node]:
        chapter, name = self.arguments
        text = TABLES[name](chapter)
        for path in sorted(stored.RESULTS.rglob("*")):
            self.env.note_dependency(str(path))
        return self.parse_text_to_nodes(text)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("results", Results)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
