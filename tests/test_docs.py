"""What the documentation's own machinery promises: pages say what was found, and load nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).resolve().parents[1] / "docs" / "_ext"))

import offline
import pages

from lsa_theory import global_minimum
from validation.harness import Claim, Control, registry

CLAIM = Claim(
    title="A title",
    source="A paper, Theorem 1",
    formula=global_minimum,
    hypotheses=("$d = 1$", "no noise"),
    call="global_minimum(prompts)",
    evidence=(),
    control=Control("N for N + 1"),
)
FOUND = {
    "stem": "stem",
    "status": "powerless",
    "message": "it accepts its control",
    "evidence": [
        {"name": "a check", "kind": "equal", "passed": True, "count": 3, "vacuous": 1}
        | {"case": "a | b", "summary": "3 exact zeros"}
    ],
    "controls": [{"name": "N for N + 1", "rejected": False, "by": []}],
    "tables": [{"caption": "beside it", "columns": ["x"], "rows": [[0.123456789]]}],
    "figure": "stem.svg",
}
RUN = {"quick": True, "seed": 7, "version": "0", "claims": [FOUND]}


@pytest.mark.parametrize(
    "text",
    [
        '<script defer src="https://somewhere/a.js"></script>',
        "<img alt='x' src='//somewhere/a.png'>",
        '<link rel="stylesheet" href="https://somewhere/a.css">',
        "@import 'https://somewhere/a.css'",
        "src: url(https://somewhere/a.woff)",
    ],
)
def test_remote_references_are_found(tmp_path, text):
    (tmp_path / "page.html").write_text(text)
    assert len(offline.remote_references(tmp_path)) == 1


def test_links_and_local_files_are_no_remote_references(tmp_path):
    text = '<a href="https://somewhere/">x</a><script src="_static/a.js"></script>'
    (tmp_path / "page.html").write_text(text)
    assert offline.remote_references(tmp_path) == []


def test_claim_page_without_a_verification_says_so(tmp_path):
    page = pages.claim_page("stem", "Because.", CLAIM, {}, tmp_path)
    assert pages.UNVERIFIED in page
    assert "lsa_theory.minimum.global_minimum" in page
    assert "Because." in page


def test_claim_page_shows_what_the_last_verification_found(tmp_path):
    (tmp_path / "stem.svg").write_text("<?xml?><svg><path/></svg>")
    page = pages.claim_page("stem", "Because.", CLAIM, RUN, tmp_path)
    assert "✗ powerless** in a short run with seed 7" in page
    assert r"| ✓ a check | [equal](#kind-equal) | 3 | 1 | a \| b | 3 exact zeros |" in page
    assert "**Control**, not rejected: N for N + 1" in page
    assert "| 0.12346 |" in page
    assert 'aria-label="Figure: A title">\n<svg><path/></svg>' in page
    assert pages.UNVERIFIED not in page


def test_index_lists_every_claim_once_and_every_kind():
    index = pages.theory_index([registry.Entry("stem", "Because.", CLAIM)], RUN)
    assert index.count("[A title](stem.md)") == 1
    for kind in ("equal", "close", "bound", "flow", "sigma", "rate"):
        assert index.count(f"(kind-{kind})=") == 1


def test_stale_pages_go_and_unchanged_ones_stay(tmp_path):
    pages.written(tmp_path, {"a": "1", "b": "2"})
    before = (tmp_path / "a.md").stat().st_mtime_ns
    pages.written(tmp_path, {"a": "1"})
    assert [path.name for path in tmp_path.iterdir()] == ["a.md"]
    assert (tmp_path / "a.md").stat().st_mtime_ns == before
