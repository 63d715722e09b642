"""What a model modulo p does: algorithms by their answers, frequencies, heads."""

from __future__ import annotations

import itertools

import jax
import numpy as np
import pytest

from lsa_theory.modular import accuracies, masks, task_list_accuracy
from lsa_theory.modular import agreement as agreement_module
from lsa_theory.modular.agreement import ALGORITHMS, agreement, grid_fit, list_answers, simplest
from lsa_theory.modular.fourier import (
    basis,
    circle,
    degrees,
    gaussian_neuron_shares,
    gaussian_share,
    largest_share,
    logarithmic,
    neuron_shares,
    powers,
)
from lsa_theory.modular.heads import KINDS, attended, kinds, uniform
from lsa_theory.modular.plane import points

# --- algorithms ---


def rows_of(inputs, tasks, p):
    """Every row of inputs under every task, as triples."""
    z = np.einsum("bni,ki->kbn", inputs, tasks) % p
    spread = np.broadcast_to(inputs, (len(tasks), *inputs.shape))
    return np.concatenate([spread, z[..., None]], axis=-1).reshape(-1, inputs.shape[1], 3)


def every_row(p, count, pool=None):
    pool = points(p) if pool is None else pool
    return np.array(list(itertools.product(pool.tolist(), repeat=count)))


def random_rows(p, size, count, seed=0):
    rng = np.random.default_rng(seed)
    inputs, tasks = rng.integers(p, size=(size, count, 2)), rng.integers(p, size=(size, 1, 2))
    return np.concatenate([inputs, (inputs * tasks).sum(-1, keepdims=True) % p], axis=-1)


def anchored(found, inputs, p):
    """Against the masks of the examples before, query by query."""
    named = [getattr(masks, f"{name}_mask") for name in ALGORITHMS]
    for row, levels in zip(inputs, found, strict=True):
        for n in range(1, len(row)):
            known = [mask(p, row[:n])[tuple(row[n])] for mask in named]
            if [bool(levels[n] <= k) for k in range(3)] != [bool(one) for one in known]:
                return False
    return True


def test_known_queries_are_those_of_the_masks():
    rows = random_rows(5, 25, 4)[..., :2]
    assert anchored(simplest(rows, 5), rows, 5)
    for wrong in (simplest(rows[:, ::-1], 5)[:, ::-1], simplest(rows, 3), simplest(rows, 5) - 1):
        assert not anchored(wrong, rows, 5)


def test_a_wrong_line_is_caught(monkeypatch):
    rows = random_rows(5, 25, 4)[..., :2]
    transposed = lambda inputs, p: (inputs @ inputs.swapaxes(-1, -2)) % p == 0  # noqa: E731
    monkeypatch.setattr(agreement_module, "on_one_line", transposed)
    assert not anchored(simplest(rows, 5), rows, 5)


def test_shares_of_known_queries_are_those_of_the_ceilings():
    """Over every context: exactly, by enumeration here and by counting lines there."""
    p, pool = 3, points(3)[[0, 1, 2, 4, 6, 7]]
    found = simplest(every_row(p, 4, pool), p)
    for shots in range(4):
        known = [(found[:, shots] <= k).mean() for k in range(3)]
        exact = (np.array(accuracies(p, shots, inputs=pool)) - 1 / p) / (1 - 1 / p)
        assert known == pytest.approx(exact, abs=1e-12)


def test_the_list_is_that_of_the_ceiling():
    p, tasks, others = 3, points(3)[[1, 3, 5, 8]], points(3)[[0, 2, 4, 6, 7]]
    for true in (tasks, others):
        rows = rows_of(every_row(p, 3), true, p)
        best, consistent = list_answers(rows, tasks, p)
        right = np.take_along_axis(best, rows[..., 2:], axis=-1)[..., 0] / best.sum(-1)
        right = np.where(consistent, right, 1 / p)
        for shots in range(3):
            exact = task_list_accuracy(p, shots, tasks, true_tasks=true)
            assert right[:, shots].mean() == pytest.approx(exact, rel=1e-12)


def test_the_nearest_task_answers_where_none_is_left():
    rows = np.array([[[1, 0, 1], [0, 1, 1], [1, 1, 2], [2, 1, 0]]])
    best, consistent = list_answers(rows, np.array([[1, 2], [2, 2]]), 3)
    assert consistent[0].tolist() == [True, True, False, False]
    assert best[0].argmax(-1)[2:].tolist() == [0, 1]  # of the task (1, 2)
    assert (best[0, 2:].sum(-1) == 1).all()


FOLLOWERS = {  # of measures, after one example and more
    "copy": (1.0, 0.0, 0.0, 0.0),
    "ratio": (1.0, 1.0, 0.0, 0.0),
    "regression": (1.0, 1.0, 1.0, 0.0),
    "nothing": (0.0, 0.0, 0.0, 0.0),
}


