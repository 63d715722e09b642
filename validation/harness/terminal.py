"""Progress and table on a terminal; plain lines anywhere else."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich import box
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from validation.harness.runner import Plan, Step

STYLES = {"passed": "green", "failed": "bold red", "powerless": "bold magenta", "error": "bold red"}
MARKS = {"passed": "✓", "failed": "✗", "powerless": "○", "error": "!"}


@contextmanager
def progress(console: Console, plans: list[Plan]) -> Iterator[Step]:
    """Yields the function that the runner calls before each piece of work."""
    order = {plan.entry.stem: index for index, plan in enumerate(plans, 1)}
    if not console.is_terminal:
        seen: set[str] = set()

        def line(stem: str, what: str) -> None:
            if stem not in seen:
                seen.add(stem)
                console.out(f"{order[stem]}/{len(plans)} {stem}", highlight=False)

        yield line
        return
    columns = (
        SpinnerColumn("dots"),
        TextColumn("claim {task.fields[claim]}"),
        BarColumn(bar_width=28),
        TextColumn("{task.completed:.0f}/{task.total:.0f} checks"),
        TimeElapsedColumn(),
        TextColumn("[dim]{task.fields[what]}", markup=True),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        total = sum(plan.steps for plan in plans)
        task = bar.add_task("", total=total, claim=f"0/{len(plans)}", what="")
        started = False

        def advance(stem: str, what: str) -> None:
            nonlocal started
            where = f"{order[stem]}/{len(plans)}"
            bar.update(task, advance=int(started), claim=where, what=f"{stem}: {what}")
            started = True

        yield advance


def table(console: Console, found: dict[str, Any]) -> None:
    """One line a claim, with a sentence for each that did not pass."""
    if console.is_terminal:
        console.print(_rich_table(found["claims"]))
    else:
        for claim in found["claims"]:
            console.out(_line(claim), highlight=False)
    for claim in found["claims"]:
        if claim["message"]:
            console.print(Text(f"{claim['stem']}: {claim['message']}", STYLES[claim["status"]]))


def closing(found: dict[str, Any], where: str) -> str:
    """The last sentence of a run."""
    counts = found["counts"]
    total = len(found["claims"])
    parts = [f"{counts[status]} {status}" for status in STYLES if counts.get(status)]
    left = [f"; {count} checks not run: {why}" for why, count in found["not_run"].items()]
    spent = f"{found['cpu_seconds']:.1f} CPU s"
    return f"{total} claims: {', '.join(parts)}{''.join(left)}; {spent}; {where}"


def _rich_table(claims: list[dict[str, Any]]) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for name, options in (
        ("", {}),
        ("claim", {"overflow": "fold", "ratio": 2}),
        ("evidence", {"overflow": "fold"}),
        ("cases", {"justify": "right"}),
        ("tightest", {"justify": "right"}),
        ("control", {}),
        ("CPU s", {"justify": "right"}),
    ):
        grid.add_column(name, **options)
    for claim in claims:
        style = STYLES[claim["status"]]
        grid.add_row(
            Text(f"{MARKS[claim['status']]} {claim['status']}", style),
            Text.assemble(claim["title"], "\n", (claim["stem"], "dim")),
            " ".join(kinds(claim)),
            str(sum(item["count"] for item in claim["evidence"])),
            tightest(claim),
            control(claim),
            f"{claim['cpu_seconds']:.1f}",
        )
    return grid


def _line(claim: dict[str, Any]) -> str:
    cells = (
        f"{claim['status']:<9}",
        f"{claim['stem']:<28}",
        f"{' '.join(kinds(claim)):<24}",
        f"tightest {tightest(claim):<12}",
        f"control {control(claim):<12}",
        f"{claim['cpu_seconds']:6.1f} CPU s",
    )
    return "  ".join(cells).rstrip()


def kinds(claim: dict[str, Any]) -> list[str]:
    """The kinds of a claim's evidence that was run, each once."""
    run = [item for item in claim["evidence"] if not item["not_run"]]
    return list(dict.fromkeys(item["kind"] for item in run))


def tightest(claim: dict[str, Any]) -> str:
    """The largest share of an allowance that a check on the truth used; a bound has a slack
    instead, which the report shows."""
    shared = [item for item in claim["evidence"] if item["kind"] != "bound"]
    used = [float(item["used"]) for item in shared if item["used"] is not None]
    return f"{max(used):.2g}" if any(used) else "exact" if used else ""


def control(claim: dict[str, Any]) -> str:
    if not claim["controls"]:
        return "not tried"
    return "rejected" if all(item["rejected"] for item in claim["controls"]) else "accepted"
