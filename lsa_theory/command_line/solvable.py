"""`lsa transience theory`: models of in-context against in-weights learning, solved."""

from __future__ import annotations

import argparse
import inspect
import math
from collections.abc import Callable, Sequence
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from lsa_theory.command_line import arguments as given
from lsa_theory.command_line import experiments, files
from lsa_theory.command_line.answer import Answer, Table, number
from lsa_theory.command_line.diagrams import descriptions
from lsa_theory.command_line.fields import option
from lsa_theory.command_line.quantities import QUANTITIES, Found, Quantity, coopetition
from lsa_theory.transience import Classification, Coopetition, Kinetics, Regression

MODELS: dict[str, type] = {
    "regression": Regression,
    "classification": Classification,
    "coopetition": Coopetition,
    "kinetics": Kinetics,
}
TITLES = {
    "regression": "Attention beside a table",
    "classification": "In-context labels beside a memory of them",
    "coopetition": "Strategies that compete and cooperate",
    "kinetics": "How fast attention finds the match",
}
POINTS, STEPS = 400, 16_000


def _whole_or_infinite(text: str) -> Any:
    return math.inf if text in ("inf", "Infinity") else given.integer(1)(text)


def arguments(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--model", choices=MODELS, help="which (default: regression; of a preset classification)")
    about = "the classes and the noise of an experiment's preset; other options change them"
    add("--preset", choices=experiments.PRESETS, help=about)
    add("--end-time", type=given.positive, metavar="T", help="where the flow stops")
    add("--steps", type=given.integer(1), metavar="COUNT", help="of coopetition (default: 16000)")
    add("--seed", type=given.integer(0), metavar="SEED", help="of coopetition (default: 0)")
    seen: set[str] = set()
    for name, kind in MODELS.items():
        group = parser.add_argument_group(f"settings of {name}")
        words = descriptions(inspect.getdoc(kind) or "")
        for field in fields(kind):
            read = _read(field)
            if read is not None and field.name not in seen:
                seen.add(field.name)
                group.add_argument(
                    option(field.name),
                    type=read,
                    metavar=field.name.split("_")[-1].upper(),
                    default=argparse.SUPPRESS,
                    help=words.get(field.name, "").replace("%", "%%") + _of(field.name),
                )
    given.answer_arguments(parser, plot="what either strategy carries, and the loss, over time")


def _read(field: Any) -> Callable[[str], Any] | None:
    if field.name == "context_length":
        return given.read(_whole_or_infinite)
    annotation = str(field.type)
    if annotation.startswith("int"):
        return given.integer(0)
    return given.finite if annotation.startswith(("float", "Scalar")) else None


def _of(name: str) -> str:
    """Which models know a setting, if several do."""
    known = [model for model, kind in MODELS.items() if any(f.name == name for f in fields(kind))]
    return f" (of {', '.join(known)})" if len(known) > 1 else ""


def answer(options: argparse.Namespace) -> Answer:
    name = options.model or ("regression" if options.preset is None else "classification")
    settings = _settings(options, name)
    if name == "coopetition":
        quantities, course = _coopetition(options, settings)
    else:
        for argument, value in (("--steps", options.steps), ("--seed", options.seed)):
            if value is not None:
                files.refuse(argument, "given with --model coopetition")
        model = MODELS[name](**settings)
        end = _end(model) if options.end_time is None else options.end_time
        times = np.concatenate([[0.0], np.geomspace(end * 1e-4, end, POINTS)])
        quantities, course = QUANTITIES[name](model, model.trajectory(times))
    data = {
        "action": "theory",
        "model": name,
        "settings": settings,
        "quantities": {key: value for key, _, value, _ in quantities},
        "course": course,
    }
    made = Answer(data, _tables(name, settings, quantities, course))
    made.figure = lambda: _figure(name, quantities, course)
    return made


def _settings(options: argparse.Namespace, model: str) -> dict[str, Any]:
    """Of the model that was chosen; what is missing or of another is refused."""
    own = {} if options.preset is None else _of_preset(options.preset, model)
    every = {field.name for kind in MODELS.values() for field in fields(kind)}
    mine = {field.name: field for field in fields(MODELS[model])}
    for name in sorted(every):
        if name not in mine and hasattr(options, name):
            files.refuse(option(name), f"left out with --model {model}")
    for name, field in mine.items():
        if hasattr(options, name):
            own[name] = getattr(options, name)
        elif name not in own and field.default is MISSING and _read(field) is not None:
            files.refuse(option(name), f"given with --model {model}")
    return own


def _of_preset(name: str, model: str) -> dict[str, Any]:
    """The classes of an experiment, and how noisy its contexts are."""
    if model != "classification":
        files.refuse("--preset", "left out, or given with --model classification")
    from lsa_theory.transience.milestones import evidence_noise
    from lsa_theory.transience.presets import PRESETS

    data = PRESETS[name]().experiment.data
    noise = evidence_noise(data.dimension, data.pairs, data.burst, data.noise)
    return {"class_count": data.class_count, "evidence_noise": noise}


def _end(model: Any) -> float:
    """A few lifetimes after attention has emerged."""
    if isinstance(model, Kinetics):
        return float(4 * min(model.ignition_time, 1e3 * model.ignition_clock))
    count = model.task_count if isinstance(model, Regression) else model.class_count
    slow = model.lifetime if model.lifetime < math.inf else 4 * count
    early = model.emergence_time if 0 < model.emergence_time < math.inf else 1.0
    return float(2 * early + 4 * slow)


def _coopetition(options: argparse.Namespace, settings: dict[str, Any]) -> Found:
    if options.end_time is not None:
        files.refuse("--end-time", "left out with --model coopetition, which takes --steps")
    steps = STEPS if options.steps is None else options.steps
    seed = settings["seed"] = 0 if options.seed is None else options.seed
    return coopetition(Coopetition.drawn(**(settings | {"seed": seed})), steps, POINTS)


# --- tables and figure ---


def _tables(name: str, settings: Any, quantities: Sequence[Quantity], course: Any) -> list[Table]:
    said = ", ".join(f"{key.replace('_', ' ')} {number(x)}" for key, x in settings.items())
    rows = [(words, _cell(value), note) for _, words, value, note in quantities]
    times = np.asarray(course["times"])
    kept = np.unique(np.linspace(0, len(times) - 1, 11).round().astype(int))
    along = [tuple(number(x[k], 4) for x in course.values()) for k in kept]
    columns = ("step" if name == "coopetition" else "time", *list(course)[1:])
    columns = tuple(column.replace("_", " ") for column in columns)
    note = f"{len(times) - len(kept)} more are in --json"
    return [Table(f"{TITLES[name]}: {said}", (), rows), Table("Course", columns, along, note)]


def _cell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return f"({', '.join(number(x, 4) for x in value)})"
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return ", ".join(map(_cell, value)) or "none"
    return number(value)


def _figure(name: str, quantities: Sequence[Quantity], course: Any) -> Any:
    from lsa_theory.plots.courses import model_course

    found = {key: value for key, _, value, _ in quantities}
    return model_course(name, course, found)
