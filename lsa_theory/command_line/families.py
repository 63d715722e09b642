"""The shift that `lsa shift` is asked for: by a family and a value, or by the test law itself."""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from lsa_theory.command_line import arguments as given
from lsa_theory.command_line import files
from lsa_theory.linalg import dense
from lsa_theory.prompts import GaussianPrompts

COVARIATE = ("scaled", "rotated", "spiked", "removed", "respaced", "interpolated")
OTHERS = ("retasked", "requeried", "noisier", "longer")


def arguments(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "family of shifts", "of the test law as the options above leave it"
    )
    add = group.add_argument
    add(
        "--family",
        choices=(*COVARIATE, *OTHERS),
        metavar="NAME",
        help=f"of the covariance: {', '.join(COVARIATE)} (towards --test-covariance); of task "
        f"size, query, noise and length: {', '.join(OTHERS)}",
    )
    add("--to", type=given.finite, metavar="VALUE", help="of its parameter (rotated: in radians)")
    add(
        "--interval",
        type=given.series(2),
        metavar="LOW,HIGH",
        help="of the parameter, for crossings and figure (default: the family's)",
    )
    add(
        "--direction",
        type=given.integer(1),
        metavar="K",
        help="for spiked and removed: the eigenvector of the K-th largest eigenvalue (default 1)",
    )
    add(
        "--plane",
        type=given.series(2),
        metavar="I,J",
        help="for rotated: the eigenvectors of the I-th and J-th largest eigenvalue "
        "(default: smallest and largest)",
    )
    add("--keep-query", action="store_true", help="shift the context alone")


def shifted(
    options: argparse.Namespace, train: GaussianPrompts
) -> tuple[Any, float | None, GaussianPrompts]:
    """The family, the value of its parameter and the test law. A shift given by its covariance
    is the end of the interpolation towards it; any other has no family."""
    _fitting(options)
    test = given.test_law(options, train)
    if options.family is not None:
        family = _family(options, train)
        if options.family == "longer" and (options.to != int(options.to) or options.to < 1):
            files.refuse(f"--to {options.to:g}", "an integer >= 1 for --family longer")
        return family, options.to, family(options.to)
    if options.test_covariance is None:
        return None, None, test
    if options.keep_query and test.query_covariance is None:
        test = test.replace(query_covariance=train.covariance)
    from lsa_theory.shift import interpolated

    start = test.replace(covariance=train.covariance)
    return interpolated(start, test.covariance, query=_moves(options, test)), 1.0, test


def _fitting(options: argparse.Namespace) -> None:
    """Options without effect are refused."""
    name = options.family
    if name is None and options.to is not None:
        files.refuse("--to", "given with --family")
    if name is not None and options.to is None:
        files.refuse(f"--family {name}", "given with --to")
    if name == "interpolated" and options.test_covariance is None:
        files.refuse("--family interpolated", "given with --test-covariance, its far end")
    for option, value, users in (
        ("--direction", options.direction, ("spiked", "removed")),
        ("--plane", options.plane, ("rotated",)),
    ):
        if value is not None and name not in users:
            files.refuse(option, f"given with --family {' or '.join(users)}")
    moving = name in COVARIATE or (name is None and options.test_covariance is not None)
    if options.keep_query and not moving:
        files.refuse("--keep-query", "given with a shift of the covariance")
    if options.interval is not None:
        if name == "longer":
            files.refuse("--interval", "left out with --family longer")
        if name is None and options.test_covariance is None:
            files.refuse("--interval", "given with --family or --test-covariance")
        if not options.interval[0] < options.interval[1]:
            files.refuse("--interval", "two numbers in order")


def _moves(options: argparse.Namespace, law: GaussianPrompts) -> bool:
    """Whether the query moves with the context."""
    return law.query_covariance is None and not options.keep_query


def _family(options: argparse.Namespace, train: GaussianPrompts) -> Any:
    from lsa_theory import shift

    name = options.family
    if name == "interpolated":
        start = given.test_law(options, train).replace(covariance=train.covariance)
        return shift.interpolated(start, options.test_covariance, query=_moves(options, start))
    start = given.test_law(options, train)
    extra: dict[str, Any] = {"query": _moves(options, start)} if name in COVARIATE else {}
    if name in ("spiked", "removed") and options.direction is not None:
        extra["direction"] = _eigenvector(start, options.direction)
    if name == "rotated" and options.plane is not None:
        extra["first"], extra["second"] = (_index(start, "--plane", k) for k in options.plane)
    return getattr(shift, name)(start, **extra)


def _index(law: GaussianPrompts, option: str, k: float) -> int:
    """Of the k-th largest eigenvalue among ascending ones."""
    if k != int(k) or not 1 <= k <= law.dimension:
        files.refuse(f"{option} {k:g}", f"an integer from 1 to d = {law.dimension}")
    return law.dimension - int(k)


def _eigenvector(law: GaussianPrompts, k: int) -> np.ndarray:
    _, basis = np.linalg.eigh(dense(law.covariance))
    return basis[:, _index(law, "--direction", k)]


def overtaking(
    options: argparse.Namespace, train: GaussianPrompts, family: Any
) -> dict[str, Any] | None:
    """Where least squares overtakes along the family, or why that is not known."""
    if family is None:
        return None
    from lsa_theory import shift

    interval = tuple(options.interval or family.interval)
    found: dict[str, Any] = {"family": family.name, "interval": interval}
    try:
        roots = shift.overtaking(train, family, interval=interval)
    except ValueError as error:
        return found | {"roots": None, "reason": str(error)}
    return found | {"roots": roots, "reason": None}
