r"""Words under a trace, as strings of bytes.

Between two letters `S` of a cyclic word stands a *gap*, a product of constants, and the word is
:math:`\operatorname{tr}(S G_1 S G_2 \cdots)`. A gap is one byte. With :math:`S = \Lambda^{1/2} W
\Lambda^{1/2}` and the halves given to the gaps it is a word in a *white* `W`: an `S` that becomes
its mean Λ disappears, and an empty gap is the letter that stands for Λ itself.

Since :math:`\operatorname{tr}(AB) = \operatorname{tr}(BA) = \operatorname{tr}(B^\top A^\top)`, a
cyclic word is the same read from any letter, and read backwards with each letter transposed;
`canonical` is the least of these readings. A product of traces is a sorted tuple of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

S = 0
SYMMETRIC, PAIRS = 1, 64  # where the codes of symmetric letters, and of pairs (A, A'), start
MOST_SYMMETRIC, MOST_PAIRS = PAIRS - SYMMETRIC, (256 - PAIRS) // 2
TRANSPOSE = bytes([*range(PAIRS), *(code ^ 1 for code in range(PAIRS, 256))])


def transposed(word: bytes) -> bytes:
    return word.translate(TRANSPOSE)[::-1]


@lru_cache(maxsize=1 << 18)
def canonical(word: bytes) -> bytes:
    """The least reading of a cyclic word: it starts with `S` if it holds one."""
    back = transposed(word)
    least = S if S in word else min(word + back)
    readings = []
    for text in (word, back):
        twice, k = text + text, text.find(least)
        while k >= 0:
            readings.append(twice[k : k + len(text)])
            k = text.find(least, k + 1)
    return min(readings)


def product(words: Iterable[bytes]) -> tuple[bytes, ...]:
    """A product of traces; the words with an `S` in them come first."""
    return tuple(sorted(map(canonical, words)))


def at_the_mean(words: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The product when every `S` is its mean."""
    return product(word.replace(bytes([S]), b"") for word in words)
