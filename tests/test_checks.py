"""Bad input: one sentence that names the call, the argument, the rule and the value."""

from __future__ import annotations

import re
from fractions import Fraction

import numpy as np
import pytest
from strategies import rational

from lsa_theory import (
    GaussianPrompts,
    LinearSelfAttention,
    checks,
    global_minimum,
    population_loss,
    risk,
)

EYE = np.eye(2)
HUGE = np.ones((300, 300))
MATRIX = "a vector or a matrix"
INDEFINITE = "positive semi-definite"


class Law:
    """`GaussianPrompts` with good arguments but for the given ones."""

    def __class_getitem__(cls, changes):
        arguments = {"covariance": EYE, "context_length": 4, **changes}
        return lambda: GaussianPrompts(**arguments)


COVARIANCES = [
    (np.ones((2, 3)), "array of shape (2, 3)", "square"),
    (np.ones((1, 1, 1)), "array of shape (1, 1, 1)", MATRIX),
    ([[1, 2], [3, 4]], "array with [0, 1] = 2.0 and [1, 0] = 3.0", "symmetric"),
    (rational([1, 2], ["1/3", 4]), "array with [0, 1] = 2 and [1, 0] = 1/3", "symmetric"),
    ([[1, 2], [2, 1]], "matrix with eigenvalue -1", INDEFINITE),
    ([[0, 1], [1, 0]], "matrix with eigenvalue -1", INDEFINITE),
    (np.diag([0, -1e-30]), "matrix with eigenvalue -1e-30", INDEFINITE),
    (np.diag([1e8, -1e-3]), "matrix with eigenvalue -0.001", INDEFINITE),
    (rational([1, 2], [2, 1]), "an indefinite matrix", INDEFINITE),
    (rational([0, 1], [1, 5]), "an indefinite matrix", INDEFINITE),
    ([1, -2], "array with -2.0 at 1", "non-negative (a vector is the diagonal of a matrix)"),
    (
        [1, -1e-300],
        "array with -1e-300 at 1",
        "non-negative (a vector is the diagonal of a matrix)",
    ),
    (
        rational(1, "-1/3"),
        "array with -1/3 at 1",
        "non-negative (a vector is the diagonal of a matrix)",
    ),
    (np.empty((0, 0)), "array of shape (0, 0)", "non-empty"),
    ([], "array of shape (0,)", "non-empty"),
    ([[1, np.nan], [np.nan, 1]], "array with nan at (0, 1)", "finite"),
    ([1, np.inf], "array with inf at 1", "finite"),
    ([1, -np.inf], "array with -inf at 1", "finite"),
    (3.0, "3.0", MATRIX),
    (None, "None", MATRIX),
    ({"a": 1}, "{'a': 1}", MATRIX),
    ("text", "array of dtype <U4", f"{MATRIX} of real numbers"),
    ([["a", "b"], ["c", "d"]], "array of dtype <U1", f"{MATRIX} of real numbers"),
    (EYE * 1j, "array of dtype complex128", f"{MATRIX} of real numbers"),
    (EYE > 0, "array of dtype bool", f"{MATRIX} of real numbers"),
    ([[1, 2], [3]], "ragged sequence", f"{MATRIX} of numbers"),
    (
        np.array([[0.5, 0], [0, 1]], dtype=object),
        "array with 0.5",
        "of exact rationals (or symbols) when its dtype is object",
    ),
]
LENGTHS = [
    (0, "0", "an integer >= 1"),
    (-3, "-3", "an integer >= 1"),
    (2.5, "2.5", "an integer >= 1"),
    (5.0, "5.0", "an integer >= 1"),
    (Fraction(5, 2), "5/2", "an integer >= 1"),
    (float("nan"), "nan", "an integer >= 1"),
    (True, "True", "an integer >= 1"),
    (np.True_, "np.True_", "an integer >= 1"),
    (None, "None", "an integer >= 1"),
    ("20", "'20'", "an integer >= 1"),
    ("20\n30", r"'20\n30'", "an integer >= 1"),
    (HUGE, "array of shape (300, 300)", "an integer >= 1"),
    (2**53 + 1, "9007199254740993", "at most 2^53 = 9007199254740992"),
    (10**400, f"1{'0' * 28}...", "at most 2^53 = 9007199254740992"),
]
NOISES = [
    (-1, "-1"),
    (-1e-300, "-1e-300"),
    (Fraction(-1, 2), "-1/2"),
    (np.float64(-2), "-2.0"),
    (np.nan, "nan"),
    (np.inf, "inf"),
    (10**400, f"1{'0' * 28}..."),
    (1 + 2j, "(1+2j)"),
    (np.complex128(1), "(1+0j)"),
    (True, "True"),
    (np.False_, "np.False_"),
    (None, "None"),
    ("loud", "'loud'"),
    ([1, 2], "[1, 2]"),
    (np.ones(1), "array of shape (1,)"),
    (HUGE, "array of shape (300, 300)"),
]
MEANS = [
    (np.ones((2, 1)), "array of shape (2, 1)", "a vector"),
    (np.ones(3), "array of shape (3,)", "of dimension 2"),
    ([np.nan, 1], "array with nan at 0", "finite"),
]
CASES = [
    *[("covariance", *case) for case in COVARIANCES],
    *[("task_covariance", *case) for case in COVARIANCES if case[0] is not None],
    *[("query_covariance", *case) for case in COVARIANCES if case[0] is not None],
    *[("context_length", *case) for case in LENGTHS],
    *[("noise_variance", *case, "a finite real number >= 0") for case in NOISES],
    *[("task_mean", *case) for case in MEANS],
    ("task_covariance", np.eye(3), "array of shape (3, 3)", "of dimension 2"),
    ("query_covariance", np.ones(3), "array of shape (3,)", "of dimension 2"),
]


