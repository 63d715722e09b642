"""`lsa` as a process of its own: light to start, and quiet when its output ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from commands import LAW

import lsa_theory
from lsa_theory.command_line import COMMANDS

ROOT = Path(__file__).resolve().parents[1]
HEAVY = ("jax", "sympy", "scipy", "xarray", "matplotlib", "rich", "distributed")


def process(*arguments, **options):
    command = [sys.executable, "-m", "lsa_theory", *map(str, arguments)]
    options = {"stdout": subprocess.PIPE} | options
    return subprocess.run(command, cwd=ROOT, stderr=subprocess.PIPE, text=True, **options)


def test_help_loads_nothing_heavy():
    """All pages of help, one after another in one process."""
    code = f"""if True:
        import sys
        from lsa_theory.command_line import COMMANDS, main
        for arguments in (["--help"], *([name, "--help"] for name in COMMANDS)):
            try:
                main(arguments)
            except SystemExit as end:
                assert end.code == 0
        print("loaded", [name for name in {HEAVY!r} if name in sys.modules])"""
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.count("usage: lsa") == 1 + len(COMMANDS)
    assert run.stdout.splitlines()[-1] == "loaded []"


def test_script_and_module_are_one_command():
    scripts = (ROOT / "pyproject.toml").read_text().partition("[project.scripts]")[2]
    assert scripts.strip().splitlines()[0] == 'lsa = "lsa_theory.command_line:main"'
    run = process("--version")
    assert (run.returncode, run.stdout) == (0, f"lsa {lsa_theory.__version__}\n")


def test_reader_that_has_gone_away():
    """The read end is closed before anything is written."""
    read, write = os.pipe()
    os.close(read)
    run = process("minimum", *LAW, "--json", stdout=write)
    os.close(write)
    assert (run.returncode, run.stderr) == (141, "")


def test_full_disk_behind_stdout():
    with open("/dev/full", "w") as full:
        run = process("minimum", *LAW, stdout=full)
    assert run.returncode == 1
    assert run.stderr == "lsa minimum: error: No space left on device\n"


def test_terminal_that_knows_ascii_only():
    run = process("minimum", *LAW, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert (run.returncode, run.stderr) == (0, "")
    assert "Minimum of the training loss" in run.stdout
