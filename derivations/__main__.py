"""`python -m derivations [STEM ...]`: print the chains with the verdict of each step."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from derivations import registry
from derivations.chain import Chain, Step

EXIT_FAILED, EXIT_REFUSED = 1, 2


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m derivations",
        description="Derive the theorems step by step, each step an exact identity.",
        epilog="Exit code: 0 when every step holds and every wrong neighbour fails, 1 when not, "
        "2 for bad input.",
        allow_abbrev=False,
    )
    made.add_argument("stems", metavar="STEM", nargs="*", help="only these; all by default")
    made.add_argument("--latex", action="store_true", help="write the identities too, in LaTeX")
    made.add_argument("--list", action="store_true", help="list the stems and stop")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    try:
        chosen = registry.chosen(options.stems)
    except ValueError as error:
        print(error, file=sys.stderr)
        return EXIT_REFUSED
    if options.list:
        for stem in chosen:
            print(f"{stem:<24}{registry.title(stem)}")
        return 0
    verdicts = [printed(stem, registry.chain(stem), options.latex) for stem in chosen]
    print(f"{sum(verdicts)} of {len(verdicts)} derivations hold")
    return 0 if all(verdicts) else EXIT_FAILED


def printed(stem: str, chain: Chain, latex: bool) -> bool:
    """A chain, each step as soon as it is known."""
    print(f"{stem}: {registry.title(stem)}")
    verdicts = [_printed_step(f"{k}.", each, latex) for k, each in enumerate(chain.steps, 1)]
    verdicts += [_printed_step("✗", each, latex, wrong=True) for each in chain.wrong]
    print(flush=True)
    return all(verdicts)


def _printed_step(mark: str, each: Step, latex: bool, wrong: bool = False) -> bool:
    """Whether it is as it should be: a step holds, a wrong neighbour fails."""
    try:
        holds, words = each.holds(), ""
    except (ValueError, ArithmeticError) as error:
        holds, words = wrong, f"cannot be judged: {error}"
    if not words and wrong:
        words = "holds, but must not" if holds else "fails, as a wrong neighbour must"
    print(f"  {mark:<3} {each.name} [{each.scope}]: {words or ('holds' if holds else 'fails')}")
    print("\n".join(f"        {line}" for line in each.statement.splitlines()), flush=True)
    if latex and not words.startswith("cannot"):
        for identity in each.identities():
            print(f"\n      \\[ {identity.latex} \\]\n")
    return holds is not wrong


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BrokenPipeError:  # the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_FAILED)
