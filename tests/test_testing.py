"""The public strategies: what they promise of each draw, and what they shrink to."""

from __future__ import annotations

import doctest
import importlib
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from lsa_theory import GaussianPrompts, convergence_guarantee, known_to_converge, testing
from lsa_theory.convergence import HYPOTHESES
from lsa_theory.definiteness import rank
from lsa_theory.linalg import is_exact

MODULES = [f"lsa_theory.testing{part}" for part in ("", ".matrices", ".laws", ".starts")]
ALONE = [name for name in HYPOTHESES if name != "seen"]


@pytest.fixture(autouse=True)
def unexplained():
    """Examples are found and shrunk; which parts of them matter is not explained."""
    phases = (Phase.explicit, Phase.generate, Phase.shrink)
    settings.register_profile("unexplained", settings.default, phases=phases)
    settings.load_profile("unexplained")
    yield
    settings.load_profile("deterministic")


def least(strategy):
    return find(strategy, lambda drawn: True)


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted > 0
    assert found.failed == 0


# --- shrinking ---------------------------------------------------------------------------------


@pytest.mark.parametrize("exact", [False, True])
def test_everything_shrinks_to_the_plainest_case(exact):
    def is_least(strategy, expected):
        drawn = least(strategy)
        assert is_exact(drawn) == exact
        assert np.array_equal(drawn, expected)

    is_least(testing.covariances(exact=exact), [[1]])
    is_least(testing.covariances(3, exact=exact), np.eye(3))
    is_least(testing.covariances(2, rank=0, exact=exact), np.zeros((2, 2)))
    is_least(testing.covariances(2, rank=1, exact=exact), np.diag([1, 0]))
    is_least(testing.covariances(2, spectrum=[3, 5], exact=exact), np.diag([3, 5]))
    is_least(testing.orthogonal_matrices(2, exact=exact), np.eye(2))
    is_least(testing.commuting_pairs(2, exact=exact).map(lambda p: p[0]), np.eye(2))
    is_least(testing.covariances(3, diagonal=True, exact=exact), [1, 1, 1])
    is_least(testing.covariances(2, rank=1, diagonal=True, exact=exact), [1, 0])
    is_least(testing.covariances(2, spectrum=[3, 5], diagonal=True, exact=exact), [3, 5])
    law, layer = least(testing.prompts(exact=exact)), least(testing.layers(exact=exact))
    assert (law.covariance, law.context_length) == ([[1]], 1)
    assert not layer.pv.any()
    assert layer.dimension == 1


def test_a_failure_shrinks_to_a_case_that_can_be_read():
    """The plainest covariance that is not diagonal has two features and one reflection."""
    drawn = find(testing.covariances(exact=True), lambda c: (c != np.diag(c.diagonal())).any())
    assert drawn.shape == (2, 2)
    assert max(entry.denominator for entry in drawn.flat) <= 25
    assert drawn.trace() <= 10
    wide = find(testing.covariances(2), lambda c: np.linalg.cond(c) > 1000)
    assert sorted(wide.diagonal()) == [1, 1024]
    assert not wide[0, 1]


def test_failures_of_laws_layers_and_starts_can_be_read():
    """What plausible but wrong properties would be shown."""
    wide = {"exact": True, "task_covariance": True, "task_mean": True, "noise_variance": True}

    def commutes(law):
        return (law.covariance @ law.task_covariance == law.task_covariance @ law.covariance).all()

    law = find(testing.prompts(**wide), lambda law: not commutes(law))
    assert (law.dimension, law.context_length, law.noise_variance) == (2, 1, 1)
    assert not law.task_mean.any()
    matrices = (law.covariance, law.task_covariance)
    entries = [entry for matrix in matrices for entry in matrix.flat]
    assert max(abs(entry.numerator) for entry in entries) <= 50
    assert any((matrix == np.diag(matrix.diagonal())).all() for matrix in matrices)
    layer = find(testing.layers(exact=True), lambda layer: (layer.u != layer.u.T).any())
    assert layer.dimension == 2
    assert sorted(map(abs, [*layer.pv.flat, *layer.kq.flat]))[-2:] == [0, 1]
    for hypothesis in ALONE:
        start, law = least(testing.violating(hypothesis, 2))
        assert np.unique(np.asarray(law.covariance)).tolist() == [0, 1]
        assert law.context_length == 1
        assert len(np.unique(start.u.round(12))) <= 3


def test_every_request_of_a_law_is_granted():
    names = ("noise_variance", "task_covariance", "task_mean", "query_covariance")
    law = least(testing.prompts(2, **dict.fromkeys(names, True)))
    assert law.noise_variance == 1
    for name in names[1:]:
        assert getattr(law, name) is not None
    assert least(testing.prompts(2)).task_covariance is None
    mean = np.array([3.0, 4.0])
    own = testing.prompts(2, context_length=7, task_mean=mean, noise_variance=st.just(0.25))
    law = least(own)
    assert (law.context_length, law.noise_variance) == (7, 0.25)
    assert (law.task_mean == mean).all()


# --- what holds of every draw ------------------------------------------------------------------


@given(testing.orthogonal_matrices(exact=True))
def test_orthogonal_without_rounding(turn):
    assert (turn @ turn.T == np.eye(len(turn))).all()


@given(st.sampled_from([1, 5, 1e3, 1e6]), st.data())
def test_spectra_are_as_asked(condition, data):
    d = data.draw(st.integers(1, 4))
    eigenvalues = np.linalg.eigvalsh(data.draw(testing.covariances(d, condition=condition)))
    assert eigenvalues[-1] <= condition * eigenvalues[0] * (1 + 1e-8)
    exact = data.draw(testing.covariances(3, rank=st.integers(0, 3), exact=True))
    assert (exact == exact.T).all()
    assert rank(data.draw(testing.covariances(3, rank=2, exact=True))) == 2
    spectrum = [Fraction(1, 7), 2, 10]
    chosen = data.draw(testing.covariances(3, spectrum=spectrum, exact=True))
    assert chosen.trace() == sum(spectrum)
    assert (chosen @ chosen).trace() == sum(value * value for value in spectrum)


