"""Imports run one way, and `import lsa_theory` is light."""

from __future__ import annotations

import graphlib
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

import lsa_theory
from tests.sources import ROOT, dotted, imported, requested, roots, sources

PACKAGES = ("lsa_theory", "derivations", "validation", "benchmarks", "docs", "tests")
SIMULATION = {"jax", "jaxlib", "diffrax", "equinox", "lineax", "optimistix", "optax"}
PRESENTATION = {"matplotlib", "rich", "jinja2", "ziamath", "sklearn", "sphinx", "argparse"}
GRIDS = {"xarray", "h5netcdf", "distributed", "dask", "cloudpickle"}
OPTIONAL = SIMULATION | PRESENTATION | GRIDS
PARTS = {  # of the library, each knows those above it here; what else each may import
    "formulas": {"jax"},  # in linalg.py and iteration.py alone
    "flow": SIMULATION,
    "transformer": SIMULATION,
    "transience": SIMULATION,  # in files of TRAINED alone
    "modular": SIMULATION,  # likewise
    "sweeps": {"jax", "xarray", "distributed", "cloudpickle", "rich"},
    "plots": {"matplotlib"},
    "phase": {"xarray", "matplotlib"},
    "command_line": {"rich", "argparse", "matplotlib", "jax", "optax", "h5netcdf", "xarray"},
}
AT_ONCE = {  # by files that are themselves loaded when they are used
    "flow": SIMULATION,
    "transformer": SIMULATION,
    "trained": SIMULATION,
    "plots": {"matplotlib"},
    "command_line": {"argparse"},
    "terminal": {"rich"},
}
TRAINED = {
    "transience": {
        "bursty", "circuits", "classifier", "drawn", "probes", "experiment", "omniglot",
        "presets",
    },
    "modular": {"experiment", "inspection", "presets", "rows"},
}  # fmt: skip
WITHIN = {  # what only some files of a part import
    "jax": {"linalg.py", "iteration.py", "vectorised.py"},
    "xarray": {"driver.py", "phase.py"},
    "distributed": {"cluster.py"},
    "cloudpickle": {"cluster.py", "resident.py"},
}
ABOVE = {  # what a package may not know: whatever stands above it
    "lsa_theory": {"derivations", "validation", "benchmarks", "docs", "tests"},
    "derivations": {"validation", "benchmarks", "docs", "tests"},
    "validation": {"benchmarks", "docs", "tests"},
    "benchmarks": {"docs", "tests"},
    "docs": {"benchmarks", "tests"},
    "tests": set(),
}


@cache
def modules_after(statement: str) -> frozenset[str]:
    code = f"import sys\n{statement}\nprint('\\n'.join(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return frozenset(run.stdout.split())


def test_import_loads_numpy_and_nothing_else():
    extra = modules_after("import lsa_theory") - modules_after("import numpy")
    tops = {name.split(".")[0] for name in extra} - set(sys.stdlib_module_names)
    assert tops == {"lsa_theory"}
    assert not any(name.startswith("lsa_theory.flow") for name in extra)


def test_light_import_still_offers_the_flow():
    assert "jax" in modules_after("import lsa_theory; lsa_theory.gradient_flow")


PARTS_ASKED_FOR = """
import sys
for name in ("limits", "modular", "phase", "testing", "transience", "wishart"):
    for module in [m for m in sys.modules if m.split(".")[0] == "lsa_theory"]:
        del sys.modules[module]
    import lsa_theory
    assert f"lsa_theory.{name}" not in sys.modules, name
    assert name in dir(lsa_theory), name
    assert getattr(lsa_theory, name).__name__ == f"lsa_theory.{name}"
    assert f"lsa_theory.{name}" in sys.modules, name
"""


def test_a_part_is_loaded_when_it_is_asked_for():
    assert "lsa_theory.wishart" in modules_after(PARTS_ASKED_FOR)


def test_star_import_brings_every_public_name():
    names: dict[str, object] = {}
    exec("from lsa_theory import *", names)
    public = {n for n in dir(lsa_theory) if callable(getattr(lsa_theory, n)) and n[0] != "_"}
    assert {"gradient_flow", "GradientFlow", "gamma", "risk"} <= public
    assert names.keys() - {"__builtins__"} == public - {"Any"} == set(lsa_theory.__all__)


@pytest.mark.parametrize("package", PACKAGES)
def test_imports_run_downwards(package):
    for path in sources(package):
        assert not roots(path) & ABOVE[package], path


def part_of(path: Path) -> str:
    first = path.relative_to(ROOT / "lsa_theory").parts[0]
    return "command_line" if first == "__main__.py" else first if first in PARTS else "formulas"


def library(part: str) -> list[Path]:
    found = [path for path in sources("lsa_theory") if part_of(path) == part]
    assert found, part
    return found


@pytest.mark.parametrize("part", PARTS)
def test_a_part_imports_what_it_may(part):
    for path in library(part):
        names = requested(path)
        assert not names & OPTIONAL - PARTS[part], path
        assert "sympy" not in names or path.parts[-2:] == ("wishart", "expression.py"), path
        if part in ("formulas", "sweeps"):
            limited = {name for name in names & WITHIN.keys() if path.name not in WITHIN[name]}
            assert not limited, path


@pytest.mark.parametrize("part", PARTS)
def test_a_part_knows_no_part_above_it(part):
    order = list(PARTS)
    above = {f"lsa_theory.{name}" for name in order[order.index(part) + 1 :]}
    for path in library(part):
        if path != ROOT / "lsa_theory" / "__init__.py":  # which offers them all, lazily
            names = {".".join(name.split(".")[:2]) for name in imported(path)}
            assert not names & above, path


def test_hypothesis_is_for_the_strategies_alone():
    users = {
        path.relative_to(ROOT).parts[1]
        for path in sources("lsa_theory")
        if "hypothesis" in roots(path)
    }
    assert users == {"testing"}


def test_library_imports_nothing_heavy_at_module_level():
    for path in sources("lsa_theory"):
        part = "terminal" if path.stem == "terminal" else part_of(path)
        part = "trained" if path.stem in TRAINED.get(part, ()) else part
        allowed = AT_ONCE.get(part, set())
        names = roots(path, inside_functions=False)
        assert not names & (OPTIONAL | {"scipy", "sympy", "jaxtyping"}) - allowed, path


def test_a_sweep_that_is_not_run_loads_nothing_heavy():
    extra = modules_after("import lsa_theory; lsa_theory.sweep, lsa_theory.Axis")
    assert "lsa_theory.sweeps.driver" in extra
    assert not {name.split(".")[0] for name in extra} & OPTIONAL


def test_solvable_models_load_numpy_and_nothing_else():
    extra = modules_after("import lsa_theory.transience") - modules_after("import numpy")
    assert {name.split(".")[0] for name in extra} - set(sys.stdlib_module_names) == {"lsa_theory"}


@pytest.mark.parametrize("package", ["lsa_theory", "validation", "derivations", "benchmarks"])
def test_no_cycle_even_inside_functions(package):
    files = {dotted(path): path for path in sources(package)}
    graph = {
        module: {name for name in imported(path) if name in files and name != module}
        for module, path in files.items()
        if path.name != "__init__.py"
    }
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError, naming the cycle
