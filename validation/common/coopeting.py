"""Strategies with shared parts: descent on every entry, and the flow to an emergence, a decay, or
the end."""

from fractions import Fraction as F
from functools import cache

import numpy as np
from scipy.integrate import solve_ivp

from lsa_theory.transience.coopetition import Coopetition
from lsa_theory.transience.strategies import NAMES, errors, slopes


def outer(*vectors):
    return vectors[0][:, None, None] * vectors[1][:, None] * vectors[2]


def losses(targets, parts):
    """L1 and L2 entry by entry, and the errors' tensors."""
    gaps = [
        outer(parts[k], parts["b"], parts["c"]) - outer(targets[k], targets["b"], targets["c"])
        for k in "ad"
    ]
    return [(gap * gap).sum() / (2 * gap.size) for gap in gaps], gaps


def step_of_all(targets, parts, options, rate):
    """A step of gradient descent on every entry of every vector, from the errors' tensors."""
    (first, second), gaps = losses(targets, parts)
    weights = second + options["floor_weights"], first + options["floor_context"]
    slopes = {k: 0 * parts[k] for k in NAMES}
    for k, weight, gap in zip("ad", weights, gaps, strict=True):
        gap, trio = weight * gap / gap.size, (k, "b", "c")
        for axis, part in enumerate(trio):
            others = [parts[x].reshape([-1 if i == j else 1 for i in range(3)])
                      for j, x in enumerate(trio) if j != axis]  # fmt: skip
            rest = tuple(j for j in range(3) if j != axis)
            slopes[part] = slopes[part] + (gap * others[0] * others[1]).sum(axis=rest)
    both = options["alpha"] / F(parts["a"].size * parts["d"].size)
    slopes["a"] = slopes["a"] + both * parts["a"] * (parts["d"] @ parts["d"])
    slopes["d"] = slopes["d"] + both * parts["d"] * (parts["a"] @ parts["a"])
    return {k: parts[k] - rate * (slopes[k] + options["l2"] * parts[k]) for k in NAMES}


@cache
def descended(seed, steps):
    """L1 and L2 along gradient descent on all 220 entries, by inner products of vectors."""
    model = Coopetition.drawn(seed=seed)
    target = {k: np.asarray(model.targets[k]) for k in NAMES}
    part = {k: np.asarray(model.starts[k]) for k in NAMES}
    square = {k: target[k] @ target[k] for k in NAMES}
    found = np.empty((steps + 1, 2))
    for step in range(steps + 1):
        agreed = {k: target[k] @ part[k] for k in NAMES}
        norm = {k: part[k] @ part[k] for k in NAMES}
        shrink, pull = dict.fromkeys(NAMES, 0.0), dict.fromkeys(NAMES, 0.0)
        for j, k in enumerate("ad"):
            size = part[k].size * part["b"].size * part["c"].size
            whole = square[k] * square["b"] * square["c"]
            cross, own = (x[k] * x["b"] * x["c"] for x in (agreed, norm))
            found[step, j] = (whole - 2 * cross + own) / (2 * size)
        weight = found[step, 1] + model.floor_weights, found[step, 0] + model.floor_context
        for k, w in zip("ad", weight, strict=True):
            size = part[k].size * part["b"].size * part["c"].size
            for x, y, z in ((k, "b", "c"), ("b", k, "c"), ("c", k, "b")):
                shrink[x] += w * norm[y] * norm[z] / size
                pull[x] += w * agreed[y] * agreed[z] / size
        both = model.alpha / (part["a"].size * part["d"].size)
        shrink["a"] += both * norm["d"]
        shrink["d"] += both * norm["a"]
        part = {k: (1 - shrink[k]) * part[k] + pull[k] * target[k] for k in NAMES}
    return found


def flow(model, end, method, without=None, event=None, rtol=1e-12):
    """The last time and state of the eight scalars; a part may be left out."""
    law, start = model._law(), np.append(*model._start(without and NAMES.index(without)))
    held = np.array([k != without for k in NAMES])

    def force(time, state):
        at = slopes(state[:4], state[4:], *law)
        shrink = np.array(at.shrink)
        pull = held * np.array(at.pull)
        return np.append(pull - shrink * state[:4], -2 * shrink * state[4:])

    options = {"method": method, "rtol": rtol, "atol": rtol / 1e3, "events": event}
    found = solve_ivp(force, (0, end), start, **options)
    return found.t[-1], found.y[:, -1]


def grown(model, without):
    """When half of an error is gone."""
    targets, sizes = model._law()[:2]

    def remaining(state):
        return errors(state[:4], state[4:], targets, sizes)

    whole = remaining(np.append(*model._start(without and NAMES.index(without))))

    def half(time, state):
        return min(x / y for x, y in zip(remaining(state), whole, strict=True)) - 0.5

    half.terminal = True
    return flow(model, 3 * model.emergence_time(without) + 1e4, "DOP853", without, half)[0]


def faded(model, part):
    """When that part of the share of `a` is left."""
    start = float(model._start(None)[0][0])

    def left(time, state):
        return state[0] - part * start

    left.terminal = True
    return flow(model, 3 * model.lifetime(), "DOP853", event=left)[0]


def settled(model):
    """The shares at which the flow ends, signs apart: after 300 times that of L2."""
    return abs(flow(model, 300 / model.l2, "LSODA", rtol=1e-10)[1][:4])
