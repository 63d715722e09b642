"""Words whose expectation takes longest, of those in two constants that are not refused.

Only equal words are merged, so time goes with the number of terms: six letters `S` with six
different gaps have as many as pairings, 10,395, and eight have at most 190,155 if not refused.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.row import Row, cost

ROOT = Path(__file__).resolve().parents[1]
REPEATS = 3
WORDS = {
    6: ("S A S B S A A S B B S A B S B A", 0.5),
    8: ("S A B S B S A S S A S A S B A S B B", 10.0),
}


def rows() -> Iterator[Row]:
    for degree, (word, aim) in WORDS.items():
        seconds, terms = min(expectation_time(word) for _ in range(REPEATS))
        yield cost(f"expectation, degree {degree}", seconds, aim, note=f"{terms:,} terms")


def expectation_time(word: str) -> tuple[float, int]:
    """CPU seconds in a fresh interpreter, its imports not counted, and the number of terms."""
    code = (
        "import time; from lsa_theory.wishart import expectation; t = time.process_time(); "
        f"n = len(expectation({word!r}).terms); print(time.process_time() - t, n)"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    seconds, terms = run.stdout.split()
    return float(seconds), int(terms)
