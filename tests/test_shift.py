"""Covariate shift: the report against independent sums, families, and crossings as roots."""

from __future__ import annotations

import numpy as np
import pytest

from lsa_theory import GaussianPrompts, global_minimum, risk, shift
from lsa_theory.estimators import Bayes, GradientDescent, LeastSquares, LinearAttention, Ridge
from lsa_theory.shift import lengths
from lsa_theory.shift.roots import roots


def covariance(seed, d):
    root = np.random.default_rng(seed).standard_normal((d, 2 * d))
    return root @ root.T / (2 * d)


TRAIN = GaussianPrompts(covariance(1, 5), 30, noise_variance=0.2)
TEST = TRAIN.replace(
    covariance=covariance(2, 5), query_covariance=covariance(3, 5), context_length=12
)
REPORT = shift.covariate_shift(TRAIN, TEST)


def test_report_is_made_of_the_library_s_risks():
    gain = global_minimum(TRAIN).gain
    assert REPORT.attention.value == pytest.approx(risk(gain, TEST), rel=1e-13)
    assert REPORT.others["least squares"].kind == "exact"
    assert REPORT.others["zero"].value == pytest.approx(np.trace(TEST.query_covariance))
    assert REPORT.overtaken == (REPORT.others["least squares"].value < REPORT.attention.value)


def test_directions_carry_the_whole_risk():
    damage, basis = REPORT.directions
    assert damage.sum() == pytest.approx(REPORT.attention.value, rel=1e-12)
    assert (np.diff(damage) <= 0).all()
    spectrum = np.linalg.eigvalsh(TEST.query_covariance)
    for k in range(5):
        alone = TEST.replace(query_covariance=np.outer(basis[:, k], basis[:, k]))
        level = basis[:, k] @ TEST.query_covariance @ basis[:, k]
        assert np.isclose(spectrum, level).any()
        assert damage[k] == pytest.approx(level * risk(REPORT.gain, alone), rel=1e-10)


def test_limit_is_where_long_contexts_go():
    errors = []
    for n in (10**4, 10**5, 10**6):
        long = TRAIN.replace(context_length=n)
        found = shift.covariate_shift(long, TEST.replace(context_length=n))
        errors.append(abs(found.attention.value - found.limit_risk))
    assert errors[0] > 5 * errors[1] > 25 * errors[2]
    scaled = shift.covariate_shift(TRAIN, shift.scaled(TRAIN)(1.7))
    zero = scaled.others["zero"].value
    assert scaled.limit_risk == pytest.approx(0.7**2 * zero, rel=1e-12)
    assert np.allclose(scaled.limit_map, 1.7 * np.eye(5))


def test_rescaling_is_the_best_factor_and_retraining_the_best_gain():
    best = REPORT.rescaled
    around = [risk(c * best.factor * REPORT.gain, TEST) for c in (0.999, 1.0, 1.001)]
    assert best.risk == pytest.approx(around[1], rel=1e-10)
    assert around[1] < min(around[0], around[2])
    assert REPORT.retrained.risk == pytest.approx(2 * global_minimum(TEST).loss)
    assert 0 < best.share < 1
    assert REPORT.retrained.risk < best.risk < REPORT.attention.value
    scaled = shift.covariate_shift(
        TRAIN.replace(noise_variance=0.0), shift.scaled(TRAIN.replace(noise_variance=0.0))(3.0)
    )
    assert scaled.rescaled.share == pytest.approx(1.0, abs=1e-2)


