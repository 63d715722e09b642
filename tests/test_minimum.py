"""The global minimum: stationary and least, exactly; accurate where the textbook form cancels."""

from __future__ import annotations

import tracemalloc
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles import Law, network_error
from strategies import (
    arrays,
    covariances,
    exact_cases,
    exact_laws,
    float_covariance,
    positive,
    rational,
)

from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    block_minimum,
    global_minimum,
    population_loss,
    risk,
)

EPSILON = np.finfo(np.float64).eps
STEP = Fraction(1, 3)


def matrix_of(array: np.ndarray) -> sympy.Matrix:
    return sympy.Matrix(array.shape[0], array.shape[1], [sympy.Rational(x) for x in array.flat])


def fractions_of(matrix: sympy.Matrix) -> np.ndarray:
    return rational(*[[Fraction(int(x.p), int(x.q)) for x in row] for row in matrix.tolist()])


def gradient(function, *arguments: np.ndarray) -> list[Fraction]:
    """Every partial derivative of a polynomial of degree at most 2 in each single argument, for
    which central differences of any step are exact."""
    slopes = []
    for position, argument in enumerate(arguments):
        for index in np.ndindex(argument.shape):
            values = []
            for sign in (1, -1):
                moved = list(arguments)
                moved[position] = argument.copy()
                moved[position][index] += sign * STEP
                values.append(function(*moved))
            slopes.append((values[0] - values[1]) / (2 * STEP))
    return slopes


def loss_of_parameters(prompts: GaussianPrompts):
    def loss(v, s, u, p):
        return population_loss(LinearSelfAttention.from_parameters(v, s[0], u, p), prompts)

    return loss


def exact_minimiser(minimum, s=Fraction(3, 2)):
    """Its parameters, for an `s` that is a rational."""
    gain = minimum.gain if minimum.gain.ndim == 2 else np.diag(minimum.gain)
    zero = 0 * gain[0]
    return zero, rational(s), gain / s, zero


# --- stationary and least, on exact rationals --------------------------------------------------


@given(st.integers(1, 3), st.integers(1, 40), st.data())
@settings(max_examples=15)
def test_the_gradient_vanishes_in_every_parameter(dimension, length, data):
    law = data.draw(exact_laws(dimension, length, zero_mean=True))
    prompts = GaussianPrompts(**law.arguments)
    slopes = gradient(loss_of_parameters(prompts), *exact_minimiser(global_minimum(prompts)))
    assert len(slopes) == (dimension + 1) ** 2
    assert set(slopes) == {0}


def test_the_gradient_of_the_network_itself_vanishes():
    """The same without the library's risk: W^PV and W^KQ entry by entry."""
    law = Law(
        rational([1, 1], [0, 2]),
        rational([2, 0], [1, -1]),
        rational([1, -1], [2, 1]),
        rational(0, 0),
        Fraction(1, 2),
        2,
    )
    minimum = global_minimum(GaussianPrompts(**law.arguments))
    layer = LinearSelfAttention.from_block(minimum.gain / 2, Fraction(2))
    slopes = gradient(lambda pv, kq: network_error(pv, kq, law), layer.pv, layer.kq)
    assert set(slopes) == {0}
    assert network_error(layer.pv, layer.kq, law) == 2 * minimum.loss


@given(exact_cases(longest=40, zero_mean=True))
def test_nothing_is_below_the_minimum(case):
    matrices, law = case
    prompts = GaussianPrompts(**law.arguments)
    minimum = global_minimum(prompts)
    assert population_loss(LinearSelfAttention(*matrices), prompts) >= minimum.loss
    assert population_loss(minimum.gain, prompts) == minimum.loss


