"""Words in print."""

from __future__ import annotations

import re
from itertools import groupby
from typing import Any

import sympy

from derivations.algebra.letters import Letters

GREEK = {
    "Lambda": "Λ",
    "Lambda_q": "Λ_q",
    "Omega": "Ω",
    "Gamma": "Γ",
    "Theta": "Θ",
    "Sigma": "Σ",
    "mu": "μ",
}


def text(words: Any) -> str:
    """In one line."""
    terms = [_text_term(key, value) for key, value in words.terms.items()]
    return " + ".join(terms) or "0"


def _text_term(key: Any, value: sympy.Expr) -> str:
    parts = [] if value == 1 else [f"({value})"]
    for trace in key.traces:
        inside = " ".join(GREEK.get(x, x) for x in trace)
        parts.append(inside if trace[0][0].islower() else f"tr({inside})")
    if key.open is not None:
        parts.append(" ".join(GREEK.get(x, x) for x in key.open) or "I")
    return " ".join(parts) or "1"


def latex(words: Any) -> str:
    terms = [_latex_term(key, value) for key, value in words.terms.items()]
    return " + ".join(terms).replace("+ -", "- ") or "0"


def _latex_term(key: Any, value: sympy.Expr) -> str:
    value = sympy.factor(value)
    front = sympy.latex(value, fold_short_frac=False)
    if value.is_Add:
        front = rf"\left({front}\right)"
    words = []
    for trace in key.traces:
        inside = _latex_word(trace)
        words.append(inside if trace[0][0].islower() else rf"\operatorname{{tr}}({inside})")
    if key.open is not None:
        words.append(_latex_word(key.open) or "I")
    if not words:
        return front
    front = {"1": "", "-1": "-"}.get(front, front + r" \, ")
    return front + r" \, ".join(words)


def _latex_word(word: Letters) -> str:
    runs = [(letter, len(list(group))) for letter, group in groupby(word)]
    return " ".join(_latex_letter(letter, count) for letter, count in runs)


def _latex_letter(letter: str, count: int) -> str:
    name = letter.rstrip("'")
    shown = _latex_name(name)
    if letter != name:
        shown = rf"{shown}^\top"
    if count == 1:
        return shown
    if shown.endswith("^{-1}"):
        return shown.replace("-1", f"-{count}")
    return rf"{shown}^{{{count}}}" if "^" not in shown else rf"({shown})^{{{count}}}"


def _latex_name(name: str) -> str:
    shown = re.sub("Gamma|Lambda|Omega|Theta|Sigma|mu", r"\\\g<0>", name)
    return re.sub(r"\^(\S+)", r"^{\1}", shown)
