"""The operations behind the formulas: each arithmetic and shape beside plain matrices."""

from __future__ import annotations

import operator as operators

import numpy as np
import pytest
import sympy
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import arrays, covariances, float_covariance, positive, rational

from lsa_theory import definiteness, linalg
from lsa_theory.linalg import Diagonal

pairs = st.tuples(arrays(3), arrays(3, 3))


def as_matrix(value):
    return value.dense() if isinstance(value, Diagonal) else value


def matrix_of(array):
    return sympy.Matrix(*array.shape, [sympy.Rational(x) for x in array.flat])


@given(pairs, arrays(3))
@pytest.mark.parametrize("operation", [operators.matmul, operators.add, operators.sub])
def test_a_diagonal_acts_as_its_matrix(operation, pair, other):
    vector, matrix = pair
    diagonal, plain = Diagonal(vector), np.diag(vector)
    assert (operation(diagonal, matrix) == operation(plain, matrix)).all()
    assert (operation(matrix, diagonal) == operation(matrix, plain)).all()
    both = operation(diagonal, Diagonal(other))
    assert isinstance(both, Diagonal)
    assert (as_matrix(both) == operation(plain, np.diag(other))).all()


@given(pairs, arrays(3), positive)
def test_the_rest_of_a_diagonal(pair, other, scalar):
    vector, matrix = pair
    diagonal, plain = Diagonal(vector), np.diag(vector)
    assert (diagonal @ other == plain @ other).all()
    assert (other @ diagonal == other @ plain).all()
    assert (as_matrix(scalar * diagonal) == scalar * plain).all()
    assert (as_matrix(diagonal * scalar) == scalar * plain).all()
    assert (as_matrix(diagonal / scalar) == plain / scalar).all()
    assert diagonal.trace() == plain.trace()
    assert (as_matrix(diagonal.T) == plain).all()
    assert (linalg.dense(vector) == plain).all()
    assert linalg.dense(matrix) is matrix
    assert linalg.array(linalg.operator(vector)) is vector
    assert linalg.array(linalg.operator(matrix)) is matrix


def test_floats_and_diagonals_in_place_of_numpy():
    matrix, diagonal = np.arange(4.0).reshape(2, 2), Diagonal(np.array([2.0, 3.0]))
    assert (matrix @ diagonal == [[0.0, 3.0], [4.0, 9.0]]).all()
    assert (diagonal @ matrix == [[0.0, 2.0], [6.0, 9.0]]).all()
    assert (matrix - diagonal == [[-2.0, 1.0], [2.0, 0.0]]).all()


@given(pairs, pairs)
def test_trace_of_a_product(left, right):
    for a in left:
        for b in right:
            expected = (linalg.dense(a) @ linalg.dense(b)).trace()
            assert linalg.product_trace(linalg.operator(a), linalg.operator(b)) == expected


def test_small_ones():
    assert (linalg.outer(np.array([1, 2]), np.array([3, 4, 5])) == [[3, 4, 5], [6, 8, 10]]).all()
    assert linalg.squared_norm(np.array([[1, 2], [3, 4]])) == 30
    assert linalg.square_root(4) == 2.0
    assert linalg.is_exact(np.eye(2), rational(1))
    assert not linalg.is_exact(np.eye(2))
    assert not linalg.is_traced(np.eye(2))
    assert linalg.identity(3).entries.dtype.kind == "i"


# --- solving -----------------------------------------------------------------------------------


@given(arrays(3, 3), arrays(3, 2))
def test_exact_solutions(matrix, right):
    assume(sympy.det(matrix_of(matrix)) != 0)
    assert (matrix @ linalg.solve(matrix, right) == right).all()


def test_an_exact_singular_system_has_no_solution():
    with pytest.raises(np.linalg.LinAlgError):
        linalg.solve(rational([1, 2], [2, 4]), rational([1], [1]))


@given(covariances(3), covariances(3), st.booleans(), st.booleans(), positive, positive)
def test_exact_resolvents(weight, matrix, thin_weight, thin_matrix, scale, shift):
    """`(a W M + c I) R = W` for every mixture of vectors and matrices."""
    weight = weight.diagonal() if thin_weight else weight
    matrix = matrix.diagonal() if thin_matrix else matrix
    found = linalg.resolvent(linalg.operator(weight), linalg.operator(matrix), scale, shift)
    assert isinstance(found, Diagonal) == (thin_weight and thin_matrix)
    w, m, r = linalg.dense(weight), linalg.dense(matrix), as_matrix(found)
    assert (scale * w @ m @ r + shift * r == w).all()
    assert (r == r.T).all()