@given(exact_cases(longest=40, zero_mean=True), st.integers(0, 12))
def test_nothing_nearby_is_below_the_minimum(case, exponent):
    """Every parameter moved at once, by steps down to 2^-12, from layers at the minimum."""
    (pv, kq), law = case
    prompts = GaussianPrompts(**law.arguments)
    minimum = global_minimum(prompts)
    layer = LinearSelfAttention.from_parameters(*_unpacked(exact_minimiser(minimum)))
    step = Fraction(1, 2**exponent)
    moved = LinearSelfAttention(layer.pv + step * pv, layer.kq + step * kq)
    assert population_loss(moved, prompts) >= minimum.loss


def _unpacked(parameters):
    v, s, u, p = parameters
    return v, s[0], u, p


@given(covariances(3), covariances(3), positive, st.integers(1, 40))
def test_the_textbook_forms(covariance, task, noise, length):
    assume(sympy.det(matrix_of(covariance)) != 0)
    identity, n = sympy.eye(3), sympy.Integer(length)
    lam, omega = matrix_of(covariance), matrix_of(task)

    gamma = (1 + 1 / n) * lam + lam.trace() / n * identity
    plain = global_minimum(GaussianPrompts(covariance, length))
    assert (plain.gain == fractions_of(gamma.inv())).all()
    assert plain.loss == Fraction(str((lam - gamma.inv() * lam**2).trace() / 2))
    shifted = lam + lam.trace() * identity
    assert plain.loss == Fraction(str((shifted * gamma.inv() * lam).trace() / (2 * n)))

    tau = ((lam * omega).trace() + sympy.Rational(noise)) / n
    expected = ((1 + 1 / n) * omega * lam + tau * identity).inv() * omega
    prompts = GaussianPrompts(covariance, length, task_covariance=task, noise_variance=noise)
    assert (global_minimum(prompts).gain == fractions_of(expected)).all()


def test_white_features_by_hand():
    """Γ = (1 + 1/20 + 5/20) I = 1.3 I, and the loss is 5/2 (1 − 1/1.3) = 15/26."""
    minimum = global_minimum(GaussianPrompts(rational(1, 1, 1, 1, 1), 20))
    assert (minimum.gain == Fraction(10, 13)).all()
    assert minimum.loss == Fraction(15, 26)
    assert minimum.unique
    assert all(isinstance(entry, Fraction) for entry in [*minimum.gain, minimum.loss])


def test_one_feature_by_hand():
    """λ = 2, ω = 3, σ² = 4, N = 2: `E h² = λ²ω (N + 1)/N + λ (λω + σ²)/N = 18 + 10` and
    `E h w = 6`; at a query of variance 5 the loss is ½ · 5 (3 − 6²/28)."""
    prompts = GaussianPrompts(
        *(rational([2]), 2),
        noise_variance=4,
        task_covariance=rational([3]),
        query_covariance=rational([5]),
    )
    minimum = global_minimum(prompts)
    assert minimum.gain == rational([Fraction(6, 28)])
    assert minimum.loss == Fraction(5, 2) * (3 - Fraction(36, 28))


# --- task means --------------------------------------------------------------------------------


@given(st.integers(1, 3), st.integers(1, 40), st.data())
@settings(max_examples=15)
def test_the_block_minimum_is_stationary_on_the_block(dimension, length, data):
    prompts = GaussianPrompts(**data.draw(exact_laws(dimension, length)).arguments)
    minimum = block_minimum(prompts)
    assert set(gradient(lambda gain: population_loss(gain, prompts), minimum.gain)) == {0}
    assert population_loss(minimum.gain, prompts) == minimum.loss
    second_moment = prompts.task + np.outer(prompts.task_mean, prompts.task_mean)
    centred = prompts.replace(task_mean=None, task_covariance=second_moment)
    assert (global_minimum(centred).gain == minimum.gain).all()
    assert global_minimum(centred).loss == minimum.loss


