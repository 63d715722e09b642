"""A derivation as evidence: each step a case, whose residuals must be exactly zero."""

from derivations import registry
from validation.harness import Control, Equal, evidence


def derivation(stem):
    """The chain of `derivations/STEM.py`. Its steps that end at a formula of the library take the
    claim's, so that a control's wrong formula is put to the same test."""

    def steps(setting):
        return {step.name: step for step in registry.chain(stem).steps}

    @evidence(Equal, "derived step by step", cases=steps)
    def derived(formula, step, setting):
        return Equal(step.residuals(formula))

    return derived


def wrong_steps(stem, derived):
    """The control of a derivation that no wrong formula of its claim can be put to: the wrong
    neighbours of its own steps."""

    def cases(setting):
        return {step.name: step for step in registry.chain(stem).wrong}

    return Control("wrong neighbours of its steps", cases=cases, rejected_by=(derived,))
