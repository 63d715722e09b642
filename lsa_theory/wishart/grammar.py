"""How a word is written.

    word     = factor, { factor };
    factor   = ( name | "tr(" word ")" | "(" word ")" ), { "'" | ".T" | "^" integer };

`S` is the sample covariance, `S^-1` its inverse, `Lambda` or `Λ` the covariance, `I` the identity,
`w` the task and `x_q` the query, columns, with `mu`, `Omega` and `Lambda_q` (`μ`, `Ω`, `Λ_q`) for
their moments, and every other name is a constant matrix. Factors stand side by side, with a space
between names: `SB` is one constant. `B'` and `B.T` both are the transpose of `B`. A trace holds no
trace.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from dataclasses import dataclass
from typing import NoReturn

from lsa_theory.checks import refuse

INVERSE, COVARIANCE, PRECISION = "S^-1", "Lambda", "Lambda^-1"
TASK, TASK_MEAN, TASK_COVARIANCE = "w", "mu", "Omega"
QUERY, QUERY_COVARIANCE = "x_q", "Lambda_q"
IDENTITY = "I"  # kept until numbers are closed off: (w' w) I is a matrix
SYMMETRIC_LETTERS = (
    IDENTITY,
    "S",
    INVERSE,
    COVARIANCE,
    PRECISION,
    TASK_COVARIANCE,
    QUERY_COVARIANCE,
)
SPELLINGS = {"Λ": COVARIANCE, "μ": TASK_MEAN, "Ω": TASK_COVARIANCE, "Λ_q": QUERY_COVARIANCE}
ARGUMENTS = ("covariance", "context_length", "task_mean", "task_covariance", "query_covariance")
RESERVED = ("N", "d", "tr", "self", *ARGUMENTS)
LARGEST_POWER = 99
MOST_FACTORS = 1000
MOST_BRACKETS = 30
TOKEN = re.compile(r"\s*(?:(?P<name>[^\W\d]\w*)|(?P<power>\^\s*-?\d+)|(?P<mark>\.T\b|[()']))")

Letters = tuple[str, ...]


@dataclass(frozen=True)
class Word:
    """A product of traces and at most one open word; a transposed constant ends in `'`."""

    traces: tuple[Letters, ...] = ()
    open: Letters | None = None

    @property
    def letters(self) -> Letters:
        return sum(self.traces, self.open or ())

    def __mul__(self, other: Word) -> Word:
        parts = [part for part in (self.open, other.open) if part is not None]
        return Word(self.traces + other.traces, sum(parts, ()) if parts else None)

    @property
    def T(self) -> Word:
        return Word(self.traces, None if self.open is None else transposed(self.open))


def transposed(letters: Letters) -> Letters:
    return tuple(map(transposed_letter, reversed(letters)))


def transposed_letter(letter: str) -> str:
    if letter in SYMMETRIC_LETTERS:
        return letter
    return letter[:-1] if letter.endswith("'") else letter + "'"


def parsed(text: str) -> Word:
    return _Parser(text).word()


class _Parser:
    """Recursive descent; `position` is where the last token began."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.end = 0
        self.depth = 0
        self.advance()

    def advance(self) -> None:
        match = TOKEN.match(self.text, self.end)
        rest = self.text[self.end :]
        self.position = self.end + len(rest) - len(rest.lstrip())
        self.kind, self.token = "end", ""
        if match is not None:
            self.kind, self.token = str(match.lastgroup), match[match.lastgroup or 0]
            self.position, self.end = match.start(str(match.lastgroup)), match.end()
        elif rest.strip():
            self.refuse("neither a name nor one of ( ) ' .T ^")

    def refuse(self, reason: str, position: int | None = None) -> NoReturn:
        k = self.position if position is None else position
        found = f"{self.text[k]!r}" if k < len(self.text) else "the end"
        rule = f"a product of matrices and traces, but character {k + 1}, {found}, is {reason}"
        refuse("expectation", "word", repr(self.text), rule)

    def word(self) -> Word:
        word = self.factors()
        if self.kind != "end":
            self.refuse("not opened before")
        return word

    def factors(self) -> Word:
        word = self.factor()
        while self.kind == "name" or self.token == "(":
            word = word * self.factor()
        return word

    def factor(self) -> Word:
        start, atom = self.position, self.atom()
        while self.kind == "power" or self.token in ("'", ".T"):
            if self.kind == "power":
                atom = self.power(atom, start)
            else:
                atom = atom.T
            self.advance()
        return atom

    def power(self, atom: Word, start: int) -> Word:
        exponent = int(self.token[1:])
        if exponent == -1 and atom == Word(open=("S",)):
            return Word(open=(INVERSE,))
        if not 1 <= exponent <= LARGEST_POWER:
            self.refuse(f"a power other than 1 to {LARGEST_POWER}, or -1 of S")
        if exponent * (len(atom.letters) + len(atom.traces)) > MOST_FACTORS:
            self.refuse(f"a power that makes more than {MOST_FACTORS} factors")
        word = atom
        for _ in range(exponent - 1):
            word = word * atom
        return word

    def atom(self) -> Word:
        start, name = self.position, self.token
        if self.kind == "name":
            self.advance()
            if name == "tr" and self.token == "(":
                inner = self.group()
                if inner.traces or inner.open is None:
                    self.refuse("a trace that holds a trace", start)
                return Word(traces=(inner.open,))
            return Word(open=self.named(name, start))
        if name == "(":
            return self.group()
        return self.refuse("not the start of a factor")

    def group(self) -> Word:
        start = self.position
        self.advance()
        self.depth += 1
        if self.depth > MOST_BRACKETS:
            self.refuse(f"inside more than {MOST_BRACKETS} brackets", start)
        inner = self.factors()
        self.depth -= 1
        if self.token != ")":
            self.refuse("not closed", start)
        self.advance()
        return inner

    def named(self, name: str, start: int) -> Letters:
        plain = unicodedata.normalize("NFKC", name) == name and name.isidentifier()
        if name in RESERVED or not plain or keyword.iskeyword(name):
            self.refuse(f"the start of {name}, which is not a name for a matrix", start)
        return (SPELLINGS.get(name, name),)