def test_with_a_task_mean_something_off_the_block_is_lower():
    prompts = GaussianPrompts(rational(1, 2), 5, task_mean=rational(1, -1))
    minimum = block_minimum(prompts)
    parameters = exact_minimiser(minimum)
    slopes = np.array(gradient(loss_of_parameters(prompts), *parameters))
    v, s, u, p = _unpacked(parameters)
    along_v, on_block, along_p = slopes[:2], slopes[2:7], slopes[7:]
    assert along_v.all()
    assert along_p.all()
    assert not on_block.any()
    for moved in ((v - along_v / 100, s, u, p), (v, s, u, p - along_p / 1000)):
        lower = LinearSelfAttention.from_parameters(*moved)
        assert population_loss(lower, prompts) < minimum.loss
    with pytest.raises(ValueError, match="block_minimum"):
        global_minimum(prompts)


def test_a_mean_of_zeros_is_no_mean():
    prompts = GaussianPrompts(np.diag([1.0, 2.0]), 5)
    spelt = global_minimum(prompts.replace(task_mean=np.zeros(2)))
    assert (spelt.gain == global_minimum(prompts).gain).all()
    assert (block_minimum(prompts).gain == spelt.gain).all()


# --- singular and vanishing laws ---------------------------------------------------------------


@given(arrays(3, 1), positive, st.integers(1, 40), arrays(3, 3))
def test_a_covariance_of_rank_one(direction, scale, length, change):
    """`Λ = κ e e^T / |e|²`: one feature of variance κ, and the rest of the gain is free."""
    assume((direction != 0).any())
    projection = direction @ direction.T / (direction.T @ direction)[0, 0]
    prompts = GaussianPrompts(scale * projection, length)
    minimum = global_minimum(prompts)
    gamma = scale * Fraction(length + 2, length)
    assert (projection @ minimum.gain @ projection == projection / gamma).all()
    assert minimum.loss == scale * (1 - scale / gamma) / 2
    assert minimum.free_directions == 8
    assert not minimum.unique
    free = change - projection @ change @ projection
    assert population_loss(minimum.gain + free, prompts) == minimum.loss
    moved = minimum.gain + projection
    assert population_loss(moved, prompts) > minimum.loss


@pytest.mark.parametrize(
    ("covariance", "task", "noise", "query", "free"),
    [
        ([1, 1, 1], [1, 1, 1], 0, None, 0),
        ([1, 0, 0], [1, 1, 1], 0, None, 8),
        ([1, 1, 0], [1, 1, 1], 0, None, 5),
        ([1, 1, 0], [1, 1, 1], 0, [1, 1, 1], 3),
        ([1, 1, 1], [1, 1, 1], 0, [1, 0, 0], 6),
        ([1, 1, 1], [1, 0, 0], 0, None, 0),  # noise-like labels still penalise the rest
        ([1, 0, 0], [0, 1, 1], 0, None, 9),  # labels are zero
        ([1, 0, 0], [0, 1, 1], 1, None, 8),
        ([1, 1, 1], [0, 0, 0], 0, None, 9),
        ([0, 0, 0], [1, 1, 1], 1, None, 9),
    ],
)
@pytest.mark.parametrize("form", [list, np.diag, rational], ids=["vector", "matrix", "exact"])
def test_free_directions(covariance, task, noise, query, free, form):
    def given_as(entries):
        return form(entries) if form is not rational else rational(*entries)

    prompts = GaussianPrompts(
        given_as(covariance),
        4,
        noise_variance=noise,
        task_covariance=given_as(task),
        query_covariance=None if query is None else given_as(query),
    )
    minimum = global_minimum(prompts)
    assert minimum.free_directions == free == 9 - _hessian_rank(prompts)
    assert minimum.unique == (free == 0)
    assert population_loss(minimum.gain, prompts) == pytest.approx(float(minimum.loss), abs=1e-15)


