"""The gallery's figures: what a script calls `figure`, written as the library writes it."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx
from sphinx_gallery import gen_rst

from lsa_theory.plots import saved

gen_rst.ZIP_DOWNLOAD = ""  # an archive of one script, and of the time it was written

PIXELS = 165  # on a page, for an inch of a figure

SETTINGS = {
    "examples_dirs": "gallery",
    "gallery_dirs": "diagrams",
    "filename_pattern": "/",
    "within_subsection_order": "FileNameSortKey",
    "image_scrapers": ("gallery.figures",),
    "reset_modules": (),
    "capture_repr": (),
    "notebook_extensions": set(),
    "download_all_examples": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1e9,
    "run_stale_examples": True,  # the library may have changed where the script has not
    "abort_on_example_error": True,
}


def figures(block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
    """The image of a block that has made a figure, with the script's title as its alternative."""
    figure = block_vars["example_globals"].pop("figure", None)
    if figure is None:
        return ""
    path = next(block_vars["image_path_iterator"])
    saved(figure, path)
    script = ast.parse(Path(block_vars["src_file"]).read_text(encoding="utf-8"))
    title = (ast.get_docstring(script) or "").splitlines()[0]
    lines = (
        f".. image:: /{Path(path).relative_to(gallery_conf['src_dir']).as_posix()}",
        f"   :alt: Figure: {title}",
        "   :class: sphx-glr-single-img",
        f"   :width: {PIXELS * figure.get_figwidth():.0f}px",
    )
    return "\n".join(lines)


def setup(app: Sphinx) -> dict[str, bool]:
    return {"parallel_read_safe": True, "parallel_write_safe": True}
