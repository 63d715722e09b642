"""The derivation of a claim as a section of its page: every step run as the page is made."""

from __future__ import annotations

from derivations import registry
from derivations.chain import Step
from validation.harness.prose import rest

LONGEST = 300  # characters of LaTeX in one line


def section(stem: str) -> list[str]:
    """Nothing for a claim that has no derivation."""
    if stem not in registry.stems():
        return []
    chain = registry.chain(stem)
    steps = [step(f"{k}.", each) for k, each in enumerate(chain.steps, 1)]
    wrong = [f"- {each.name}: {refuted(each)}" for each in chain.wrong]
    return [
        "## Step by step",
        "Every step is an identity, confirmed symbolically as this page was made; in brackets, "
        f"what it is shown for. `python -m derivations {stem} --latex` prints them all.",
        *steps,
        "Wrong neighbours, which must not hold:\n\n" + "\n".join(wrong),
    ]


def step(mark: str, each: Step) -> str:
    verdict = "✓" if each.holds() else "✗ fails"
    shown = [identity.latex for identity in each.identities()]
    maths = [f"```{{math}}\n{latex}\n```" for latex in shown if len(latex) <= LONGEST]
    head = f"**{mark} {each.name.capitalize()}** [{each.scope}] {verdict}"
    return "\n\n".join([head, f"``````{{eval-rst}}\n{rest(each.statement)}\n``````", *maths])


def refuted(each: Step) -> str:
    return "✗ holds, but must not" if each.holds() else "✓ refuted"