def _hessian_rank(prompts):
    """By exact second differences of the loss in the gain."""
    exact = prompts.replace(
        **{
            name: rational(*getattr(prompts, name))
            for name in ("covariance", "task_covariance", "query_covariance")
            if getattr(prompts, name) is not None
        },
        noise_variance=Fraction(prompts.noise_variance),
    )
    basis = [unit.reshape(3, 3) for unit in rational(*np.eye(9, dtype=int))]
    loss = {}
    for i, left in enumerate(basis):
        for j, right in enumerate(basis[: i + 1]):
            loss[i, j] = loss[j, i] = population_loss(left + right, exact)
    single = [population_loss(unit, exact) for unit in basis]
    zero = population_loss(0 * basis[0], exact)
    return sympy.Matrix(
        9, 9, lambda i, j: sympy.Rational(loss[i, j] - single[i] - single[j] + zero)
    ).rank()


@pytest.mark.parametrize("sigma", [0, 1])
@pytest.mark.parametrize("shape", ["vector", "matrix", "exact vector", "exact matrix"])
def test_no_signal(shape, sigma):
    """Λ = 0 and Ω = 0, with and without label noise: `h` is zero, or noise alone."""
    zero, one = np.zeros(2), np.ones(2)
    if "exact" in shape:
        zero, one = rational(0, 0), rational(1, 1)
    if "matrix" in shape:
        zero, one = np.diag(zero), np.diag(one)
    flat = global_minimum(GaussianPrompts(zero, 3, noise_variance=sigma))
    assert flat.loss == 0
    assert flat.gain.shape == zero.shape
    assert flat.gain.dtype == zero.dtype
    assert (flat.gain == (3 * one if sigma else zero)).all()
    idle = global_minimum(GaussianPrompts(one, 3, noise_variance=sigma, task_covariance=zero))
    assert idle.loss == 0
    assert idle.gain.shape == zero.shape
    assert not idle.gain.any()


def test_a_zero_law_in_mixed_shapes_is_a_matrix():
    prompts = GaussianPrompts(np.eye(2), 3, task_covariance=np.zeros(2))
    assert global_minimum(prompts).gain.shape == (2, 2)


# --- accuracy ----------------------------------------------------------------------------------


def reference(prompts, digits=60):
    """Gain and loss in mpmath, from the normal equations `C B Λ_q = Λ Ω Λ_q`."""
    with mpmath.workdps(digits):
        lam = mpmath.matrix(prompts.covariance.tolist())
        omega = mpmath.matrix(np.asarray(prompts.task_covariance).tolist())
        query = mpmath.matrix(prompts.query_covariance.tolist())
        n, d = mpmath.mpf(prompts.context_length), prompts.dimension

        def trace(matrix):
            return mpmath.fsum(matrix[i, i] for i in range(d))

        variance = trace(lam * omega) + mpmath.mpf(prompts.noise_variance)
        moment = (1 + 1 / n) * lam * omega * lam + variance / n * lam
        gain = moment**-1 * lam * omega
        loss = trace((omega - gain.T * lam * omega) * query) / 2
        return np.array(gain.tolist(), dtype=object).reshape(d, d), loss


@pytest.mark.parametrize("length", [1, 20, 10**6, 10**12, 2**53])
@pytest.mark.parametrize("condition", [1.0, 1e3, 1e8])
@pytest.mark.parametrize("prior", ["identity", "general"])
def test_digits_lost_are_those_of_gamma(length, condition, prior):
    """Errors relative to `eps · cond(Γ)`, Γ the matrix that is solved: `cond <= N + 2` whatever
    Λ; at `N = 10¹²` the textbook loss keeps no digit but those."""
    rng, d = np.random.default_rng(7), 5
    rotation, _ = np.linalg.qr(rng.standard_normal((d, d)))
    covariance = (rotation * np.geomspace(1, 1 / condition, d)) @ rotation.T
    prompts = GaussianPrompts(
        (covariance + covariance.T) / 2,
        length,
        noise_variance=0.0 if prior == "identity" else 0.5,
        task_covariance=np.eye(d) if prior == "identity" else float_covariance(rng, d),
        query_covariance=float_covariance(rng, d),
    )
    law = prompts.replace(task_covariance=None) if prior == "identity" else prompts
    minimum, (gain, loss) = global_minimum(law), reference(prompts)
    factor = np.linalg.cholesky(prompts.task_covariance)
    variance = (prompts.covariance @ prompts.task_covariance).trace() + prompts.noise_variance
    inner = (length + 1) * factor.T @ prompts.covariance @ factor + variance * np.eye(d)
    unit = EPSILON * np.linalg.cond(inner)
    error = float(max(abs(x) for x in (gain - minimum.gain).flat))
    assert error <= 16 * unit * np.linalg.norm(minimum.gain, 2)
    assert abs(minimum.loss - loss) <= 16 * unit * loss


