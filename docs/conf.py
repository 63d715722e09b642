"""Sphinx: pages are made from the library and the claims, and read without a network."""

import os
import sys
from pathlib import Path

# read as the libraries load; on small matrices a second thread only waits
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

import gallery  # noqa: E402

import lsa_theory  # noqa: E402

project = "lsa-theory"
author = "The lsa-theory developers"
copyright = author
release = version = lsa_theory.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.mathjax",
    "sphinx_gallery.gen_gallery",
    "pages",
    "results",
    "offline",
]
exclude_patterns = ["_build", "gallery"]
default_role = "code"
nitpicky = False

myst_enable_extensions = ["amsmath", "colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3
mathjax_path = "mathjax/tex-svg.js"

sphinx_gallery_conf = gallery.SETTINGS

napoleon_google_docstring = False
napoleon_use_ivar = True
napoleon_attr_annotations = False
napoleon_custom_sections = ["Returns", "Source"]  # prose, not a list of types
autodoc_typehints = "none"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}

html_theme = "furo"
html_title = "lsa-theory"
html_static_path = ["_static"]
html_css_files = ["style.css"]
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False