@pytest.mark.parametrize("weight", ["identity", "vector", "matrix", "singular"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_resolvents_in_floats(weight, order):
    rng, d = np.random.default_rng(5), 8
    matrix = np.asarray(float_covariance(rng, d), order=order)
    direction = rng.standard_normal(d)
    weights = {
        "identity": linalg.identity(d),
        "vector": Diagonal(rng.random(d)),
        "matrix": float_covariance(rng, d),
        "singular": np.outer(direction, direction),
    }
    before, w = matrix.copy(), as_matrix(weights[weight])
    found = linalg.resolvent(weights[weight], matrix, 3.0, 0.7)
    np.testing.assert_allclose((3.0 * w @ matrix + 0.7 * np.eye(d)) @ found, w, atol=1e-13)
    assert (found == found.T).all()
    assert (matrix == before).all()


def test_a_resolvent_survives_a_large_condition_number():
    """`W` and `M` of condition number 1e16 each, and no larger error than `1 + a tr(W M)/c`."""
    rotation, _ = np.linalg.qr(np.random.default_rng(6).standard_normal((6, 6)))
    steep = (rotation * np.geomspace(1, 1e-16, 6)) @ rotation.T
    steep = (steep + steep.T) / 2
    found = linalg.resolvent(steep, steep[::-1, ::-1], 1.0, 1.0)
    residual = (steep @ steep[::-1, ::-1] + np.eye(6)) @ found - steep
    assert abs(residual).max() < 1e-14


def test_roots_of_matrices():
    covariance = float_covariance(np.random.default_rng(8), 5)
    root = linalg.factor(covariance)
    np.testing.assert_allclose(root @ root.T, covariance, rtol=1e-12)
    thin = linalg.factor(Diagonal(np.array([4.0, 9.0])))
    assert (thin.entries == [2.0, 3.0]).all()
    negative = linalg.factor(np.diag([1.0, -1e-17]))  # within the tolerance of a law
    assert np.isfinite(negative).all()


# --- ranks and signs ---------------------------------------------------------------------------


@given(arrays(3, 3))
def test_exact_ranks(root):
    covariance = root @ root.T
    rank = matrix_of(root).rank()
    assert definiteness.rank(covariance) == rank
    assert definiteness.rank(np.array(covariance, dtype=np.float64)) == rank
    assert definiteness.rank(Diagonal(covariance.diagonal())) == np.count_nonzero(
        covariance.diagonal()
    )


def test_rank_of_positive_symbols():
    assert definiteness.rank(Diagonal(np.array(sympy.symbols("a b", positive=True)))) == 2


@pytest.mark.parametrize("scale", [1e-200, 1.0, 1e200])
def test_ranks_know_no_unit(scale):
    root = np.random.default_rng(13).standard_normal((200, 4))
    assert definiteness.rank(scale * (root @ root.T)) == 4  # the rest is rounding
    assert definiteness.rank(Diagonal(scale * np.array([1.0, 1e-10, 1e-20, 0.0]))) == 2


@given(arrays(3, 3))
def test_pivots_tell_positive_semi_definite_matrices(array):
    matrix = array + array.T
    characteristic = matrix_of(matrix).charpoly().all_coeffs()
    signs = [coefficient * (-1) ** i for i, coefficient in enumerate(characteristic)]
    assert (min(definiteness.pivots(matrix)) >= 0) == all(sign >= 0 for sign in signs)
    assert min(definiteness.pivots(array @ array.T)) >= 0


def test_a_zero_on_the_diagonal_beside_something_is_indefinite():
    assert definiteness.pivots(rational([0, 1], [1, 0])) == [-1]
    assert definiteness.pivots(rational([0, 0], [0, 0])) == [0]
    assert definiteness.pivots(rational([4, 2], [2, 1])) == [4, 0]
    assert definiteness.pivots(rational([2, 3], [3, 1])) == [2, -1]


# --- large matrices ----------------------------------------------------------------------------


@pytest.mark.parametrize("d", [1, 64, 65, 250])
def test_an_inverse_in_blocks(d):
    matrix = float_covariance(np.random.default_rng(9), d)
    found = linalg.resolvent(linalg.identity(d), matrix, 2.0, 1.0)
    np.testing.assert_allclose(found @ (2 * matrix + np.eye(d)), np.eye(d), atol=1e-12)
    assert (found == found.T).all()
    assert definiteness.is_symmetric(found)


@pytest.mark.parametrize("index", [(0, 1), (1, 0), (0, 249), (249, 0), (130, 127), (64, 63)])
def test_one_bit_of_asymmetry_is_seen(index):
    matrix = np.ones((250, 250))
    matrix[index] = np.nextafter(1.0, 2.0)
    assert not definiteness.is_symmetric(matrix)
    assert definiteness.is_symmetric(np.ones((250, 250)))


@pytest.mark.parametrize("d", [5, 250])
def test_a_factor_proves_positivity(d):
    direction = np.random.default_rng(10).standard_normal(d)
    singular = np.outer(direction, direction)
    jitter = d * np.finfo(np.float64).eps * singular.diagonal().max()
    assert definiteness.has_cholesky_factor(singular, jitter)
    assert not definiteness.has_cholesky_factor(singular - 1e-9 * np.eye(d), jitter)
    assert definiteness.has_cholesky_factor(np.eye(d), 0.0)
    assert not definiteness.has_cholesky_factor(-np.eye(d), 0.0)
