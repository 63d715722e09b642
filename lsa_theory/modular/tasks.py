r"""Which tasks :math:`z = a x + b y \bmod p` a model is trained on, and which it never sees.

The out-of-distribution tasks and the split of the inputs come from the seeds alone: they are the
same whatever the number of pre-training tasks, their rule, or the number of examples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.modular.plane import points, prime

RULES = ("random", "rectangular")
ATTEMPTS = 100


class World(NamedTuple):
    """Tasks `(a, b)` and inputs `(x, y)`, each (m, 2).

    Attributes
    ----------
    tasks
        For pre-training.
    out_of_distribution, validation
        Never trained on; the second to stop by.
    inputs, held_out
        The split: every example is of `inputs`, in training and in evaluation.
    """

    tasks: Any
    out_of_distribution: Any
    validation: Any
    inputs: Any
    held_out: Any


@dataclass(frozen=True)
class ModularTasks:
    r"""The law of the rows.

    Attributes
    ----------
    p
        A prime number: there are :math:`p^2` tasks and :math:`p^2` inputs.
    task_count
        Pre-training tasks.
    rule
        "random": any; those of a smaller number are among those of a larger. "rectangular": base
        tasks :math:`(a, b)`, and with each the three others of a rectangle :math:`(a, b'), (a', b),
        (a', b')`, so that the model sees either coefficient with more than one of the other.
    ood_count, validation_count
        Out-of-distribution tasks and those for validation.
    fraction
        Of the inputs that are for training, rounded to whole ones; 1: none is held out.
    examples
        Triples :math:`(x, y, z)` in a row.
    world_seed
        With a run's own seed, of the tasks and the split.
    """

    p: int = 7
    task_count: int = 40
    rule: str = "random"
    ood_count: int = 5
    validation_count: int = 4
    fraction: float = 0.8
    examples: int = 8
    world_seed: int = 0

    def __post_init__(self) -> None:
        name = "ModularTasks"
        prime(name, self.p)
        for argument, least in (
            ("task_count", 1),
            ("ood_count", 1),
            ("validation_count", 0),
            ("examples", 2),
            ("world_seed", 0),
        ):
            checks.integer(name, argument, getattr(self, argument), minimum=least)
        if self.rule not in RULES:
            checks.refuse(name, "rule", repr(self.rule), "one of " + ", ".join(RULES))
        apart, whole = self.ood_count + self.validation_count, self.p**2
        if self.task_count + apart > whole:
            rule = f"at most the {whole} tasks that there are, less the {apart} kept apart"
            checks.refuse(name, "task_count", self.task_count, rule)
        if self.rule == "rectangular" and self.task_count % 4:
            rule = "a multiple of 4 for whole rectangles"
            checks.refuse(name, "task_count", self.task_count, rule)
        checks.option(name, "fraction", self.fraction, "a number in (0, 1]", lambda x: 0 < x <= 1)
        if self.input_count == 0 or (self.fraction < 1 and self.input_count == whole):
            side = "for training" if self.input_count == 0 else "held out"
            rule = f"such that at least one of the {whole} inputs is {side}"
            checks.refuse(name, "fraction", self.fraction, rule)

    @property
    def input_count(self) -> int:
        """Inputs for training."""
        return round(self.fraction * self.p**2)

    def as_dict(self) -> dict[str, Any]:
        """Its arguments by name."""
        return asdict(self)

    def world(self, seed: Sequence[int] | int) -> World:
        """The tasks and the split of a run.

        Raises
        ------
        ValueError
            If no rectangles are found among the tasks that are not kept apart.
        """
        parts = [seed] if isinstance(seed, int) else seed
        own = [checks.integer("world", "seed", part, minimum=0) for part in parts]
        apart, split, order = (
            np.random.default_rng([self.world_seed, part, *own]) for part in range(3)
        )
        cells = points(self.p)
        tasks, inputs = apart.permutation(cells), split.permutation(cells)
        first, second = np.cumsum([self.ood_count, self.validation_count])
        chosen = tasks[second : second + self.task_count]
        if self.rule == "rectangular":
            chosen = self._rectangles(tasks[:second], order)
        return World(
            chosen,
            tasks[:first],
            tasks[first:second],
            inputs[: self.input_count],
            inputs[self.input_count :],
        )

    def _rectangles(
        self, apart: Shaped[Array, "m 2"], generator: np.random.Generator
    ) -> Shaped[Array, "k 2"]:
        """Base tasks first, then what completes each; a draw that gets stuck is repeated."""
        draws = (self._rectangles_or_none(apart, generator) for _ in range(ATTEMPTS))
        found = next((draw for draw in draws if draw is not None), None)
        if found is None:
            rule = f"a number of which a rectangular draw completes in {ATTEMPTS} attempts"
            checks.refuse("ModularTasks", "task_count", self.task_count, rule)
        return found

    def _rectangles_or_none(self, apart: Array, generator: np.random.Generator) -> Array | None:
        free = np.ones((self.p, self.p), dtype=bool)
        free[tuple(apart.T)] = False
        bases = generator.permutation(np.argwhere(free))[: self.task_count // 4]
        free[tuple(bases.T)] = False
        chosen = list(bases)
        for a, b in bases:
            corners = np.argwhere(free & free[:, [b]] & free[[a], :])
            if not len(corners):
                return None
            x, y = generator.choice(corners)
            for task in ((x, b), (a, y), (x, y)):
                free[task] = False
                chosen.append(np.array(task))
        return np.array(chosen)
