"""From a word to the terms of its expectation."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from lsa_theory.checks import refuse
from lsa_theory.wishart.grammar import (
    COVARIANCE,
    INVERSE,
    PRECISION,
    Letters,
    Word,
    parsed,
    transposed,
)
from lsa_theory.wishart.inverse import LARGEST_INVERSE_DEGREE, Scale
from lsa_theory.wishart.moments import LARGEST_DEGREE, MOST_TERMS, TooManyTerms, moments
from lsa_theory.wishart.words import MOST_PAIRS, MOST_SYMMETRIC, PAIRS, SYMMETRIC, S

OPEN = "*"  # M is tr(X M) with a constant X to be taken off at the end: this letter


@dataclass(frozen=True)
class Term:
    """A polynomial, its coefficients from the constant one on, times a product of traces, times
    the open word (None: a scalar)."""

    coefficients: tuple[int, ...]
    traces: tuple[Letters, ...]
    open: Letters | None


@dataclass(frozen=True)
class Expansion:
    word: Word
    scale: Scale
    terms: tuple[Term, ...]


@lru_cache(maxsize=256)
def expansion(text: str) -> Expansion:
    """The expectation of a word, computed once."""
    word = parsed(text)
    degree, inverses = word.letters.count("S"), word.letters.count(INVERSE)
    if degree and inverses:
        refuse("expectation", "word", repr(text), "a word in S or in S^-1, not in both")
    if degree > LARGEST_DEGREE:
        rule = f"of degree at most {LARGEST_DEGREE} in S, not {degree}"
        refuse("expectation", "word", repr(text), rule)
    if inverses > LARGEST_INVERSE_DEGREE:
        rule = f"of degree at most {LARGEST_INVERSE_DEGREE} in S^-1, not {inverses}"
        refuse("expectation", "word", repr(text), rule)
    try:
        terms = tuple(sorted(_terms(text, word), key=_order))
    except TooManyTerms as error:
        rule = f"of an expectation of at most {MOST_TERMS} terms; it has at least {error}"
        refuse("expectation", "word", repr(text), rule)
    return Expansion(word, Scale(inverses), terms)


def _order(term: Term) -> tuple[object, ...]:
    """Leading orders first, then by the words."""
    power = next(k for k, coefficient in enumerate(term.coefficients) if coefficient)
    return power, len(term.traces), term.open or (), term.traces


def _terms(text: str, word: Word) -> Iterator[Term]:
    cyclic = list(word.traces) if word.open is None else [*word.traces, (OPEN, *word.open)]
    random = [part for part in cyclic if "S" in part or INVERSE in part]
    fixed = [part for part in cyclic if part not in random]
    alphabet = _Alphabet(text, PRECISION if INVERSE in word.letters else COVARIANCE)
    for words, coefficients in moments(tuple(map(alphabet.word, random))).items():
        parts = [*fixed, *map(alphabet.letters, words)]
        opens = [part for part in parts if OPEN in part or OPEN + "'" in part]
        traces = tuple(sorted(part for part in parts if part not in opens))
        yield Term(coefficients, traces, _opened(opens[0]) if opens else None)


def _opened(letters: Letters) -> Letters:
    """What multiplies the letter `OPEN` in a cyclic word."""
    if OPEN not in letters:
        letters = transposed(letters)
    k = letters.index(OPEN)
    return letters[k + 1 :] + letters[:k]


class _Alphabet:
    """The code of every gap between two `S` of a word, and back."""

    def __init__(self, text: str, mean: str) -> None:
        self.text, self.mean = text, mean
        self.codes: dict[Letters, int] = {}
        self.gaps: dict[int, Letters] = {}
        self.symmetric, self.pairs = SYMMETRIC, PAIRS

    def word(self, letters: Letters) -> bytes:
        """`tr(S G S H ...)`, the first letter brought to the front, with a code for each gap."""
        places = [k for k, letter in enumerate(letters) if letter in ("S", INVERSE)]
        ends = [*places[1:], places[0] + len(letters)]
        around = letters + letters
        gaps = [around[k + 1 : end] for k, end in zip(places, ends, strict=True)]
        return bytes(code for gap in gaps for code in (S, self.code(gap)))

    def code(self, gap: Letters) -> int:
        if gap not in self.codes:
            back = transposed(gap)
            names = (gap,) if back == gap else tuple(sorted((gap, back)))
            first = self.symmetric if back == gap else self.pairs
            if first == (PAIRS if back == gap else 256):
                rule = f"of at most {MOST_SYMMETRIC} symmetric and {MOST_PAIRS} other constants"
                refuse("expectation", "word", repr(self.text), rule)
            for k, name in enumerate(names):
                self.codes[name], self.gaps[first + k] = first + k, name
            if back == gap:
                self.symmetric += 1
            else:
                self.pairs += 2
        return self.codes[gap]

    def letters(self, word: bytes) -> Letters:
        """The word without `S`, Λ or its inverse standing between its gaps again."""
        return tuple(letter for code in word for letter in (*self.gaps[code], self.mean))