@pytest.mark.parametrize("singular", ["task_covariance", "covariance"])
def test_the_limit_of_a_law_that_trains_on_less(singular):
    """What it never trained on it never answers: the risk approaches the limit as 1/N."""
    known = covariance(3, 4)[:, :2] @ covariance(3, 4)[:, :2].T
    train = GaussianPrompts(covariance(1, 4), 50).replace(**{singular: known})
    test = GaussianPrompts(covariance(2, 4), 50, task_covariance=covariance(5, 4))
    if singular == "covariance":  # features never seen in training, if shown, are amplified by N
        assert shift.covariate_shift(train, test).limit_risk == np.inf
        test = test.replace(covariance=3 * known, query_covariance=covariance(2, 4))
    gaps = []
    for n in (10**5, 2 * 10**5):
        laws = (law.replace(context_length=n) for law in (train, test))
        found = shift.covariate_shift(*laws)
        gaps.append(found.attention.value - found.limit_risk)
    assert gaps[0] / gaps[1] == pytest.approx(2, rel=1e-2)


def test_a_touch_is_no_overtaking():
    """Tasks of size 0 cost nobody anything, and no lead changes there."""
    train = GaussianPrompts(np.arange(1.0, 5.0), 50)
    assert shift.overtaking(train, shift.retasked(train)) == []


def test_no_shift_is_no_damage():
    same = shift.covariate_shift(TRAIN, TRAIN)
    assert same.attention.value == pytest.approx(same.retrained.risk, rel=1e-12)
    assert same.rescaled.factor == pytest.approx(1.0)
    assert same.rescaled.share == 0.0


@pytest.mark.parametrize(
    "family",
    [
        shift.scaled(TRAIN),
        shift.rotated(TRAIN),
        shift.spiked(TRAIN),
        shift.removed(TRAIN),
        shift.interpolated(TRAIN, covariance(7, 5)),
        shift.respaced(TRAIN),
        shift.retasked(TRAIN),
        shift.requeried(TRAIN),
        shift.noisier(TRAIN),
        shift.longer(TRAIN),
    ],
    ids=lambda family: family.name,
)
def test_families_start_from_the_law(family):
    gain = global_minimum(TRAIN).gain
    assert risk(gain, family(family.neutral)) == pytest.approx(risk(gain, TRAIN), rel=1e-10)
    far = family(family.interval[1])
    assert risk(gain, far) != pytest.approx(risk(gain, TRAIN), rel=1e-3)


def test_families_are_what_they_say():
    trace = np.trace(TRAIN.covariance)
    spectrum = np.linalg.eigvalsh(TRAIN.covariance)
    turned = shift.rotated(TRAIN, 1, 3)(0.4).covariance
    assert np.allclose(np.linalg.eigvalsh(turned), spectrum)
    assert np.allclose(shift.rotated(TRAIN)(np.pi).covariance, TRAIN.covariance)
    assert np.trace(shift.spiked(TRAIN)(2.0).covariance) == pytest.approx(trace * (1 + 2 / 5))
    assert np.linalg.eigvalsh(shift.removed(TRAIN)(1.0).covariance)[0] == pytest.approx(
        0, abs=1e-15
    )
    assert np.allclose(shift.respaced(TRAIN)(0.0).covariance, trace / 5 * np.eye(5))
    kept = shift.scaled(TRAIN, query=False)(2.0)
    assert np.array_equal(kept.query_covariance, TRAIN.covariance)


# --- crossings ---


def test_overtaking_at_the_root_of_a_cubic():
    """Λ_c = c Λ, white, queries unmoved: a layer risk quadratic in c against one in 1/c."""
    d, n, noise = 4, 40, 20.0
    train = GaussianPrompts(np.ones(d), n, noise_variance=noise)
    family = shift.scaled(train, query=False)
    found = shift.overtaking(train, family)
    b = float(global_minimum(train).gain[0])
    # d (b c − 1)² + b² (d/n) (c (c d + σ²) + c²) − σ² d / (c (n − d − 1)), times c / d
    cubic = [b * b * (1 + (d + 1) / n), b * b * noise / n - 2 * b, 1.0, -noise / (n - d - 1)]
    exact = [r.real for r in np.roots(cubic) if abs(r.imag) < 1e-9 and 0.1 < r.real < 4]
    assert found == pytest.approx(sorted(exact), rel=1e-10)
    assert len(found) == 1
    gain = global_minimum(train).gain
    for factor, layer_wins in ((0.99, True), (1.01, False)):
        law = family(factor * found[0])
        assert bool(risk(gain, law) < LeastSquares().risk(law).value) is layer_wins


