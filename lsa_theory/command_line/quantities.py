"""What is told of the solvable models of transience: closed forms, and what their courses show."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from lsa_theory.transience import Classification, Coopetition, Kinetics, Regression

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


def coopetition(law: Coopetition, steps: int, points: int) -> Found:
    keep = max(steps // points, 1)
    course, alone, table = (law.descent(steps, keep=keep, without=w) for w in (None, "d", "a"))
    least = int(course.in_context.argmin())
    quantities = [
        ("least_in_context", "least in-context loss", float(course.in_context[least]), "together"),
        ("least_step", "  at step", int(course.steps[least]), ""),
        ("final_in_context", "in-context loss", float(course.in_context[-1]), "at the end"),
        ("final_in_weights", "in-weights loss", float(course.in_weights[-1]), "at the end"),
        ("final_loss", "whole loss", float(course.loss[-1]), "at the end"),
        ("alone_in_context", "in-context loss alone", float(alone.in_context[-1]), "without d"),
        ("alone_in_weights", "in-weights loss alone", float(table.in_weights[-1]), "without a"),
        ("ends", "ends: explained (p, q)", _ends(law), "that attract, the origin apart"),
    ]
    if law.l2 == law.floor_weights == 0:
        share, beside = course.share[-1, 3], course.beside[-1, 3]
        target = np.asarray(law.targets["d"])
        time = law.lifetime(float(share**2 * (target @ target) + beside))
        quantities.append(("context_lifetime", "lifetime of a", time, "once the weights answer"))
    names = ("in_context", "in_weights", "loss")
    return quantities, {"times": course.steps} | {name: getattr(course, name) for name in names}


def _ends(law: Coopetition) -> list[tuple[float, float]] | str:
    try:
        points = law.stationary_points()[1:]
    except (ValueError, RuntimeError):
        return "not told apart"
    return [(point.context_share, point.weights_share) for point in points if point.stable]
