"""`lsa transience theory`: models of in-context against in-weights learning, solved."""

from __future__ import annotations

import argparse
import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, fields
from typing import Any

import numpy as np

from lsa_theory.command_line import arguments as given
from lsa_theory.command_line import experiments, files
from lsa_theory.command_line.answer import Answer, Table, number
from lsa_theory.command_line.diagrams import descriptions
from lsa_theory.command_line.fields import option
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


Quantity = tuple[str, str, Any, str]  # key, words, value, note
Found = tuple[Sequence[Quantity], dict[str, Any]]


def _shares(course: Any) -> dict[str, Any]:
    names = ("times", "in_context", "in_weights", "loss")
    return {name: np.asarray(getattr(course, name)) for name in names}


def _peak(course: Any) -> list[Quantity]:
    at = int(course.in_context.argmax())
    return [
        ("flow_peak_height", "peak of the flow", float(course.in_context[at]), "integrated"),
        ("flow_peak_time", "  at time", float(course.times[at]), ""),
    ]


def _regression(model: Regression, course: Any) -> Found:
    share, table = model.fixed_point
    noise = model.evidence_noise
    quantities = [
        ("evidence_noise", "noise of the evidence κ", noise, "(d + 1 + σ²)/N"),
        ("emergence_time", "emergence time", model.emergence_time, "half of the peak"),
        ("peak_height", "peak of the share a", model.peak_height, "slow table"),
        ("peak_time", "  at time", model.peak_time, "slow table, no L2"),
        *_peak(course),
        ("table_at_peak", "table b by then", model.table_at_peak, "slow table, no L2"),
        ("lifetime", "lifetime", model.lifetime, "falls by e: (1 + κ)/(κ η), no L2"),
        ("fixed_point", "end (a, b)", (share, table), "exact"),
        ("persists", "attention persists", model.persists, "a > 0 at the end"),
        ("kept", "share of the peak kept", share * (1 + noise), "of that without L2"),
        (
            "persistence_boundary",
            "half is kept from λ =",
            model.persistence_boundary,
            "on both parts alike",
        ),
    ]
    return quantities, _shares(course)


def _classification(model: Classification, course: Any) -> Found:
    share, memory = model.fixed_point
    noise = model.evidence_noise
    quantities = [
        ("evidence_noise", "noise of the evidence v", noise, ""),
        ("emergence_time", "emergence time", model.emergence_time, "half of the peak"),
        ("peak_height", "peak of the strength g", model.peak_height, "many classes"),
        *_peak(course),
        ("lifetime", "lifetime", model.lifetime, "falls by e: K (1 + v)/v, no L2"),
        ("flip_time", "memory as strong, flip", model.flip_time, "many classes, no L2"),
        ("fixed_point", "end (g, m)", (share, memory), "exact"),
        ("persists", "attention persists", not model.transient, "g > 0 at the end"),
        ("kept", "share of the peak kept", share * (1 + noise), "of that without L2"),
        (
            "persistence_boundary",
            "half is kept from λ_m =",
            model.persistence_boundary,
            "on the memory",
        ),
    ]
    return quantities, _shares(course)


def _kinetics(model: Kinetics, course: Any) -> Found:
    half = np.flatnonzero(course.match >= 0.5)
    time = float(course.times[half[0]]) if half.size else math.inf
    quantities = [
        (
            "ignition_clock",
            "ignition, on the clock u",
            model.ignition_clock,
            "long contexts, no L2",
        ),
        ("ignition_time", "ignition time", model.ignition_time, "long contexts, no L2"),
        ("half_match_time", "half of the attention", time, "on the match, integrated"),
        ("final_match", "attention on the match", float(course.match[-1]), "at the end"),
        ("final_memory", "memory m", float(course.memory[-1]), "at the end"),
    ]
    names = ("times", "strength", "sharpness", "memory", "clock", "match")
    return quantities, {name: np.asarray(getattr(course, name)) for name in names}


QUANTITIES: Mapping[str, Callable[[Any, Any], Found]] = {
    "regression": _regression,
    "classification": _classification,
    "kinetics": _kinetics,
}


def _coopetition(options: argparse.Namespace, settings: dict[str, Any]) -> Found:
    if options.end_time is not None:
        files.refuse("--end-time", "left out with --model coopetition, which takes --steps")
    steps = STEPS if options.steps is None else options.steps
    seed = settings["seed"] = 0 if options.seed is None else options.seed
    law = Coopetition.drawn(**(settings | {"seed": seed}))
    keep = max(steps // POINTS, 1)
    course, alone, table = (law.descent(steps, keep=keep, without=w) for w in (None, "d", "a"))
    least = int(course.in_context.argmin())
    ends = [
        (point.context_share, point.weights_share)
        for point in law.stationary_points()[1:]
        if point.stable
    ]
    quantities = [
        ("least_in_context", "least in-context loss", float(course.in_context[least]), "together"),
        ("least_step", "  at step", int(course.steps[least]), ""),
        ("final_in_context", "in-context loss", float(course.in_context[-1]), "at the end"),
        ("final_in_weights", "in-weights loss", float(course.in_weights[-1]), "at the end"),
        ("final_loss", "whole loss", float(course.loss[-1]), "at the end"),
        ("alone_in_context", "in-context loss alone", float(alone.in_context[-1]), "without d"),
        ("alone_in_weights", "in-weights loss alone", float(table.in_weights[-1]), "without a"),
        ("lifetime", "lifetime of a", law.lifetime(), "once the weights answer, no L2"),
        ("ends", "ends: explained (p, q)", ends, "that attract, the origin apart"),
    ]
    names = ("in_context", "in_weights", "loss")
    return quantities, {"times": course.steps} | {name: getattr(course, name) for name in names}


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
    if isinstance(value, list):
        return ", ".join(map(_cell, value)) or "none"
    return number(value)


def _figure(name: str, quantities: Sequence[Quantity], course: Any) -> Any:
    from lsa_theory.plots.courses import model_course

    found = {key: value for key, _, value, _ in quantities}
    return model_course(name, course, found)
