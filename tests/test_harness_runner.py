"""The checker is itself checked: planted faults fail, each in its own way."""

import math
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from validation.harness import (
    Bound,
    Claim,
    Close,
    Control,
    Equal,
    Setting,
    Sigma,
    Table,
    evidence,
    results,
    runner,
    terminal,
)
from validation.harness.kinds import threshold
from validation.harness.registry import Entry


def square(n):
    r"""The sum of the first :math:`n` odd numbers is :math:`n^2`."""
    return n * n


def wrong_square(n):
    return n * n + (n > 3)


CASES = {"one": 1, "three": 3, "five": 5}


@evidence(Equal, "sums of odd numbers", cases=CASES)
def summed(formula, n, setting):
    return Equal(formula(n) - sum(range(1, 2 * n, 2)))


@evidence(Close, "floats", cases=CASES)
def rounded(formula, n, setting):
    return Close(float(formula(n)), Fraction(n) ** 2, ulps=1)


@evidence(Sigma, "means of samples", cases=CASES)
def sampled(formula, n, setting):
    draws = setting.rng().normal(n * n, 1.0, 400)
    return Sigma(draws.mean(), 0.05, formula(n))


TRUE = Claim(
    title="Odd numbers sum to squares",
    source="Nicomachus",
    formula=square,
    hypotheses=("$n$ is a positive integer",),
    call="square(5)",
    evidence=(summed, rounded),
    control=Control("one more beyond three", wrong_square),
)


def ran(claim, setting=None, stem="odd"):
    setting = setting or Setting()
    run = runner.run([runner.plan(Entry(stem, "Prose.", claim), setting)], setting)
    return run, run.claims[0]


def test_true_claim_passes_and_rejects_its_control():
    run, outcome = ran(TRUE)
    assert run.passed
    assert outcome.status == "passed"
    assert [trial.case for trial in outcome.controls[0].trials] == ["five", "five"]
    assert results.message(outcome) == ""


def test_wrong_formula_fails_and_says_where():
    run, outcome = ran(replace(TRUE, formula=wrong_square, control=Control("double", lambda n: 2)))
    assert not run.passed
    assert outcome.status == "failed"
    assert [item.passed for item in outcome.evidence] == [False, False]
    assert results.message(outcome) == "sums of odd numbers: five: off by 1 in 1 of 1 entries"


def test_one_wrong_case_among_many_fails():
    cases = {str(n): n for n in range(1, 30)}
    almost = replace(TRUE, formula=lambda n: n * n + (n == 23), evidence=(replaced(cases),))
    _, outcome = ran(almost)
    assert outcome.status == "failed"
    assert outcome.evidence[0].tightest.name == "23"


def replaced(cases, given=None, kind=Equal):
    return replace(summed, cases=cases, given=given, kind=kind)


def test_check_that_accepts_its_control_is_powerless():
    blind = replace(TRUE, evidence=(replaced({"one": 1, "two": 2}), rounded))
    run, outcome = ran(blind)
    assert not run.passed
    assert outcome.status == "powerless"
    assert all(item.passed for item in outcome.evidence)
    assert [trial.rejected for trial in outcome.controls[0].trials] == [False, True]
    assert "accepts the control 'one more beyond three'" in results.message(outcome)


@pytest.mark.parametrize(
    "control",
    [
        (),
        Control("no judge", wrong_square, rejected_by=()),
        Control("no witness", wrong_square, cases={}),
        Control("the truth itself"),
        (Control("one more beyond three", wrong_square), Control("the truth", square)),
    ],
)
def test_control_that_nothing_rejects_is_powerless(control):
    _, outcome = ran(replace(TRUE, control=control))
    assert outcome.status == "powerless"


def test_control_may_violate_a_hypothesis():
    """The true formula on a case that the hypothesis excludes."""
    positive = replaced({"zero": 0.5, "one": 1}, given=lambda n: n == int(n))
    violated = Control("half a number", cases={"half": Fraction(1, 2)}, rejected_by=(whole,))
    _, outcome = ran(replace(TRUE, evidence=(positive, whole), control=violated))
    assert outcome.status == "passed"
    assert outcome.evidence[0].vacuous == 1


@evidence(Bound, "at least n", cases=CASES)
def whole(formula, n, setting):
    return Bound(formula(n), n)


def test_control_without_cases_of_its_own_keeps_the_hypothesis():
    """It must not be rejected where the truth is not claimed."""
    small = replaced(CASES, given=lambda n: n < 4)  # the control differs at five alone
    _, outcome = ran(replace(TRUE, evidence=(small,)))
    assert outcome.status == "powerless"
    named = Control("one more beyond three", wrong_square, cases=CASES)
    assert ran(replace(TRUE, evidence=(small,), control=named))[1].status == "passed"


def test_check_without_a_case_that_satisfies_its_hypothesis_fails():
    vacuous = replaced(CASES, given=lambda n: n > 100)
    run, outcome = ran(replace(TRUE, evidence=(vacuous,)))
    assert not run.passed
    assert outcome.status == "failed"
    assert (outcome.evidence[0].vacuous, outcome.evidence[0].passed) == (3, False)
    assert "no case satisfies the hypothesis (3 vacuous)" in results.message(outcome)


def test_claim_without_evidence_fails():
    assert ran(replace(TRUE, evidence=()))[1].status == "failed"


