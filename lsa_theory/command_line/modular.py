"""`lsa modular`: modular arithmetic in context, from few and from many tasks."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from lsa_theory.command_line import arguments as given
from lsa_theory.command_line import experiments, files
from lsa_theory.command_line.answer import Answer, Table, number
from lsa_theory.command_line.diagrams import GRID_HELP, whole

KINDS = {
    "accuracy": "on the four sets over steps, a panel a run",
    "shots": "accuracy by the number of examples, with the exact ceilings of that very split",
    "agreement": "which algorithm the answers agree with, by the number of examples",
    "grids": "right answers by query, less what each algorithm knows",
    "circles": "embeddings at their strongest frequencies",
    "attention": "what the heads attend to",
    "neurons": "how much of a neuron's power is in one frequency of the inputs, or one line",
    "depth": "runs beside each other",
    "tasks": "runs beside each other",
    "phases": "accuracy over the number of tasks and the share of the inputs",
    "joint": "the exact risk of linear attention over the ratio of tasks to dimensions, above the "
    "transformer's error over the share of the tasks",
}
NAMES = {
    "copy": "copying",
    "ratio": "ratio",
    "regression": "regression",
    "bayes": "Bayes",
    "bayes_new_tasks": "Bayes, new tasks",
}
OF_LIST = ("rule", "ood_count", "validation_count")


# --- theory ---


def _theory_arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("ceilings")
    add = group.add_argument
    words = "the tasks, the split and the examples of an experiment's preset; options change them"
    add("--preset", choices=experiments.PRESETS, help=words)
    add("--p", type=given.integer(2), metavar="P", help="a prime number")
    add(
        "--shots",
        type=given.read(whole),
        metavar="VALUES",
        help=f"examples before the query: {GRID_HELP} (default: 0:15:16)",
    )
    add("--fraction", type=given.finite, metavar="X", help="of the inputs, for examples")
    words = "of a list that the Bayes predictor knows (default: no list)"
    add("--task-count", type=given.integer(1), metavar="COUNT", help=words)
    add("--rule", metavar="NAME", help="of that list: random or rectangular (default: random)")
    words = "tasks that are kept out of it, of which the predictor is asked too (default: 5)"
    add("--ood-count", type=given.integer(1), metavar="COUNT", help=words)
    words = "tasks that are kept apart for validation (default: 0)"
    add("--validation-count", type=given.integer(0), metavar="COUNT", help=words)
    add(
        "--seed", type=given.integer(0), default=0, metavar="SEED", help="of the split and the list"
    )
    given.answer_arguments(parser, plot="accuracy by the number of examples")


def _theory(options: argparse.Namespace) -> Answer:
    if options.preset is not None:
        _fill(options)
    if options.p is None:
        files.refuse("--p", "given, or --preset")
    shots = list(range(16)) if options.shots is None else options.shots
    if min(shots) < 0:
        files.refuse("--shots", "non-negative")
    world = _world(options)
    inputs, held_out = world.inputs, world.held_out
    tasks = None if options.task_count is None else world
    seen = _ceilings(options.p, shots, tasks, inputs, None)
    unseen = None
    if len(held_out):
        unseen = _ceilings(options.p, shots, tasks, inputs, held_out)
    data = {
        "action": "theory",
        "p": options.p,
        "chance": 1 / options.p,
        "shots": shots,
        "accuracy": seen,
        "held_out": unseen,
        "inputs": None if options.fraction is None else inputs,
        "tasks": None if tasks is None else tasks.tasks,
        "new_tasks": None if tasks is None else tasks.out_of_distribution,
    }
    title = f"Exact accuracies modulo {options.p}, chance {number(1 / options.p, 3)}"
    if tasks is not None:
        title += f"\nBayes knows a list of {len(tasks.tasks)} tasks"
    tables = [_table(title, shots, seen)]
    if unseen is not None:
        tables[0] = _table(f"{title}\nQueries of the {len(inputs)} training inputs", shots, seen)
        words = f"Queries of the {len(held_out)} held-out inputs"
        tables.append(_table(words, shots, unseen))
    made = Answer(data, tables)
    made.figure = lambda: _figure(data)
    return made


def _fill(options: argparse.Namespace) -> None:
    """What was not given is that of the preset."""
    from lsa_theory.modular.presets import PRESETS

    law = PRESETS[options.preset]().experiment.data
    for name in ("p", "fraction", "task_count", *OF_LIST):
        if getattr(options, name) is None:
            setattr(options, name, getattr(law, name))
    if options.shots is None:
        options.shots = list(range(law.examples))


def _world(options: argparse.Namespace) -> Any:
    """The split, by default all inputs, and the list of tasks."""
    from lsa_theory.modular.tasks import ModularTasks

    changes = {name: getattr(options, name) for name in (*OF_LIST, "fraction", "task_count")}
    changes = {name: value for name, value in changes.items() if value is not None}
    if options.task_count is None:
        for name in OF_LIST:
            if name in changes:
                files.refuse(f"--{name.replace('_', '-')}", "given with --task-count")
        changes |= {"task_count": 1, "ood_count": 1}
    law = ModularTasks(**({"p": options.p, "fraction": 1.0, "validation_count": 0} | changes))
    return law.world(options.seed)


def _ceilings(
    p: int, shots: Sequence[int], world: Any, inputs: Any, queries: Any
) -> dict[str, list[float]]:
    from lsa_theory.modular import accuracies, task_list_accuracy

    split = {"inputs": inputs, "queries": queries}
    three = [accuracies(p, k, **split) for k in shots]
    found = {
        name: [getattr(one, name) for one in three] for name in ("copy", "ratio", "regression")
    }
    if world is not None:
        for name, true in (("bayes", None), ("bayes_new_tasks", world.out_of_distribution)):
            found[name] = [
                task_list_accuracy(p, k, world.tasks, true_tasks=true, **split) for k in shots
            ]
    return found


def _table(title: str, shots: Sequence[int], found: Mapping[str, Sequence[float]]) -> Table:
    rows = [
        (str(k), *(f"{values[row]:.4f}" for values in found.values()))
        for row, k in enumerate(shots)
    ]
    return Table(title, ("examples", *(NAMES[name] for name in found)), rows)


def _figure(data: Mapping[str, Any]) -> Any:
    from lsa_theory.plots.ceilings import shot_curves

    parts = {"training inputs": data["accuracy"]}
    if data["held_out"] is not None:
        parts["held-out inputs"] = data["held_out"]
    return shot_curves(data["p"], data["shots"], parts)


# --- training ---


def _experiments() -> Sequence[type]:
    from lsa_theory.modular.experiment import ModularExperiment

    return (ModularExperiment,)


def _presets(options: argparse.Namespace) -> Mapping[str, Callable[[], Any]]:
    from lsa_theory.modular.presets import PRESETS

    return PRESETS


CHAPTER = experiments.Chapter(
    name="modular",
    summary="exact accuracies of algorithms by the number of examples",
    theory_arguments=_theory_arguments,
    theory=_theory,
    recorded="agreement",
    kinds=KINDS,
    experiments=_experiments,
    presets=_presets,
)


def arguments(parser: argparse.ArgumentParser) -> None:
    experiments.arguments(parser, CHAPTER)


def answer(options: argparse.Namespace) -> Answer:
    return experiments.answer(options, CHAPTER)
