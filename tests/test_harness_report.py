"""The report: self-contained, escaped, the same bytes from the same numbers, never half-written."""

import io
import json
import os
import re

import pytest

from validation.harness import (
    Bound,
    Claim,
    Control,
    Table,
    evidence,
    prose,
    report,
    results,
    runner,
)
from validation.harness.figures import COLOURS, canvas, drawing, themed
from validation.harness.mathsvg import MathSheet, _spaced
from validation.harness.registry import Entry
from validation.harness.setting import Setting


def double(x):
    r"""Twice ``x`` is :math:`2x`.

    .. math:: f(x) = x + x

    Parameters
    ----------
    x
        Not part of the statement.

    Notes
    -----
    Linear.
    """
    return 2 * x


def curve(setting):
    figure, axes = canvas()
    axes.plot([0, 1], [0, 2], label="$f$")
    axes.legend()
    return figure


@evidence(Bound, "at least <x> & more", cases={"$x = 1$": 1, "x = 2": 2})
def larger(formula, x, setting):
    return Bound(formula(x), x)


def claim(**changes):
    fields = {
        "title": "Doubling <b>doubles</b> $x$",
        "source": "Euclid",
        "formula": double,
        "hypotheses": ("$x > 0$",),
        "call": "double(1) < 3",
        "evidence": (larger,),
        "control": Control("half", lambda x: x / 2),
        "figure": curve,
        "reported": lambda setting: (Table("a <table>", ("$n$", "x"), ((1, 0.123456),)),),
    }
    return Claim(**(fields | changes))


def raised(x):
    raise RuntimeError("<planted>")


CLAIMS = {
    "good": claim(),
    "wrong": claim(title="Wrong", formula=lambda x: -x),
    "blind": claim(title="Blind", control=Control("the truth", double)),
    "broken": claim(title="Broken", formula=raised),
}


@pytest.fixture(scope="module")
def run():
    plans = [
        runner.plan(Entry(stem, "Because $x + x = 2x$.", c), Setting())
        for stem, c in CLAIMS.items()
    ]
    return runner.run(plans, Setting())


@pytest.fixture(scope="module")
def found(run):
    return results.results(run)


@pytest.fixture(scope="module")
def drawings(run):
    return {c.entry.stem: c.figure for c in run.claims if c.figure}


@pytest.fixture(scope="module")
def page(found, drawings):
    return report.page(found, drawings)


def test_each_status_has_its_card(found, page):
    statuses = [c["status"] for c in found["claims"]]
    assert statuses == ["passed", "failed", "powerless", "error"]
    for stem, status in zip(CLAIMS, statuses, strict=True):
        assert f'<article id="{stem}" data-status="{status}">' in page
        assert f'id="show-{status}"' in page
    assert "1 of 4 claims verified" in page


def test_page_is_self_contained(page):
    assert not re.search(r"<(script|link|img|iframe)\b", page)
    assert not re.search(r"(?:src|href)=(?!\"(?:#|results\.json\"))", page)
    assert "@import" not in page
    references = set(re.findall(r'href="#([^"]+)"', page))
    assert references <= set(re.findall(r'id="([^"]+)"', page))


def test_page_is_escaped(page):
    assert "<b>doubles</b>" not in page
    assert "Doubling &lt;b&gt;doubles&lt;/b&gt;" in page
    assert "RuntimeError: &lt;planted&gt;" in page
    assert "double(1) &lt; 3" in page
    assert "a &lt;table&gt;" in page


def test_statement_is_the_docstring_without_its_arguments(page):
    assert 'aria-label="f(x) = x + x"' in page
    assert "Linear." in page
    assert "Not part of the statement" not in page


def test_page_shows_evidence_control_table_and_prose(page):
    for text in ("at least &lt;x&gt; &amp; more", "rejected", "does not reject it", "0.1235"):
        assert text in page
    assert "Because <svg" in page


def test_identifiers_are_unique(page):
    names = re.findall(r'\bid="([^"]+)"', page)
    assert len(names) == len(set(names))


def test_same_numbers_give_the_same_bytes(found, drawings, page):
    assert report.page(found, drawings) == page
    again = drawing(lambda: curve(Setting()), "good")
    assert again == drawings["good"]
    assert not re.search(r"<dc:|<metadata|Matplotlib v", again)


def test_drawings_take_the_colours_of_the_page(drawings):
    text = themed(drawings["good"])
    assert f"var(--c1, {COLOURS[0]})" in text
    assert "var(--ink, " in text
    assert "var(--" not in drawings["good"]