def test_a_long_context_costs_no_digits():
    """`N = 10¹²` with a well-conditioned Λ: cond(Γ) is that of Λ, and so is the loss's error,
    where the textbook form loses eleven digits."""
    covariance = np.array([[2.0, 0.5, 0.0], [0.5, 1.0, 0.25], [0.0, 0.25, 1.5]])
    prompts = GaussianPrompts(
        covariance, 10**12, task_covariance=np.eye(3), query_covariance=covariance
    )
    _, loss = reference(prompts)
    assert abs(global_minimum(prompts).loss / float(loss) - 1) <= 8 * EPSILON
    gamma = (1 + 1e-12) * covariance + covariance.trace() / 1e12 * np.eye(3)
    textbook = (covariance - np.linalg.inv(gamma) @ covariance @ covariance).trace() / 2
    assert abs(textbook / float(loss) - 1) > 1e-6


@pytest.mark.parametrize("length", [10**12, 10**15, 2**53])
@pytest.mark.parametrize("task", [None, np.linspace(1.0, 2.0, 50)], ids=["identity", "general"])
def test_eigenvalues_within_the_tolerance_of_zero_break_nothing(length, task):
    """A covariance that passes as positive semi-definite may be indefinite by `d · eps`."""
    rng = np.random.default_rng(0)
    rotation, _ = np.linalg.qr(rng.standard_normal((50, 50)))
    covariance = (rotation * np.array([1.0, *[-5e-15] * 49])) @ rotation.T
    prompts = GaussianPrompts((covariance + covariance.T) / 2, length, task_covariance=task)
    gain = global_minimum(prompts).gain
    assert np.isfinite(gain).all()
    along = rotation[:, 0] @ gain @ rotation[:, 0]  # 1/(1 + 2/N)
    assert abs(along - 1) <= EPSILON * (length + 2)  # = eps · cond(Γ), 2 at N = 2^53


@pytest.mark.parametrize("task", ["identity", "vector", "matrix"])
@pytest.mark.parametrize("covariance", ["vector", "matrix"])
def test_symmetric_to_the_last_bit(covariance, task):
    rng, d = np.random.default_rng(11), 40
    laws = {"identity": None, "vector": rng.random(d), "matrix": float_covariance(rng, d)}
    gain = global_minimum(GaussianPrompts(laws[covariance], 9, task_covariance=laws[task])).gain
    diagonal = covariance == "vector" and task != "matrix"
    assert gain.shape == ((d,) if diagonal else (d, d))
    assert (gain == gain.T).all()


def test_vectors_and_matrices_agree():
    rng, d = np.random.default_rng(12), 6
    covariance, task, query = rng.random((3, d))
    options = {"noise_variance": 0.2, "task_covariance": task, "query_covariance": query}
    vector = global_minimum(GaussianPrompts(covariance, 9, **options))
    options |= {"task_covariance": np.diag(task), "query_covariance": np.diag(query)}
    matrix = global_minimum(GaussianPrompts(np.diag(covariance), 9, **options))
    np.testing.assert_allclose(np.diag(vector.gain), matrix.gain, rtol=8 * EPSILON, atol=0)
    assert vector.loss == pytest.approx(matrix.loss, rel=8 * EPSILON)


