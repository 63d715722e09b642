"""`lsa risk`: the exact error of a trained layer on its own law or another."""

from __future__ import annotations

import argparse
from typing import Any

from lsa_theory.command_line import answer as answers
from lsa_theory.command_line import arguments as given
from lsa_theory.command_line import layers
from lsa_theory.command_line.answer import Answer, Table, number
from lsa_theory.linalg import product_trace
from lsa_theory.minimum import block_minimum
from lsa_theory.prompts import GaussianPrompts
from lsa_theory.risk import risk


def arguments(parser: argparse.ArgumentParser) -> None:
    given.law_arguments(parser)
    given.test_law_arguments(parser)
    add = parser.add_argument
    add(
        "--layer",
        type=given.read(layers.layer),
        metavar="FILE",
        help="a layer (NPZ with pv and kq) or a gain (a file of numbers) instead of the minimum on "
        "the training law, which then says only what --test-* leave open",
    )
    add(
        "--sampled",
        type=given.integer(2),
        metavar="COUNT",
        help="sample the risk too, on so many prompts",
    )
    add("--seed", type=given.integer(0), default=0, metavar="SEED", help="of --sampled (default 0)")
    given.answer_arguments(parser, plot="the risk against the test context length")


def answer(options: argparse.Namespace) -> Answer:
    train = given.law(options)
    test = given.test_law(options, train)
    layer = block_minimum(train).gain if options.layer is None else options.layer
    whole = float(risk(layer, test))
    bias = float(risk(layer, test.replace(noise_variance=0.0)))
    data: dict[str, Any] = {
        "train": answers.law_data(train) if options.layer is None else None,
        "test": answers.law_data(test),
        "risk": whole,
        "bias": bias,
        "variance": whole - bias,
        "loss": whole / 2,
        "zero_risk": float(product_trace(test.query, test.second_moment)),
        "retrained_risk": 2 * float(block_minimum(test).loss),
        "sampled": _sampled(layer, test, options) if options.sampled else None,
    }
    made = Answer(data, [_table(test, data)])
    made.figure = lambda: _figure(layer, test)
    return made


def _sampled(layer: Any, test: GaussianPrompts, options: argparse.Namespace) -> dict[str, Any]:
    from lsa_theory.sampling import sampled_risk

    mean, error = sampled_risk(layer, test, options.sampled, seed=options.seed)
    return {
        "mean": float(mean),
        "standard_error": float(error),
        "count": options.sampled,
        "seed": options.seed,
    }


def _table(test: GaussianPrompts, data: dict[str, Any]) -> Table:
    zero = data["zero_risk"]
    rows = [
        ("risk", number(data["risk"]), answers.of_zero(data["risk"], zero)),
        ("  bias", number(data["bias"]), "without label noise"),
        ("  variance", number(data["variance"]), "of label noise"),
        ("least risk of a layer", number(data["retrained_risk"]), "trained on the test law"),
        ("predicting 0", number(zero), ""),
    ]
    if sampled := data["sampled"]:
        error = sampled["standard_error"]
        away = (sampled["mean"] - data["risk"]) / error if error else 0.0
        words = f"± {number(error, 2)} on {sampled['count']} prompts, {number(away, 2)} σ away"
        rows.append(("sampled risk", number(sampled["mean"]), words))
    return Table(f"Risk on the test law: {answers.law_line(test, 'M')}", (), rows)


def _figure(layer: Any, test: GaussianPrompts) -> Any:
    from lsa_theory.plots.lengths import risk_by_length

    return risk_by_length(layer, test)
