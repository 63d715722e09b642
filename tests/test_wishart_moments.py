"""The engine beside all pairings one by one, as expressions; how long it takes, and its limit."""

from __future__ import annotations

from collections import Counter, defaultdict

import pytest

from benchmarks.wishart import WORDS
from lsa_theory.wishart import expectation, moments, terms

# Each trace by its gaps: the constants between one `S` and the next.
PRODUCTS = [
    (["A"],),
    (["A", "B"],),
    (["A"], ["B"]),
    (["A", "B", "C"],),
    (["A", "B'"], ["C"]),
    (["A", "", "B"], [""]),
    (["A", "B", "A'", "C"],),
    (["A", "B", "C"], ["A' B"]),
    (["A", "B"], ["B", "A"]),
    (["A A'", "B", "", ""],),
    (["A"], ["B"], ["C"], ["A"]),
    (["A", "B", "C", "A", "B"],),
    (["A", "", "C"], ["B", "C'"]),
    (["A", "A", "B"], ["B", "A'", "A B"]),
    (["A", "B", "A B", "B A", "A A", "B B"],),
]


def pairings(ends):
    if not ends:
        yield {}
        return
    first, *rest = ends
    for k, other in enumerate(rest):
        for pairing in pairings(rest[:k] + rest[k + 1 :]):
            yield {first: other, other: first, **pairing}


def transposed(letters):
    return tuple(x if x == "Lambda" else x[:-1] if "'" in x else x + "'" for x in letters[::-1])


def least(letters):
    """Of the readings of a cyclic word."""
    turns = [
        word[k:] + word[:k] for word in (letters, transposed(letters)) for k in range(len(word))
    ]
    return min(turns)


def cycles(across, pairing):
    """Across and along the pairing in turn: the ends from which each cycle goes across."""
    left = set(pairing)
    while left:
        first = end = min(left)
        cycle = []
        while not cycle or end != first:
            cycle.append(end)
            left -= {end, across[end]}
            end = pairing[across[end]]
        yield cycle


def by_pairings(product):
    """Isserlis: sample vectors at the ends of every `S`; Λ joins two, and one sample is all along
    a cycle of Λ and `S`."""
    gaps = [gap for trace in product for gap in trace]
    size, start, after = len(gaps), 0, {}  # S_j has ends 2j and 2j + 1, gap j begins at 2j + 1
    for trace in product:
        for j in range(len(trace)):
            after[2 * (start + j) + 1] = 2 * (start + (j + 1) % len(trace))
        start += len(trace)
    letters = {2 * j + 1: tuple(gap.split()) for j, gap in enumerate(gaps)}
    across = after | {end: begin for begin, end in after.items()}
    letters |= {end: transposed(letters[begin]) for begin, end in after.items()}
    sample = {end: end ^ 1 for end in range(2 * size)}
    total: dict[tuple, Counter] = defaultdict(Counter)
    for pairing in pairings(list(range(2 * size))):
        words = [
            least(tuple(x for end in cycle for x in (*letters[end], "Lambda")))
            for cycle in cycles(across, pairing)
        ]
        met = size - len(list(cycles(sample, pairing)))
        total[tuple(sorted(words))][met] += 1
    return total


@pytest.mark.parametrize("product", PRODUCTS, ids=str)
def test_every_pairing_once(product):
    word = " ".join(f"tr({' '.join(f'S {gap}' for gap in trace)})" for trace in product)
    found: dict[tuple, Counter] = defaultdict(Counter)
    for term in expectation(word).terms:
        key = tuple(sorted(map(least, term.traces)))
        assert key not in found
        found[key] = Counter({k: c for k, c in enumerate(term.coefficients) if c})
    assert found == by_pairings(product)


HARDEST, _ = WORDS[6]  # all of its 10,395 pairings differ


def test_the_hardest_word_of_degree_six():
    found = expectation(HARDEST).terms
    assert len(found) == 10_395
    assert {sum(term.coefficients) for term in found} == {1}


@pytest.mark.parametrize("limit", [100, 3000])
def test_a_refusal_tells_a_number_that_the_terms_reach(monkeypatch, limit):
    monkeypatch.setattr(moments, "MOST_TERMS", limit)
    with pytest.raises(moments.TooManyTerms) as caught:
        list(terms.mean(terms.parsed(HARDEST)))
    assert limit < caught.value.args[0] <= 10_395


def test_a_refusal_comes_before_the_terms_are_made(monkeypatch):
    """Twelve different gaps: 23!! = 316,234,143,225 terms."""
    monkeypatch.setattr(moments, "MOST_TERMS", 5000)
    word = " ".join(f"S A^{k}" for k in range(1, 13))
    with pytest.raises(moments.TooManyTerms):
        list(terms.mean(terms.parsed(word)))
