"""A sweep is the loop over the function, whichever way it is computed and cut."""

from __future__ import annotations

import itertools
import json
from fractions import Fraction

import jax.numpy as jnp
import numpy as np
import pytest
import xarray
from hypothesis import given, settings
from hypothesis import strategies as st

import lsa_theory
from lsa_theory import Axis, GaussianPrompts, block_minimum, risk, sweep
from lsa_theory.sweeps import arguments
from lsa_theory.sweeps.shards import block_shape, boxes, tile_shape
from lsa_theory.sweeps.vectorised import on_tiles

WAYS = ("vectorised", "batched", "each")
SPECTRUM = np.linspace(0.3, 2, 5)
NAMES = ("first", "second", "third")


def polynomial(first, second=0.0, third=0.0, *, weight=1.0):
    """Exact in float64 on small integers, and different in each argument."""
    square = first * first
    return {
        "odd": weight * first - 10 * second + 100 * third,
        "even": square + second * third,
    }


def trained_risk(ratio, noise, spectrum):
    law = GaussianPrompts(spectrum, ratio * len(spectrum), noise_variance=noise)
    return risk(block_minimum(law).gain, law)


def looped(function, axes, **fixed):
    """The oracle: one call a cell, with the coordinates that the dataset itself gives."""
    shape = tuple(map(len, axes.values()))
    found = {name: np.empty(shape) for name in function(**{n: v[0] for n, v in axes.items()})}
    for index in np.ndindex(shape):
        point = {name: values[i] for (name, values), i in zip(axes.items(), index, strict=True)}
        for name, value in function(**point, **fixed).items():
            found[name][index] = value
    return found


values = st.lists(st.integers(-9, 9).map(float), min_size=1, max_size=5, unique=True)


@st.composite
def grids(draw):
    """One to three axes; often of equal length, where a transposed grid would fit as well."""
    count = draw(st.integers(1, 3))
    names = draw(st.permutations(NAMES))[:count]
    if "first" not in names:
        names = ["first", *names[1:]]
    if draw(st.booleans()):
        side = draw(st.integers(2, 3))
        axis = st.lists(st.integers(-9, 9).map(float), min_size=side, max_size=side, unique=True)
        return {name: draw(axis) for name in names}
    return {name: draw(values) for name in names}


def assert_is_the_loop(data, axes, how, weight):
    expected = looped(polynomial, axes, weight=weight)
    assert tuple(data.dims) == tuple(axes)
    assert list(data.data_vars) == ["odd", "even"]
    for name, values_of in axes.items():
        np.testing.assert_array_equal(data[name], values_of)
    for name, array in expected.items():
        assert data[name].dims == tuple(axes)
        assert data[name].dtype == np.float64
        np.testing.assert_array_equal(data[name], array)


@pytest.mark.parametrize("how", ["batched", "each"])
@given(axes=grids(), cells=st.integers(1, 30), weight=st.sampled_from([1.0, 3.0]))
def test_it_is_the_loop(how, axes, cells, weight):
    data = sweep(polynomial, axes, how=how, settings={"weight": weight}, cells_per_shard=cells)
    assert_is_the_loop(data, axes, how, weight)


@settings(max_examples=12)
@given(axes=grids(), cells=st.integers(1, 30), tile=st.sampled_from([1, 4, 8192]))
def test_traced_it_is_the_loop(axes, cells, tile):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arguments, "CELLS", tile)
        data = sweep(polynomial, axes, settings={"weight": 3.0}, cells_per_shard=cells)
    assert_is_the_loop(data, axes, "vectorised", 3.0)


@pytest.mark.parametrize("how", WAYS)
def test_a_transposed_grid_would_be_seen(how):
    """Axes of one length: only the values tell which is which."""
    axes = {"second": [1.0, 2.0, 3.0], "first": [3.0, 1.0, 2.0]}
    data = sweep(polynomial, axes, how=how)
    assert data["odd"].sel(first=3, second=1) == 3 - 10
    assert data["odd"].sel(first=1, second=3) == 1 - 30
    expected = looped(polynomial, axes)["odd"]
    assert not np.array_equal(data["odd"].T, expected)


