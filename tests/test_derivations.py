"""Every derivation holds, its wrong neighbours do not, and a planted error is found."""

from __future__ import annotations

import os
import re

import numpy as np
import pytest
import sympy

from derivations import __main__ as command
from derivations import registry
from derivations.algebra import LENGTH, scalar, symbols
from derivations.chain import ANY, Chain, Identity, Step, step
from lsa_theory.wishart import gaussian, moments
from validation.harness import registry as claims

FOLDER = registry.FOLDER


# `make derive` tries every step of every chain and all wrong neighbours, and has to pass as well
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
TRIED = [s for s in registry.stems() if THOROUGH or s in ("population_loss", "scale_lower_bound")]


@pytest.mark.parametrize("stem", TRIED)
def test_every_step_holds_and_no_wrong_neighbour_does(stem):
    chain = registry.chain(stem)
    residuals = list(chain.residuals())
    assert residuals
    assert all(residual == 0 for residual in residuals)
    assert not any(each.holds() for each in chain.wrong)


@pytest.mark.parametrize("stem", registry.stems())
def test_every_chain_is_whole(stem):
    chain = registry.chain(stem)
    assert chain.steps
    assert chain.wrong
    assert all(each.statement for each in (*chain.steps, *chain.wrong))
    assert len({each.name for each in chain.steps}) == len(chain.steps)


def test_every_claim_is_derived():
    assert set(claims.stems()) <= set(registry.stems())


@pytest.mark.parametrize("stem", claims.stems())
def test_every_claim_takes_its_derivation_as_evidence(stem):
    (entry,) = claims.entries([stem])
    names = {step.name for step in registry.chain(stem).steps}
    found = [check.cases(None) for check in entry.claim.evidence if check.name == DERIVED]
    assert [set(cases) for cases in found] == [names]


DERIVED = "derived step by step"


def test_derivatives_are_taken_where_they_are_checked():
    """By `gradient`, `derivative` and `slope`, which compare with differences."""
    for path in FOLDER.glob("*.py"):
        assert not re.search(r"\.diff\(|Derivative\(", path.read_text()), path


def test_a_forgotten_pairing_is_found(monkeypatch):
    """A planted error in the engine: two ways to join samples become one."""
    right = moments._between
    monkeypatch.setattr(moments, "_between", lambda *given: right(*given)[:1])
    from derivations import population_loss

    population_loss.expected_loss.cache_clear()
    assert not population_loss.the_mean.holds()
    monkeypatch.undo()
    population_loss.expected_loss.cache_clear()
    assert population_loss.the_mean.holds()


def test_a_forgotten_pair_of_tasks_is_found(monkeypatch):
    right = gaussian._joined
    monkeypatch.setattr(gaussian, "_joined", lambda *given: list(right(*given))[:2])
    gaussian.moments.cache_clear()
    from derivations import population_loss

    population_loss.expected_loss.cache_clear()
    assert not population_loss.the_mean.holds()
    monkeypatch.undo()
    gaussian.moments.cache_clear()
    population_loss.expected_loss.cache_clear()


# --- the machinery ---


A, B = symbols("A B")


@step(ANY)
def commutes():
    """Matrices commute under a trace."""
    return Identity((A @ B).trace(), (B @ A).trace(), "t")


@step(ANY)
def commutes_always():
    """They do not without it."""
    return Identity(A @ B, B @ A)


@pytest.fixture
def shelf(monkeypatch):
    """Derivations by stem, in the place of the folder."""
    chains: dict[str, Chain] = {}
    monkeypatch.setattr(registry, "stems", lambda: sorted(chains))
    monkeypatch.setattr(registry, "chain", chains.__getitem__)
    monkeypatch.setattr(registry, "title", lambda stem: f"The title of {stem}.")
    return chains


def test_command_prints_the_chain(shelf, capsys):
    shelf["one"] = Chain((commutes,), wrong=(commutes_always,))
    assert command.main(["one", "--latex"]) == 0
    out = capsys.readouterr().out
    assert f"1.  commutes [{ANY}]: holds" in out
    assert "fails, as a wrong neighbour must" in out
    assert r"\[ t = \operatorname{tr}(A B) \]" in out
    assert "1 of 1 derivations hold" in out
    assert command.main(["--list"]) == 0
    assert "The title of one." in capsys.readouterr().out


@pytest.mark.parametrize(
    "chain",
    [
        Chain((commutes_always,), wrong=(commutes_always,)),
        Chain((commutes,), wrong=(commutes,)),
    ],
    ids=["a step fails", "a wrong neighbour holds"],
)
def test_command_fails(shelf, chain, capsys):
    shelf["one"] = chain
    assert command.main([]) == 1
    assert "0 of 1 derivations hold" in capsys.readouterr().out


@step(ANY)
def cannot_be_judged():
    """A wrong formula that words have no value for."""
    return Identity(A / A.trace(), B)


@pytest.mark.parametrize("wrong", [False, True])
def test_command_goes_on_after_an_error(shelf, wrong, capsys):
    steps = (commutes,) if wrong else (cannot_be_judged,)
    neighbours = (cannot_be_judged,) if wrong else (commutes_always,)
    shelf["one"] = Chain(steps, wrong=neighbours)
    shelf["two"] = Chain((commutes,), wrong=(commutes_always,))
    assert command.main(["--latex"]) == 1
    out = capsys.readouterr().out
    assert "cannot be judged: Words: " in out
    assert "1 of 2 derivations hold" in out


def test_command_refuses_an_unknown_stem(shelf, capsys):
    shelf["saddle"] = Chain((commutes,), wrong=(commutes_always,))
    assert command.main(["sadle"]) == 2
    assert capsys.readouterr().err == "STEM=sadle: must be the stem of a derivation " + (
        "(closest: saddle)\n"
    )


def test_a_float_or_nothing_shows_nothing():
    with pytest.raises(ValueError, match="holds a float"):
        _ = Identity(sympy.Float(1.0), 1).residuals
    for left, right in (([], []), ([1, 2], [1, 2, 3]), ([[1], [2]], [1, 2])):
        with pytest.raises(ValueError, match="sides of shapes"):
            _ = Identity(np.array(left), np.array(right)).residuals
    with pytest.raises(ValueError, match="at least one"):
        Step("empty", "", ANY, list).identities()


def test_scalars_are_compared_in_normal_form():
    t = sympy.Symbol("t")
    assert Identity((t**2 - 1) / (t - 1), t + 1).holds
    assert Identity(sympy.sqrt(t**2 + 2 * t + 1) ** 2, (t + 1) ** 2).holds
    assert not Identity(sympy.sqrt(t**2), t).holds
    assert Identity(scalar(LENGTH) * A / scalar(LENGTH), A).holds


def test_zero_at_one_point_is_not_zero_yet():
    """A value that is not 0 settles it; where it is 0, or none, the normal form decides."""
    t, x = sympy.symbols("t x")
    f = sympy.Function("f")
    assert not Identity(t, 5).holds  # 5 is where it is looked at
    assert not Identity(t + sympy.Rational(1, 10**40), t).holds
    assert not Identity(f(t), f(x)).holds
    assert Identity(f(t * x + t), f(t * (x + 1))).holds
    assert Identity(sympy.sin(t) ** 2 + sympy.cos(t) ** 2, 1).holds
