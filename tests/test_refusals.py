"""What is of another kind than an argument asks for is refused in a sentence.

Under the tests' type checker the annotations would refuse first: `unwrap` gives the functions as
users have them.
"""

from __future__ import annotations

from fractions import Fraction
from inspect import unwrap

import numpy as np
import pytest
from test_checks import sentence

import lsa_theory
from lsa_theory import GaussianPrompts, LinearSelfAttention, Parameters, gradient_flow

EYE = np.eye(2)
LAW = GaussianPrompts([[2.0, 0.5], [0.5, 1.0]], 10)
LAYER = LinearSelfAttention.from_block(0.1 * EYE, 0.1)
VISIBLE = LAYER.parameters
THREE = LinearSelfAttention.from_block(np.eye(3), 1.0)
A_LAYER, A_LAW, A_TARGET = "a LinearSelfAttention", "a GaussianPrompts", "a TargetPrompts"
SQUARE = "array of shape (2, 2)"
SHOWN_LAW = "GaussianPrompts(covariance=ar..."


@pytest.mark.parametrize(
    ("name", "arguments", "argument", "shown", "rule"),
    [
        ("global_minimum", (EYE,), "prompts", SQUARE, A_LAW),
        ("block_minimum", (None,), "prompts", "None", A_LAW),
        ("final_rate", ("law",), "prompts", "'law'", A_LAW),
        ("risk", (LAYER, None), "prompts", "None", A_LAW),
        ("population_loss", (LAYER, EYE), "prompts", SQUARE, A_LAW),
        ("prediction_error", (LAYER, LAW), "target", SHOWN_LAW, A_TARGET),
        ("theorem_4_2", (LAW, LAW), "target", SHOWN_LAW, A_TARGET),
        ("theorem_4_2", (EYE, LAW), "train", SQUARE, A_LAW),
        ("convergence_guarantee", (EYE, LAW), "layer", SQUARE, A_LAYER),
        ("convergence_guarantee", (LAYER, EYE), "prompts", SQUARE, A_LAW),
        ("known_to_converge", (LAW, LAYER), "layer", SHOWN_LAW, A_LAYER),
        ("known_to_converge", (LAYER, None), "prompts", "None", A_LAW),
        ("gradient_flow", (EYE, LAW), "layer", SQUARE, A_LAYER),
        ("gradient_flow", (VISIBLE, LAW), "layer", "Parameters(v=array([0., 0.]),...", A_LAYER),
        ("gradient_flow", (None, LAW), "layer", "None", A_LAYER),
        ("gradient_flow", ("layer", LAW), "layer", "'layer'", A_LAYER),
        ("gradient_flow", (LAYER, None), "prompts", "None", A_LAW),
        ("gradient_flow", (LAW, LAYER), "layer", SHOWN_LAW, A_LAYER),
        ("gradient_flow", ([LAYER, 3], LAW), "layer[1]", "3", A_LAYER),
        ("gradient_flow", (LAYER, (LAW, EYE)), "prompts[1]", SQUARE, A_LAW),
        ("gradient_flow", ([], LAW), "layer", "[]", "at least one LinearSelfAttention"),
        ("gradient_flow", (LAYER, []), "prompts", "[]", "at least one GaussianPrompts"),
        ("risk", (None, LAW), "predictor", "None", "a vector or a matrix"),
    ],
)
def test_another_kind_is_refused(name, arguments, argument, shown, rule):
    function = unwrap(getattr(lsa_theory, name))
    assert sentence(lambda: function(*arguments)) == f"{name}({argument}={shown}): must be {rule}"


def test_dimensions_mixed_in_a_batch_are_refused():
    laws = [LAW, GaussianPrompts(np.ones(3), 5)]
    assert sentence(lambda: gradient_flow([LAYER, THREE], laws)) == (
        "gradient_flow(layer=lane 1 with a layer of 3 and prompts of 3): must be of the prompts' "
        "dimension, and of one dimension in the whole batch"
    )


NUMBER, SMALL, SHARE = "a positive number", "a number in (0, 0.1]", "a number in (0, 1)"