@given(testing.commuting_pairs(exact=True, rank=1), testing.commuting_pairs(3))
def test_pairs_commute(exact, floats):
    left, right = exact
    assert (left @ right == right @ left).all()
    assert rank(left) == rank(right) == 1
    left, right = floats
    scale = np.linalg.norm(left, 2) * np.linalg.norm(right, 2)
    assert abs(left @ right - right @ left).max() <= 1e-14 * scale


def test_pairs_of_low_rank_need_not_share_their_range():
    left, right = find(testing.commuting_pairs(2, rank=1), lambda p: not (p[0] @ p[1]).any())
    assert left.any()
    assert right.any()


@given(st.booleans(), st.data())
def test_diagonal_covariances_are_vectors_of_eigenvalues(exact, data):
    drawn = data.draw(testing.covariances(4, rank=2, condition=9, diagonal=True, exact=exact))
    assert drawn.shape == (4,)
    assert is_exact(drawn) == exact
    positive = drawn[drawn > 0]
    assert len(positive) == 2
    assert max(positive) <= 9 * min(positive) * (1 if exact else 1 + 1e-15)
    chosen = data.draw(testing.covariances(3, spectrum=[1, 2, 10], diagonal=True, exact=exact))
    assert sorted(chosen) == [1, 2, 10]
    for vector in data.draw(testing.commuting_pairs(3, diagonal=True, exact=exact)):
        assert vector.shape == (3,)
    law = data.draw(testing.prompts(3, task_covariance=True, diagonal=True, exact=exact))
    assert law.covariance.shape == law.task_covariance.shape == (3,)


def test_diagonal_covariances_come_in_any_order():
    for largest in range(3):
        drawn = find(
            testing.covariances(3, rank=1, diagonal=True),
            lambda vector, k=largest: vector[k] > 0,
        )
        assert drawn.tolist() == np.eye(3)[largest].tolist()


@given(testing.layers(2, block=True), testing.layers(2))
def test_layers_on_the_block(block, whole):
    assert not block.v.any()
    assert not block.p.any()
    assert block.dimension == whole.dimension == 2


# --- Theorem 4.1 -------------------------------------------------------------------------------


@given(testing.prompts(condition=1e6) | testing.prompts(diagonal=True), st.data())
def test_balanced_starts_satisfy_the_theorem(prompts, data):
    layer = data.draw(testing.balanced_starts(prompts))
    found = convergence_guarantee(layer, prompts)
    assert all(found.hypotheses.values()), found.report
    assert found.holds
    assert found.rate > 0
    assert known_to_converge(layer, prompts).holds


@pytest.mark.parametrize("name", ALONE)
@settings(max_examples=30)
@given(data=st.data())
def test_exactly_the_named_hypothesis_fails(name, data):
    layer, prompts = data.draw(testing.violating(name))
    for sharp in (False, True):
        found = convergence_guarantee(layer, prompts, sharp=sharp)
        assert [key for key, held in found.hypotheses.items() if not held] == [name]
        assert not found.holds
        assert found.rate == 0


def test_starts_of_low_rank_occur():
    prompts = GaussianPrompts(np.eye(2), 3)
    layer = find(testing.balanced_starts(prompts), lambda layer: rank(layer.u) == 1)
    assert convergence_guarantee(layer, prompts).holds


def test_both_ways_not_to_be_semidefinite_occur():
    for asymmetric in (False, True):
        found = find(
            testing.violating("semidefinite"),
            lambda start, wanted=asymmetric: (start[0].u != start[0].u.T).any() == wanted,
        )
        assert not convergence_guarantee(*found).hypotheses["semidefinite"]


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: testing.covariances(0), r"covariances\(dimension=0\): must be an integer >= 1"),
        (lambda: testing.covariances(2, condition=0.5), r"\(condition=0.5\): must be a finite"),
        (lambda: testing.covariances(2, rank=3), r"\(rank=3\): must be at most the dimension 2"),
        (lambda: testing.covariances(2, spectrum=[1]), r"\(spectrum=1 eigenvalues\): must be of d"),
        (lambda: testing.covariances(1, spectrum=[-1]), r"\(spectrum=array with -1.0 at 0\): must"),
        (lambda: testing.covariances(1, spectrum=[1], rank=1), r"\(rank=given\): must be left out"),
        (lambda: least(testing.commuting_pairs(1, rank=2)), r"\(rank=2\): must be at most"),
        (lambda: testing.prompts(1, context_length=0), r"prompts\(context_length=0\): must be an"),
        (lambda: testing.layers(-1), r"layers\(dimension=-1\): must be an integer >= 1"),
        (lambda: testing.violating("seen"), r"\(hypothesis=seen\): must be one that can fail"),
        (lambda: testing.violating("sorrow"), r"\(hypothesis=sorrow\): must be one of block, "),
        (lambda: testing.violating("covariance", 1), r"\(dimension=1\): must be an integer >= 2"),
        (
            lambda: testing.balanced_starts(GaussianPrompts([1.0, 0.0], 2)),
            r"balanced_starts\(prompts=another law\): must be such that Λ is positive definite",
        ),
        (
            lambda: testing.balanced_starts(GaussianPrompts([1.0], 2, noise_variance=1)),
            r"balanced_starts\(prompts=another law\): must be such that tasks N\(0, I\), no label",
        ),
    ],
)
def test_bad_input(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
