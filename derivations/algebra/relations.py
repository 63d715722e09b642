"""Relations between letters: products that are known, and letters that commute."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from derivations.algebra.letters import Letters, is_row, transposed
from derivations.algebra.words import (
    MATRIX,
    SCALAR,
    Monomial,
    Product,
    Words,
    collected,
    wordy,
)

Pairs = set[frozenset[str]]


class Rule(NamedTuple):
    """Adjacent letters, and the terms that may stand in their place."""

    left: Letters
    right: list[tuple[Any, tuple[Letters, ...], Letters]]
    number: bool  # the whole of one: its place is taken by scalars

    @property
    def turned(self) -> Rule:
        right = [(c, traces, transposed(word)) for c, traces, word in self.right]
        return self._replace(left=transposed(self.left), right=right)


def reduced(words: Words, relations: Mapping[Any, Any]) -> Words:
    """Adjacent letters replaced until no relation applies; each holds transposed too.

    `("A", "B"): B @ A` says that two letters commute. Words are then told apart up to the order of
    neighbours that do; pairs of more than two must all be given.
    """
    rules, commuting = [], set()
    for left, value in relations.items():
        right = wordy(value, MATRIX)
        if len(left) == 2 and right.terms == {Monomial((), left[::-1]): 1}:
            commuting.add(frozenset(left))
            continue
        terms = [(c, traces, word or ()) for (traces, word), c in right.terms.items()]
        rule = Rule(left, terms, right.ndim == SCALAR)
        rules += [rule, rule.turned] if rule.turned.left != left else [rule]
    done: list[Product] = []
    todo = list(_ordered(words.terms, commuting).items())
    while todo:
        key, value = todo.pop()
        found = next(filter(None, (_applied(key, rule) for rule in rules)), None)
        if found is None:
            done.append((value, (), *key))
        else:
            changed = collected(words.ndim, ((c * value, *rest) for c, *rest in found))
            todo += _ordered(changed.terms, commuting).items()
    return collected(words.ndim, done)


def _applied(key: Monomial, rule: Rule) -> list[Product] | None:
    """The product with the first occurrence of the letters replaced; None if there is none."""
    traces, word = key
    size = len(rule.left)
    for k, trace in enumerate(traces):
        others = (*traces[:k], *traces[k + 1 :])
        for i in range(len(trace) - (size - 1 if is_row(trace[0]) else 0)):
            turned = trace[i:] + trace[:i]
            if turned[:size] == rule.left:
                rest = turned[size:]
                return [
                    (c, (*others, *more), () if rule.number else (new + rest,), word)
                    for c, more, new in rule.right
                ]
    for i in range(len(word or ()) - size + 1):
        if word and word[i : i + size] == rule.left:
            before, after = word[:i], word[i + size :]
            return [(c, (*traces, *more), (), before + w + after) for c, more, w in rule.right]
    return None


# --- the order of letters that commute ---


def _ordered(terms: Mapping[Monomial, Any], commuting: Pairs) -> dict[Monomial, Any]:
    """The same terms; of words that differ in the order of commuting neighbours, only one."""
    if not commuting:
        return dict(terms)
    total: dict[Monomial, Any] = {}
    for (traces, word), value in terms.items():
        ordered = tuple(sorted(min(_readings(trace, commuting)) for trace in traces))
        key = Monomial(ordered, None if word is None else _sorted(word, commuting))
        total[key] = total.get(key, 0) + value
    return total


def _readings(trace: Letters, commuting: Pairs) -> Iterator[Letters]:
    """Forwards and backwards; of a trace, from the beginning of any run of commuting letters."""
    for reading in (trace, transposed(trace)):
        turns = [0] if is_row(trace[0]) else _cuts(reading, commuting) or [0]
        for k in turns:
            yield _sorted(reading[k:] + reading[:k], commuting)


def _cuts(trace: Letters, commuting: Pairs) -> list[int]:
    partners = {x: set().union(*(pair for pair in commuting if x in pair)) for x in trace}
    return [
        k
        for k, x in enumerate(trace)
        if x != trace[k - 1] and not partners[x] & partners[trace[k - 1]]
    ]


def _sorted(word: Letters, commuting: Pairs) -> Letters:
    """Neighbours exchanged that commute and are out of order."""
    letters = list(word)
    for end in range(len(letters), 1, -1):
        for i in range(end - 1):
            if letters[i] > letters[i + 1] and frozenset(letters[i : i + 2]) in commuting:
                letters[i : i + 2] = letters[i + 1], letters[i]
    return tuple(letters)