@pytest.mark.parametrize("name", FOLLOWERS)
def test_who_follows_an_algorithm_is_told(name):
    p, rows = 5, random_rows(5, 4000, 5)
    level = list(FOLLOWERS).index(name) % 3 if name != "nothing" else -1
    known = simplest(rows[..., :2], p) <= level
    predictions = np.where(known, rows[..., 2], (rows[..., 2] + 1) % p)  # never right by chance
    tasks = points(p)[:10]
    found = agreement(predictions, rows, tasks, p)
    assert np.array_equal(found[:4, 2:].T, np.tile(FOLLOWERS[name], (3, 1)), equal_nan=False)
    assert np.isnan(found[0, 0])  # nothing to copy
    assert found[1, 0] == (level >= 1)  # the query 0


def test_a_guesser_follows_nothing():
    p, rows = 5, random_rows(5, 20000, 4)
    guesses = np.random.default_rng(1).integers(p, size=rows.shape[:2])
    counts = 20000 * 0.02  # queries of the rarest kind, about
    found = agreement(guesses, rows, points(p)[:12], p)[:, 2:]
    assert abs(found - 1 / p).max() < 6 * np.sqrt(0.16 / counts)


def test_an_algorithm_fits_its_own_grids_best():
    p, rng = 5, np.random.default_rng(2)
    inputs = np.array([rng.permutation(points(p))[:20] for _ in range(2)])
    contexts = np.array([[part[rng.integers(20, size=2)] for _ in range(12)] for part in inputs])
    for level, name in enumerate(ALGORITHMS):
        mask = getattr(masks, f"{name}_mask")
        known = np.array([[mask(p, one) for one in row] for row in contexts])
        found = grid_fit(known + ~known / p, contexts, inputs)
        assert found[level] == pytest.approx(1)
        assert np.delete(found, level).max() < 0.9
    assert grid_fit(np.full(known.shape, 0.4), contexts, inputs) == pytest.approx(np.zeros(3))
    outside = np.ones(known.shape, bool)  # who is right on held-out inputs alone fits nothing
    for row, part in enumerate(inputs):
        outside[row][:, part[:, 0], part[:, 1]] = False
    assert grid_fit(outside * 1.0, contexts, inputs) == pytest.approx(np.zeros(3))
    assert np.isnan(grid_fit(known * 1.0, contexts[..., :1, :] * 0, inputs * 0)[1])


def test_who_memorised_the_list_is_told():
    p, tasks = 5, points(5)[[2, 8, 14, 17, 21]]
    rows = random_rows(p, 3000, 5)
    answers = list_answers(rows, tasks, p).best.argmax(-1)
    memory, truth = (agreement(x, rows, tasks, p) for x in (answers, rows[..., 2]))
    assert (memory[4] == 1).all()
    assert (memory[2, 2:] < 0.6).all()
    assert (truth[4] == 0).all()
    assert (truth[3, :4] == 1).all()


def test_the_same_numbers_under_jit_and_vmap():
    p, rows = 3, random_rows(3, 24, 4).reshape(2, 12, 4, 3)
    predictions = np.random.default_rng(3).integers(p, size=rows.shape[:3])
    tasks = np.stack([points(p)[:4], points(p)[3:7]])
    weights = np.random.default_rng(4).random((2, 12, 2, 12, 12)).astype(np.float32)

    def numbers(predictions, rows, tasks, weights):
        one = (agreement(predictions, rows, tasks, p),)
        return *one, attended(weights, rows[..., :2], p), uniform(rows[..., :2], p)

    found = jax.jit(jax.vmap(numbers))(predictions, rows, tasks, weights)
    for k in range(2):
        exact = numbers(predictions[k], rows[k], tasks[k], weights[k])
        for one, other in zip(found, exact, strict=True):
            assert np.allclose(one[k], other, atol=1e-5, equal_nan=True)


# --- heads ---


def test_weights_on_one_kind_are_found_there():
    p, inputs = 5, random_rows(5, 200, 6)[..., :2]
    found = kinds(inputs, p)
    for k, name in enumerate(KINDS):
        wanted = np.repeat(found[:, k], 3, axis=-1)[:, None] * 1.0  # (B, 1, N, 3N)
        weights = np.zeros((200, 1, 18, 18))
        weights[:, :, 1::3] = wanted / np.maximum(wanted.sum(-1, keepdims=True), 1)
        share = attended(weights, inputs, p)[0]
        assert share[k] == pytest.approx(1.0), name
    assert not (found[:, 2:, range(6), range(6)]).any()  # no query is its own example
    assert not (found[:, 1:] & ~np.tri(6, k=-1, dtype=bool)).any()


def test_kinds_of_triples():
    inputs = np.array([[[1, 2], [2, 4], [1, 2], [1, 3], [0, 2], [0, 0]]])
    found = dict(zip(KINDS, kinds(inputs, 5)[0], strict=True))
    assert found["previous"][3].tolist() == [False, False, True, False, False, False]
    assert found["input"][2].tolist() == [True, False, False, False, False, False]
    assert found["line"][2].tolist() == [False, True, False, False, False, False]
    assert found["x"][3].tolist() == [True, False, True, False, False, False]
    assert found["y"][4].tolist() == [True, False, True, False, False, False]
    assert not found["line"][5].any()


