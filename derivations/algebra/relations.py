"""Relations between letters: products that are known."""

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
    """Adjacent letters replaced until no relation applies; each holds transposed too."""
    rules = [rule for left, right in relations.items() for rule in _rules(left, right)]
    done: list[Product] = []
    todo = list(words.terms.items())
    while todo:
        key, value = todo.pop()
        found = next((new for rule in rules if (new := _applied(key, rule)) is not None), None)
        if found is None:
            done.append((value, (), *key))
        else:
            todo += collected(words.ndim, ((c * value, *rest) for c, *rest in found)).terms.items()
    return collected(words.ndim, done)


def _rules(left: Letters, value: Any) -> Iterator[Rule]:
    right = wordy(value, MATRIX)
    terms = [(c, traces, word or ()) for (traces, word), c in right.terms.items()]
    rule = Rule(left, terms, right.ndim == SCALAR)
    if any(sorted(word) == sorted(left) for _, _, word in terms):
        raise ValueError(f"reduced: {' '.join(left)} would be exchanged for ever")
    yield rule
    if rule.turned.left != left:
        yield rule.turned


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