def test_exact_values_of_the_theory():
    """White, `d = 2`, `N = 2`: the gain is 2 / (3 + 2), the risk 2 · (9/25 + 2/4 · 3 · 4/25)."""
    grid = {"ratio": [1, 2], "noise": [0.0, 1.0]}
    data = sweep(trained_risk, grid, settings={"spectrum": np.ones(2)})

    def exact(context_length, noise):
        law = GaussianPrompts([Fraction(1)] * 2, context_length, noise_variance=Fraction(noise))
        return float(risk(block_minimum(law).gain, law))

    assert exact(2, 0) == float(2 * (Fraction(9, 25) + Fraction(3, 2) * Fraction(4, 25)))
    for ratio, noise in itertools.product([1, 2], [0, 1]):
        value = data["value"].sel(ratio=ratio, noise=noise)
        np.testing.assert_allclose(value, exact(2 * ratio, noise), rtol=1e-14)


def test_bits_do_not_depend_on_how_the_grid_is_cut(monkeypatch):
    monkeypatch.setattr(arguments, "CELLS", 64)
    axes = {"ratio": np.linspace(1, 4, 23), "noise": np.linspace(0, 2, 17)}
    whole, *others = (
        sweep(trained_risk, axes, settings={"spectrum": SPECTRUM}, cells_per_shard=cells)
        for cells in (23 * 17, 1, 5, 40, 64, 200)
    )
    assert all(whole.identical(other) for other in others)


@settings(max_examples=30)
@given(
    shape=st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
    cells=st.integers(1, 40),
    side=st.integers(1, 30),
)
def test_a_cell_is_computed_at_its_own_place_in_its_own_tile(shape, cells, side):
    axes = {name: np.arange(float(n)) for name, n in zip(NAMES, shape, strict=False)}
    tile = tile_shape(shape, side)
    place = np.arange(np.prod(tile)).reshape(tile)

    def program(*sides):
        assert tuple(map(len, sides)) == tile
        return place, sum(np.ix_(*[s * 10**k for k, s in enumerate(sides)]), np.zeros(tile))

    for shard in boxes(shape, block_shape(shape, cells, tile)):
        found = on_tiles(axes, shard, tile, (("place", "point"), program))
        index = np.ix_(*[np.arange(a, b) for a, b in zip(shard.start, shard.stop, strict=True)])
        inside = tuple(i % n for i, n in zip(index, tile, strict=True))
        np.testing.assert_array_equal(found["place"], place[inside])
        expected = sum((i * 10**k for k, i in enumerate(index)), np.zeros(shard.shape))
        np.testing.assert_array_equal(found["point"], expected)


def test_a_function_is_traced_once_and_batched_calls_are_of_one_size():
    calls, met = [], []

    def seen(a, b):
        calls.append(np.shape(a))
        met.extend(np.ravel(a).tolist() if np.shape(a) else [])
        return a - b

    axes = {"a": np.arange(7.0), "b": np.arange(11.0)}
    sweep(seen, axes, cells_per_shard=5)
    assert calls == [()]
    calls.clear()
    sweep(seen, axes, how="batched", cells_per_shard=20)
    assert len(calls) > 2
    assert len(set(calls)) == 1
    assert set(met) == set(axes["a"])  # what fills a call up is a point of the grid


def test_numbers_arrive_as_the_way_says():
    kinds = {}

    def noted(whole, real, how):
        kinds[how] = whole, real
        return whole + real

    axes = {"whole": range(1, 3), "real": [0.5]}
    for how in WAYS:
        sweep(noted, axes, how=how, settings={"how": how})
    assert tuple(map(type, kinds["each"])) == (int, float)
    assert [array.dtype for array in kinds["batched"]] == [np.int64, np.float64]
    assert [str(tracer.dtype) for tracer in kinds["vectorised"]] == ["float64", "float64"]
    assert jnp.zeros(1).dtype == jnp.float32  # the caller's own setting


