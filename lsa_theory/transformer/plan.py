"""What a preset is: an experiment with all of its settings, ready to be trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Plan:
    """What `lsa_theory.transformer.training.trained` is called with.

    Attributes
    ----------
    experiment, optimisation
        What is trained and how.
    seeds
        Fixed beforehand.
    every
        Steps between evaluations.
    about
        What it shows and what it costs, in words.
    """

    experiment: Any
    optimisation: Any
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    every: int = 250
    about: str = ""
