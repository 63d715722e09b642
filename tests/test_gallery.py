"""The gallery: a script for every diagram, its figure written as the library writes it."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest
from matplotlib.figure import Figure

sys.path.append(str(Path(__file__).resolve().parents[1] / "docs" / "_ext"))

import gallery

from lsa_theory import phase

ROOT = Path(__file__).resolve().parents[1]
SCRIPTS = sorted((ROOT / "docs" / "gallery").glob("*.py"))


def test_every_diagram_is_in_the_gallery():
    assert {script.stem for script in SCRIPTS} >= set(phase.DIAGRAMS)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_a_script_is_a_title_a_sentence_and_a_short_call(script):
    source = script.read_text(encoding="utf-8")
    head = ast.get_docstring(ast.parse(source)).splitlines()
    assert set(head[1]) == {"="}
    assert len(head[1]) >= len(head[0])
    assert head[3].strip()
    assert "figure = " in source
    assert len(source.splitlines()) <= 40


def scraped(tmp_path, **names) -> str:
    script = tmp_path / "script.py"
    script.write_text('"""\nA title\n=======\n"""\n')
    paths = iter([tmp_path / "images" / "script_001.png"])
    paths_and_names = {"example_globals": names, "src_file": str(script)}
    settings = {"src_dir": str(tmp_path)}
    return gallery.figures(None, {**paths_and_names, "image_path_iterator": paths}, settings)


def test_a_figure_is_shown_once_with_its_title_and_width(tmp_path):
    (tmp_path / "images").mkdir()
    text = scraped(tmp_path, figure=Figure(figsize=(2, 1)))
    assert ".. image:: /images/script_001.png" in text
    assert ":alt: Figure: A title" in text
    assert f":width: {2 * gallery.PIXELS}px" in text
    assert (tmp_path / "images" / "script_001.png").stat().st_size > 0


def test_a_block_without_a_figure_shows_none(tmp_path):
    assert scraped(tmp_path) == ""