def test_a_million_eigenvalues_in_linear_memory():
    d = 10**6
    eigenvalues = np.linspace(0.0, 2.0, d)
    tracemalloc.start()
    minimum = global_minimum(GaussianPrompts(eigenvalues, 100))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert minimum.gain.shape == (d,)
    assert peak < 20 * eigenvalues.nbytes
    gamma = 1.01 * eigenvalues + eigenvalues.sum() / 100
    np.testing.assert_allclose(minimum.gain, 1 / gamma, rtol=1e-12)
    expected = ((eigenvalues + eigenvalues.sum()) / gamma) @ eigenvalues / 200
    assert minimum.loss == pytest.approx(expected, rel=1e-12)


@given(covariances(2), covariances(2), positive)
def test_the_law_of_the_query_does_not_move_the_minimiser(covariance, query, noise):
    prompts = GaussianPrompts(covariance, 7, noise_variance=noise)
    moved = global_minimum(prompts.replace(query_covariance=query))
    assert (moved.gain == global_minimum(prompts).gain).all()
    assert moved.loss == risk(moved.gain, moved.prompts) / 2


# --- layers at the minimum ---------------------------------------------------------------------

BALANCES = [0.0, 1.0, -1.0, 0.3, 1e12, -1e12, 1e-300, -1e-300, 7]


@pytest.mark.parametrize("balance", BALANCES)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_layer_of_any_balance(balance, sign):
    prompts = GaussianPrompts(float_covariance(np.random.default_rng(2), 4), 10)
    minimum = global_minimum(prompts)
    layer = minimum.layer(balance, sign)
    assert np.sign(layer.s) == sign
    assert not layer.v.any()
    assert not layer.p.any()
    assert layer.balance == pytest.approx(balance, abs=32 * EPSILON * (layer.s**2 + abs(balance)))
    np.testing.assert_allclose(layer.gain, minimum.gain, rtol=4 * EPSILON)
    assert population_loss(layer, prompts) == pytest.approx(minimum.loss, rel=1e-13)


def test_the_limit_of_theorem_4_1():
    prompts = GaussianPrompts(np.array([[2.0, 1.0], [1.0, 3.0]]), 5)
    gamma = np.array([[3.4, 1.2], [1.2, 4.6]])  # 6/5 Λ + I
    inverse = np.linalg.inv(gamma)
    layer = global_minimum(prompts).layer()
    size = np.trace(inverse @ inverse) ** 0.25
    expected = np.zeros((3, 3))
    expected[2, 2] = size
    np.testing.assert_allclose(layer.pv, expected, rtol=1e-14)
    expected[2, 2], expected[:2, :2] = 0, inverse / size
    np.testing.assert_allclose(layer.kq, expected, rtol=1e-14)


def test_a_layer_of_an_exact_minimum_is_in_floats():
    layer = global_minimum(GaussianPrompts(rational([2, 1], [1, 3]), 5)).layer(balance=1)
    assert layer.pv.dtype == layer.kq.dtype == np.float64
    assert layer.balance == pytest.approx(1.0, rel=1e-14)


@pytest.mark.parametrize("balance", [0.0, 2.0, -2.0])
def test_a_layer_of_a_zero_gain(balance):
    layer = global_minimum(GaussianPrompts(np.zeros((2, 2)), 5)).layer(balance)
    assert not layer.gain.any()
    assert layer.balance == pytest.approx(balance, rel=4 * EPSILON)


def test_results_are_not_tied_to_the_arguments():
    covariance = np.array([[2.0, 1.0], [1.0, 3.0]])
    prompts = GaussianPrompts(covariance, 5)
    before = global_minimum(prompts)
    kept = before.gain.copy()
    covariance[:] = 9
    assert (global_minimum(prompts).gain == kept).all()
    before.gain[:] = 0
    assert (global_minimum(prompts).gain == kept).all()
