"""The extra `rigor`: bounds that are condition numbers, and no check pretended without it."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from lsa_theory import gamma, global_minimum, risk
from tests.sources import ROOT, roots, sources
from validation import general_prior
from validation.common import enclosures, sensitivity
from validation.common.rationals import exact_law, fractions
from validation.harness import Setting, cli, report, results, runner, terminal
from validation.harness.registry import Entry

# --- condition numbers -------------------------------------------------------------------------


def moved(rng, matrix, share):
    """By a share of its norm, in one random direction."""
    direction = rng.standard_normal(len(matrix))
    direction /= np.linalg.norm(direction) / np.sqrt(sensitivity.norm(matrix.astype(float)))
    return matrix + rng.choice([-1, 1]) * fractions(np.outer(direction, direction)) * share


@pytest.mark.parametrize("seed", range(2))
def test_results_move_by_their_condition_numbers(seed):
    """In exact arithmetic: never by more than d of them, and the gain by a third at least; so the
    bounds on the rounding of floats have no slack to hide in."""
    share, d = Fraction(1, 10**40), 3
    for law in enclosures.laws(Setting(seed=seed), general=True, dimension=d).values():
        minimum, rng = global_minimum(law), np.random.default_rng(seed)
        exact, gain = exact_law(law), minimum.gain @ (np.eye(d) + rng.standard_normal((d, d)) / 2)
        start, at = global_minimum(exact), risk(fractions(gain), exact)
        found = []
        for _ in range(12):
            names = ("covariance", "task_covariance", "query_covariance")
            change = {name: moved(rng, getattr(exact, name), share) for name in names}
            other = exact.replace(**change)
            far = ((global_minimum(other).gain - start.gain) / share).astype(float)
            lost = (global_minimum(other).loss - start.loss) / share / start.loss
            missed = (risk(fractions(gain), other) - at) / share / at
            relative = sensitivity.norm(far) / sensitivity.norm(minimum.gain)
            found.append([relative, abs(float(lost)), abs(float(missed))])
        by_gain, by_loss, by_risk = np.max(found, axis=0)
        condition = sensitivity.of_gain(law, minimum.gain)
        assert condition / 3 <= by_gain <= d * condition
        assert by_loss <= d * sensitivity.of_least_loss(law, minimum.gain, minimum.loss)
        assert by_risk <= d * sensitivity.of_risk(gain, law, risk(gain, law))


def test_with_unit_tasks_it_is_the_condition_number_of_gamma():
    for law in enclosures.laws(Setting()).values():
        of_gain = sensitivity.of_gain(law, global_minimum(law).gain)
        eigenvalues = np.linalg.eigvalsh(gamma(law))
        of_gamma = eigenvalues[-1] / eigenvalues[0]
        assert sensitivity.of_gamma(law) == of_gamma <= law.context_length + 2
        assert of_gamma / 3 <= of_gain <= 3 * of_gamma


# --- without the extra -------------------------------------------------------------------------


@pytest.fixture
def without_extra(monkeypatch):
    """As if python-flint were not installed."""
    monkeypatch.setitem(sys.modules, "flint", None)


def ran(declared):
    setting = Setting(quick=True)
    run = runner.run([runner.plan(Entry("general_prior", "", declared), setting)], setting)
    return run, run.claims[0]


ENCLOSED, OTHER = general_prior.enclosed, general_prior.stationary
SMALL = replace(
    general_prior.claim,
    evidence=(OTHER, ENCLOSED),
    control=replace(general_prior.claim.controls[0], rejected_by=(OTHER, ENCLOSED)),
    figure=None,
)


def test_with_the_extra_it_is_run():
    run, outcome = ran(SMALL)
    assert outcome.status == "passed"
    assert [len(item.cases) for item in outcome.evidence] == [5, 20]
    assert len(outcome.controls[0].trials) == 2
    assert results.results(run)["not_run"] == {}


def test_without_the_extra_it_is_not_run_and_said_so(without_extra):
    run, outcome = ran(SMALL)
    assert outcome.status == "passed"  # by the evidence that was run
    assert [item.passed for item in outcome.evidence] == [True, False]
    assert [trial.evidence for trial in outcome.controls[0].trials] == [OTHER.name]
    found = results.results(run)
    told = found["claims"][0]["evidence"][1]
    reason = "the extra rigor is not installed"
    assert (told["passed"], told["count"], told["not_run"]) == (False, 0, reason)
    assert told["summary"] == f"not run: {reason}"
    assert found["not_run"] == {reason: 1}
    assert f"1 checks not run: {reason}" in terminal.closing(found, "x")
    page = report.page(found, {})
    assert ">not run</span>" in page
    assert f'<dt>checks not run</dt><dd title="{reason}">1</dd>' in page
    assert terminal.kinds(found["claims"][0]) == ["equal"]


def test_it_cannot_pass_a_claim_by_not_being_run(without_extra):
    alone = replace(SMALL, evidence=(ENCLOSED,))
    assert ran(alone)[1].status == "failed"
    judged = replace(SMALL, control=replace(SMALL.controls[0], rejected_by=(ENCLOSED,)))
    outcome = ran(judged)[1]
    assert outcome.status == "powerless"
    assert results.message(outcome) == "no check was tried on a control"


def test_a_broken_extra_is_an_error(monkeypatch):
    """Found, but without what is imported from it."""
    monkeypatch.delitem(sys.modules, "validation.common.balls", raising=False)
    monkeypatch.delattr("flint.fmpq")
    assert ran(SMALL)[1].status == "error"


def test_the_command_without_the_extra(without_extra, monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(general_prior, "claim", SMALL)
    assert cli.main(["--quick", "--only", "general_prior", "--out", str(tmp_path)]) == 0
    assert "1 checks not run: the extra rigor is not installed" in capsys.readouterr().out
    (found,) = json.loads((tmp_path / "results.json").read_text())["claims"]
    assert [item["count"] > 0 for item in found["evidence"]] == [True, False]


def test_only_one_file_imports_the_extra():
    packages = ("lsa_theory", "derivations", "validation", "benchmarks", "docs")
    files = (path for package in packages for path in sources(package))
    users = {path.relative_to(ROOT).as_posix() for path in files if "flint" in roots(path)}
    assert users == {"validation/common/balls.py"}
