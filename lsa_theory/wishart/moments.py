r"""Moments of a sample covariance, one `S` at a time.

For :math:`S = \frac1N \sum_i x_i x_i^\top` with :math:`x_i \sim N(0, \Lambda)`, Stein's identity
:math:`E[x_a f(x)] = \sum_c \Lambda_{ac} E[\partial_c f]` gives for any polynomial :math:`F`

.. math::
    E[S_{ab} F(S)] = \Lambda_{ab} E[F]
    + \frac1N \sum_{ef} E\Big[ (\Lambda_{be} S_{af} + \Lambda_{bf} S_{ae})
      \frac{\partial F}{\partial S_{ef}} \Big]:

the right end of an `S` meets its left end, or one of the two ends of another `S` at :math:`1/N`.
Under traces

.. math::
    \operatorname{tr}(SPSQ) &\to \operatorname{tr}(S P^\top \Lambda Q)
        + \operatorname{tr}(\Lambda P) \operatorname{tr}(S Q), \\
    \operatorname{tr}(SP) \operatorname{tr}(SQ) &\to \operatorname{tr}(S Q \Lambda P)
        + \operatorname{tr}(S Q^\top \Lambda P).

Applied to a first `S` until none is left, this sums the :math:`(2k - 1)!!` pairings of the
:math:`2k` ends of `k` letters; but equal products of traces are merged after each step. The first
`S` is the one before the least letter: with its right end taken, the ends still to be paired are
those beside the greatest letters, and a level has few more products than the answer.
The words here are white (see `words`): the Λ of these formulas is not written.
"""

from __future__ import annotations

import gc
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache

from lsa_theory.wishart.words import S, at_the_mean, canonical, product, transposed

LARGEST_DEGREE = 12
MOST_TERMS = 250_000
ORDER = 64  # bits for a coefficient: a polynomial in 1/N is the integer at 1/N = 2^64
LETTER = bytes([S])

Words = tuple[bytes, ...]


class TooManyTerms(Exception):
    """The number of terms that an expectation has at least."""


def moments(words: Words) -> dict[Words, tuple[int, ...]]:
    """The expectation of a product of traces: products of traces without `S`, and for each the
    coefficients of 1, 1/N, 1/N², ..., which are not negative."""
    degree = sum(word.count(S) for word in words)
    level = {product(words): 1}
    with _no_garbage_collection():
        for _ in range(degree):
            level = _next(level)
            _check_terms(level)
    return {words: _coefficients(packed) for words, packed in level.items()}


@contextmanager
def _no_garbage_collection() -> Iterator[None]:
    """Millions of tuples are made here and no cycle: looking for one doubles the time."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _next(level: dict[Words, int]) -> dict[Words, int]:
    """Every product rewritten at its first `S`."""
    following: dict[Words, int] = defaultdict(int)
    for words, packed in level.items():
        first, others = words[0], words[1:]
        for parts, weight in _alone(first):
            following[tuple(sorted(parts + others))] += weight * packed
        for k, other in enumerate(others):
            if other[0] != S:
                break
            rest = others[:k] + others[k + 1 :]
            for joined, weight in _joined(first, other):
                following[tuple(sorted((joined, *rest)))] += weight * packed
    return following


@lru_cache(maxsize=1 << 16)
def _alone(word: bytes) -> list[tuple[Words, int]]:
    """What the first `S` of a word becomes by itself and with the others of the same word."""
    found: list[tuple[Words, int]] = [((canonical(word[1:]),), 1)]
    k = word.find(S, 1)
    while k > 0:
        p, q = word[1:k], word[k + 1 :]
        found.append(((canonical(LETTER + transposed(p) + q),), 1 << ORDER))
        found.append(((canonical(p), canonical(LETTER + q)), 1 << ORDER))
        k = word.find(S, k + 1)
    return found


@lru_cache(maxsize=1 << 16)
def _joined(word: bytes, other: bytes) -> list[tuple[bytes, int]]:
    """What the first `S` of a word makes with each `S` of another."""
    found = []
    p = word[1:]
    k = other.find(S)
    while k >= 0:
        q = other[k + 1 :] + other[:k]
        found.append((canonical(LETTER + q + p), 1 << ORDER))
        found.append((canonical(LETTER + transposed(q) + p), 1 << ORDER))
        k = other.find(S, k + 1)
    return found


def _check_terms(level: dict[Words, int]) -> None:
    """Every product of a level, Λ put for its `S`, is a term of the answer: no coefficient is
    negative, so none cancels."""
    if len(level) > MOST_TERMS:
        terms = len({at_the_mean(words) for words in level})
        if terms > MOST_TERMS:
            raise TooManyTerms(terms)


def _coefficients(packed: int) -> tuple[int, ...]:
    digits = []
    while packed:
        digits.append(packed & ((1 << ORDER) - 1))
        packed >>= ORDER
    return tuple(digits)
