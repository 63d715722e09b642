"""The built pages load nothing from a network: MathJax is copied beside them, and a check refuses
the build if any page would fetch a script, a style, a font or an image from elsewhere."""

from __future__ import annotations

import importlib.util
import re
import shutil
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

REMOTE = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["'](?:https?:)?//[^"']*"""
    r"""|<link\b(?![^>]*\brel=["'](?:canonical|license))[^>]*\bhref=["'](?:https?:)?//[^"']*"""
    r"""|url\(\s*["']?(?:https?:)?//[^)]*|@import\s+["'](?:https?:)?//[^"']*""",
    re.IGNORECASE,
)


def mathjax() -> Path:
    """The one file of MathJax that is needed: TeX in, SVG out, fonts included."""
    spec = importlib.util.find_spec("sphinx-mathjax-offline")
    if spec is None or not spec.submodule_search_locations:
        raise ExtensionError("sphinx-mathjax-offline is not installed: run make env")
    return Path(spec.submodule_search_locations[0], "static", "mathjax", "tex-svg.js")


def copy_mathjax(app: Sphinx) -> None:
    if app.builder.format == "html":
        target = Path(app.outdir, "_static", "mathjax")
        target.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(mathjax(), target / "tex-svg.js")


def remote_references(folder: Path) -> list[str]:
    """What the pages and styles in `folder` would load from elsewhere."""
    pages = sorted([*folder.rglob("*.html"), *folder.rglob("*.css")])
    return [
        f"{page.relative_to(folder)}: {match[0]}"
        for page in pages
        for match in REMOTE.finditer(page.read_text(encoding="utf-8"))
    ]


def refuse_remote_references(app: Sphinx, exception: Exception | None) -> None:
    if exception is None and app.builder.format == "html":
        found = remote_references(Path(app.outdir))
        if found:
            raise ExtensionError("pages must be readable offline, but load " + "; ".join(found))


def setup(app: Sphinx) -> dict[str, bool]:
    app.connect("builder-inited", copy_mathjax)
    app.connect("build-finished", refuse_remote_references)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