def test_no_crossing_and_other_estimators():
    noiseless = TRAIN.replace(noise_variance=0.0)
    assert shift.overtaking(noiseless, shift.scaled(noiseless)) == []
    found = shift.overtaking(TRAIN, shift.scaled(TRAIN), estimator=Ridge(0.05), interval=(0.2, 3))
    for root in found:
        law = shift.scaled(TRAIN)(root)
        other = Ridge(0.05).risk(law, count=2).value
        assert risk(global_minimum(TRAIN).gain, law) == pytest.approx(other, rel=1e-9)


def test_lengths_are_integers():
    train = GaussianPrompts(np.arange(1.0, 5.0), 12, noise_variance=2.0)
    family = shift.longer(train)
    assert shift.overtaking(train, family, interval=(6, 8)) == [7]
    assert shift.overtaking(train, family) == [3, 7]  # least squares is infinite in between
    assert shift.overtaking(train, family, interval=(6.2, 6.8)) == []
    assert shift.overtaking(train, family, estimator=LinearAttention.trained(train)) == []
    assert family(8.0).context_length == 8


def test_of_many_lengths_the_change_is_bisected(monkeypatch):
    """By an estimator without a rule for where to look, against all integers."""
    train = GaussianPrompts(np.arange(1.0, 5.0), 12, noise_variance=2.0)
    wider = train.replace(noise_variance=0.5)
    other, family = Bayes(train), shift.longer(wider)
    gain = global_minimum(wider).gain
    limit = [sum(other.limit(family(m))) < risk(gain, family(m)) for m in range(1, 801)]
    grid = [m + 1 for m in range(1, 800) if limit[m] != limit[m - 1]]
    monkeypatch.setattr(lengths, "MOST", 20)

    class Known(Bayes):
        def known(self, law):
            return self.limit(law)

    assert shift.overtaking(wider, family, estimator=Known(train), interval=(1, 800)) == grid


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x**2 - 0.25, [0.5]),
        (lambda x: x**2 + 0.25, []),
        (lambda x: np.sin(20 * x), np.pi / 20 * np.arange(20)),
        (lambda x: (x - 1) ** 2, [1.0]),
        (lambda x: 0.0, []),
        (lambda x: abs(x - 1.234) - 1e-3, [1.233, 1.235]),
    ],
)
def test_roots(function, expected):
    assert roots(function, (0.0, 3.1)) == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: shift.covariate_shift(TRAIN, GaussianPrompts(np.ones(3), 5)), "dimension 5"),
        (lambda: shift.rotated(TRAIN, 7), "one of 5 eigenvectors"),
        (lambda: shift.rotated(TRAIN, 1, 1), "another eigenvector"),
        (lambda: shift.spiked(TRAIN, np.zeros(5)), "not the zero vector"),
        (lambda: shift.overtaking(TRAIN, shift.scaled(TRAIN), interval=(2, 1)), "in order"),
        (
            lambda: shift.overtaking(
                TRAIN.replace(context_length=5), shift.scaled(TRAIN.replace(context_length=5))
            ),
            r"overtaking\(interval=\(0.1, 4\)\): must be where both risks are finite",
        ),
        (
            lambda: shift.overtaking(
                TRAIN, shift.scaled(TRAIN), estimator=GradientDescent(0.1, steps=5)
            ),
            r"overtaking\(estimator=GradientDescent\): must be one whose risk is exact or a limit",
        ),
        (lambda: shift.longer(TRAIN)(3.7), r"longer\(length=3.7\): must be an integer"),
        (
            lambda: shift.respaced(GaussianPrompts([1.0, 0.0], 5))(-1.0),
            r"respaced\(exponent=-1.0\): must be at least 0, as .* zero eigenvalue",
        ),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
