"""Arguments that several commands take: the laws, numbers, and where answers go."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.command_line import files
from lsa_theory.command_line.covariances import covariance, features
from lsa_theory.prompts import GaussianPrompts

COVARIANCE_HELP = (
    "spectrum:1,2,3, power:d=50,exponent=1.2, spiked:d=30,spikes=10,5, white:d=20, "
    "rows:FILE (of observations, centred), moments:FILE (not centred), or a FILE"
)


def read(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """For `type=`: the sentence of a `ValueError` is kept."""

    def converter(text: str) -> Any:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return converter


def integer(minimum: int) -> Callable[[str], int]:
    """A whole number from `minimum` to 2^53, spelled as one."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            files.refuse(text[:40], f"an integer >= {minimum}")
        if value < minimum:
            files.refuse(text[:40], f"an integer >= {minimum}")
        if value > checks.LARGEST_INTEGER:
            files.refuse(text[:40], "at most 2^53 = 9007199254740992")
        return value

    return read(parse)


def real(rule: str, holds: Callable[[float], bool]) -> Callable[[str], float]:
    """A finite number of which a rule holds."""

    def parse(text: str) -> float:
        value = files.number(text)
        if value is None or not np.isfinite(value) or not holds(value):
            files.refuse(text, rule)
        return value

    return read(parse)


finite = real("a finite number", lambda x: True)
non_negative = real("a finite number >= 0", lambda x: x >= 0)
positive = real("a positive number", lambda x: x > 0)


def series(count: int | None = None) -> Callable[[str], list[float]]:
    """Finite numbers between commas."""

    def parse(text: str) -> list[float]:
        found = [files.number(part) for part in text.split(",")]
        if any(one is None or not np.isfinite(one) for one in found):
            files.refuse(text, "finite numbers between commas")
        if count is not None and len(found) != count:
            files.refuse(text, f"{count} numbers between commas, has {len(found)}")
        return [one for one in found if one is not None]

    return read(parse)


def _vector(text: str) -> Shaped[Array, " d"]:
    """Numbers between commas, or a file of a vector."""
    if all(files.number(part) is not None for part in text.split(",")):
        return np.array(series()(text))
    found = files.numbers(text)
    if found.ndim != 1:
        files.refuse(text, f"a vector, is of shape {found.shape}")
    return found


# --- laws ---


def law_arguments(parser: argparse.ArgumentParser) -> None:
    """The training law."""
    group = parser.add_argument_group("training law")
    add = group.add_argument
    add(
        *("-c", "--covariance"),
        required=True,
        type=read(features),
        metavar="SPEC",
        help=f"covariance Λ of the covariates: {COVARIANCE_HELP}",
    )
    add(
        *("-N", "--context-length"),
        required=True,
        type=integer(1),
        metavar="N",
        help="labelled pairs in a prompt",
    )
    _others(group, "")


def test_law_arguments(parser: argparse.ArgumentParser) -> None:
    """The test law, where it differs."""
    group = parser.add_argument_group("test law", "what is not given is as in training")
    add = group.add_argument
    add(
        "--test-covariance",
        type=read(features),
        metavar="SPEC",
        help="of the context, and of the query unless that is given apart",
    )
    add("-M", "--test-context-length", type=integer(1), metavar="M", help="labelled pairs")
    _others(group, "test-")


def _others(group: Any, prefix: str) -> None:
    add = group.add_argument
    add(
        f"--{prefix}noise-variance",
        type=non_negative,
        metavar="VARIANCE",
        help="of the labels, σ²" + ("" if prefix else " (default: 0)"),
    )
    add(
        f"--{prefix}task-covariance",
        type=read(covariance),
        metavar="SPEC",
        help="of the tasks, Ω" + ("" if prefix else " (default: the identity)"),
    )
    add(
        f"--{prefix}task-mean",
        type=read(_vector),
        metavar="VECTOR",
        help="of the tasks: numbers between commas (--task-mean=-1,2) or a file"
        + ("" if prefix else " (default: 0)"),
    )
    add(
        f"--{prefix}query-covariance",
        type=read(covariance),
        metavar="SPEC",
        help="of the query" + ("" if prefix else " (default: that of the context)"),
    )


FIELDS = (
    "covariance",
    "context_length",
    "noise_variance",
    "task_covariance",
    "task_mean",
    "query_covariance",
)


def law(options: argparse.Namespace) -> GaussianPrompts:
    """The training law that was asked for."""
    return GaussianPrompts(**_given(options, ""))


def test_law(options: argparse.Namespace, train: GaussianPrompts) -> GaussianPrompts:
    """The test law: the training law but for what was given."""
    return train.replace(**_given(options, "test_"))


def _given(options: argparse.Namespace, prefix: str) -> dict[str, Any]:
    values = {field: getattr(options, prefix + field) for field in FIELDS}
    return {field: value for field, value in values.items() if value is not None}


# --- answers ---


def answer_arguments(
    parser: argparse.ArgumentParser, *, plot: str = "", default: Any = False
) -> None:
    """How the answer is given; a default of `argparse.SUPPRESS` keeps what was said before."""
    group = parser.add_argument_group("answer")
    words = "one JSON object instead of tables"
    group.add_argument("--json", action="store_true", default=default, help=words)
    if plot:
        words = f"{plot}: PNG, SVG or PDF"
        group.add_argument("--plot", type=figure_file, metavar="FILE", help=words)


def file(*suffixes: str) -> Callable[[str], Path]:
    """A file to be written, of one of these suffixes."""
    return read(lambda text: files.target(text, suffixes))


figure_file = file(*files.FIGURES)
