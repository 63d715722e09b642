"""The effects of Singh et al., arXiv:2311.08360, and what the stored runs show of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from effects import Effect, Measure

from lsa_theory.transformer.recorded import Recorded
from lsa_theory.transformer.windows import late_slope, windows
from lsa_theory.transience.effects import effects, flip_at_memory, flip_at_step
from lsa_theory.transience.milestones import flip_step


def chance(run: Recorded) -> float:
    return 1 / run.settings["experiment"]["data"]["label_count"]


def flips(run: Recorded) -> Any:
    """The step of the flip; the last step, which it is later than, where there is none."""
    found = flip_step(run.steps, run.values["flip"], chance(run))
    return np.where(np.isfinite(found), found, run.steps[-1])


def emergence(run: Recorded) -> list[Measure]:
    return [Measure("in-context accuracy at its peak", effects(run).peak, least=0.8)]


def transience(run: Recorded) -> list[Measure]:
    found = effects(run)
    return [
        Measure("in-context accuracy at the end", found.end, most=0.55),
        Measure("answers by the context to swapped labels, at the end", found.flip_end, most=0.2),
    ]


def memory(run: Recorded) -> list[Measure]:
    words = "factor by which the accuracy in the weights grows after the peak"
    return [Measure(words, effects(run).memory_growth, least=4)]


def loss(run: Recorded) -> list[Measure]:
    words = "training loss at the end, share of that at the peak"
    return [Measure(words, effects(run).loss_kept, most=0.5)]


def classes(few: Recorded, some: Recorded, many: Recorded) -> list[Measure]:
    one, two, three = map(flips, (few, some, many))
    late = three.max() >= many.steps[-1]
    words = "from 160 to 320" + (", or more, since it has not flipped by the end" if late else "")
    return [
        Measure("factor of the time to flip, from 80 to 160 classes", two / one, least=1.5),
        Measure(words, three / two, least=1.5),
    ]


def penalty(plain: Recorded, kept: Recorded) -> list[Measure]:
    """Persists, and is not delayed: at the same step, at the end of a longer run, at equal accuracy
    in the weights, and with a slope over its second half that leads nowhere soon."""
    slope = 1e4 * late_slope(kept.steps, kept.values["icl"])
    words = "answers by the context to swapped labels"
    last, longer = plain.steps[-1], kept.steps[-1]
    known = effects(kept).memory_end[:, None]
    equal = flip_at_memory(kept, known)[:, 0]
    return [
        Measure(f"{words}, at step {last:,}", flip_at_step(kept, last), least=0.5),
        Measure(f"{words}, at step {longer:,}", effects(kept).flip_end, least=0.5),
        Measure(f"{words}, where it knows as much by heart as at its end", equal, least=0.5),
        Measure("in-context accuracy, change per 10,000 steps, second half", slope, least=-0.02),
    ]


def decoupled(plain: Recorded, shrunk: Recorded) -> list[Measure]:
    last = shrunk.steps[-1]
    words = "answers by the context to swapped labels"
    less = effects(shrunk).flip_end - flip_at_step(plain, last)
    return [
        Measure(f"{words}, at step {last:,}", effects(shrunk).flip_end, most=0.2),
        Measure("more than without it at that step", less, most=0.05),
    ]


def circuits(run: Recorded) -> list[Measure]:
    alone = windows(run.values["icl_without_mlp"])
    table = windows(run.values["iwl_without_attention"])
    at, rows = windows(run.values["icl"]).argmax(axis=1), np.arange(len(run.seeds))
    words = "the path through attention alone, in context: share kept from the peak to the end"
    return [
        Measure(words, alone[:, -1] / alone[rows, at], most=0.75),
        Measure(
            "the rest alone, in the weights: factor", table[:, -1] / table[rows, at], least=1.5
        ),
    ]


def two_way(run: Recorded) -> list[Measure]:
    """Over the last quarter of the steps."""
    late = run.values["icl_two_way"][:, run.steps >= 0.75 * run.steps[-1]]
    words = "in-context accuracy among the context's two labels, last quarter (chance 0.5)"
    return [Measure(words, late.mean(axis=1), most=0.55)]


def images(run: Recorded) -> list[Measure]:
    found = effects(run)
    return [
        Measure("in-context accuracy at its peak", found.peak, least=0.5),
        Measure("at the end, share of the peak", found.end / found.peak, most=0.75),
        Measure("answers by the context to swapped labels, at the end", found.flip_end, most=0.2),
        *memory(run),
        *loss(run),
    ]


EFFECTS = {
    "emergence": Effect("In-context learning emerges", ("cpu",), emergence),
    "transience": Effect("In-context learning goes away again", ("cpu",), transience),
    "memory": Effect("Learning in the weights takes over", ("cpu",), memory),
    "loss": Effect("The training loss goes on falling", ("cpu",), loss),
    "classes": Effect("More classes delay it", ("classes80", "cpu", "classes320"), classes),
    "penalty": Effect("L2 in the loss keeps it", ("cpu", "l2"), penalty),
    "decay": Effect("Decoupled weight decay does not keep it", ("cpu", "decay"), decoupled),
    "circuits": Effect("Two circuits compete", ("cpu",), circuits),
    "two_way": Effect("Two-way accuracy falls to chance", ("cpu",), two_way),
    "two_way_quick": Effect("likewise, where the weights learn quickly", ("two-way",), two_way),
    "images": Effect("All of it on drawn characters (Omniglot)", ("omniglot",), images),
}
