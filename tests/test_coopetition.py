"""Strategies that share circuits: descent, emergence, and where they come to rest."""

from __future__ import annotations

import math
from fractions import Fraction

import numpy as np
import pytest

from lsa_theory.transience import Coopetition
from lsa_theory.transience.strategies import slopes


def test_eight_scalars_are_gradient_descent():
    model = Coopetition.drawn((3, 4, 2, 5), seed=1)
    found = model.descent(200, rate=0.7)
    parts = {name: np.array(model.starts[name]) for name in "abcd"}
    target = model.targets

    def outer(*vectors):
        return np.einsum("i,j,k->ijk", *vectors)

    for step in range(200):
        gaps = {
            first: outer(target[first], target["b"], target["c"])
            - outer(parts[first], parts["b"], parts["c"])
            for first in "ad"
        }
        one, two = ((gaps[first] ** 2).mean() / 2 for first in "ad")
        assert found.in_context[step] == pytest.approx(one, abs=1e-12)
        assert found.in_weights[step] == pytest.approx(two, abs=1e-12)
        slopes = dict.fromkeys("abcd", 0.0)
        for first, weight in (("a", two), ("d", one + 0.1)):
            gap = -weight * gaps[first] / gaps[first].size
            slopes[first] = slopes[first] + np.einsum("ijk,j,k", gap, parts["b"], parts["c"])
            slopes["b"] = slopes["b"] + np.einsum("ijk,i,k", gap, parts[first], parts["c"])
            slopes["c"] = slopes["c"] + np.einsum("ijk,i,j", gap, parts[first], parts["b"])
        both = 0.1 / (parts["a"].size * parts["d"].size)
        slopes["a"] = slopes["a"] + both * parts["a"] * (parts["d"] @ parts["d"])
        slopes["d"] = slopes["d"] + both * parts["d"] * (parts["a"] @ parts["a"])
        parts = {name: parts[name] - 0.7 * slopes[name] for name in "abcd"}


def test_emergence_and_transience_of_a_drawn_model():
    found = Coopetition.drawn(seed=0).descent(16_000, keep=10)
    lowest = found.in_context.argmin()
    assert found.in_context[lowest] < 0.01 < 1 < found.in_context[0]
    assert found.in_context[-1] > 20 * found.in_context[lowest]
    assert found.loss[-1] < 1e-12


def test_the_recursion_is_exact_on_rationals():
    """On starts beside their targets, in numbers that a float does not hold."""
    target = {k: [Fraction(1, 3), Fraction(2)] for k in "abcd"}
    start = {k: [Fraction(n, 7), Fraction(-1, n)] for n, k in enumerate("abcd", start=2)}
    options = {"alpha": Fraction(1, 10), "floor_context": Fraction(1, 5), "floor_weights": 0}
    found = Coopetition(target, start, **options).descent(2, rate=Fraction(1, 2))
    assert all(isinstance(x, Fraction) for x in (*found.loss, *found.share.ravel()))
    floats = Coopetition(
        {k: [float(x) for x in v] for k, v in target.items()},
        {k: [float(x) for x in v] for k, v in start.items()},
        alpha=0.1,
        floor_context=0.2,
    ).descent(2, rate=0.5)
    np.testing.assert_allclose(found.loss.astype(float), floats.loss, rtol=1e-13)
    np.testing.assert_allclose(found.beside.astype(float), floats.beside, rtol=1e-13)


@pytest.mark.parametrize(("without", "alone"), [("d", "in_context"), ("a", "in_weights")])
def test_either_strategy_alone_reaches_its_solution(without, alone):
    found = Coopetition.drawn((4, 4, 4, 8), seed=2).descent(4000, keep=100, without=without)
    assert getattr(found, alone)[-1] < 1e-6
    assert not found.share[:, "abcd".index(without)].any()


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: Coopetition({}, {}), r"targets=nothing\): must be vectors a, b, c and d"),
        (lambda: Coopetition.drawn(seed=-1), r"drawn\(seed=-1\): must be an integer >= 0"),
        (lambda: Coopetition.drawn((1, 2), seed=0), r"sizes=\(1, 2\)\): must be four integers"),
        (lambda: Coopetition.drawn(seed=0).descent(1, rate=0), r"rate=0\): must be a positive"),
        (lambda: Coopetition.drawn(seed=0).emergence_time("b"), r'time\(without=b\): must be "a"'),
        (lambda: Coopetition.drawn(seed=0).descent(99, rate=1e4), r"the steps do not diverge"),
        (lambda: Coopetition.drawn(seed=0, l2=-1), r"l2=-1\): must be a finite real number >= 0"),
        (lambda: Coopetition.drawn(seed=0).lifetime(0), r"squared_norm=0\): must be a positive"),
        (lambda: along(l2=1e-50).stationary_points(), r"l2=1e-50\): must be 0 or not as small"),
        (lambda: long(1e-60).stationary_points(), r"targets=vectors of others\): must be of such"),
        (
            lambda: long(10**200).stationary_points(),
            r"targets=vectors of others\): must be of such",
        ),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()