def sentence(call) -> str:
    """The refusal, which is one line of printable text, never a traceback's worth."""
    with pytest.raises(ValueError, match=r"^\w+\(.+=.+\): must be .+$") as caught:
        call()
    text = str(caught.value)
    assert type(caught.value) is ValueError
    assert len(text) < 160
    assert text.isprintable()
    return text


@pytest.mark.parametrize(("argument", "value", "shown", "rule"), CASES)
def test_a_law_is_refused(argument, value, shown, rule):
    found = sentence(Law[{argument: value}])
    assert found == f"GaussianPrompts({argument}={shown}): must be {rule}"


def sized(matrix, size):
    """The same flaw in the corner of a large matrix."""
    large = np.eye(size) * 2
    large[:2, :2] = matrix
    return large


@pytest.mark.parametrize("matrix", [[[1, 2], [2, 1]], [[1, 2], [0, 1]], [[1, np.inf], [0, 1]]])
def test_large_matrices_are_refused_briefly(matrix):
    assert sentence(Law[{"covariance": sized(matrix, 200)}]).startswith("GaussianPrompts(covar")


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("x" * 5000, f"'{'x' * 28}..."),
        (list(range(5000)), "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9..."),
        (Fraction(1, 10**60), f"1/1{'0' * 26}..."),
    ],
)
def test_long_values_are_cut(value, shown):
    assert checks.described(value) == shown


def test_long_entries_are_cut():
    tiny = Fraction(-1, 10**200)
    assert "array with -1/1000" in sentence(Law[{"covariance": np.array([tiny, tiny])}])
    crooked = np.array([[1 + tiny, tiny], [2 * tiny, 1]])
    assert "symmetric" in sentence(Law[{"covariance": crooked}])
    words = np.array([["x" * 900, 1], [1, 1]], dtype=object)
    assert "array with 'xxx" in sentence(Law[{"covariance": words}])


def test_a_number_that_python_will_not_spell():
    found = sentence(Law[{"context_length": 10**5000}])
    assert "(context_length=a number of more than 4300 digits): must be at most 2^53" in found


