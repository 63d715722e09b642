"""The layer beside the whole network `f(E)`, and what of it the prediction sees."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import arrays, rational, rationals, weights

from lsa_theory import LinearSelfAttention, Parameters


def network(pv, kq, x, y, x_query):
    """All of `f(E) = E + W^PV E (E^T W^KQ E) / ρ`, with ρ labelled pairs."""
    embedding = np.zeros((x.shape[1] + 1, len(x) + 1), dtype=x.dtype)
    embedding[:-1, :-1], embedding[-1, :-1], embedding[:-1, -1] = x.T, y, x_query
    return embedding + pv @ embedding @ (embedding.T @ kq @ embedding) / len(x)


@given(st.integers(1, 3), st.integers(1, 4), st.data())
def test_the_prediction_is_the_last_entry_of_the_network(d, length, data):
    pv, kq = data.draw(weights(d))
    prompt = (data.draw(arrays(length, d)), data.draw(arrays(length)), data.draw(arrays(d)))
    prediction = LinearSelfAttention(pv, kq).predict(*prompt)
    assert isinstance(prediction, Fraction)
    assert prediction == network(pv, kq, *prompt)[-1, -1]


@given(st.integers(1, 3), st.data())
def test_the_prediction_by_parameters(d, data):
    """`v^T (S + x_q x_q^T/N) U x_q + (v^T h)(p^T x_q) + s h^T U x_q + s q p^T x_q`."""
    (pv, kq), length = data.draw(weights(d)), 3
    x, y, query = data.draw(arrays(length, d)), data.draw(arrays(length)), data.draw(arrays(d))
    layer = LinearSelfAttention(pv, kq)
    v, s, u, p = layer.parameters
    s_matrix, h, q = (
        x.T @ x / Fraction(length),
        x.T @ y / Fraction(length),
        y @ y / Fraction(length),
    )
    own = query[:, None] * query / Fraction(length)
    expected = v @ (s_matrix + own) @ u @ query + (v @ h) * (p @ query)
    expected += s * (h @ u @ query) + s * q * (p @ query)
    assert layer.predict(x, y, query) == expected


@given(arrays(3, 3), rationals, arrays(2, 3), arrays(2), arrays(3))
def test_on_the_block_the_gain_is_between_h_and_the_query(u, s, x, y, query):
    layer = LinearSelfAttention.from_block(u, s)
    assert (layer.gain == s * u).all()
    assert layer.predict(x, y, query) == x.T @ y @ layer.gain @ query / Fraction(2)


def test_a_prediction_by_hand():
    """Two pairs (1, 2) and (3, 1), query 2: S = 5, h = 5/2, q = 5/2, own column 4/2 = 2."""
    layer = LinearSelfAttention(np.array([[9.0, 9.0], [2.0, 3.0]]), np.array([[5.0, 9], [7.0, 9]]))
    x, y, query = np.array([[1.0], [3.0]]), np.array([2.0, 1.0]), np.array([2.0])
    # 2·(5 + 2)·5·2 + (2·5/2)(7·2) + 3·(5/2)·5·2 + 3·(5/2)·7·2
    assert layer.predict(x, y, query) == 140 + 70 + 75 + 105


@given(st.integers(1, 3), st.data())
def test_gain_and_balance(d, data):
    layer = LinearSelfAttention(*data.draw(weights(d)))
    v, s, u, p = layer.v, layer.s, layer.u, layer.p
    assert (layer.gain == s * u + v[:, None] * p[None, :]).all()
    assert layer.balance == v @ v + s * s - (u * u).sum() - p @ p
    assert layer.dimension == d
    assert (layer.parameters.gain == layer.gain).all()
    assert layer.parameters.balance == layer.balance


@given(arrays(2), rationals, arrays(2, 2), arrays(2))
def test_parameters_round_trip(v, s, u, p):
    layer = LinearSelfAttention.from_parameters(v, s, u, p)
    assert isinstance(layer.parameters, Parameters)
    for given_one, kept in zip((v, s, u, p), layer.parameters, strict=True):
        assert np.array_equal(given_one, kept)
    assert not layer.pv[:-1].any()
    assert not layer.kq[:, -1].any()


@given(weights(2), weights(2))
def test_other_parameters_and_the_same_unseen_entries(matrices, others):
    layer, other = LinearSelfAttention(*matrices), LinearSelfAttention(*others)
    moved = layer.with_parameters(other.parameters)
    assert (moved.pv[-1] == other.pv[-1]).all()
    assert (moved.kq[:, :-1] == other.kq[:, :-1]).all()
    assert (moved.pv[:-1] == layer.pv[:-1]).all()
    assert (moved.kq[:, -1] == layer.kq[:, -1]).all()
    assert (layer.pv == matrices[0]).all()


def test_lists_and_integers_become_floats():
    layer = LinearSelfAttention([[1, 2], [3, 4]], np.eye(2, dtype=np.int8))
    assert layer.pv.dtype == layer.kq.dtype == np.float64
    block = LinearSelfAttention.from_block(np.eye(2, dtype=int), 2)
    assert block.pv.dtype == np.float64
    assert block.s == 2
    assert LinearSelfAttention.from_block(rational([1, 2], [3, 4]), 2).s == 2


def test_a_layer_keeps_its_own_copy_and_cannot_be_changed():
    pv, kq = np.eye(3), np.ones((3, 3))
    layer = LinearSelfAttention(pv, kq)
    pv[:], kq[:] = 7, 7
    assert (layer.pv == np.eye(3)).all()
    assert (layer.kq == 1).all()
    for name in ("pv", "kq"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(layer, name)[0, 0] = 1
        with pytest.raises(AttributeError):
            setattr(layer, name, np.eye(3))
    with pytest.raises(ValueError, match="read-only"):
        layer.u[0, 0] = 1


@pytest.mark.parametrize(
    ("shapes", "expected"),
    [
        (((4, 3), (4,), (2,)), "x=array of shape (4, 3)): must be of shape (N, 2), N >= 1"),
        (((0, 2), (0,), (2,)), "x=array of shape (0, 2)): must be of shape (N, 2), N >= 1"),
        (((4,), (4,), (2,)), "x=array of shape (4,)): must be of shape (N, 2), N >= 1"),
        (((4, 2), (3,), (2,)), "y=array of shape (3,)): must be of shape (4,)"),
        (((4, 2), (4,), (1, 2)), "x_query=array of shape (1, 2)): must be of shape (2,)"),
    ],
)
def test_prompts_of_other_shapes_are_refused(shapes, expected):
    layer = LinearSelfAttention(np.ones((3, 3)), np.ones((3, 3)))
    with pytest.raises(ValueError, match="^" + re.escape(f"predict({expected}") + "$"):
        layer.predict(*(np.ones(shape) for shape in shapes))
