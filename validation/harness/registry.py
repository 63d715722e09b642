"""The registry of claims is the folder listing of ``validation/``."""

import difflib
import importlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from validation.harness.claim import Claim

FOLDER = Path(__file__).parents[1]
PACKAGE = "validation"


@dataclass(frozen=True, eq=False)
class Entry:
    """A claim file: its stem, its prose, and its claim, or the exception that kept it from one."""

    stem: str
    prose: str
    claim: Claim | None
    error: Exception | None = None


def stems(folder: Path = FOLDER) -> list[str]:
    """Names of the claim files, without those that begin with an underscore."""
    return sorted(file.stem for file in folder.glob("*.py") if not file.stem.startswith("_"))


def chosen(only: Iterable[str], known: list[str]) -> list[str]:
    """The stems asked for, all when none is; an unknown one is refused with the closest known."""
    only = list(dict.fromkeys(only))
    for stem in only:
        if stem not in known:
            near = difflib.get_close_matches(stem, known, 1, 0.0)
            hint = f" (closest: {near[0]})" if near else ""
            raise ValueError(f"--only {stem}: must be the stem of a claim in validation/{hint}")
    return [stem for stem in known if stem in only] if only else known


def entry(stem: str, package: str = PACKAGE) -> Entry:
    """The claim of one file; a file that cannot be imported or holds none becomes an error."""
    try:
        module = importlib.import_module(f"{package}.{stem}")
        claim = module.claim
        if not isinstance(claim, Claim):
            raise TypeError(f"{stem}.claim: must be a Claim, not {type(claim).__name__}")
        return Entry(stem, (module.__doc__ or "").strip(), claim)
    except Exception as error:
        return Entry(stem, "", None, error)


def entries(selected: Iterable[str], package: str = PACKAGE) -> list[Entry]:
    """The claims of ``selected`` stems; two with one title are refused."""
    found = [entry(stem, package) for stem in selected]
    titles: dict[str, str] = {}
    for item in found:
        if item.claim is not None:
            other = titles.setdefault(item.claim.title, item.stem)
            if other != item.stem:
                raise ValueError(
                    f"claim title {item.claim.title!r}: must be unique, "
                    f"is that of {other} and of {item.stem}"
                )
    return found