@pytest.mark.parametrize("without", [None, "a", "d"])
def test_small_starts_emerge_after_one_over_their_size(without):
    """By descent itself; together sooner than alone from where either alone is the same."""
    targets = {k: np.array([1.0, -2.0, 0.5]) for k in "abcd"}
    starts = {k: 0.003 * np.array([0.5, -1.0, 1.0]) for k in "abcd"}
    model = Coopetition(targets, starts, alpha=0.0, floor_context=0.0)
    time = model.emergence_time(without)
    course = model.descent(int(1.5 * time / 0.05), rate=0.05, without=without)
    error = course.in_weights if without == "a" else course.in_context
    half = (error < error[0] / 2).argmax() * 0.05
    assert half == pytest.approx(time, rel=0.01)
    sooner = 1 if without else math.atanh(math.sqrt(0.5)) / math.sqrt(2)  # R_F(2, 1, 1) / sqrt 2
    assert time == pytest.approx(sooner * model.emergence_time("a"), rel=1e-12)


def test_with_l2_small_starts_emerge_or_die():
    """Unequal starts at 0.95 and at 1.05 of the weakest penalty under which they die."""
    targets = {k: np.ones(4) for k in "abcd"}
    sizes = {"a": 1.0, "b": 0.5, "c": 2.0, "d": 0.7}
    starts = {k: 1e-3 * size * np.ones(4) for k, size in sizes.items()}
    free = Coopetition(targets, starts, alpha=0.0).emergence_time()
    for held in (0.95, 1.05):
        model = Coopetition(targets, starts, alpha=0.0, l2=held / free)
        time = model.emergence_time()
        assert time == (pytest.approx(-free * math.log(0.05) / 0.95) if held < 1 else math.inf)
        course = model.descent(int(1.3 * min(time, 3.2 * free)), keep=10)
        half = (course.in_context < course.in_context[0] / 2).argmax()
        assert course.steps[half] == (pytest.approx(time, rel=0.05) if held < 1 else 0)


def test_a_start_against_its_target_passes_the_origin_first():
    """Where two parts are equal Carlson's integral is an arctangent."""
    unit = {k: [1.0] for k in "abcd"}
    starts = {"a": [-0.1], "b": [0.2], "c": [0.2], "d": [0.0]}
    model = Coopetition(unit, starts, alpha=0.0)
    rate, _ = model.growth_rates
    assert rate == 0.5  # the other error at zero
    root = math.sqrt(0.03)
    expected = (math.pi / 2 + math.atan(0.1 / root)) / root  # dx / (x² + 0.03) from -0.1 on
    assert model.emergence_time("d") == pytest.approx(expected / rate, rel=1e-12)
    stuck = Coopetition(unit, starts | {"b": [0.0], "c": [0.0]})
    assert stuck.emergence_time() == math.inf
    assert Coopetition(unit, starts | {"a": [-0.3]}).emergence_time("d") == math.inf


def long(size):
    vectors = {k: [size] for k in "abcd"}
    return Coopetition(vectors, vectors, l2=1e-3)


def along(sizes=(20, 20, 20, 160), **options):
    ones = {k: np.ones(size) for k, size in zip("abcd", sizes, strict=True)}
    return Coopetition(ones, ones, **options)


def test_weak_l2_ends_in_the_weights_and_more_in_context():
    """The published setting: an end, and the least start that leaves the origin."""
    for penalty, explained in ((3e-4, (0.0275, 0.9789)), (2e-3, (0.8870, 0.2836))):
        origin, low, end = along(l2=penalty).stationary_points()
        assert (origin.stable, low.stable, end.stable) == (True, False, True)
        assert (end.context_share, end.weights_share) == pytest.approx(explained, abs=1e-4)
    for penalty in (0.02, 1e100, 1e300):
        (origin,) = along(l2=penalty).stationary_points()
    assert origin.stable
    assert not origin.shares.any()


