"""Figures: the same bytes each time, the caller's settings untouched, text that can be read."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.collections import PatchCollection, PathCollection, QuadMesh
from matplotlib.text import Text

from lsa_theory.phase import Colours
from lsa_theory.plots import saved
from lsa_theory.plots.phase import axis_label, edges
from lsa_theory.plots.text import place, size, words, wrapped
from tests.diagrams import small

ROOT = Path(__file__).resolve().parents[1]
SUFFIXES = ("png", "svg", "pdf")
ELSEWHERE = """
import sys
from pathlib import Path
from tests.diagrams import small
for suffix in ("png", "svg", "pdf"):
    small().save(Path(sys.argv[1], f"figure.{suffix}"))
assert "matplotlib.pyplot" not in sys.modules
"""


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, bytes]:
    folder, diagram = tmp_path_factory.mktemp("first"), small()
    paths = [diagram.save(folder / f"figure.{suffix}") for suffix in SUFFIXES]
    return {path.suffix: path.read_bytes() for path in paths}


@pytest.fixture(scope="module")
def figure():
    found = small().figure()
    found.draw_without_rendering()
    return found


def test_files_are_the_same_in_another_process(files, tmp_path):
    settings = {"PYTHONHASHSEED": "7", "TZ": "Pacific/Auckland", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ELSEWHERE, str(tmp_path)]
    subprocess.run(command, env={**os.environ, **settings}, cwd=tmp_path, check=True)
    again = {path.suffix: path.read_bytes() for path in tmp_path.iterdir()}
    assert again.keys() == files.keys() == {".png", ".svg", ".pdf"}
    assert all(again[suffix] == files[suffix] for suffix in files)


def test_the_callers_settings_neither_matter_nor_change(files, tmp_path):
    own = {"font.size": 20, "axes.facecolor": "black", "savefig.dpi": 50, "svg.hashsalt": "own"}
    with mpl.rc_context(own):
        before = dict(mpl.rcParams)
        assert small().save(tmp_path / "figure.svg").read_bytes() == files[".svg"]
        assert dict(mpl.rcParams) == before


def test_one_figure_gives_the_same_bytes_twice(files, tmp_path):
    figure = small().figure()
    first, second = (saved(figure, tmp_path / name).read_bytes() for name in ("a.svg", "b.svg"))
    assert first == second == files[".svg"]


@pytest.mark.parametrize("secret", [b"Software", b"dc:date", b"CreationDate", b"Matplotlib"])
def test_files_say_neither_when_nor_by_what(files, secret):
    assert not any(secret in content for content in files.values())


def test_other_suffixes_are_refused(tmp_path):
    with pytest.raises(ValueError, match=r"saved\(path='?figure.jpg'?\): must be a .png, .svg or"):
        small().save(tmp_path / "figure.jpg")


# --- what is drawn ---


def artists(figure, kind):
    return [artist for artist in figure.findobj(kind) if artist.get_visible()]


def boxes(figure) -> dict[str, object]:
    """Of every text that stands outside the axes' own area, in pixels."""
    figure.draw_without_rendering()
    found = {}
    for text in artists(figure, Text):
        box = text.get_window_extent()
        if text.get_text().strip() and text.get_alpha() != 0 and box.width > 0:
            found[f"{text.get_text()} {box.x0:.0f} {box.y0:.0f}"] = box
    return found


@pytest.mark.parametrize("width", [3.4, 7.0])
def test_text_is_neither_cut_nor_overlaps(width):
    figure = small().figure(width=width)
    found = boxes(figure)
    assert len(found) > 12
    for name, box in found.items():
        inside = figure.bbox.padded(0.5)
        assert inside.contains(box.x0, box.y0), name
        assert inside.contains(box.x1, box.y1), name
    for (one, first), (other, second) in itertools.combinations(found.items(), 2):
        assert not first.padded(-0.5).overlaps(second.padded(-0.5)), (one, other)


def test_overlapping_and_cut_text_are_noticed():
    figure = small().figure()
    figure.axes[0].text(
        0.0, -0.02, "over the tick labels", va="top", transform=figure.axes[0].transAxes
    )
    found = list(boxes(figure).values())
    pairs = itertools.combinations(found, 2)
    assert any(a.padded(-0.5).overlaps(b.padded(-0.5)) for a, b in pairs)


