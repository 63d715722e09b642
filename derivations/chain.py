"""A derivation is a chain of steps, and a step is a handful of identities.

A step is a function that returns what it claims to be equal; its docstring is the statement. Its
scope says what it is shown for. A chain also holds wrong neighbours of its steps, which must not
come out as equal: a checker that accepts them checks nothing.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import sympy

from derivations.algebra import Words, latex

ANY = "any N and any dimension"
SCALARS = "generic scalars"
AT_2 = "generic symbols at d = 2"


@dataclass(frozen=True, eq=False)
class Identity:
    """`left = right`; the label, in LaTeX, is written for a left side that is long."""

    left: Any
    right: Any
    label: str = ""

    @cached_property
    def residuals(self) -> list[Any]:
        """What must be exactly zero, in normal form."""
        left, right = self.left, self.right
        if isinstance(left, Words) or isinstance(right, Words):
            return [sympy.cancel(value) for value in (left - right).terms.values()] or [
                sympy.Integer(0)
            ]
        sides = [np.asarray(side, dtype=object) for side in (left, right)]
        if 0 in (sides[0].size, sides[1].size) or len({x.shape for x in sides if x.ndim}) > 1:
            raise ValueError(f"Identity: sides of shapes {sides[0].shape} and {sides[1].shape}")
        pairs = np.broadcast(*sides)
        return [normal(exact(a) - exact(b)) for a, b in pairs]

    @property
    def holds(self) -> bool:
        return all(residual == 0 for residual in self.residuals)

    @property
    def latex(self) -> str:
        return f"{self.label or written(self.left)} = {written(self.right)}"


def exact(value: Any) -> sympy.Expr:
    """A number or an expression without floats, which show nothing exactly."""
    found = sympy.sympify(value)
    if found.has(sympy.Float):
        raise ValueError(f"derivation: {found} holds a float")
    return found


def normal(expression: sympy.Expr) -> sympy.Expr:
    """With zero in one form only."""
    found = sympy.expand(expression)
    if found == 0 or differs_from_zero(found):
        return found
    found = sympy.cancel(found)
    return found if found == 0 else sympy.simplify(found)


def differs_from_zero(expression: sympy.Expr) -> bool:
    """At one point, which shows it; nothing is shown by being close to 0 there."""
    symbols = sorted(expression.free_symbols, key=str)
    point = {symbol: sympy.prime(index + 3) for index, symbol in enumerate(symbols)}
    value = abs(expression.subs(point).evalf(30))
    return bool(value.is_Float and value > sympy.Float("1e-20"))


def written(value: Any) -> str:
    if isinstance(value, Words):
        return latex(value)
    if isinstance(value, np.ndarray):
        value = sympy.Matrix(value)
    return sympy.latex(sympy.sympify(value))


@dataclass(frozen=True, eq=False)
class Step:
    """One step of a derivation, or a wrong neighbour of one."""

    name: str
    statement: str
    scope: str
    shown: Callable[..., Any]

    def identities(self, formula: Any = None) -> list[Identity]:
        """What the step shows, of `formula` in the place of the library's if it takes one."""
        given = (formula,) if formula is not None and self.takes_formula else ()
        found = self.shown(*given)
        found = list(found) if isinstance(found, Iterable) else [found]
        if not found or not all(isinstance(one, Identity) for one in found):
            raise ValueError(f"step {self.name!r}: must return identities, at least one")
        return found

    @property
    def takes_formula(self) -> bool:
        return bool(inspect.signature(self.shown).parameters)

    def residuals(self, formula: Any = None) -> list[Any]:
        return [x for identity in self.identities(formula) for x in identity.residuals]

    def holds(self) -> bool:
        return all(residual == 0 for residual in self.residuals())


def step(scope: str) -> Callable[[Callable[..., Any]], Step]:
    """Decorator: a function that returns one `Identity` or several becomes a step."""

    def made(shown: Callable[..., Any]) -> Step:
        name = getattr(shown, "__name__", "step").replace("_", " ").strip()
        return Step(name, inspect.getdoc(shown) or "", scope, shown)

    return made


@dataclass(frozen=True, eq=False)
class Chain:
    """Steps in their order, and wrong neighbours that must not hold."""

    steps: tuple[Step, ...]
    wrong: tuple[Step, ...]

    def residuals(self) -> Iterator[Any]:
        """Expressions that must be exactly zero."""
        for each in self.steps:
            yield from each.residuals()
