"""Letters: a capital for a matrix, lower case for a column; a transposed one ends in `'`."""

from __future__ import annotations

from itertools import groupby, pairwise

Letters = tuple[str, ...]

SYMMETRIC = {"S", "S^-1", "Lambda", "Lambda^-1", "Lambda_q", "Omega"}  # and those declared
COMMUTING = {"Lambda", "Lambda^-1"}  # functions of Λ: symmetric, and in any order the same
KINDS = dict.fromkeys(SYMMETRIC, "")  # of every letter; these may be asked for in any way


def declare(name: str, kind: str) -> None:
    """A letter is of one kind in all derivations: its normal forms are shared."""
    known = KINDS.setdefault(name, kind)
    if known and known != kind:
        raise ValueError(f"letter {name}: must be {known}, as elsewhere, not {kind}")


def is_column(letter: str) -> bool:
    return letter[0].islower() and not letter.endswith("'")


def is_row(letter: str) -> bool:
    return letter[0].islower() and letter.endswith("'")


def transposed(word: Letters) -> Letters:
    return tuple(map(_transposed, reversed(word)))


def _transposed(letter: str) -> str:
    if letter in SYMMETRIC:
        return letter
    return letter[:-1] if letter.endswith("'") else letter + "'"


def least(word: Letters) -> Letters:
    """A number reads the same backwards."""
    word = _plain(word)
    return min(word, transposed(word))


def cyclic(word: Letters) -> list[Letters]:
    """The least reading of a trace from any letter and backwards; where vectors stand in it, the
    numbers that it is the product of."""
    places = [k for k, letter in enumerate(word) if letter[0].islower()]
    if places:
        first = places[0] + is_column(word[places[0]])
        return [least(piece) for piece in cut(word[first:] + word[:first])]
    word = _plain(word)
    turns = [
        _plain(text[k:] + text[:k])
        for text in (word, transposed(word))
        for k in range(len(text))
        if not {text[k - 1], text[k]} <= COMMUTING or COMMUTING.issuperset(text)
    ]
    return [min(turns, default=())]


def cut(word: Letters) -> list[Letters]:
    """The word cut after each column and before each row."""
    word = _plain(word)
    cuts = {0, len(word)}
    cuts |= {k + 1 for k, letter in enumerate(word) if is_column(letter)}
    cuts |= {k for k, letter in enumerate(word) if is_row(letter)}
    return [word[a:b] for a, b in pairwise(sorted(cuts))] if word else [()]


def _plain(word: Letters) -> Letters:
    """Symmetric letters without a prime, neighbours that commute in order."""
    word = tuple(x[:-1] if x.endswith("'") and x[:-1] in SYMMETRIC else x for x in word)
    runs = groupby(word, COMMUTING.__contains__)
    return sum((tuple(sorted(run)) if orderly else tuple(run) for orderly, run in runs), ())
