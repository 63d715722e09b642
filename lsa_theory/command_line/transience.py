"""`lsa transience`: why in-context learning appears and goes away, solved and trained."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lsa_theory.command_line import experiments, files, solvable
from lsa_theory.command_line.answer import Answer

KINDS = {
    "curves": "evaluators and loss over steps, several runs on top of each other",
    "theory": "the solvable model of labels under one run, on one axis of time",
    "flip": "the time until the weights overrule the context, against the number of classes",
    "circuits": "attention to the match, and what each path alone can do",
}


def _train_arguments(group: Any) -> None:
    add = group.add_argument
    words = "Gaussian classes, or characters of Omniglot (default: gaussian)"
    add("--data", choices=("gaussian", "omniglot"), default="gaussian", help=words)
    words = "with Omniglot's images_*.zip (default: the environment variable LSA_OMNIGLOT)"
    add("--images", type=Path, metavar="FOLDER", help=words)
    words = "of the images: by a random network, or one that is trained too (default: fixed)"
    add("--embedding", choices=("fixed", "trained"), help=words)


def _experiments() -> Sequence[type]:
    from lsa_theory.transience.experiment import BurstyExperiment
    from lsa_theory.transience.omniglot import OmniglotExperiment

    return (BurstyExperiment, OmniglotExperiment)


def _presets(options: argparse.Namespace) -> Mapping[str, Callable[[], Any]]:
    from lsa_theory.transience import presets

    if options.data == "omniglot":
        dimension = getattr(options, "dimension", presets.FEATURES)
        return presets.omniglot(options.images, options.embedding or "fixed", dimension)
    for name in ("images", "embedding"):
        if getattr(options, name) is not None:
            files.refuse(f"--{name}", "given with --data omniglot")
    return presets.PRESETS


CHAPTER = experiments.Chapter(
    name="transience",
    summary="the solvable models: times, peak, fixed point, persistence",
    theory_arguments=solvable.arguments,
    theory=solvable.answer,
    recorded="icl",
    kinds=KINDS,
    experiments=_experiments,
    presets=_presets,
    train_arguments=_train_arguments,
)


def arguments(parser: argparse.ArgumentParser) -> None:
    experiments.arguments(parser, CHAPTER)


def answer(options: argparse.Namespace) -> Answer:
    return experiments.answer(options, CHAPTER)