def test_where_strategies_are_alike_the_end_is_a_root_of_one_polynomial():
    """Without cost, with floors and `p = q`: λ p = w (1 - p) Y² and Y³ = 2 T² p², here in Y."""
    floor, penalty, size = 0.3, 0.01, 3
    found = along((size,) * 4, alpha=0.0, floor_context=floor, floor_weights=floor, l2=penalty)
    whole, entries = size**1.5, size**3

    def off(y):
        p = math.sqrt(y**3 / 2) / whole
        weight = (whole**2 * (1 - p) ** 2 / (2 * entries) + floor) / entries
        return weight * (1 - p) * y**2 - penalty * p

    from scipy.optimize import brentq

    y = brentq(off, 1.0, (2 * whole**2) ** (1 / 3), xtol=1e-15)
    end = found.stationary_points()[-1]
    assert end.shares[1] == pytest.approx(math.sqrt(y / size), rel=1e-10)
    assert end.context_share == pytest.approx(math.sqrt(y**3 / 2) / whole, rel=1e-10)


def test_no_rest_point_is_missing_among_many_starts():
    """Newton's method on the flow of all eight numbers, from 300 starts, finds the listed ones."""
    from scipy.optimize import root

    options = {"alpha": 10.0, "floor_context": 0.05, "floor_weights": 0.05, "l2": 1e-3}
    model = along((4,) * 4, **options)
    points = model.stationary_points()
    assert [point.stable for point in points] == [True, False, True, False, True, False, True]
    law = model._law()

    def flow(share):
        at = slopes([*share], [0.0] * 4, *law)
        return [f - h * x for f, h, x in zip(at.pull, at.shrink, share, strict=True)]

    rng, met = np.random.default_rng(0), set()
    for start in rng.uniform(0, 1.5, (300, 4)):
        found = root(flow, start, tol=1e-13)
        if max(map(abs, flow(found.x))) < 1e-14:
            gaps = [abs(abs(found.x) - point.shares).max() for point in points]
            assert min(gaps) < 1e-6
            met.add(int(np.argmin(gaps)))
    assert met >= {0, 2, 3, 4, 5, 6}


@pytest.mark.parametrize(
    ("options", "explained"),
    [
        ({}, [(0, 1)]),
        ({"floor_context": 0, "floor_weights": 0.1}, [(1, 0)]),
        ({"floor_context": 0}, [(0, 1), (1, 0)]),
        ({"floor_weights": 0.1}, []),
        ({"floor_weights": 0.1, "alpha": 0}, [(1, 1)]),
    ],
)
def test_without_l2(options, explained):
    """What rests is also what weak L2 leaves, unless floors make the shared parts grow."""
    origin, *ends = along((3, 4, 2, 5), **options).stationary_points()
    assert [origin.stable, *(end.stable for end in ends)] == [False] + len(ends) * [True]
    shown = [(end.context_share, end.weights_share) for end in ends]
    np.testing.assert_allclose(np.reshape(shown, (-1, 2)), np.reshape(explained, (-1, 2)))
    weak = along((3, 4, 2, 5), l2=1e-7, **options).stationary_points()[1:]
    near = [point.shares for point in weak if point.stable]
    if ends:
        np.testing.assert_allclose(near, [end.shares for end in ends], atol=1e-3)
    else:
        assert (
            near[0][1] > 1.2 * along((3, 4, 2, 5), l2=1e-5, **options).stationary_points()[-1][2][1]
        )


def test_a_pair_that_is_nearly_one_is_told_apart():
    """Where two points are born: the grid sees one, the other is found by deflation."""
    options = {"alpha": 10.0, "floor_context": 0.05, "floor_weights": 0.05}
    fold = 0.0004874115750399
    assert len(along((4,) * 4, l2=fold * (1 - 1e-9), **options).stationary_points()) == 3
    points = along((4,) * 4, l2=fold * (1 + 1e-9), **options).stationary_points()
    assert len(points) == 7
    assert 0 < abs(points[2].context_share - points[3].context_share) < 1e-4


def test_a_lifetime_is_seen_in_descent():
    """Near the shortest solution in the weights, over the steps in which the square of `a` counts
    for nothing."""
    model = along()
    size = model.stationary_points()[1].shares
    starts = {k: x * np.ones(len(model.targets[k])) for k, x in zip("abcd", size, strict=True)}
    starts["a"] = 1e-4 * np.ones(20)
    course = Coopetition(model.targets, starts).descent(800, keep=800)
    assert course.share[-1, 0] == pytest.approx(1e-4 * (1 - 1 / 800) ** 800, rel=1e-6)
    assert model.lifetime() == pytest.approx(800, rel=1e-12)  # 20 · 160 / (0.1 · 40)
    assert model.lifetime(80.0) == pytest.approx(400)
    assert along(alpha=0.0).lifetime() == math.inf