def test_no_claim_is_no_success():
    assert not runner.run([], Setting()).passed


def broken(*arguments):
    raise ZeroDivisionError("planted")


@pytest.mark.parametrize(
    "faulty",
    [
        replace(TRUE, formula=broken),
        replace(TRUE, control=Control("raises", broken)),
        replace(TRUE, evidence=(replaced(broken),)),
        replace(TRUE, evidence=(replaced(CASES, given=broken),)),
        replace(TRUE, figure=broken),
        replace(TRUE, reported=broken),
    ],
)
def test_raising_claim_is_an_error_and_the_others_still_run(faulty):
    setting = Setting()
    plans = [runner.plan(Entry(stem, "", c), setting) for stem, c in (("a", faulty), ("b", TRUE))]
    run = runner.run(plans, setting)
    assert [claim.status for claim in run.claims] == ["error", "passed"]
    assert not run.passed
    assert "ZeroDivisionError: planted" in run.claims[0].error
    assert "/" not in run.claims[0].error.replace("validation/harness/", "")


def test_error_names_check_and_case():
    _, outcome = ran(replace(TRUE, formula=lambda n: 1 / (3 - n)))
    assert outcome.error.startswith("sums of odd numbers: one: ValueError: Equal(difference=")


def test_control_that_cannot_be_evaluated_is_not_rejected():
    """A number that is not finite refutes nothing."""
    _, outcome = ran(replace(TRUE, evidence=(rounded,), control=Control("inf", lambda n: math.inf)))
    assert outcome.status == "error"


def test_observation_of_another_kind_is_an_error():
    _, outcome = ran(replace(TRUE, evidence=(replaced(CASES, kind=Bound),)))
    assert "must return Bound, not Equal" in outcome.error


def test_sampled_checks_share_one_budget_fixed_beforehand():
    claim = replace(TRUE, evidence=(summed, sampled), control=Control("5", lambda n: n * n + 5))
    setting = Setting()
    plans = [runner.plan(Entry(stem, "", claim), setting) for stem in ("a", "b")]
    run = runner.run(plans, setting)
    assert run.sampled_checks == 6
    assert run.setting.false_alarm == pytest.approx(1e-6 / 6)
    edge = f"of {threshold(1e-6 / 6):.2f} allowed"
    assert all(edge in case.summary for item in run.claims for case in item.evidence[1].cases)


@pytest.mark.parametrize("shift", [0.6, -0.6])
def test_sampled_check_refutes_a_shift_of_twelve_standard_errors(shift):
    claim = replace(TRUE, formula=lambda n: n * n + shift, evidence=(sampled,))
    assert ran(claim)[1].status == "failed"


def test_random_numbers_depend_on_every_name_and_on_nothing_else():
    setting = Setting(seed=3)
    base = setting.at("claim", "check", "case")
    assert base.integer_seed() == Setting(seed=3).at("claim").at("check", "case").integer_seed()
    others = [
        setting.at("claim", "check", "other"),
        setting.at("claim", "other", "case"),
        setting.at("other", "check", "case"),
        setting.at("claim", "check"),
        setting.at("claimcheck", "case"),
        Setting(seed=4).at("claim", "check", "case"),
    ]
    seeds = {base.integer_seed(), base.integer_seed("name"), *(s.integer_seed() for s in others)}
    assert len(seeds) == 8
    assert max(seeds) < 2**53
    assert (base.rng().random(3) == base.rng().random(3)).all()


def test_drawn_cases_do_not_depend_on_other_claims():
    seen = []
    drawn = replaced(lambda setting: {"n": int(setting.rng().integers(1, 10**6))})
    noted = replace(drawn, check=lambda formula, n, setting: seen.append(n) or Equal(0))
    setting = Setting()
    claim = replace(TRUE, evidence=(noted,), control=Control("1", wrong_square, rejected_by=()))
    for stems in (("a",), ("b", "a"), ("a", "b")):
        plans = [runner.plan(Entry(stem, "", claim), setting) for stem in stems]
        runner.run(plans, setting)
    a_alone, b, a_second, a_first, b_second = seen
    assert a_alone == a_second == a_first
    assert b == b_second != a_alone


def test_steps_announced_are_those_taken():
    plans = [runner.plan(Entry("odd", "", TRUE), Setting())]
    taken = []
    runner.run(plans, Setting(), lambda stem, what: taken.append(what))
    assert len(taken) == plans[0].steps
    assert taken[0] == "sums of odd numbers"
    assert taken[2] == "control: sums of odd numbers"


def test_results_hold_plain_numbers():
    tables = (Table("caption", ("n", "x"), ((1, np.float64(0.5)), (2, np.inf))),)
    run, _ = ran(replace(TRUE, reported=lambda setting: tables))
    found = results.results(run)
    assert found["claims"][0]["tables"][0]["rows"] == [[1, 0.5], [2, "inf"]]
    assert found["claims"][0]["statement"] == square.__doc__
    assert found["claims"][0]["formula"] == f"{__name__}.square"
    assert found["counts"] == {"passed": 1}


def test_closing_sentence_counts_by_status():
    run, _ = ran(replace(TRUE, control=()))
    assert terminal.closing(results.results(run), "x").startswith("1 claims: 1 powerless; ")
