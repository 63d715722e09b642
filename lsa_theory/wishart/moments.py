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
    with no_garbage_collection():
        for _ in range(degree):
            level = _next(level)
            _check_terms(level)
    return {words: _coefficients(packed) for words, packed in level.items()}


@contextmanager
def no_garbage_collection() -> Iterator[None]:
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
    size = 2 * MOST_TERMS  # to be looked at
    for words, packed in level.items():
        first, others = words[0], words[1:]
        following[tuple(sorted((canonical(first[1:]), *others)))] += packed
        packed <<= ORDER
        for parts in _within(first):
            following[tuple(sorted(parts + others))] += packed
        for k, other in enumerate(others):
            if other[0] != S:
                break
            rest = others[:k] + others[k + 1 :]
            for joined in _between(first, other):
                following[tuple(sorted((joined, *rest)))] += packed
        if len(following) > size:
            _check_terms(following)
            size *= 2
    return following


def _within(word: bytes) -> list[Words]:
    """What the first `S` of a word makes with each other one of the same word."""
    found: list[Words] = []
    k = word.find(S, 1)
    while k > 0:
        p, q = word[1:k], word[k + 1 :]
        found.append((canonical(LETTER + transposed(p) + q),))
        found.append((canonical(p), canonical(LETTER + q)))
        k = word.find(S, k + 1)
    return found


def _between(word: bytes, other: bytes) -> list[bytes]:
    """What the first `S` of a word makes with each `S` of another."""
    found = []
    p, k = word[1:], other.find(S)
    while k >= 0:
        q = other[k + 1 :] + other[:k]
        found.append(canonical(LETTER + q + p))
        found.append(canonical(LETTER + transposed(q) + p))
        k = other.find(S, k + 1)
    return found


def _check_terms(level: dict[Words, int]) -> None:
    """Every product of a level, Λ put for its `S`, is a term of the answer: no coefficient is
    negative, so none cancels."""
    if len(level) > MOST_TERMS:
        terms = len({at_the_mean(words) for words in level})
        if terms > MOST_TERMS:
            raise TooManyTerms(terms)


@lru_cache(maxsize=1 << 12)
def _coefficients(packed: int) -> tuple[int, ...]:
    digits = []
    while packed:
        digits.append(packed & ((1 << ORDER) - 1))
        packed >>= ORDER
    return tuple(digits)
