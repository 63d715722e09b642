"""What `import lsa_theory` costs beside `import numpy`, which it includes."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.row import Row, ratio

ROOT = Path(__file__).resolve().parents[1]
REPEATS = 15


def rows() -> Iterator[Row]:
    pairs = [(import_time("lsa_theory"), import_time("numpy")) for _ in range(REPEATS)]
    ours, numpy = (min(times) for times in zip(*pairs, strict=True))
    yield ratio("import lsa_theory", ours, "import numpy", numpy, 1.3)


def import_time(module: str) -> float:
    """CPU seconds of one import in a fresh interpreter, its start not counted; of bytecode, which
    the first of the repeats leaves in its cache."""
    code = f"import time; t = time.process_time(); import {module}; print(time.process_time() - t)"
    with_cache = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    run = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env=with_cache,
        capture_output=True,
        text=True,
        check=True,
    )
    return float(run.stdout)