PV = "LinearSelfAttention(pv="
LAYERS = [
    (np.ones((2, 3)), EYE, PV + "array of shape (2, 3)): must be square"),
    (np.ones(4), EYE, PV + "array of shape (4,)): must be a matrix"),
    (np.ones((1, 1)), np.ones((1, 1)), PV + "array of shape (1, 1)): must be at least 2 by 2"),
    (EYE * np.nan, EYE, PV + "array with nan at (0, 0)): must be finite"),
    ("text", EYE, PV + "array of dtype <U4): must be a matrix of real numbers"),
    (None, EYE, PV + "None): must be a matrix"),
    (np.eye(3), EYE, "LinearSelfAttention(kq=array of shape (2, 2)): must be of dimension 3"),
]


@pytest.mark.parametrize(("pv", "kq", "expected"), LAYERS)
def test_a_layer_is_refused(pv, kq, expected):
    assert sentence(lambda: LinearSelfAttention(pv, kq)) == expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            (np.ones(3), 1, EYE, np.ones(2)),
            "v=array of shape (3,)): must be of dimension 2",
        ),
        (
            (np.ones(2), 1, EYE, np.ones(3)),
            "p=array of shape (3,)): must be of dimension 2",
        ),
        ((1.0, 1, EYE, np.ones(2)), "v=1.0): must be a vector"),
        ((np.ones(2), "s", EYE, np.ones(2)), "s='s'): must be a finite real number"),
        ((np.ones(2), np.inf, EYE, np.ones(2)), "s=inf): must be a finite real number"),
        ((np.ones(2), 1, HUGE[:2], np.ones(2)), "u=array of shape (2, 300)): must be square"),
    ],
)
def test_parameters_are_refused(arguments, expected):
    found = sentence(lambda: LinearSelfAttention.from_parameters(*arguments))
    assert found == f"from_parameters({expected}"


LAW = GaussianPrompts(EYE, 4)
PREDICTORS = [
    (np.eye(3), "dimension 3): must be of the prompts' dimension 2"),
    (np.ones(3), "dimension 3): must be of the prompts' dimension 2"),
    (LinearSelfAttention(EYE, EYE), "dimension 1): must be of the prompts' dimension 2"),
    (LinearSelfAttention(EYE, EYE).parameters, "dimension 1): must be of the prompts' dimension 2"),
    (np.ones((2, 3)), "array of shape (2, 3)): must be square"),
    (EYE * np.nan, "array with nan at (0, 0)): must be finite"),
    ([], "array of shape (0,)): must be non-empty"),
]


@pytest.mark.parametrize("function", [risk, population_loss])
@pytest.mark.parametrize(("predictor", "expected"), PREDICTORS)
def test_a_predictor_is_refused(function, predictor, expected):
    predictor = np.array(predictor) if isinstance(predictor, list) else predictor
    found = sentence(lambda: function(predictor, LAW))
    assert found.endswith(f"(predictor={expected}")


def test_a_task_mean_is_refused_at_any_size():
    expected = (
        r"global_minimum\(prompts\.task_mean=array of shape \(\d+,\)\): must be zero "
        r"\(with a task mean the minimum lies off the block: see block_minimum\)"
    )
    for d in (2, 2000):
        with pytest.raises(ValueError, match=f"^{expected}$") as caught:
            global_minimum(GaussianPrompts(np.ones(d), 4, task_mean=np.ones(d)))
        assert len(str(caught.value)) < 160


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"sign": 0}, "sign=0): must be 1 or -1"),
        ({"sign": 2}, "sign=2): must be 1 or -1"),
        ({"balance": np.nan}, "balance=nan): must be a finite real number"),
        ({"balance": -np.inf}, "balance=-inf): must be a finite real number"),
    ],
)
def test_a_layer_at_the_minimum_is_refused(arguments, expected):
    assert sentence(lambda: global_minimum(LAW).layer(**arguments)) == f"layer({expected}"


def test_the_sentence_has_its_form():
    with pytest.raises(ValueError, match=re.escape("call(argument=7): must be even")):
        checks.refuse("call", "argument", 7, "even")