def test_report_on_disk(found, drawings, page, tmp_path):
    report.written(found, drawings, tmp_path)
    assert (tmp_path / "index.html").read_text() == page
    assert json.loads((tmp_path / "results.json").read_text()) == found
    assert sorted(os.listdir(tmp_path / "figures")) == ["blind.svg", "good.svg", "wrong.svg"]
    assert sorted(os.listdir(tmp_path)) == ["figures", "index.html", "results.json"]


def test_other_files_in_the_folder_stay(found, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    report.written(found, {}, tmp_path)
    assert (tmp_path / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("fault", ["page", "disk"])
def test_former_report_survives_a_failure(found, tmp_path, monkeypatch, fault):
    report.written(found, {}, tmp_path)
    former = {name: (tmp_path / name).read_bytes() for name in ("index.html", "results.json")}

    def broken(*arguments, **options):
        raise OSError(28, "No space left on device") if fault == "disk" else KeyboardInterrupt

    monkeypatch.setattr(
        *((report.Path, "write_text") if fault == "disk" else (report, "page")), broken
    )
    with pytest.raises((ValueError, KeyboardInterrupt)) as caught:
        report.written({**found, "seed": 9}, {}, tmp_path)
    if fault == "disk":
        assert str(caught.value).startswith(f"--out {tmp_path}: must be a folder that can be writ")
    assert {name: (tmp_path / name).read_bytes() for name in former} == former
    assert sorted(os.listdir(tmp_path)) == ["index.html", "results.json"]


def test_results_name_no_path_of_this_machine(found, page):
    home = str(report.Path(report.__file__).parents[2])
    for text in (json.dumps(found), page):
        assert home not in text
        assert os.path.expanduser("~") not in text


def test_formulas_share_their_glyphs():
    sheet = MathSheet()
    first, second = sheet.svg(r"\Gamma"), sheet.svg(r"\Gamma^{-1}")
    glyphs = re.findall(r'<use href="#([^"]+)"', first + second)
    assert len(glyphs) == 4
    assert sheet.glyphs().count("<symbol") == len(set(glyphs)) == 3
    assert "<symbol" not in first + second
    assert "black" not in first + second


def test_formulas_stand_on_the_line_and_say_what_they_are():
    svg = MathSheet().svg("x_q < y")
    assert 'aria-label="x_q &lt; y"' in svg
    assert float(re.search(r"vertical-align:(-?[\d.]+)em", svg)[1]) < -0.1
    assert float(re.search(r"vertical-align:(-?[\d.]+)em", MathSheet().svg("x"))[1]) > -0.15


def test_formula_that_cannot_be_set_is_shown_as_source():
    assert MathSheet().svg(r"\frac{<") == r'<code class="unset">\frac{&lt;</code>'


@pytest.mark.parametrize(
    ("latex", "spaced"),
    [
        (r"N\operatorname{tr}(B)", r"N\,\operatorname{tr}(B)"),
        (r"[\operatorname{tr}\Lambda]", r"[\operatorname{tr}\,\Lambda]"),
        (r"\operatorname{tr}\big[ x", r"\operatorname{tr}\big[ x"),
        (r"(v,s)\,\text{a, b}", r"(v{,}\,s)\,\text{a, b}"),
        (r"x\sim y \simeq z", r"x\;\sim\; y \simeq z"),
    ],
)
def test_space_around_operators(latex, spaced):
    assert _spaced(latex) == spaced


def test_dollars_become_mathematics_and_code_stays():
    text = "Cost $x$ and ``$y$``:\n\n- item $$a\n  = b$$ done"
    assert prose.rest(text) == (
        "Cost :math:`x` and ``$y$``:\n\n- item \n\n.. math:: a = b\n\n done"
    )


def test_prose_is_markup_and_reports_its_faults():
    sheet, warnings = MathSheet(), io.StringIO()
    text = "A *b* `c` ``d`` :func:`~a.e` $f$\n\n- one\n- two\n\n.. math::\n"
    text += r"    x &= 1 \\ y &= 2"
    html = prose.html(text, sheet, warnings)
    assert warnings.getvalue() == ""
    assert "<em>b</em>" in html
    assert html.count('class="docutils literal"') == 3
    assert ">e</span>" in html
    assert html.count("<li>") == 2
    assert html.count("<svg") == 2
    prose.html("**unfinished", sheet, warnings)
    assert "Inline strong" in warnings.getvalue()


def test_prose_reads_no_file(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("hidden")
    text = f".. include:: {secret}\n\n.. raw:: html\n\n   <script></script>"
    assert not re.search("hidden|<script>", prose.html(text, MathSheet()))