def test_uniform_weights_are_the_share_of_tokens():
    inputs = random_rows(3, 50, 5)[..., :2]
    found = uniform(inputs, 3)
    assert found[0] == pytest.approx(np.mean([2 / (3 * n + 2) for n in range(5)]))
    assert found[1] == pytest.approx(np.mean([3 / (3 * n + 2) for n in range(1, 5)]))


# --- frequencies ---


@pytest.mark.parametrize("n", [2, 5, 6])
def test_basis_and_powers(n):
    frequency, matrix = basis(n)
    assert np.allclose(matrix @ matrix.T, np.eye(n), atol=1e-14)
    rows = np.random.default_rng(n).standard_normal((n, 3))
    whole = np.abs(np.fft.fft(rows, axis=0)) ** 2 / n
    for k, power in enumerate(powers(rows), start=1):
        assert power == pytest.approx(whole[k].sum() + (whole[n - k].sum() if n != 2 * k else 0))
    assert powers(rows).sum() == pytest.approx(((rows - rows.mean(0)) ** 2).sum())
    assert np.bincount(frequency)[1:].tolist() == degrees(n).tolist()


def test_a_circle_is_found():
    p, width = 7, 12
    rng = np.random.default_rng(0)
    plane = np.linalg.qr(rng.standard_normal((width, 2)))[0].T
    turn = 2 * np.pi * 3 * np.arange(p) / p
    rows = np.stack([np.cos(turn), np.sin(turn)], axis=1) @ plane + rng.standard_normal(width)
    assert largest_share(powers(rows)) == pytest.approx(1.0)
    assert powers(rows).argmax() == 2
    found = circle(rows - rows.mean(0), 3)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(p))
    assert circle(rows, 3).shape == (p, 2)
    with pytest.raises(ValueError, match=r"circle\(frequency=4\): must be at most 3"):
        circle(rows, 4)


def test_the_multiplicative_group():
    """The Legendre symbol is its character of order 2: the frequency (p − 1)/2."""
    symbol = np.array([[0.0], [1], [1], [-1], [1], [-1], [-1]])
    power = powers(logarithmic(symbol, 7))
    assert power == pytest.approx([0, 0, 6], abs=1e-12)
    assert largest_share(powers(symbol)) < 0.5


@pytest.mark.parametrize(("parts", "count"), [((4, 4, 4), 1), ((2, 2, 2, 2, 1), 2), ((8, 3), 2)])
def test_the_share_of_a_gaussian_matrix(parts, count):
    drawn = np.random.default_rng(7).chisquare(np.array(parts), size=(20000, len(parts)))
    shares = largest_share(drawn, count)
    error = shares.std() / np.sqrt(len(shares))
    exact = gaussian_share(parts, count)
    assert abs(shares.mean() - exact) < 5 * error + 1e-9
    if count == len(parts):
        assert exact == pytest.approx(1.0, abs=1e-9)
    else:
        assert abs(shares.mean() - gaussian_share(np.array(parts) + 1, count)) > 5 * error


def test_the_largest_of_equal_exponentials_is_harmonic():
    assert gaussian_share([2.0] * 12) == pytest.approx(sum(1 / k for k in range(1, 13)) / 12)


def test_neurons_of_a_plane():
    p, (x, y) = 5, np.indices((5, 5))
    cosine = np.cos(2 * np.pi * (x + 2 * y) / p)
    rectified = np.maximum(cosine, 0)  # harmonics, on the same line
    alone = ((x == 1) & (y == 3)).astype(float)
    blind = np.cos(2 * np.pi * y / p)  # to x
    responses = np.stack([cosine, rectified, alone, blind, np.full((p, p), 0.3)], axis=-1)
    found = neuron_shares(responses)
    assert found.frequency[[0, 2, 3]] == pytest.approx([1, 1 / 12, 0], abs=1e-12)
    assert 0.5 < found.frequency[1] < 0.99
    assert found.line[:4] == pytest.approx([1, 1, 1 / 6, 0], abs=1e-12)
    assert np.isnan(found.frequency[4])
    noise = np.random.default_rng(1).standard_normal((p, p, 4000))
    for shares, exact in zip(neuron_shares(noise), gaussian_neuron_shares(p), strict=True):
        error = shares.std() / np.sqrt(shares.size)
        assert abs(shares.mean() - exact) < 5 * error
        assert abs(shares.mean() - exact * (p + 1) / (p - 1)) > 5 * error


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda: gaussian_share([1.0], 0), r"count=0\): must be an integer >= 1"),
        (lambda: gaussian_share([1.0, 0.0]), r"degrees=0.*must be positive"),
        (lambda: logarithmic(np.ones((4, 2)), 4), r"p=4\): must be a prime number"),
    ],
)
def test_refusals(call, sentence):
    with pytest.raises(ValueError, match=sentence):
        call()
