"""From a word to the terms of its expectation."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise, zip_longest

from lsa_theory.checks import refuse
from lsa_theory.wishart import gaussian
from lsa_theory.wishart.gaussian import VECTORS
from lsa_theory.wishart.grammar import (
    COVARIANCE,
    IDENTITY,
    INVERSE,
    PRECISION,
    QUERY,
    SYMMETRIC_LETTERS,
    TASK,
    TASK_MEAN,
    Letters,
    Word,
    parsed,
    transposed,
)
from lsa_theory.wishart.inverse import LARGEST_INVERSE_DEGREE, Scale
from lsa_theory.wishart.moments import (
    LARGEST_DEGREE,
    MOST_TERMS,
    TooManyTerms,
    moments,
    no_garbage_collection,
)
from lsa_theory.wishart.words import MOST_PAIRS, MOST_SYMMETRIC, PAIRS, SYMMETRIC, S

COLUMNS = (TASK, TASK_MEAN, QUERY)
LARGEST_VECTOR_DEGREE = 8
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
    word = _closed(parsed(text))
    _check_fit(text, word)
    degree, inverses = word.letters.count("S"), word.letters.count(INVERSE)
    if degree and inverses:
        refuse("expectation", "word", repr(text), "a word in S or in S^-1, not in both")
    if degree > LARGEST_DEGREE:
        rule = f"of degree at most {LARGEST_DEGREE} in S, not {degree}"
        refuse("expectation", "word", repr(text), rule)
    if inverses > LARGEST_INVERSE_DEGREE:
        rule = f"of degree at most {LARGEST_INVERSE_DEGREE} in S^-1, not {inverses}"
        refuse("expectation", "word", repr(text), rule)
    for vector in VECTORS:
        count = sum(letter.rstrip("'") == vector.letter for letter in word.letters)
        if count > LARGEST_VECTOR_DEGREE:
            rule = f"of degree at most {LARGEST_VECTOR_DEGREE} in {vector.letter}, not {count}"
            refuse("expectation", "word", repr(text), rule)
    try:
        with no_garbage_collection():
            terms = tuple(sorted(mean(word, text), key=_order))
    except TooManyTerms as error:
        rule = f"of an expectation of at most {MOST_TERMS} terms; it has at least {error}"
        refuse("expectation", "word", repr(text), rule)
    return Expansion(word, Scale(inverses), terms)


def _closed(word: Word) -> Word:
    """What stands in an open word from a row to a column is a number; the letter I is dropped."""
    kept: list[Letters] = []
    numbers: list[Letters] = []
    for piece in gaussian.pieces(word.open or (), *COLUMNS):
        closed = piece[0].endswith("'") and piece[0][:-1] in COLUMNS and piece[-1] in COLUMNS
        (numbers if closed else kept).append(piece)
    traces = tuple(map(_without_identity, (*word.traces, *numbers)))
    return Word(traces, _without_identity(sum(kept, ())) if kept else None)


def _without_identity(letters: Letters) -> Letters:
    return tuple(letter for letter in letters if letter != IDENTITY)


def _check_fit(text: str, word: Word) -> None:
    """What surely does not fit: a column before a matrix of d rows, a matrix of d columns before a
    row. The constants' shapes are not known here."""
    columns = {vector.letter for vector in VECTORS} | {TASK_MEAN}
    rows = {letter + "'" for letter in columns}
    rounds = [trace + trace[:1] for trace in word.traces if trace]
    for part in [*rounds, *([word.open] if word.open else [])]:
        for left, right in pairwise(part):
            before_row = left in SYMMETRIC_LETTERS and right in rows
            if before_row or (left in columns and right in {*SYMMETRIC_LETTERS, *columns}):
                rule = f"a product that fits in every dimension, but {left} stands before {right}"
                refuse("expectation", "word", repr(text), rule)


def _order(term: Term) -> tuple[object, ...]:
    """Leading orders first, then by the words."""
    power = next(k for k, coefficient in enumerate(term.coefficients) if coefficient)
    return power, len(term.traces), term.open or (), term.traces


def mean(word: Word, text: str = "") -> Iterator[Term]:
    """The terms of the expectation: over the sample first, then over the query and the task."""
    cyclic = word.traces if word.open is None else (*word.traces, (OPEN, *word.open))
    over_sample = _over_sample(text, cyclic, word.letters)
    vectors = {vector.letter for vector in VECTORS} & {x.rstrip("'") for x in word.letters}
    for words, coefficients in _merged(over_sample) if vectors else over_sample:
        opens = [part for part in words if OPEN in part or OPEN + "'" in part]
        traces = tuple(sorted(part for part in words if part not in opens))
        yield Term(coefficients, traces, _opened(opens[0]) if opens else None)


Products = Iterator[tuple[tuple[Letters, ...], tuple[int, ...]]]  # of traces, with coefficients


def _over_sample(text: str, cyclic: tuple[Letters, ...], letters: Letters) -> Products:
    random = [part for part in cyclic if "S" in part or INVERSE in part]
    fixed = [part for part in cyclic if part not in random]
    alphabet = _Alphabet(text, PRECISION if INVERSE in letters else COVARIANCE)
    for words, coefficients in moments(tuple(map(alphabet.word, random))).items():
        yield (*fixed, *map(alphabet.letters, words)), coefficients


def _merged(products: Products) -> Products:
    """The mean over the vectors."""
    merged: dict[tuple[Letters, ...], tuple[int, ...]] = defaultdict(tuple)
    for traces, coefficients in products:
        for words, count in _over_vectors(traces).items():
            pairs = zip_longest(merged[words], (count * c for c in coefficients), fillvalue=0)
            merged[words] = tuple(old + new for old, new in pairs)
        if len(merged) > MOST_TERMS:  # none cancels: no coefficient is negative
            raise TooManyTerms(len(merged))
    yield from merged.items()


def _over_vectors(traces: tuple[Letters, ...]) -> dict[tuple[Letters, ...], int]:
    level = {traces: 1}
    for vector in VECTORS:
        if any(letter.rstrip("'") == vector.letter for word in traces for letter in word):
            following: dict[tuple[Letters, ...], int] = defaultdict(int)
            for words, count in level.items():
                for found, times in gaussian.moments(words, vector).items():
                    following[found] += count * times
            level = following
    return level


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
