"""Docstrings and prose, reStructuredText with ``$...$``, as HTML with the formulas set."""

import re
from typing import Any

from docutils import nodes
from docutils.core import publish_parts
from docutils.parsers.rst import roles
from docutils.writers import html5_polyglot

from validation.harness.mathsvg import MathSheet

_CODE_OR_DOLLARS = re.compile(
    r"(?P<code>``.+?``)|\$\$(?P<display>.+?)\$\$|(?<![\\$])\$(?P<inline>[^$`]+?)\$", re.DOTALL
)
_SECTION = re.compile(r"^(?P<name>[A-Z][A-Za-z ]+)\n-{3,}\n", re.MULTILINE)
_REFERENCE_ROLES = ("func", "class", "meth", "mod", "attr", "data", "exc", "obj", "doc", "ref")
_ARGUMENT_SECTIONS = {"Parameters", "Returns", "Raises", "Attributes", "Examples", "See Also"}


def statement(docstring: str) -> str:
    """What a formula's docstring states: all but its source and its arguments and results."""
    parts = _SECTION.split(docstring)  # text, name, text, name, text ...
    kept = [parts[0]]
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        if name not in _ARGUMENT_SECTIONS:
            kept.append(text)
    paragraphs = re.split(r"\n{2,}", "\n\n".join(part.strip() for part in kept))
    return "\n\n".join(text for text in paragraphs if text and not text.startswith("Source:"))


def rest(text: str) -> str:
    """The same text with ``$...$`` and ``$$...$$`` spelled as reStructuredText's mathematics."""

    def spelled(match: re.Match[str]) -> str:
        if match["code"]:
            return match["code"]
        if match["display"]:
            start = match.string.rfind("\n", 0, match.start()) + 1
            margin = re.match(r"[ \t]*", match.string[start : match.start()])
            indent = margin[0] if margin else ""
            body = " ".join(match["display"].split())
            return f"\n\n{indent}.. math:: {body}\n\n{indent}"
        return f":math:`{' '.join(match['inline'].split())}`"

    return _CODE_OR_DOLLARS.sub(spelled, text)


def html(text: str, sheet: MathSheet, warnings: Any = None) -> str:
    """``text`` as an HTML fragment; markup errors go to the stream ``warnings``, if given."""
    for name in _REFERENCE_ROLES:
        for spelled in (name, f"py:{name}"):
            roles.register_local_role(spelled, _reference)
    writer = html5_polyglot.Writer()
    writer.translator_class = type("Translator", (_Translator,), {"sheet": sheet})
    parts = publish_parts(
        ".. default-role:: literal\n\n" + rest(text),
        writer=writer,
        settings_overrides={
            "_disable_config": True,
            "doctitle_xform": False,
            "file_insertion_enabled": False,
            "halt_level": 5,
            "initial_header_level": 4,
            "raw_enabled": False,
            "report_level": 2 if warnings is not None else 5,
            "smart_quotes": False,
            "warning_stream": warnings,
        },
    )
    return parts["fragment"]


def line(text: str, sheet: MathSheet) -> str:
    """A one-line text as HTML without a paragraph around it."""
    return re.sub(r"^<p>(.*)</p>$", r"\1", html(text, sheet).strip(), flags=re.DOTALL)


def _reference(name, rawtext, text, lineno, inliner, options=None, content=None):
    """A Sphinx cross-reference, shown as code: ``~a.b.c`` as ``c``."""
    title = text.split("<")[0].strip()
    return [nodes.literal(rawtext, title.rsplit(".", 1)[-1] if "~" in title else title)], []


class _Translator(html5_polyglot.HTMLTranslator):
    """docutils' HTML, with formulas as SVG."""

    sheet: MathSheet

    def visit_math(self, node: Any, math_env: str = "") -> None:
        self.body.append(self.sheet.svg(node.astext()))
        raise nodes.SkipNode

    def visit_math_block(self, node: Any, math_env: str = "") -> None:
        latex = node.astext()
        if "\\\\" in latex and "\\begin" not in latex:
            latex = rf"\begin{{aligned}}{latex}\end{{aligned}}"
        self.body.append(f'<div class="display">{self.sheet.svg(latex, display=True)}</div>\n')
        raise nodes.SkipNode
