"""Gradient flow on the population loss: a simulation that checks the closed forms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.attention import LinearSelfAttention, Parameters
from lsa_theory.flow.batch import block_flows
from lsa_theory.flow.full import full_flow
from lsa_theory.flow.reduced import reduced_flow
from lsa_theory.flow.result import GradientFlow as GradientFlow
from lsa_theory.flow.status import Status as Status
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.random_covariance.prompts import RandomCovariancePrompts

Layers = LinearSelfAttention | Sequence[LinearSelfAttention]
Law = GaussianPrompts | RandomCovariancePrompts
Laws = Law | Sequence[Law]
Times = Array | Sequence[float] | None
Method = str  # "auto", "block" or "all"


@overload
def gradient_flow(  # type: ignore[overload-overlap]
    layer: LinearSelfAttention,
    prompts: Law,
    *,
    times: Times = None,
    end_time: float | None = None,
    rtol: float = 1e-8,
    tolerance: float | None = None,
    max_steps: int = 4096,
    parameters: Method = "auto",
) -> GradientFlow: ...
@overload
def gradient_flow(
    layer: Layers,
    prompts: Laws,
    *,
    times: Times = None,
    end_time: float | None = None,
    rtol: float = 1e-8,
    tolerance: float | None = None,
    max_steps: int = 4096,
    parameters: Method = "auto",
) -> tuple[GradientFlow, ...]: ...
def gradient_flow(
    layer: Layers,
    prompts: Laws,
    *,
    times: Times = None,
    end_time: float | None = None,
    rtol: float = 1e-8,
    tolerance: float | None = None,
    max_steps: int = 4096,
    parameters: Method = "auto",
) -> GradientFlow | tuple[GradientFlow, ...]:
    r"""Gradient flow :math:`\dot z = -\nabla L(z)` on the population loss, from any start.

    Over all parameters :math:`z = (v, s, U, p)` that the prediction sees; the others have zero
    gradient and stay. From a start on the block :math:`v = p = 0`, with tasks of zero mean, the
    flow stays there and is integrated mode by mode (an exponential integrator with no stiffness,
    fit for d in the hundreds and any condition number); otherwise by a method for
    stiff equations on all unknowns, fit for d up to about 15. Random covariances have the flow on
    the block alone: of diagonal ones as above, of others in the d² eigenvectors of the mean map,
    fit for d up to about 30.

    Parameters
    ----------
    layer
        The start. A list of layers is a batch of starts. On the block all its flows run together,
        in one program compiled for a range of dimensions: a flow then costs some 0.1 ms, and is
        the same to the last bit in every batch. The few that this does not suit, and all where
        `rtol` is below 1e-10, run alone.
    prompts
        The training law. A list of laws is a batch, beside as many starts or one.
    times
        (T,), increasing and non-negative: where to save. None: every accepted step.
    end_time
        Where to stop at the latest, not before the last of `times`. None: there, or without
        `times` never; a flow that has
        converged stops, and its later `times` hold the final state; times beyond the step limit
        are left out. Time is in
        units of the flow: gradient descent with learning rate :math:`\eta` on this loss passes
        :math:`\eta` a step.
    rtol
        The relative error allowed to a step. Of a batch on the block it is, to a small factor,
        the error of all saved states; theirs is within steps, so that close to the limit
        `converged` may take a later `end_time` than for a single flow.
    tolerance
        How close to the limit, relative to its norm, counts as converged. None: 1e-10 on the
        block, the larger of 1e-6 and `100 rtol` otherwise.
    max_steps
        The step limit, rejected steps included.
    parameters
        "block" or "all" to insist on one of the two methods.

    Returns
    -------
    A `GradientFlow`; a tuple of them for a batch. Its `distance_bound` is carried, on the block,
    by a theorem: a flow with loss below the zero predictor's, or with positive balance, tends to
    the minimiser of its own balance and sign, and the distance to it is computed, with an
    allowance for rounding. Off the block it is twice the gradient over the least curvature, if
    the Hessian bears that out at both ends of the Newton step, plus what the integration lost of
    the balance. `converged` is never claimed without such a bound. Near a saddle, or with a loose
    `tolerance`, the gradient may vanish where nothing bounds the rest of the path: the status is
    then `STATIONARY`, and the bound infinite or above the tolerance.

    Raises
    ------
    ValueError
        If dimensions, batch sizes or options do not fit, or a start off the block meets random
        covariances, before anything is integrated.

    Source: Zhang, Frei, Bartlett, JMLR 25(49), 2024, Theorem 4.1.
    """
    layers, laws, batched = _lanes(layer, prompts)
    block = _on_block(layers) and all(law.zero_mean for law in laws)
    if not isinstance(parameters, str) or parameters not in ("auto", "block", "all"):
        checks.refuse(NAME, "parameters", checks.described(parameters), '"auto", "block" or "all"')
    if parameters == "block" and not block:
        rule = '"all" or "auto" for a start with v or p non-zero, or tasks with a mean'
        checks.refuse(NAME, "parameters", '"block"', rule)
    stops = None if times is None else _times(times)
    end_time = _end_time(end_time, stops)
    rtol = checks.option(NAME, "rtol", rtol, "a number in (0, 0.1]", lambda x: 0 < x <= 0.1)
    if tolerance is not None:
        rule = "a number in (0, 1)"
        tolerance = checks.option(NAME, "tolerance", tolerance, rule, lambda x: 0 < x < 1)
    max_steps = checks.integer(NAME, "max_steps", max_steps)
    reduced = block and parameters != "all"
    if not reduced and any(isinstance(law, RandomCovariancePrompts) for law in laws):
        rule = "GaussianPrompts off the block v = p = 0"
        checks.refuse(NAME, "prompts", "random covariances", rule)
    if tolerance is None:
        tolerance = 1e-10 if reduced else max(1e-6, 100 * rtol)
    options: Any = {
        "end_time": end_time,
        "rtol": rtol,
        "tolerance": tolerance,
        "max_steps": max_steps,
    }
    if reduced and batched:
        return tuple(block_flows(layers, laws, stops, **options))
    flow: Any = reduced_flow if reduced else full_flow
    pairs = zip(layers, laws, strict=True)
    found = [flow(start, law, stops, **options) for start, law in pairs]
    return tuple(found) if batched else found[0]


NAME = "gradient_flow"


def _lanes(layer: Any, prompts: Any) -> tuple[list[LinearSelfAttention], list[Law], bool]:
    """Starts and laws, one of each a lane, and whether there is more than one to return."""
    layers = _several("layer", layer, LinearSelfAttention)
    laws = _several("prompts", prompts, GaussianPrompts, RandomCovariancePrompts)
    batched = layers[0] is not layer or laws[0] is not prompts
    lanes = max(len(layers), len(laws))
    for argument, given in (("layer", layers), ("prompts", laws)):
        if len(given) not in (1, lanes):
            checks.refuse(NAME, argument, f"{len(given)} of them", f"1 or {lanes} of them")
    layers, laws = layers * (lanes // len(layers)), laws * (lanes // len(laws))
    for i, (start, law) in enumerate(zip(layers, laws, strict=True)):
        if not start.dimension == law.dimension == layers[0].dimension:
            where = f"lane {i} with a layer of {start.dimension} and prompts of {law.dimension}"
            rule = "of the prompts' dimension, and of one dimension in the whole batch"
            checks.refuse(NAME, "layer", where, rule)
    return layers, laws, batched


def _on_block(layers: list[LinearSelfAttention]) -> bool:
    """Whether `v = p = 0` in all of them."""
    d = layers[0].dimension
    rows = [row for one in layers for row in (one.pv[d, :d], one.kq[d, :d])]
    return not np.array(rows).any()


def _several(argument: str, given: Any, kind: type, other: type | None = None) -> list[Any]:
    """The layers or laws of a batch; of a single one, a list of it."""
    if not isinstance(given, Sequence) or isinstance(given, str | Parameters):
        if not isinstance(given, other or kind):
            checks.instance(NAME, argument, given, kind)
        return [given]
    if not given:
        checks.refuse(NAME, argument, "[]", f"at least one {kind.__name__}")
    for i, one in enumerate(given):
        if not isinstance(one, other or kind):
            checks.instance(NAME, f"{argument}[{i}]", one, kind)
    return list(given)


def _times(times: Any) -> Shaped[Array, " t"]:
    stops = checks.real_array(NAME, "times", times, (1,)).astype(np.float64)
    rule = "non-negative and increasing"
    if stops[0] < 0:
        checks.refuse(NAME, "times", f"array with {stops[0]} at 0", rule)
    for i in np.flatnonzero(np.diff(stops) <= 0)[:1]:
        checks.refuse(NAME, "times", f"array with {stops[i]} before {stops[i + 1]}", rule)
    return stops


def _end_time(end_time: Any, stops: Any) -> float:
    """Where to stop; of `times` that are just 0, at the start."""
    last = 0.0 if stops is None else float(stops[-1])
    if end_time is None:
        return np.inf if stops is None else last
    end_time = checks.option(NAME, "end_time", end_time, "a positive number", lambda x: x > 0)
    if end_time < last:
        checks.refuse(NAME, "end_time", end_time, f"at least {last}, the last of times")
    return end_time
