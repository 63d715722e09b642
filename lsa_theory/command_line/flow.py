"""`lsa flow`: gradient flow on the population loss, from the theorem's start."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from lsa_theory.attention import LinearSelfAttention
from lsa_theory.command_line import answer as answers
from lsa_theory.command_line import arguments as given
from lsa_theory.command_line import files, layers
from lsa_theory.command_line.answer import Answer, Table, number
from lsa_theory.minimum import block_minimum
from lsa_theory.prompts import GaussianPrompts


def arguments(parser: argparse.ArgumentParser) -> None:
    given.law_arguments(parser)
    group = parser.add_argument_group("start", "U = σ₀ Θ Θ^T, s = σ₀, v = p = 0")
    add = group.add_argument
    add(
        "--scale",
        type=given.positive,
        metavar="σ₀",
        help="default: 0.9 times (2 / (√d ‖Γ‖))^½, the bound in Theorem 4.1",
    )
    add(
        "--seed",
        type=given.integer(0),
        metavar="SEED",
        help="of a Gaussian Θ, brought to ‖Θ Θ^T‖ = 1 (default: Θ in proportion to the identity)",
    )
    add("--layer", type=given.read(layers.layer), metavar="FILE", help="another start: an NPZ file")
    group = parser.add_argument_group("integration")
    add = group.add_argument
    add(
        "--times", type=given.series(), metavar="T,T,...", help="where to save (default: each step)"
    )
    add("--end-time", type=given.positive, metavar="T", help="where to stop at the latest")
    add("--rtol", type=given.positive, default=1e-8, help="relative error of a step (default 1e-8)")
    add("--tolerance", type=given.positive, help="how close to the limit counts as converged")
    add("--max-steps", type=given.integer(1), default=4096, metavar="K", help="default 4096")
    parser.add_argument(
        "--save",
        type=given.file(".npz"),
        metavar="FILE",
        help="times, loss, residual, s and balance along the flow, and the last layer, to NPZ",
    )
    given.answer_arguments(parser, plot="loss and scale over time")


def answer(options: argparse.Namespace) -> Answer:
    from lsa_theory.extras import required

    prompts = given.law(options)
    start = _start(options, prompts)
    required("lsa flow", "jax", "simulate")
    from lsa_theory.flow import Status, gradient_flow

    flow = gradient_flow(
        start,
        prompts,
        times=options.times,
        end_time=options.end_time,
        rtol=options.rtol,
        tolerance=options.tolerance,
        max_steps=options.max_steps,
    )
    data = _data(flow, start, prompts)
    made = Answer(data, [_summary(data, prompts), _course(data), _theorem(data)])
    if options.save is not None:
        made.files[options.save] = lambda: _saved(flow, data)
    made.figure = lambda: _figure(data)
    if flow.status is Status.FAILED:
        made.failure = flow.status.value
    return made


def _start(options: argparse.Namespace, prompts: GaussianPrompts) -> LinearSelfAttention:
    from lsa_theory.initial import initial_layer, isotropic_theta

    if options.layer is not None:
        if options.scale is not None or options.seed is not None:
            files.refuse("--layer", "given without --scale and --seed")
        if not isinstance(options.layer, LinearSelfAttention):
            files.refuse("--layer", "an NPZ file with pv and kq: a gain alone is no start")
        return options.layer
    d = prompts.dimension
    if options.seed is None:
        theta = isotropic_theta(d)
    else:
        theta = np.random.default_rng(options.seed).standard_normal((d, d))
        theta /= np.sqrt(np.linalg.norm(theta @ theta.T))
    return initial_layer(theta, _largest_scale(prompts) if options.scale is None else options.scale)


def _largest_scale(prompts: GaussianPrompts) -> float:
    """Within the theorem's condition `σ₀² √d ‖Γ‖ < 2`."""
    eigenvalues, _ = answers.spectrum(prompts.covariance)
    n = prompts.context_length
    norm = ((n + 1) * eigenvalues.max() + eigenvalues.sum()) / n
    return float(0.9 * np.sqrt(2 / (np.sqrt(prompts.dimension) * norm)))


