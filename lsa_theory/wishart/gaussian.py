r"""Words in a Gaussian vector: the task :math:`w \sim N(\mu, \Omega)`, the query
:math:`x_q \sim N(0, \Lambda_q)`.

Only numbers pass where a vector stands, so a trace is cut there, into scalars :math:`p^\top z`,
:math:`z^\top P z`. Stein's identity :math:`E[z_a f(z)] = \mu_a E[f] + \sum_b C_{ab}
E[\partial_b f]`, applied to one end :math:`z`, puts the mean in its place or joins it with another
end through the covariance:

.. math::
    (p^\top z)(z^\top q) \to p^\top C\, q, \qquad z^\top P z \to \operatorname{tr}(P C) .

Equal products are merged after each step.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from lsa_theory.wishart.grammar import (
    QUERY,
    QUERY_COVARIANCE,
    TASK,
    TASK_COVARIANCE,
    TASK_MEAN,
    Letters,
    transposed,
)

Words = tuple[Letters, ...]


class Vector(NamedTuple):
    """The letters of a vector, of its mean (None: zero) and of its covariance."""

    letter: str
    mean: str | None
    covariance: str


VECTORS = (Vector(QUERY, None, QUERY_COVARIANCE), Vector(TASK, TASK_MEAN, TASK_COVARIANCE))


class _Product(NamedTuple):
    """Scalars that the vector begins or ends, and traces without it."""

    scalars: Words
    traces: Words


@lru_cache(maxsize=4096)
def moments(traces: Words, vector: Vector) -> dict[Words, int]:
    """The mean of a product of traces over a vector: products without it, how many of each."""
    level, found = Counter({_cut(traces, vector.letter): 1}), Counter[Words]()
    while level:
        following: Counter[_Product] = Counter()
        for product, count in level.items():
            if product.scalars:
                for joined in _joined(product, vector):
                    following[_tidied(*joined)] += count
            else:
                found[product.traces] += count
        level = following
    return dict(found)


def _cut(traces: Words, letter: str) -> _Product:
    """Every trace cut where the vector stands."""
    scalars: list[Letters] = []
    others: list[Letters] = []
    for word in traces:
        places = [k for k, x in enumerate(word) if x.rstrip("'") == letter]
        if not places:
            others.append(word)
            continue
        first = places[0] + (word[places[0]] == letter)  # turned to begin at a cut
        scalars += pieces(word[first:] + word[:first], letter)
    # a scalar without z is a constant: it stands between two cuts
    mixed = [word for word in scalars if {word[0], word[-1]} & {letter, letter + "'"}]
    return _tidied(mixed, [*others, *(word for word in scalars if word not in mixed)])


def pieces(word: Letters, *letters: str) -> list[Letters]:
    """The word cut after each column `z` and before each row `z'`, for each of the vectors."""
    cuts = {k + 1 for k, x in enumerate(word) if x in letters}
    cuts |= {k for k, x in enumerate(word) if x.endswith("'") and x[:-1] in letters}
    bounds = sorted({0, len(word)} | cuts)
    return [word[a:b] for a, b in pairwise(bounds)]


def _joined(product: _Product, vector: Vector) -> Iterator[tuple[list[Letters], list[Letters]]]:
    """What the end of the first scalar becomes."""
    (first, *others), traces = product.scalars, list(product.traces)
    row, inside = vector.letter + "'", (vector.covariance,)
    first = first if first[-1] == vector.letter else transposed(first)
    if vector.mean is not None:
        replaced = (*first[:-1], vector.mean)
        if first[0] == row:
            yield [replaced, *others], traces
        else:
            yield others, [replaced, *traces]
    if first[0] == row:
        yield others, [first[1:-1] + inside, *traces]
    for k, other in enumerate(others):
        rest = others[:k] + others[k + 1 :]
        for word in {other, transposed(other)} if other != transposed(other) else (other, other):
            if word[0] == row:
                joined = first[:-1] + inside + word[1:]
                if row in (joined[0], transposed(joined[-1:])[0]):
                    yield [joined, *rest], traces
                else:
                    yield rest, [joined, *traces]


def _tidied(scalars: list[Letters], traces: list[Letters]) -> _Product:
    """In a form that equal products share."""
    least = sorted(min(word, transposed(word)) for word in scalars)
    return _Product(tuple(least), tuple(sorted(map(cyclic, traces))))


def cyclic(word: Letters) -> Letters:
    """The least reading of a cyclic word, from any letter and backwards."""
    turns = [text[k:] + text[:k] for text in (word, transposed(word)) for k in range(len(text))]
    return min(turns, default=())
