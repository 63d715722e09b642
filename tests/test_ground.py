"""The repository itself: the lock, what may not be committed, and the promised commands."""

from __future__ import annotations

import doctest
import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import lsa_theory

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
LOCK = (ROOT / "requirements.lock").read_text()

MACHINE_PATH = re.compile(r"(?<![\w.:])/(?:work|root|home|Users|opt)/")
INDEX_OPTION = re.compile(r"--(?:extra-)?index-(?:url)|--find-(?:links)|--trusted-(?:host)")


def normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def committed_texts() -> dict[str, str]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    texts = {}
    for name in filter(None, listing.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and b"\0" not in (data := path.read_bytes()):
            texts[name] = data.decode()
    return texts


def python_blocks(path: Path) -> list[str]:
    return re.findall(
        r"^```(?:python|pycon)\n(.*?)^```$", path.read_text(), re.DOTALL | re.MULTILINE
    )


def test_lock_holds_no_address():
    assert "://" not in LOCK


def test_every_locked_package_is_pinned_and_hashed():
    entries = [entry for entry in re.split(r"\n(?=\S)", LOCK.strip()) if entry[0] != "#"]
    assert len(entries) > 20
    for entry in entries:
        assert re.match(r"[A-Za-z0-9._-]+(\[[\w,-]+\])?==\S+", entry), entry.splitlines()[0]
        assert "--hash=sha256:" in entry, entry.splitlines()[0]


def test_lock_covers_every_declared_dependency():
    locked = {normalised(name) for name in re.findall(r"^([A-Za-z0-9._-]+)==", LOCK, re.MULTILINE)}
    groups = [PROJECT["dependencies"], *PROJECT["optional-dependencies"].values()]
    wanted = {
        normalised(re.match(r"[A-Za-z0-9._-]+", item)[0]) for group in groups for item in group
    }
    assert wanted - {PROJECT["name"]} <= locked


@pytest.mark.parametrize("pattern", [MACHINE_PATH, INDEX_OPTION], ids=["machine path", "index"])
def test_committed_files_name_no_machine(pattern):
    hits = [
        f"{name}:{number}: {line.strip()}"
        for name, text in committed_texts().items()
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]
    assert not hits


def test_patterns_find_what_they_are_for():
    assert MACHINE_PATH.search("see /" + "home/someone/data.csv")
    assert MACHINE_PATH.search("'/" + "root/.cache'")
    assert INDEX_OPTION.search("pip install --extra-" + "index-url somewhere")


def test_one_version_everywhere():
    citation = re.search(r"^version: (\S+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert citation[1] == lsa_theory.__version__
    assert PROJECT["dynamic"] == ["version"]


def test_promised_commands_exist():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert {"env", "verify", "test", "lint", "lock", "bench", "docs"} <= targets
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / ".ci" / "run"]
    pages += sorted((ROOT / "docs").glob("*.md"))
    for page in pages:
        used = set(re.findall(r"(?:^|`)make ([a-z]+)", page.read_text(), re.MULTILINE))
        assert used <= targets, page.name


def test_one_screen_of_readme():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 60


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        *(f"docs/{page}.md" for page in ("index", "sweeps", "transience", "task_diversity")),
    ],
)
def test_examples_print_what_they_show(page):
    blocks = python_blocks(ROOT / page)
    assert blocks
    parser, runner = doctest.DocTestParser(), doctest.DocTestRunner(verbose=False)
    names: dict[str, object] = {}
    for number, block in enumerate(blocks, 1):
        example = parser.get_doctest(block, names, f"{page} block {number}", page, 0)
        assert example.examples
        failures: list[str] = []
        runner.run(example, out=failures.append, clear_globs=False)
        names = example.globs
        assert not failures, "".join(failures)