def _data(flow: Any, start: LinearSelfAttention, prompts: GaussianPrompts) -> dict[str, Any]:
    from lsa_theory.convergence import convergence_guarantee

    minimum = block_minimum(prompts)
    guarantee = convergence_guarantee(start, prompts)
    bound = guarantee.loss_bound(flow.times) if guarantee.holds else None
    return {
        "train": answers.law_data(prompts),
        "start": {"scale": float(start.s), "norm": float(np.linalg.norm(start.u))},
        "status": flow.status.name.lower(),
        "message": flow.status.value,
        "converged": flow.converged,
        "times": flow.times,
        "loss": flow.loss,
        "residual": flow.residual,
        "scale": np.array([float(layer.s) for layer in flow.layers]),
        "balance": flow.balance,
        "final_time": float(flow.final_time),
        "final_gain": flow.final.gain,
        "least_loss": float(minimum.loss),
        "limit_scale": None if flow.limit is None else float(flow.limit.s),
        "distance_bound": float(flow.distance_bound),
        "theorem_4_1": {
            "holds": guarantee.holds,
            "hypotheses": dict(guarantee.hypotheses),
            "statements": dict(guarantee.statements),
            "scale_bound": guarantee.scale_bound if guarantee.holds else None,
            "rate": guarantee.rate if guarantee.holds else None,
            "loss_bound": bound,
        },
    }


def _saved(flow: Any, data: dict[str, Any]) -> bytes:
    along = {
        key: np.asarray(data[key]) for key in ("times", "loss", "residual", "scale", "balance")
    }
    return layers.archive(**along, **layers.matrices(flow.final))


# --- tables ---


def _summary(data: dict[str, Any], prompts: GaussianPrompts) -> Table:
    reached = data["loss"][-1] - data["least_loss"]
    rows = [
        ("time", number(data["final_time"])),
        ("loss L", number(data["loss"][-1])),
        ("L − min L", number(reached, 3)),
        ("distance to the limit, at most", number(data["distance_bound"], 3)),
    ]
    title = f"Gradient flow: {answers.law_line(prompts)}\n{data['message']}"
    return Table(title, (), rows)


def _course(data: dict[str, Any]) -> Table:
    along = [data[key] for key in ("times", "loss", "scale", "balance", "residual")]
    kept = np.unique(np.linspace(0, len(along[0]) - 1, 12).round().astype(int))
    least = data["least_loss"]
    rows = [
        (
            number(time, 5),
            number(loss),
            number(loss - least, 3),
            number(scale, 5),
            number(balance, 2),
            number(residual, 2),
        )
        for time, loss, scale, balance, residual in (tuple(x[k] for x in along) for k in kept)
    ]
    left = len(along[0]) - len(kept)
    note = f"{left} more times are in --json and --save" if left else ""
    columns = ("time", "loss L", "L − min L", "scale s", "balance", "‖∇L‖")
    return Table("Along the flow", columns, rows, note)


def _theorem(data: dict[str, Any]) -> Table:
    theorem = data["theorem_4_1"]
    rows = [
        ("holds" if held else "fails", theorem["statements"][name])
        for name, held in theorem["hypotheses"].items()
    ]
    if theorem["holds"]:
        rows = [
            ("scale", f"s(t) ≥ {number(theorem['scale_bound'])} at all times"),
            ("rate", f"L − min L falls at least as exp(−{number(theorem['rate'])} t)"),
        ]
        return Table("Theorem 4.1 applies to this start", (), rows)
    return Table("Theorem 4.1 says nothing of this start", (), rows)


def _figure(data: dict[str, Any]) -> Any:
    from lsa_theory.plots.flow import time_course

    return time_course(
        data["times"],
        data["loss"],
        data["scale"],
        least=data["least_loss"],
        bound=data["theorem_4_1"]["loss_bound"],
        limit=data["limit_scale"],
    )
