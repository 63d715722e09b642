"""What every claim file has: two kinds of evidence, a control for it, and markup that sets."""

import inspect
import io

import pytest

from validation.harness import prose, registry
from validation.harness.mathsvg import MathSheet


@pytest.fixture(scope="module", params=registry.stems())
def entry(request):
    found = registry.entry(request.param)
    assert found.error is None, found.error
    return found


def test_evidence_is_of_two_kinds_and_has_a_control(entry):
    assert len({item.kind for item in entry.claim.evidence}) >= 2
    names = [item.name for item in entry.claim.evidence]
    assert len(set(names)) == len(names)
    assert entry.claim.controls
    for control in entry.claim.controls:
        assert set(control.rejected_by or entry.claim.evidence) <= set(entry.claim.evidence)


def test_every_check_has_a_control_that_it_must_reject(entry):
    judges = [control.rejected_by or entry.claim.evidence for control in entry.claim.controls]
    assert {item for items in judges for item in items} == set(entry.claim.evidence)


def test_docstring_of_the_formula_is_the_statement(entry):
    assert callable(entry.claim.formula)
    assert entry.claim.statement == inspect.getdoc(entry.claim.formula) != ""
    assert entry.claim.call


@pytest.fixture(scope="module")
def sheet():
    """One for all claims: what several use is set once."""
    return MathSheet()


def test_page_can_be_set(entry, sheet):
    """No fault in the markup, and every formula is drawn; each line is a paragraph."""
    faults, claim = io.StringIO(), entry.claim
    assert entry.prose
    names = [item.name for item in claim.evidence] + [control.name for control in claim.controls]
    lines = "\n\n".join([claim.title, claim.source, *claim.hypotheses, *names])
    for text in (entry.prose, prose.statement(claim.statement), lines):
        assert 'class="unset"' not in prose.html(text, sheet, faults)
    assert faults.getvalue() == ""


def test_titles_are_unique():
    assert registry.entries(registry.stems())