def test_colours_meet_at_equality(figure):
    (mesh,) = artists(figure, QuadMesh)[:1]
    assert mesh.norm(0.0) == 0.5
    assert mesh.norm(-1.0) == 0.0
    red, _, blue, _ = mesh.cmap(0.0)
    assert blue > red


def test_the_scale_of_a_ratio_is_symmetric_where_none_is_given():
    (mesh,) = artists(small(colours=Colours("ratio")).figure(), QuadMesh)[:1]
    assert mesh.norm.vmin == -mesh.norm.vmax < 0
    assert mesh.norm(0.0) == 0.5


def test_the_bar_is_labelled_by_the_ratio_itself(figure):
    bar = figure.axes[1]
    shown = dict(zip(bar.get_yticks(), [t.get_text() for t in bar.get_yticklabels()], strict=True))
    assert shown[0.0] == "1"
    assert all(np.isclose(10**place, float(text)) for place, text in shown.items())


def test_cells_without_a_value_are_hatched_and_explained(figure):
    hatched = artists(figure, PatchCollection)
    assert [len(collection.get_paths()) for collection in hatched] == [1, 1]
    assert all(collection.get_hatch() for collection in hatched)
    notes = figure.get_supxlabel()
    assert "hatched: infinite" in notes
    assert "not computed" in notes
    whole = small(data=small().data.fillna(0.0).clip(-1, 1))
    assert "hatched" not in whole.figure().get_supxlabel()


def test_points_show_their_errors_on_the_scale_of_the_cells(figure):
    below, above = (
        collection.get_array()
        for collection in artists(figure, PathCollection)
        if collection.get_array() is not None
    )
    assert np.allclose(below, [-0.6, 0.76])
    assert np.allclose(above, [-0.2, 0.84])


def test_boundaries_have_line_styles_of_their_own(figure):
    axes = figure.axes[0]
    styles = {str(line.get_linestyle()) + str(line._dash_pattern) for line in axes.get_lines()}
    assert len(styles) == 2
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["equal risk", "another"]


def test_names_of_regions_lie_in_their_regions(figure):
    axes = figure.axes[0]
    named = {text.get_text(): text for text in axes.texts}
    assert set(named) == {"attention\nbetter", "least squares\nbetter"}
    for label, sign in (("attention\nbetter", -1), ("least squares\nbetter", 1)):
        x, y = axes.transLimits.inverted().transform(named[label].get_position())
        ratio, level = 10**x, 10**y  # both axes are logarithmic
        assert sign * np.log10(level * 4 * ratio / 2) > 0, label


# --- parts ---


def test_a_label_is_placed_where_there_is_most_room_or_not_at_all():
    cells = np.zeros((40, 40), dtype=bool)
    cells[:, 20:] = True
    centres = (np.arange(40) + 0.5) / 40
    clear = np.ones_like(cells)
    x, _ = place(cells, clear, centres, centres, 0.3, 0.1)
    assert abs(x - 0.75) < 0.05
    clear[20:] = False
    assert place(cells, clear, centres, centres, 0.3, 0.1)[1] < 0.5
    assert place(cells, clear, centres, centres, 0.6, 0.1) is None
    assert place(~clear & False, clear, centres, centres, 0.1, 0.1) is None


def test_lines_are_broken_between_phrases_and_outside_formulas():
    phrases = ["one phrase", "another", r"a formula $a \to b$", "the last"]
    text = wrapped(phrases, 6.0, 1.5, "; ")
    assert all(size(line, 6.0)[0] <= 1.55 for line in text.split("\n"))
    assert text.replace(";\n", "; ") == "; ".join(phrases)
    assert words(r"a $b \to c$, d") == ["a", r"$b \to c$,", "d"]


def test_edges_are_halfway():
    assert np.allclose(edges(np.array([1.0, 2.0, 4.0]), False), [0.5, 1.5, 3.0, 5.0])
    assert np.allclose(edges(np.array([1.0, 4.0]), True), [0.5, 2.0, 8.0])


@pytest.mark.parametrize(
    ("attributes", "label"),
    [
        (
            {"long_name": "turn", "symbol": r"\theta", "units": "degrees"},
            r"turn, $\theta$ (degrees)",
        ),
        ({"symbol": "$M/d$", "units": "1"}, "$M/d$"),
        ({"long_name": "length"}, "length"),
    ],
)
def test_axes_are_labelled_by_words_symbol_and_unit(attributes, label):
    assert axis_label(attributes) == label