@pytest.mark.parametrize(
    ("options", "shown", "rule"),
    [
        ({"end_time": "5"}, "'5'", NUMBER),
        ({"end_time": np.ones(2)}, "array of shape (2,)", NUMBER),
        ({"end_time": True}, "True", NUMBER),
        ({"end_time": np.nan}, "nan", NUMBER),
        ({"end_time": -(10**400)}, f"-1{'0' * 27}...", NUMBER),
        ({"rtol": "a"}, "'a'", SMALL),
        ({"rtol": None}, "None", SMALL),
        ({"rtol": 0}, "0", SMALL),
        ({"tolerance": "x"}, "'x'", SHARE),
        ({"tolerance": 1j}, "1j", SHARE),
        ({"tolerance": Fraction(3, 2)}, "3/2", SHARE),
        ({"parameters": np.ones(3)}, "array of shape (3,)", '"auto", "block" or "all"'),
        ({"times": [1, 0]}, "array with 1.0 before 0.0", "non-negative and increasing"),
        ({"times": [0, 2, 2]}, "array with 2.0 before 2.0", "non-negative and increasing"),
        ({"times": [-1, 0]}, "array with -1.0 at 0", "non-negative and increasing"),
        ({"times": 5.0}, "5.0", "a vector"),
        ({"end_time": 5, "times": [10, 100]}, "5.0", "at least 100.0, the last of times"),
    ],
)
def test_options_of_the_flow_are_refused(options, shown, rule):
    found = sentence(lambda: unwrap(gradient_flow)(LAYER, LAW, **options))
    assert found == f"gradient_flow({next(iter(options))}={shown}): must be {rule}"


@pytest.mark.parametrize("parameters", ["block", "all"])
def test_time_0_is_the_start(parameters):
    flow = gradient_flow(LAYER, LAW, times=[0], parameters=parameters)
    assert flow.times.tolist() == [0]
    np.testing.assert_allclose(flow.layers[0].pv, LAYER.pv, atol=1e-16)
    np.testing.assert_allclose(flow.layers[0].kq, LAYER.kq, atol=1e-16)


@pytest.mark.parametrize("end_time", [np.inf, 10**400])
def test_the_flow_may_take_forever(end_time):
    assert gradient_flow(LAYER, LAW, end_time=end_time).converged


UNFIT = [
    ({"v": np.ones(1)}, "v=array of shape (1,)", "of dimension 2"),
    ({"p": np.ones(3)}, "p=array of shape (3,)", "of dimension 2"),
    ({"v": 1.0}, "v=1.0", "a vector"),
    ({"v": [[0], [1, 2]]}, "v=ragged sequence", "a vector of numbers"),
    ({"p": [0.0, np.nan]}, "p=array with nan at 1", "finite"),
    ({"s": np.nan}, "s=nan", "a finite real number"),
    ({"s": [1.0]}, "s=[1.0]", "a finite real number"),
    ({"u": np.ones((2, 3))}, "u=array of shape (2, 3)", "square"),
    ({"u": np.full((2, 2), np.inf)}, "u=array with inf at (0, 0)", "finite"),
    ({"u": 1.0}, "u=1.0", "a matrix"),
]


@pytest.mark.parametrize(
    ("call", "function"),
    [
        ("risk", lambda parameters: lsa_theory.risk(parameters, LAW)),
        ("population_loss", lambda parameters: lsa_theory.population_loss(parameters, LAW)),
        ("with_parameters", LAYER.with_parameters),
        ("from_parameters", lambda parameters: LinearSelfAttention.from_parameters(*parameters)),
    ],
)
@pytest.mark.parametrize(("changes", "shown", "rule"), UNFIT)
def test_parameters_that_do_not_fit_are_refused(call, function, changes, shown, rule):
    found = sentence(lambda: function(VISIBLE._replace(**changes)))
    assert found == f"{call}({shown}): must be {rule}"


def test_parameters_of_another_layer_are_refused():
    found = sentence(lambda: LAYER.with_parameters(THREE.parameters))
    assert found == "with_parameters(u=array of shape (3, 3)): must be of dimension 2"
    found = sentence(lambda: unwrap(LinearSelfAttention.with_parameters)(LAYER, None))
    assert found == "with_parameters(parameters=None): must be a Parameters"


def test_parameters_may_be_lists_and_stay_exact():
    lists = Parameters([0.0, 0.1], 0.5, [[1.0, 0.0], [0.2, 1.0]], [0.3, 0.0])
    layer = LinearSelfAttention.from_parameters(*lists)
    assert lsa_theory.risk(lists, LAW) == lsa_theory.risk(layer, LAW)
    half = np.array([[Fraction(1, 2)]], dtype=object)
    exact = Parameters(np.zeros(1, dtype=int), 1, half, np.zeros(1, dtype=int))
    assert lsa_theory.risk(exact, GaussianPrompts(np.array([Fraction(1)]), 3)) == Fraction(5, 12)


def test_the_function_called_and_its_argument_are_named():
    law = GaussianPrompts([1.0], 3)
    wrong = "dimension 2): must be of the prompts' dimension 1"
    assert sentence(lambda: lsa_theory.population_loss(EYE, law)) == (
        f"population_loss(predictor={wrong}"
    )
    for name in ("convergence_guarantee", "known_to_converge"):
        assert sentence(lambda name=name: getattr(lsa_theory, name)(LAYER, law)) == (
            f"{name}(layer={wrong}"
        )
    assert sentence(lambda: LinearSelfAttention.from_block(EYE, "s")) == (
        "from_block(s='s'): must be a finite real number"
    )
