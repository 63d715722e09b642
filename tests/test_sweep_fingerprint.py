"""What a store takes for the same function: any change of what it computes is seen, no other."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from fractions import Fraction
from types import ModuleType

import numpy as np
import pytest
import scipy.stats

from lsa_theory import GaussianPrompts, RandomCovariancePrompts, global_minimum, risk
from lsa_theory.random_covariance import DiagonalEigenvalues
from lsa_theory.sweeps.fingerprint import description, digest

SOURCE = """
import numpy as np
from lsa_theory import GaussianPrompts, risk

SCALE = 2.0
SPECTRUM = np.linspace(1, 2, 100)

def helper(x):
    return recursive(x) * SCALE + guarded(x)

def guarded(x):
    try:
        a = abs(x)
        b = 1 / a
    except ArithmeticError:
        return 0.0
    return a + b

def recursive(x, steps=3):
    return recursive(x / 2, steps - 1) if steps else x

def made(power, law):
    def study(a, b=1.5, *, c=(1, 2)):
        def inner(x):
            return x**power + SPECTRUM.sum()
        b = b if "b" in {"a", "b", "c", "d"} else 0
        weight = {"low": 1, "high": 4}["low"]
        try:
            return inner(a) + helper(b) * c[0] * weight if a in {1, 2, 3} else risk(law, law)
        except ZeroDivisionError:
            return 0.0
    return study

study = made(3, GaussianPrompts([1.0, 2.0], 7))
"""

CHANGES = [
    ("SCALE = 2.0", "SCALE = -2.0"),
    ("linspace(1, 2, 100)", "linspace(1, 2 + 1e-12, 100)"),
    ("* SCALE", "/ SCALE"),
    ("steps=3", "steps=4"),
    ("x / 2", "x / 3"),
    ("b=1.5", "b=1.25"),
    ("c=(1, 2)", "c=(1, 3)"),
    ("x**power", "x*power"),
    ('["low"]', '["high"]'),
    ("{1, 2, 3}", "{1, 2, 4}"),
    ("ZeroDivisionError", "ValueError"),
    ("made(3,", "made(3.0,"),
    ("[1.0, 2.0], 7", "[1.0, 2.0], 8"),
    ("[1.0, 2.0], 7", "[[1.0, 0.0], [0.0, 2.0]], 7"),
    ("risk(law, law)", "risk(law, None)"),
    ("import GaussianPrompts, risk", "import GaussianPrompts, population_loss as risk"),
    ("c[0]", "c[-0 + 1]"),
    (  # the same instructions, guarded otherwise
        "        b = 1 / a\n    except ArithmeticError:\n        return 0.0\n",
        "    except ArithmeticError:\n        return 0.0\n    else:\n        b = 1 / a\n",
    ),
    ('"c", "d"', '"c", "e"'),
    ("study(a, b=1.5", "study(b, a=1.5"),
]
NO_CHANGES = [
    ("SCALE = 2.0", "UNUSED = object()\n\n\nSCALE = 2.0  # the scale"),
    ("def made", "def other(x):\n    return x\n\ndef made"),
    ("x / 2, steps - 1", "x / 2,\n        steps - 1"),
    ("SCALE = 2.0", "SCALE = 4.0 / 2"),
]


def study_of(source):
    namespace = {"__name__": "study_of_mine"}
    exec(compile(source, "study", "exec", dont_inherit=True), namespace)
    return namespace["study"]


def fingerprint(value):
    return digest(description("function", value))


@pytest.mark.parametrize(("old", "new"), CHANGES)
def test_a_change_is_seen(old, new):
    assert old in SOURCE
    assert fingerprint(study_of(SOURCE.replace(old, new))) != fingerprint(study_of(SOURCE))


@pytest.mark.parametrize(("old", "new"), NO_CHANGES)
def test_what_changes_nothing_is_not_seen(old, new):
    assert old in SOURCE
    assert fingerprint(study_of(SOURCE.replace(old, new))) == fingerprint(study_of(SOURCE))


def test_it_is_the_same_in_every_process():
    code = f"from lsa_theory.sweeps.fingerprint import *\nspace = dict(__name__='study_of_mine')\n\
exec({SOURCE!r}, space)\nprint(digest(description('function', space['study'])))"
    expected = fingerprint(study_of(SOURCE))
    environment = {**os.environ, "PYTHONHASHSEED": "271828"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == expected


def test_a_function_that_was_run_is_the_same():
    study = study_of(SOURCE)
    before = fingerprint(study)
    for _ in range(200):  # the interpreter specialises what runs often
        study(1)
    assert fingerprint(study) == before


LAW = GaussianPrompts(np.linspace(1, 2, 90), 7)
VALUES = [
    *(None, True, 1, 1.0, -0.0, 0.0, 1j, "1", b"1", Fraction(1, 3), np.float32(1), np.float64(1)),
    *([1], [[1]], {"a": 1}, {1: "a"}, {1}, np.ones(1), np.ones((1, 1)), np.ones(1, np.float32)),
    *(np.ones(99), np.ones((9, 11)), np.array([Fraction(1)]), slice, float("nan"), float("inf")),
    *(LAW, LAW.replace(noise_variance=1.0), LAW.replace(covariance=np.linspace(1, 3, 90))),
    *(global_minimum(LAW), global_minimum(LAW).layer(), LAW.replace, GaussianPrompts),
    *(risk, global_minimum, np.exp, np.linalg.norm, len, scipy.stats.norm, np, scipy.stats),
    *(functools.partial(risk, LAW), functools.partial(risk, prompts=LAW)),
    *(scipy.stats.expon(), scipy.stats.gamma(2.0), scipy.stats.gamma(a=2.5)),
    RandomCovariancePrompts(DiagonalEigenvalues(scipy.stats.expon(), 3), 5),
    RandomCovariancePrompts(DiagonalEigenvalues(scipy.stats.gamma(2.0), 3), 5),
]


def test_different_values_are_told_apart():
    found = [fingerprint(value) for value in VALUES]
    assert len(set(found)) == len(found)
    assert fingerprint((1, 2)) == fingerprint([1, 2])


def test_a_persons_own_module_is_read(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    for text in ("f = 1", "f = 2"):
        (tmp_path / "my_formulas.py").write_text(text)
        module = ModuleType("my_formulas")
        module.__file__ = str(tmp_path / "my_formulas.py")
        found.append(fingerprint(module))
    assert found[0] != found[1]


class Mutable:
    value = 1


@pytest.mark.parametrize(
    "value", [object(), Mutable(), np.random.default_rng(0), iter([1]), np.array([object()])]
)
def test_what_cannot_be_seen_into_is_refused(value):
    def study(a):
        return a, value

    with pytest.raises(ValueError, match="pass what it needs of this as numbers") as error:
        description("function", study)
    sentence = str(error.value)
    assert sentence.startswith("sweep(function=value")
    assert "\n" not in sentence
    with pytest.raises(ValueError, match=r"sweep\(settings=.* in thing"):
        description("settings", {"thing": {"deep": value}})
