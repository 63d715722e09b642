"""`lsa minimum`: what training converges to."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from lsa_theory.command_line import answer as answers
from lsa_theory.command_line import arguments as given
from lsa_theory.command_line import layers
from lsa_theory.command_line.answer import Answer, Table, number, percent
from lsa_theory.linalg import product_trace
from lsa_theory.minimum import Minimum, block_minimum, global_minimum
from lsa_theory.prompts import GaussianPrompts


def arguments(parser: argparse.ArgumentParser) -> None:
    given.law_arguments(parser)
    parser.add_argument(
        "--save",
        type=given.file(".npz"),
        metavar="FILE",
        help="the layer of balance 0, to an NPZ file that lsa risk --layer reads",
    )
    given.answer_arguments(parser, plot="the gain against the eigenvalue")


def answer(options: argparse.Namespace) -> Answer:
    train = given.law(options)
    minimum = (global_minimum if train.zero_mean else block_minimum)(train)
    eigenvalues, basis = answers.spectrum(train.covariance)
    gains = answers.diagonal_in(basis, minimum.gain)
    zero = float(product_trace(train.query, train.second_moment))
    data = {
        "train": answers.law_data(train),
        "gain": minimum.gain,
        "loss": float(minimum.loss),
        "risk": 2 * float(minimum.loss),
        "zero_risk": zero,
        "scale": float(np.sqrt(np.linalg.norm(minimum.gain))),
        "free_directions": minimum.free_directions,
        "global": train.zero_mean,
        "eigenvalues": eigenvalues,
        "gain_on_eigenvectors": gains,
    }
    made = Answer(data, [_summary(minimum, train, data), _directions(eigenvalues, gains)])
    if options.save is not None:
        made.files[options.save] = layers.content(minimum.layer)
    made.figure = lambda: _figure(train, eigenvalues, gains)
    return made


def _summary(minimum: Minimum, train: GaussianPrompts, data: dict[str, Any]) -> Table:
    beside = answers.of_zero(data["risk"], data["zero_risk"])
    free = minimum.free_directions
    rows = [
        ("risk on its own law, 2 L", number(data["risk"]), beside),
        ("loss L", number(data["loss"]), ""),
        ("scale s", number(data["scale"]), "of the layer of balance 0 (Theorem 4.1)"),
        ("free directions", str(free), "the gain is unique" if free == 0 else "of equal loss"),
    ]
    note = "" if train.zero_mean else "tasks with a mean: the minimum on the block v = p = 0"
    return Table(f"Minimum of the training loss: {answers.law_line(train)}", (), rows, note)


def _directions(eigenvalues: np.ndarray, gains: np.ndarray) -> Table:
    def row(k: int) -> tuple[str, ...]:
        value, gain = eigenvalues[k], gains[k]
        return str(k + 1), number(value), number(gain), percent(value * gain)

    columns = ("direction", "eigenvalue λ", "gain b", "learnt, λ b")
    return Table("Eigenvectors of Λ", columns, answers.shortened(row, len(gains)))


def _figure(train: GaussianPrompts, eigenvalues: np.ndarray, gains: np.ndarray) -> Any:
    from lsa_theory.plots.spectrum import gain_spectrum

    return gain_spectrum(eigenvalues, gains, train.context_length)
