r"""Which algorithm a model follows, query by query.

Copying, ratio matching and modular regression know ever more queries, and what one knows it answers
right. So a model is told from its right answers on the queries that one algorithm knows and no
simpler one does. Who memorises the list of pre-training tasks is told from its *wrong* answers:
they are those of a task of the list.

Written in operators, but for `grid_fit`: for NumPy arrays, and for JAX arrays under any
transformation.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from lsa_theory._typing import Array, Shaped
from lsa_theory.modular.masks import copy_mask, ratio_mask, regression_mask

ALGORITHMS = ("copy", "ratio", "regression")
MEASURES = (*ALGORITHMS, "none", "bayes")
NONE = len(ALGORITHMS)


class ListAnswers(NamedTuple):
    """What the tasks of a list say.

    Attributes
    ----------
    best
        (..., N, p): the answers of most of the tasks that agree with the most examples.
    consistent
        (..., N): whether those agree with all the examples.
    """

    best: Any
    consistent: Any


def simplest(inputs: Shaped[Array, "*b n 2"], p: int) -> Shaped[Array, "*b n"]:
    """The simplest algorithm that knows each input of a row from those before it: an index of
    `MEASURES`, 3 if none does. So algorithm `k` knows where this is at most `k`. The query 0 is
    known to ratio matching without examples."""
    x, y = inputs[..., 0], inputs[..., 1]
    earlier = np.tril(np.ones(x.shape[-1:] * 2, bool), -1)
    same = (x[..., :, None] == x[..., None, :]) & (y[..., :, None] == y[..., None, :])
    aligned = on_one_line(inputs, p)
    nonzero = (x != 0) | (y != 0)
    copy = (same & earlier).any(-1)
    ratio = (aligned & nonzero[..., None, :] & earlier).any(-1) | ~nonzero
    turned = (~aligned & earlier).any(-1)  # off the line of an earlier one: they span the plane
    regression = (turned[..., None, :] & earlier).any(-1) | ratio
    return NONE - (copy * 1 + ratio + regression)


def on_one_line(inputs: Shaped[Array, "*b n 2"], p: int) -> Shaped[Array, "*b n n"]:
    """Whether two inputs are multiples of one; 0 is on every line."""
    x, y = inputs[..., 0], inputs[..., 1]
    determinant = x[..., :, None] * y[..., None, :] - x[..., None, :] * y[..., :, None]
    return determinant % p == 0


def list_answers(rows: Shaped[Array, "*b n 3"], tasks: Shaped[Array, "k 2"], p: int) -> ListAnswers:
    """The Bayes predictor over a list of tasks, all equally probable. Where the examples are of no
    task of the list, it is that for labels that are wrong with a vanishing probability."""
    answers = (rows[..., :1] * tasks[:, 0] + rows[..., 1:2] * tasks[:, 1]) % p
    agrees = answers == rows[..., 2:]
    matches = agrees.cumsum(-2) - agrees  # with the examples before
    most = matches.max(-1)
    left = matches == most[..., None]
    votes = (left[..., None] & (answers[..., None] == np.arange(p))).sum(-2)
    return ListAnswers(votes == votes.max(-1)[..., None], most == np.arange(rows.shape[-2]))


def agreement(
    predictions: Shaped[Array, "b n"],
    rows: Shaped[Array, "b n 3"],
    tasks: Shaped[Array, "k 2"],
    p: int,
) -> Shaped[Array, "5 n"]:
    """How often a model answers as an algorithm does, by the number of examples before the query.

    Parameters
    ----------
    predictions
        The model's answers.
    rows
        Triples (x, y, z), with one task a row.
    tasks
        The list that it was trained on.
    p
        A prime number.

    Returns
    -------
    By `MEASURES`, NaN where there is no such query: the share of right answers to queries that
    copying knows; that ratio matching knows but copying does not; that regression knows but ratio
    matching does not; that none of them knows (a guess is right once in `p`); and the share that
    equals the answer of the Bayes predictor over the list where it is a single one and wrong.
    """
    told = list_answers(rows, tasks, p)
    truth, said = (x[..., None] == np.arange(p) for x in (rows[..., 2], predictions))
    misled = (told.best.sum(-1) == 1) & ~(told.best & truth).any(-1)
    by_list = np.arange(len(MEASURES)) > NONE
    asked = simplest(rows[..., :2], p)[..., None] == np.arange(len(MEASURES))
    asked = asked | (misled[..., None] & by_list)
    equal = (said & truth).any(-1)[..., None] & ~by_list
    return share(equal | ((said & told.best).any(-1)[..., None] & by_list), asked)


def grid_fit(
    right: Shaped[Array, "*s c p p"],
    contexts: Shaped[Array, "*s c k 2"],
    inputs: Shaped[Array, "*s m 2"],
) -> Shaped[Array, "3"]:
    r"""How well an algorithm's knowledge tells the queries that a model answers right.

    .. math::
        \frac{P(\text{right} \mid \text{known}) - P(\text{right} \mid \text{unknown})}{1 - 1/p}

    is 1 for a model that follows the algorithm and guesses elsewhere, and 0 for one that does
    equally well on both: for ratio matching it rises, and falls again as a model goes on to
    regression.

    Parameters
    ----------
    right
        The share of right answers to each query, `[x, y]`, after each context.
    contexts
        The inputs of the examples.
    inputs
        The queries that count, of each seed: those of training.

    Returns
    -------
    By `ALGORITHMS`, NaN where all queries are known, or none is.
    """
    p, count = right.shape[-1], contexts.shape[-3]
    fixed, whole = contexts.reshape(-1, *contexts.shape[-2:]), right.reshape(-1, p, p)
    asked = np.zeros((len(fixed), p, p), dtype=bool)
    for row, part in enumerate(inputs.reshape(-1, *inputs.shape[-2:])):
        asked[row * count : (row + 1) * count, part[:, 0], part[:, 1]] = True
    found = []
    for mask in (copy_mask, ratio_mask, regression_mask):
        known = np.array([mask(p, context) for context in fixed])
        sides = [whole[asked & side] for side in (known, ~known)]
        means = [side.mean() if side.size else np.nan for side in sides]
        found.append((means[0] - means[1]) / (1 - 1 / p))
    return np.array(found)


def share(equal: Shaped[Array, "b n #m"], asked: Shaped[Array, "b n m"]) -> Shaped[Array, "m n"]:
    """Of the queries that are asked of each row, those equal."""
    with np.errstate(invalid="ignore"):
        return ((equal & asked).sum(0) / asked.sum(0)).T
