"""Descriptions in JSON of functions and settings: equal if and only if they compute the same.

Numbers, strings, arrays, laws and layers are described by their values, functions by their code
and by all that they read, down to installed libraries, which their names and versions describe.
Whatever else is refused: it could change without being noticed.
"""

from __future__ import annotations

import dataclasses
import enum
import hashlib
import json
import numbers
from collections.abc import Callable, Mapping
from fractions import Fraction
from functools import partial
from inspect import unwrap
from types import FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array
from lsa_theory.sweeps import code

CALL = "sweep"
SHORT = 64  # numbers of an array that are spelled out
RULE = (
    "made of numbers, strings, arrays, laws, layers and functions for a store to tell whether it "
    "has changed: pass what it needs of this as numbers and arrays through settings"
)


def digest(description: Any) -> str:
    """The SHA-256 of a description."""
    text = json.dumps(description, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def description(argument: str, value: Any, *, strict: bool = True) -> Any:
    """A value in JSON.

    Raises
    ------
    ValueError
        If some part of it is of no kind known here, unless `strict` is false: it is then described
        by its class alone.
    """
    return _Description(argument, strict).of(value)


class _Description:
    """One walk through a value; functions that call each other are met once."""

    def __init__(self, argument: str, strict: bool) -> None:
        self.argument, self.strict = argument, strict
        self.met: list[Any] = []
        self.path: list[str] = []

    def at(self, name: str, value: Any) -> Any:
        self.path.append(name)
        found = self.of(value)
        self.path.pop()
        return found

    def of(self, value: Any) -> Any:
        for kind, described in _KINDS.items():
            if isinstance(value, kind):
                return described(self, value)
        if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return self.fields(value)
        if code.is_named(value):
            return {"name": code.library_name(value)}
        if hasattr(value, "__wrapped__"):  # a function compiled by JAX
            return {"wrapped": self.of(value.__wrapped__), "by": type(value).__qualname__}
        if type(value).__module__.startswith("jax") and hasattr(value, "__array__"):
            return self.array(np.asarray(value))
        if type(value).__module__.startswith("scipy.stats"):
            return self.distribution(value)
        return self.unknown(value)

    def unknown(self, value: Any) -> Any:
        kind = type(value).__qualname__
        if self.strict:
            what = f"{' in '.join(reversed(self.path)) or 'an object'} of class {kind}"
            checks.refuse(CALL, self.argument, what, RULE)
        return {"class": kind}

    def number(self, value: Any) -> Any:
        if isinstance(value, Fraction):
            return {"fraction": str(value)}
        if isinstance(value, np.generic):
            return {"array": value.item(), "dtype": str(value.dtype)}
        return {"complex": repr(value)} if isinstance(value, complex) else value

    def array(self, value: Array) -> Any:
        if value.dtype == object:
            return {"array": self.items(value.tolist()), "dtype": "object"}
        if value.dtype.hasobject:
            return self.unknown(value)
        content: Any = value.tolist()
        if value.size > SHORT:
            content = hashlib.sha256(np.ascontiguousarray(value).tobytes()).hexdigest()
        return {"array": content, "shape": list(value.shape), "dtype": value.dtype.str}

    def items(self, value: Any) -> Any:
        return [self.of(item) for item in value]

    def unordered(self, value: Any) -> Any:
        return {"set": sorted((self.of(item) for item in value), key=json.dumps)}

    def mapping(self, value: Mapping[Any, Any]) -> Any:
        if all(isinstance(name, str) for name in value):
            return {name: self.at(name, item) for name, item in value.items()}
        return {"mapping": [[self.of(name), self.of(item)] for name, item in value.items()]}

    def fields(self, value: Any) -> Any:
        kind = type(value)
        if not code.is_named(kind):
            return self.unknown(value)
        parts = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {kind.__qualname__: {name: self.at(name, part) for name, part in parts.items()}}

    def function(self, value: FunctionType) -> Any:
        if code.is_library(value.__module__):
            value = unwrap(value)
        name = f"{value.__module__}.{value.__qualname__}"
        if value in self.met:
            return {"function": name, "met": self.met.index(value)}
        self.met.append(value)
        if code.is_named(value):
            return {"function": code.library_name(value)}
        return {
            "function": name,
            "code": code.code_digest(value.__code__),
            "reads": {name: self.at(name, item) for name, item in code.reads(value)},
        }

    def method(self, value: MethodType) -> Any:
        return {"method": value.__func__.__name__, "of": self.of(value.__self__)}

    def partial(self, value: partial[Any]) -> Any:
        parts = self.of(value.func), self.items(value.args), self.mapping(value.keywords)
        return dict(zip(("partial", "arguments", "keywords"), parts, strict=True))

    def distribution(self, value: Any) -> Any:
        """One of SciPy's own, frozen or not; others hold what cannot be seen from here."""
        from scipy import stats

        own: Any = getattr(value, "dist", value)
        name = str(getattr(own, "name", ""))
        if type(own) is not type(getattr(stats, name, None)):
            return self.unknown(value)
        given = [getattr(value, "args", ()), getattr(value, "kwds", {})]
        return {"distribution": name, "given": self.items(given)}

    def ufunc(self, value: np.ufunc) -> Any:
        return {"ufunc": value.__name__}

    def module(self, value: ModuleType) -> Any:
        return {"module": code.module_name(value)}

    def enumerated(self, value: enum.Enum) -> Any:
        return {"member": f"{type(value).__qualname__}.{value.name}"}

    def bytes(self, value: bytes) -> Any:
        return {"bytes": value.hex()}

    def plain(self, value: Any) -> Any:
        return value


_KINDS: dict[Any, Callable[[_Description, Any], Any]] = {
    enum.Enum: _Description.enumerated,
    (bool, str, type(None)): _Description.plain,
    (numbers.Number, np.generic): _Description.number,
    np.ndarray: _Description.array,
    bytes: _Description.bytes,
    (list, tuple, range): _Description.items,
    (set, frozenset): _Description.unordered,
    Mapping: _Description.mapping,
    FunctionType: _Description.function,
    MethodType: _Description.method,
    partial: _Description.partial,
    np.ufunc: _Description.ufunc,
    ModuleType: _Description.module,
}