@pytest.mark.parametrize("how", WAYS)
def test_infinite_and_undefined_values_are_kept(how):
    with np.errstate(invalid="ignore"):
        data = sweep(lambda a: a * float("inf"), {"a": [0.0, 1.0]}, how=how)
    assert np.isnan(data["value"][0])
    assert np.isposinf(data["value"][1])


def test_constants_and_numbers_of_other_kinds_are_results():
    def mixed(a):
        return {"constant": 2, "fraction": Fraction(1, 4), "truth": a > 1, "number": np.float32(3)}

    for how in ("vectorised", "each"):
        data = sweep(mixed, {"a": [1.0, 2.0]}, how=how)
        found = {name: data[name].values.tolist() for name in data}
        expected = {"constant": [2, 2], "fraction": [0.25] * 2, "truth": [0, 1], "number": [3, 3]}
        assert found == expected


def drawn(a, b, seed):
    return {"seed": seed, "sum": a + b}


def test_every_cell_has_a_seed_of_its_own():
    axes = {"a": np.arange(4.0), "b": np.arange(5.0)}
    first = sweep(drawn, axes, how="each", seed=7)
    seeds = first["seed"].values
    assert len(np.unique(seeds)) == 20
    assert 0 <= seeds.min() <= seeds.max() < 2**53
    expected = np.random.SeedSequence(7).spawn(20)[13].generate_state(1, np.uint64)[0] >> 11
    assert seeds.flat[13] == expected
    for how, cells in (("each", 3), ("batched", 1), ("batched", 7)):
        other = sweep(drawn, axes, how=how, seed=7, cells_per_shard=cells)
        np.testing.assert_array_equal(other["seed"], seeds)
    assert not np.intersect1d(sweep(drawn, axes, how="each", seed=8)["seed"], seeds).size


def test_the_dataset_says_what_it_is(tmp_path):
    noise = Axis([0.0, 0.5], symbol=r"$\sigma^2$", unit="label²", label="noise variance")
    axes = {"ratio": [1, 2], "noise": noise}
    data = sweep(trained_risk, axes, settings={"spectrum": SPECTRUM})
    assert data["noise"].attrs == {
        "symbol": r"$\sigma^2$",
        "units": "label²",
        "long_name": "noise variance",
    }
    assert data["ratio"].attrs == {"symbol": "ratio", "units": "1", "long_name": "ratio"}
    assert data["ratio"].dtype == np.int64
    assert data.attrs["function"] == f"{__name__}.trained_risk"
    assert json.loads(data.attrs["settings"])["spectrum"]["array"] == SPECTRUM.tolist()
    assert (data.attrs["how"], data.attrs["lsa_theory_version"]) == (
        "vectorised",
        lsa_theory.__version__,
    )
    assert "seed" not in data.attrs
    files = [tmp_path / name for name in ("a.nc", "b.nc")]
    for file in files:
        sweep(trained_risk, axes, settings={"spectrum": SPECTRUM}).to_netcdf(file)
    assert files[0].read_bytes() == files[1].read_bytes()
    assert xarray.load_dataset(files[0]).identical(data)


def test_settings_that_cannot_be_described_are_allowed_without_a_store():
    data = sweep(lambda a, thing: a, {"a": [1.0]}, settings={"thing": object()}, seed=None)
    assert json.loads(data.attrs["settings"]) == {"thing": {"class": "object"}}


@given(
    shape=st.lists(st.integers(1, 40), min_size=1, max_size=3).map(tuple),
    cells=st.integers(1, 500),
    side=st.integers(1, 300),
)
def test_shards_cover_the_grid_once(shape, cells, side):
    tile = tile_shape(shape, side)
    assert np.prod(tile) <= side
    block = block_shape(shape, cells, tile)
    assert np.prod(block) <= cells
    met = np.zeros(shape, dtype=int)
    shards = list(boxes(shape, block))
    for index, shard in enumerate(shards):
        met[shard.slices] += 1
        assert shard.index == index
        assert shard.cells == np.prod(shard.shape)
        assert met[shard.slices].shape == shard.shape
    assert (met == 1).all()
