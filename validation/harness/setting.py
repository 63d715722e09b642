"""What a run fixes before any check starts: seeds, sizes, given covariances, false-alarm budget."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np

FALSE_ALARM_BUDGET = 1e-6  # probability that a run in which every claim is true reports a failure


@dataclass(frozen=True, eq=False)
class Setting:
    """One frozen object, handed to every case generator, evidence function and figure.

    ``covariances`` maps names to covariance matrices: real data's, and those given on the command
    line. ``rows`` maps the same names to observations where these are known. ``context_length`` is
    the user's or None. ``false_alarm`` is the probability that one sampled check may reject a
    truth; the run divides its budget over all its sampled checks before anything is drawn.
    """

    seed: int = 0
    quick: bool = False
    covariances: Mapping[str, np.ndarray] = field(default_factory=lambda: MappingProxyType({}))
    rows: Mapping[str, np.ndarray] = field(default_factory=lambda: MappingProxyType({}))
    context_length: int | None = None
    false_alarm: float = FALSE_ALARM_BUDGET
    path: tuple[str, ...] = ()

    def at(self, *path: str) -> "Setting":
        """The same setting one level down: its random numbers depend on the path's names."""
        return replace(self, path=(*self.path, *path))

    def integer_seed(self, name: str = "") -> int:
        """A 53-bit seed from the run's seed, the claim, the evidence, the case and ``name``."""
        text = "\x1f".join((str(self.seed), *self.path, name))
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 11

    def rng(self, name: str = "") -> np.random.Generator:
        """A generator of its own for this claim, evidence, case and ``name``."""
        return np.random.default_rng(self.integer_seed(name))
