r"""How often an algorithm answers right after `k` examples of an unknown task.

A task is a pair :math:`(a, b)`, uniform over all :math:`p^2`; an input :math:`(x, y)` has the
answer :math:`z = a x + b y \bmod p`, `p` prime. An algorithm *knows* the answer to some queries
from the examples before it, and guesses the others, right once in `p`:

- copying knows the inputs that it has seen,
- ratio matching their multiples (:math:`z` is multiplied likewise),
- modular regression their span.

The query 0 has the answer 0 whatever the task, which the last two know.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.modular.plane import different_points, line_of, prime

Inputs = Any  # (m, 2) integers, or None


def copy_accuracy(p: int, shots: int, *, inputs: Inputs = None, queries: Inputs = None) -> float:
    r"""The accuracy of copying.

    .. math:: q + \frac{1 - q}{p}, \qquad q = 1 - \Big(1 - \frac1{p^2}\Big)^k .

    Parameters
    ----------
    p
        A prime number.
    shots
        `k >= 0`, the number of examples, drawn independently and uniformly.
    inputs
        (m, 2): the inputs that examples are drawn from, in 0..p−1 and without repetitions. None:
        all :math:`p^2`.
    queries
        (m, 2): the inputs that queries are drawn from. None: `inputs`.

    Raises
    ------
    ValueError
        If `p` is not prime, `shots` negative, or a set of inputs empty or out of range.

    Source: derived here; the task of He, Doshi, Das, Gromov, arXiv:2406.02550.
    """
    split = _Split("copy_accuracy", p, shots, inputs, queries)
    codes = (part @ (split.p, 1) for part in (split.queries, split.inputs))
    known = np.where(np.isin(*codes), split.met(1), 0.0)
    return split.accuracy(known)


def ratio_accuracy(p: int, shots: int, *, inputs: Inputs = None, queries: Inputs = None) -> float:
    r"""The accuracy of ratio matching.

    .. math::
        \frac1{p^2} + \Big(1 - \frac1{p^2}\Big) \Big[ q + \frac{1 - q}{p} \Big], \qquad
        q = 1 - \Big(1 - \frac{p - 1}{p^2}\Big)^k .

    Parameters and errors as for `copy_accuracy`.

    Source: derived here; the algorithm is that of He, Doshi, Das, Gromov, arXiv:2406.02550.
    """
    split = _Split("ratio_accuracy", p, shots, inputs, queries)
    return split.accuracy(np.where(split.lines < 0, 1.0, split.met(split.on_line[split.lines])))


def regression_accuracy(
    p: int, shots: int, *, inputs: Inputs = None, queries: Inputs = None
) -> float:
    r"""The accuracy of modular regression.

    .. math::
        \frac1{p^2} + \Big(1 - \frac1{p^2}\Big) \Big[ P_2 + P_1 \Big( h + \frac{1 - h}{p} \Big)
        + \frac{P_0}{p} \Big], \qquad h = \frac1{p + 1},

    with the probabilities that the examples span a point, a line, the plane:
    :math:`P_0 = p^{-2k}`, :math:`P_1 = (p + 1)(p^k - 1)\, p^{-2k}`, :math:`P_2 = 1 - P_0 - P_1`.

    Parameters and errors as for `copy_accuracy`.

    Source: derived here; the algorithm is that of He, Doshi, Das, Gromov, arXiv:2406.02550.
    """
    split = _Split("regression_accuracy", p, shots, inputs, queries)
    _, lines, plane = split.spans()
    return split.accuracy(np.where(split.lines < 0, 1.0, plane + lines[split.lines]))


class Accuracies(NamedTuple):
    """Of the three algorithms."""

    copy: float
    ratio: float
    regression: float


def accuracies(p: int, shots: int, *, inputs: Inputs = None, queries: Inputs = None) -> Accuracies:
    r"""The accuracies of copying, ratio matching and modular regression.

    Examples and queries even over all :math:`p^2` inputs:

    .. math::
        \text{copying} &= q_1 + \frac{1 - q_1}{p}, \qquad
        \text{ratio matching} = \frac1{p^2}
        + \Big(1 - \frac1{p^2}\Big) \Big[ q + \frac{1 - q}{p} \Big], \\
        \text{regression} &= \frac1{p^2} + \Big(1 - \frac1{p^2}\Big) \Big[ P_2
        + P_1 \Big( h + \frac{1 - h}{p} \Big) + \frac{P_0}{p} \Big], \qquad h = \frac1{p + 1},

    with the probabilities :math:`q_1 = 1 - (1 - p^{-2})^k` that the query was among the examples,
    :math:`q = 1 - (1 - \frac{p - 1}{p^2})^k` that a multiple of it was, and
    :math:`P_0 = p^{-2k}`, :math:`P_1 = (p + 1)(p^k - 1)\, p^{-2k}`, :math:`P_2 = 1 - P_0 - P_1`
    that the examples span a point, a line, the plane. On a split of the inputs: by enumeration.

    Parameters and errors as for `copy_accuracy`.

    Source: derived here; the algorithms are those of He, Doshi, Das, Gromov, arXiv:2406.02550.
    """
    functions = (copy_accuracy, ratio_accuracy, regression_accuracy)
    return Accuracies(*(one(p, shots, inputs=inputs, queries=queries) for one in functions))


class _Split:
    """Where examples and queries are drawn from."""

    def __init__(self, call: str, p: int, shots: int, inputs: Any, queries: Any) -> None:
        self.p = prime(call, p)
        self.shots = checks.integer(call, "shots", shots, minimum=0)
        self.inputs = different_points(call, "inputs", inputs, self.p)
        queries = inputs if queries is None else queries
        self.queries = different_points(call, "queries", queries, self.p)
        self.lines = line_of(self.queries, self.p)
        on_line = np.bincount(line_of(self.inputs, self.p) + 1, minlength=self.p + 2)
        self.zero, self.on_line = on_line[0], on_line[1:]

    def met(self, count: Any) -> Any:
        """The probability that one of `count` inputs is among the examples."""
        return 1 - (1 - count / len(self.inputs)) ** self.shots

    def spans(self) -> tuple[float, Shaped[Array, " l"], float]:
        """The probabilities that the examples span the point 0, each line, the plane."""
        point = (self.zero / len(self.inputs)) ** self.shots
        lines = ((self.zero + self.on_line) / len(self.inputs)) ** self.shots - point
        return float(point), lines, float(1 - point - lines.sum())

    def accuracy(self, known: Shaped[Array, " m"]) -> float:
        """The mean over queries, of which those unknown are guessed."""
        return float(np.mean(known + (1 - known) / self.p))
