"""The registry of claims is a folder listing, and refuses what it cannot tell apart."""

import pytest

from validation.harness import Claim, Control, Equal, Setting, evidence, registry, results, runner


@evidence(Equal, "a sum", cases={"two": 2})
def summed(formula, n, setting):
    return Equal(formula(n) - n)


TRUE = Claim("Sums", "source", sum, (), "sum([])", (summed,), Control("zero", lambda n: 0))


def module(folder, stem, title):
    (folder / f"{stem}.py").write_text(
        f"from dataclasses import replace\nfrom {__name__} import TRUE\n"
        f"claim = replace(TRUE, title={title!r})\n"
    )


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "planted"
    folder.mkdir()
    (folder / "__init__.py").touch()
    (folder / "_helper.py").write_text("raise RuntimeError\n")
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_registry_is_the_folder_listing(package):
    module(package, "zeta", "Z")
    module(package, "alpha", "A")
    assert registry.stems(package) == ["alpha", "zeta"]


def test_duplicate_title_is_refused(package):
    for stem in ("first", "second"):
        module(package, stem, "The same")
    with pytest.raises(ValueError, match="'The same': must be unique, is that of first and of sec"):
        registry.entries(["first", "second"], "planted")


@pytest.mark.parametrize("text", ["raise OSError('planted')\n", "claim = 3\n", "x = 1\n", "def\n"])
def test_file_that_holds_no_claim_is_an_error_of_its_own(package, text):
    (package / "bad.py").write_text(text)
    found = registry.entries(["bad"], "planted")[0]
    run = runner.run([runner.plan(found, Setting())], Setting())
    assert run.claims[0].status == "error"
    assert results.results(run)["claims"][0]["title"] == "bad"


def test_unknown_stem_names_the_closest():
    with pytest.raises(ValueError, match=r"--only genral_prior: must be .*closest: general_prior"):
        registry.chosen(["genral_prior"], ["conserved", "general_prior"])
    assert registry.chosen(["b", "a", "b"], ["a", "b", "c"]) == ["a", "b"]
    assert registry.chosen([], ["a", "b"]) == ["a", "b"]
