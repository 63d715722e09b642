"""Imports run one way, `import lsa_theory` is light, and every annotated shape is checked."""

from __future__ import annotations

import ast
import graphlib
import importlib
import inspect
import pkgutil
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path

import jaxtyping
import numpy as np
import pytest

import lsa_theory

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("lsa_theory", "derivations", "validation", "benchmarks", "docs", "tests")
SIMULATION = {"jax", "jaxlib", "diffrax", "equinox", "lineax", "optimistix", "optax"}
PRESENTATION = {"matplotlib", "rich", "jinja2", "ziamath", "sklearn", "sphinx", "argparse"}
GRIDS = {"xarray", "h5netcdf", "distributed", "dask", "cloudpickle"}
OPTIONAL = SIMULATION | PRESENTATION | GRIDS
PARTS = {  # of the library, each knows those above it here; what else each may import
    "formulas": {"jax"},  # in linalg.py and iteration.py alone
    "flow": SIMULATION,
    "transformer": SIMULATION,
    "transience": SIMULATION,  # in bursty.py and experiment.py alone
    "sweeps": {"jax", "xarray", "distributed", "cloudpickle", "rich"},
    "plots": {"matplotlib"},
    "phase": {"xarray", "matplotlib"},
    "command_line": {"rich", "argparse", "matplotlib", "jax", "h5netcdf", "xarray"},
}
AT_ONCE = {  # by files that are themselves loaded when they are used
    "flow": SIMULATION,
    "transformer": SIMULATION,
    "bursty": SIMULATION,
    "experiment": SIMULATION,
    "plots": {"matplotlib"},
    "command_line": {"argparse"},
    "terminal": {"rich"},
}
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


def sources(package: str) -> list[Path]:
    return sorted(path for path in (ROOT / package).rglob("*.py") if "_build" not in path.parts)


def dotted(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path: Path, inside_functions: bool = True) -> Iterator[str]:
    """The absolute names that a file imports; `from a import b` gives both a and a.b."""
    home = dotted(path).split(".")
    package = home if path.name == "__init__.py" else home[:-1]
    tree = ast.parse(path.read_text())
    nodes = ast.walk(tree) if inside_functions else iter(tree.body)
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            name = ".".join([*base, *filter(None, [node.module])])
            yield name
            yield from (f"{name}.{alias.name}" for alias in node.names)


def requested(path: Path) -> set[str]:
    """The packages that a file imports, as a statement or through `extras.required`."""
    calls = (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))
    asked = (call.args[1] for call in calls if getattr(call.func, "id", "") == "required")
    names = (name.value for name in asked if isinstance(name, ast.Constant))
    return roots(path) | {name.split(".")[0] for name in names}


def roots(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported(path)}


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print('\\n'.join(sys.modules))"
    run = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return set(run.stdout.split())


def test_import_loads_numpy_and_nothing_else():
    extra = modules_after("import lsa_theory") - modules_after("import numpy")
    tops = {name.split(".")[0] for name in extra} - set(sys.stdlib_module_names)
    assert tops == {"lsa_theory"}
    assert not any(name.startswith("lsa_theory.flow") for name in extra)


def test_light_import_still_offers_the_flow():
    assert "jax" in modules_after("import lsa_theory; lsa_theory.gradient_flow")


@pytest.mark.parametrize("name", ["limits", "modular", "phase", "testing", "transience", "wishart"])
def test_a_part_is_loaded_when_it_is_asked_for(name):
    code = f"import lsa_theory; lsa_theory.{name}"
    new = modules_after(code) - modules_after("import lsa_theory")
    assert f"lsa_theory.{name}" in new
    assert name in dir(lsa_theory)


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
        part = path.stem if path.stem in ("terminal", "bursty", "experiment") else part_of(path)
        allowed = AT_ONCE.get(part, set())
        names = {name.split(".")[0] for name in imported(path, inside_functions=False)}
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


# --- shapes ------------------------------------------------------------------------------------


def package_modules() -> list[str]:
    found = pkgutil.walk_packages(lsa_theory.__path__, "lsa_theory.")
    return [name for _, name, _ in found if not name.endswith("__main__")]


def annotated_in(module) -> Iterator:
    """Classes, functions, methods and properties that the module defines, jitted ones included."""
    own = [v for v in vars(module).values() if getattr(v, "__module__", "") == module.__name__]
    classes = [value for value in own if inspect.isclass(value)]
    yield from classes
    for value in own + [member for kind in classes for member in vars(kind).values()]:
        value = getattr(value, "fget", None) or getattr(value, "__func__", value)
        if callable(value) and not inspect.isclass(value):
            function = inspect.unwrap(value)
            if inspect.isfunction(function) and function.__module__ == module.__name__:
                yield function


def shaped_parts(annotation: object) -> list[type]:
    """The jaxtyping shapes inside an annotation, unions and tuples included."""
    if inspect.isclass(annotation) and issubclass(annotation, jaxtyping.AbstractArray):
        return [annotation]
    return [part for item in getattr(annotation, "__args__", ()) for part in shaped_parts(item)]


def real_shapes(module) -> int:
    """How many shapes the module's annotations hold; raises if one does not resolve to a shape."""
    count = 0
    for item in annotated_in(module):
        written = inspect.get_annotations(item)
        resolved = inspect.get_annotations(item, eval_str=True)  # NameError if behind a guard
        for argument, annotation in resolved.items():
            wanted = str(written[argument]).count("Shaped[")
            assert len(shaped_parts(annotation)) >= wanted, f"{item.__qualname__}: {argument}"
            count += wanted
    return count


@pytest.mark.parametrize("name", package_modules())
def test_module_is_instrumented_and_its_shapes_are_real(name):
    module = importlib.import_module(name)
    assert type(module.__spec__.loader).__name__ == "CheckedLoader"
    if "import Array, Shaped" in Path(module.__file__).read_text():
        assert real_shapes(module) > 0


GUARDED = """
from __future__ import annotations
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from lsa_theory._typing import Array, Shaped
def total(array: Shaped[Array, "d d"]): return array.sum()
"""
INERT = """
from __future__ import annotations
from typing import Any
class Shaped:
    def __class_getitem__(cls, item): return Any
def total(array: Shaped[Any, "d d"]): return array.sum()
"""


@pytest.mark.parametrize(("source", "failure"), [(GUARDED, NameError), (INERT, AssertionError)])
def test_unchecked_shapes_are_noticed(source, failure):
    module = types.ModuleType("unchecked")
    exec(source, vars(module))
    with pytest.raises(failure):
        real_shapes(module)


def refusal(call, *arguments, **options) -> str:
    with pytest.raises(jaxtyping.TypeCheckError) as caught:
        call(*arguments, **options)
    return str(caught.value)


def test_wrong_shape_is_refused_where_the_package_is_imported_eagerly():
    from lsa_theory.linalg import solve

    assert np.allclose(solve(2 * np.eye(3), np.eye(3)), np.eye(3) / 2)
    assert "matrix" in refusal(solve, np.zeros((2, 3)), np.eye(3))
    assert "right" in refusal(solve, np.eye(3), np.eye(2))


def test_wrong_shape_is_refused_where_the_package_is_imported_lazily():
    assert "gradient_flow" not in vars(lsa_theory)  # but for __getattr__
    assert lsa_theory.gradient_flow.__module__ == "lsa_theory.flow"
    from lsa_theory.flow.polynomial import split

    v_and_s, u_and_p = split(np.arange(4.0), 1)
    assert v_and_s.size == u_and_p.size == 2
    assert "flat" in refusal(split, np.zeros((2, 2)), 1)
