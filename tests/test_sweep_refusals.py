"""Bad input to `sweep` is one clear sentence; so is what it lacks."""

from __future__ import annotations

import math
from fractions import Fraction
from inspect import unwrap

import numpy as np
import pytest

from lsa_theory import Axis, sweep
from lsa_theory.extras import required
from lsa_theory.sweeps.axes import require_increasing

GRID = {"a": [1.0, 2.0], "b": [0.5, 1.5]}


def total(a, b):
    return a + b


def sentence(function=total, axes=GRID, **options):
    with pytest.raises(ValueError, match=r"^sweep\(") as caught:
        unwrap(sweep)(function, axes, **options)  # without the tests' own check of types
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize(
    ("axes", "expected"),
    [
        ({}, "sweep(axes={}): must be a mapping from an argument's name to its values"),
        ([1, 2], "must be a mapping from an argument's name"),
        ({"a": []}, "sweep(axes['a']=array of shape (0,)): must be non-empty"),
        ({"a": [1, 2, 1]}, "sweep(axes['a']=1 twice): must be without repeated values"),
        ({"a": [0.5, 0.5]}, "sweep(axes['a']=0.5 twice)"),
        ({"a": [1, math.nan]}, "sweep(axes['a']=array with nan at 1): must be finite"),
        ({"a": [math.inf]}, "must be finite"),
        ({"a": [[1.0]]}, "must be a vector"),
        ({"a": 3.0}, "sweep(axes['a']=3.0): must be a vector"),
        ({"a": "abc"}, "must be a vector of real numbers"),
        ({"a": [True]}, "must be a vector of real numbers"),
        ({"a": [1j]}, "must be a vector of real numbers"),
        ({"a b": [1.0]}, "sweep(axes=an axis 'a b'): must be named like an argument"),
        ({"lambda": [1.0]}, "must be named like an argument"),
        ({3: [1.0]}, "must be named like an argument"),
        ({"a": Axis([])}, "sweep(axes['a']=array of shape (0,)): must be non-empty"),
        ({"a": [1.0]}, "sweep(function=total): must be a function of a by name (missing"),
        ({**GRID, "c": [1]}, "must be a function of a, b, c by name (got an unexpected"),
    ],
)
def test_axes(axes, expected):
    assert expected in sentence(axes=axes)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"function": 3}, "sweep(function=3): must be callable"),
        ({"how": "fast"}, "sweep(how='fast'): must be one of vectorised, batched, each"),
        ({"how": ["each"]}, "must be one of"),
        ({"settings": {"a": 1}}, "sweep(settings=a setting 'a'): must be named otherwise"),
        ({"settings": {"seed": 1}}, "sweep(settings=a setting 'seed')"),
        ({"settings": [1]}, "must be a mapping of arguments' names to values"),
        ({"settings": {"c": 1}}, "must be a function of a, b, c by name"),
        ({"seed": 1}, "sweep(seed=1): must be None where how='vectorised'"),
        ({"seed": -1, "how": "each"}, "sweep(seed=-1): must be an integer >= 0"),
        ({"seed": 1, "how": "each"}, "must be a function of a, b, seed by name"),
        ({"cells_per_shard": 0}, "sweep(cells_per_shard=0): must be an integer >= 1"),
        ({"cells_per_shard": 2.5}, "must be an integer >= 1"),
        ({"progress": "yes"}, "sweep(progress='yes'): must be True, False or None"),
    ],
)
def test_options(options, expected):
    assert expected in sentence(**options)


def test_a_seed_beside_an_axis_of_seeds():
    text = sentence(lambda a, seed: a, {"a": [1], "seed": [1]}, seed=3, how="each")
    assert "must be None beside an axis named seed" in text


@pytest.mark.parametrize(
    ("function", "reason"),
    [
        (lambda a, b: a if a > b else b, "decides by an argument's value (if, max, and)"),
        (lambda a, b: np.exp(a) + b, "hands an argument to NumPy or SciPy"),
        (lambda a, b: math.exp(a) + b, "makes a Python number of an argument"),
        (lambda a, b: [1, 2][a.astype(int)] + b, "counts or indexes with an argument"),
    ],
)
def test_a_function_that_cannot_be_traced(function, reason):
    text = sentence(function)
    assert f"must be traceable by JAX where how='vectorised', but it {reason}" in text
    assert text.endswith("use how='each'")


RETURNED = [
    ("text", "value = 'text' returned): must be a function to real numbers"),
    (None, "value = None returned): must be a function to real numbers"),
    (1j, "must be a function to real numbers"),
    (np.ones(2), "value of shape (2,) returned): must be a function to numbers"),
    ({}, "an empty mapping returned"),
    ({"a": 1.0}, "a result named 'a'): must be a function whose results are not named as an axis"),
    ({"two words": 1.0}, "a result named 'two words'"),
    ({1: 1.0}, "a result named 1"),
]


@pytest.mark.parametrize(("returned", "expected"), RETURNED)
def test_results(returned, expected):
    assert expected in sentence(lambda a, b: returned, how="each")


@pytest.mark.parametrize(("returned", "expected"), RETURNED)
def test_traced_results(returned, expected):
    assert expected in sentence(lambda a, b: returned)


def test_traced_results_that_are_no_numbers():
    assert "value of shape (2,)" in sentence(lambda a, b: np.ones(2) * a)
    assert "dtype complex" in sentence(lambda a, b: a * 1j)


def test_batched_results():
    text = sentence(lambda a, b: 1.0, how="batched")
    assert "value of shape () returned): must be a function to arrays of shape (4,)" in text


@pytest.mark.parametrize("cells", [1, 4])
def test_results_whose_names_change(cells):
    def changing(a, b):
        return {"large" if a > 1 else "small": a}

    text = sentence(changing, how="each", cells_per_shard=cells)
    assert "whose results have the same names everywhere (small)" in text


def test_an_error_in_a_cell_says_where():
    with pytest.raises(ZeroDivisionError) as caught:
        sweep(lambda a, b: 1 / (a - 2), GRID, how="each")
    assert caught.value.__notes__ == ["sweep: <lambda> at a=2.0, b=0.5"]


def test_an_error_while_tracing_says_so():
    def failing(a, b):
        raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine") as caught:
        sweep(failing, GRID)
    assert any("while JAX traced the function" in note for note in caught.value.__notes__)


def test_order_where_it_matters():
    require_increasing("noise", "ratio", np.array([1.0, 2.0]))
    with pytest.raises(ValueError, match=r"^noise\(axes\['ratio'\]=2.0 before 1.0\): must be inc"):
        require_increasing("noise", "ratio", np.array([0.0, 2.0, 1.0]))
    data = sweep(total, {"a": [3.0, 1.0, 2.0], "b": [Fraction(1, 2)]})
    assert data["value"][:, 0].values.tolist() == [3.5, 1.5, 2.5]


def test_an_extra_that_is_missing(monkeypatch, tmp_path):
    with pytest.raises(ImportError) as caught:
        required("sweep", "no_such_package.part", "sweep")
    assert str(caught.value) == (
        'sweep: needs no_such_package, so: pip install "lsa-theory[sweep]"'
    )
    assert required("sweep", "numpy.linalg", "sweep") is np.linalg
    (tmp_path / "broken_package.py").write_text("import missing_inside")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ModuleNotFoundError, match="missing_inside"):
        required("sweep", "broken_package", "sweep")
