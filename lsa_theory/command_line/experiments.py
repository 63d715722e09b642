"""What `lsa transience` and `lsa modular` share: theory, training, and figures of what it left."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from lsa_theory.command_line import arguments as given
from lsa_theory.command_line import fields, files
from lsa_theory.command_line.answer import Answer, Table, number
from lsa_theory.command_line.parsing import Command
from lsa_theory.extras import required

PRESETS = ("tiny", "cpu", "gpu", "paper")


@dataclass(frozen=True)
class Chapter:
    """A subject with a theory and an experiment.

    Attributes
    ----------
    name, summary
        Of the command, and of its theory.
    theory_arguments, theory
        Of `theory`.
    recorded
        What every run of its records, and no run of another.
    kinds
        Figures by name, and what they show; `lsa_theory.plots.NAME.FIGURES` draws them.
    experiments
        The classes whose settings are options; loads JAX.
    presets
        From the options to what each preset makes.
    train_arguments
        Adds options to `train`.
    """

    name: str
    summary: str
    theory_arguments: Callable[[argparse.ArgumentParser], None]
    theory: Callable[[argparse.Namespace], Answer]
    recorded: str
    kinds: Mapping[str, str]
    experiments: Callable[[], Sequence[type]]
    presets: Callable[[argparse.Namespace], Mapping[str, Callable[[], Any]]]
    train_arguments: Callable[[Any], None] = lambda group: None


def arguments(parser: argparse.ArgumentParser, chapter: Chapter) -> None:
    parser.set_defaults(plot=None, json=False)
    actions = parser.add_subparsers(
        dest="action", metavar="ACTION", required=True, parser_class=Command
    )
    for name, summary, fill in (
        ("theory", chapter.summary, chapter.theory_arguments),
        ("train", "train transformers, one a seed", lambda p: _train_arguments(p, chapter)),
        ("plot", "figures of what was recorded", lambda p: _plot_arguments(p, chapter)),
    ):
        words = f"{summary[0].upper()}{summary[1:]}."
        actions.add_parser(name, help=summary, description=words, fill=fill)


def answer(options: argparse.Namespace, chapter: Chapter) -> Answer:
    if options.action == "theory":
        return chapter.theory(options)
    return _trained(options, chapter) if options.action == "train" else _plotted(options, chapter)


# --- train ---


def _train_arguments(parser: argparse.ArgumentParser, chapter: Chapter) -> None:
    required(f"lsa {chapter.name} train", "optax", "train")
    from lsa_theory.transformer.training import Optimisation

    group = parser.add_argument_group("run")
    add = group.add_argument
    add("--preset", choices=PRESETS, default="cpu", help="where the settings start (default: cpu)")
    add("--list", action="store_true", help="list the presets and stop")
    add(
        "--folder",
        type=Path,
        metavar="FOLDER",
        help="keeps settings, history and checkpoint; a run that was stopped goes on there",
    )
    add(
        "--seeds",
        type=given.read(fields.integers),
        metavar="S,S,...",
        help="of data and parameters, trained side by side (default: those of the preset)",
    )
    add("--every", type=given.integer(1), metavar="STEPS", help="between evaluations")
    add("--progress", action=argparse.BooleanOptionalAction, help="(default: on a terminal)")
    chapter.train_arguments(group)
    taken: list[str] = []
    for kind in chapter.experiments():
        taken += fields.add(parser, kind, "the experiment", "by default those of the preset")
    taken += fields.add(parser, Optimisation, "the optimisation")
    given.answer_arguments(parser)
    parser.set_defaults(taken=taken)


def _trained(options: argparse.Namespace, chapter: Chapter) -> Answer:
    presets = chapter.presets(options)
    if options.list:
        abouts = [(name, presets[name]().about) for name in PRESETS]
        return Answer({"action": "train", "presets": dict(abouts)}, [Table("Presets", (), abouts)])
    if options.folder is None:
        files.refuse("--folder", "given")
    plan = presets[options.preset]()
    changes = fields.given_of(options, options.taken)
    fields.known(changes, (plan.experiment, plan.optimisation), "of what the preset trains")
    optimisation = fields.changed(plan.optimisation, changes)
    experiment = fields.changed(plan.experiment, changes)
    _run(options, plan, experiment, optimisation)
    from lsa_theory.transformer.recorded import recorded

    run = recorded(options.folder)
    data = {
        "action": "train",
        "preset": options.preset,
        "about": plan.about,
        "folder": str(options.folder),
        "settings": run.settings,
        "seeds": run.seeds,
        "steps": run.steps,
        "values": run.values,
    }
    head = Table(f"lsa {chapter.name} train, preset {options.preset}: {plan.about}", (), ())
    return Answer(data, [head, _summary(run)])


ONE_THREAD = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def _run(options: argparse.Namespace, plan: Any, experiment: Any, optimisation: Any) -> None:
    # read when JAX first computes: sums in one order, whatever the number of cores
    os.environ.setdefault("XLA_FLAGS", ONE_THREAD)
    from lsa_theory.sweeps.progress import Progress
    from lsa_theory.transformer.training import trained

    bar = Progress(
        optimisation.steps,
        _reached(options.folder),
        options.progress,
        name="training",
        unit="steps",
    )

    def progress(step: int, last: int, means: dict[str, float]) -> None:
        words = [f"{name} {number(x, 3)}" for name, x in means.items() if name != "norm"]
        bar.advance(step - bar.done, ", ".join(words[:4]))

    seeds = plan.seeds if options.seeds is None else options.seeds
    every = min(plan.every if options.every is None else options.every, optimisation.steps)
    try:
        with bar:
            trained(
                experiment,
                optimisation,
                seeds=seeds,
                every=every,
                folder=options.folder,
                progress=progress,
            )
    except KeyboardInterrupt:
        kept = f"; {options.folder} keeps what is finished, and the same command goes on from it"
        raise KeyboardInterrupt(kept) from None


def _reached(folder: Path) -> int:
    """The step from which a run goes on."""
    from lsa_theory.transformer.recorded import recorded

    try:
        return int(recorded(folder).steps[-1]) if (folder / "checkpoint.bin").exists() else 0
    except ValueError:  # which training refuses, or repairs
        return 0


def _summary(run: Any) -> Table:
    """Means over seeds: at the start, at their largest, at the end."""
    rows = []
    for name, values in run.values.items():
        seen = np.isfinite(values).all(axis=0) if values.ndim == 2 else np.zeros(1, bool)
        if seen.any():
            steps, values = run.steps[seen], values[:, seen]
            mean, last = values.mean(axis=0), values[:, -1]
            most = int(mean.argmax())
            cells = (mean[0], mean[most], mean[-1], last.min(), last.max())
            first, peak, *rest = (number(x, 3) for x in cells)
            rows.append((name.replace("_", " "), first, peak, str(steps[most]), *rest))
    columns = ("", "first", "most", "at step", "last", "least seed", "most")
    count = len(run.seeds)
    title = f"Mean over {count} seed{'s' * (count > 1)}, up to step {run.steps[-1]}"
    return Table(title, columns, rows, "The last two are the seeds' range at the last step.")


# --- plot ---


def _plot_arguments(parser: argparse.ArgumentParser, chapter: Chapter) -> None:
    kinds = "; ".join(f"{name}: {words}" for name, words in chapter.kinds.items())
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="of a run")
    parser.add_argument("--what", default=next(iter(chapter.kinds)), metavar="KIND", help=kinds)
    given.answer_arguments(parser, plot="the figure")


def _plotted(options: argparse.Namespace, chapter: Chapter) -> Answer:
    from lsa_theory.transformer.recorded import recorded

    if options.what not in chapter.kinds:
        files.refuse(f"--what {options.what}", "one of " + ", ".join(chapter.kinds))
    if options.plot is None:
        files.refuse("--plot", "given")
    runs = [recorded(folder) for folder in options.folders]
    for folder, run in zip(options.folders, runs, strict=True):
        if chapter.recorded not in run.values:
            files.refuse(str(folder), f"the folder of a run of lsa {chapter.name} train")
    rows: list[dict[str, Any]] = [
        {
            "folder": str(folder),
            "seeds": run.seeds,
            "step": int(run.steps[-1]),
            "finished": run.finished,
        }
        for folder, run in zip(options.folders, runs, strict=True)
    ]
    words = {True: "yes", False: "no"}
    cells = [
        (one["folder"], str(len(one["seeds"])), str(one["step"]), words[one["finished"]])
        for one in rows
    ]
    data = {"action": "plot", "what": options.what, "runs": rows}
    made = Answer(data, [Table("Runs", ("folder", "seeds", "step", "finished"), cells)])
    made.figure = lambda: _figures(chapter)[options.what](runs)
    return made


def _figures(chapter: Chapter) -> Any:
    return import_module(f"lsa_theory.plots.{chapter.name}").FIGURES
