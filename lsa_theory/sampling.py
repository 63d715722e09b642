r"""Simulated prompts, and the error of a predictor on them.

Given the task :math:`w`, write :math:`x_i = F g_i` with :math:`F F^\top = \Lambda` and
:math:`\varepsilon_i = \sigma n_i`. A layer's prediction reads the labelled pairs through one
vector, :math:`Z u` with :math:`Z = \frac1N \sum (x_i, y_i)(x_i, y_i)^\top` and
:math:`u = (v, s)`, and

.. math::
    Z u = K\, W K^\top u, \qquad
    K = \begin{pmatrix} F & 0 \\ w^\top F & \sigma \end{pmatrix}, \qquad
    W = \tfrac1N \sum (g_i, n_i)(g_i, n_i)^\top \sim \tfrac1N \operatorname{Wishart}_{d+1}(I, N).

A fixed vector :math:`m = \|m\| e` meets the Wishart matrix in :math:`t_i = e^\top (g_i, n_i)`,
which are independent of the components orthogonal to :math:`e`; hence exactly

.. math::
    W m = \tfrac{\|m\|}{N} \big( \chi^2 e + \chi\, \eta \big), \qquad
    \chi^2 \sim \chi^2_N, \quad \eta \sim N(0, I - e e^\top) \text{ independent}:

d + 2 variates a prompt, for any context length, label noise and layer. At :math:`v = 0, s = 1`
the first d entries of :math:`Z u` are :math:`h = X^\top y / N`, all that the block
:math:`v = p = 0` reads. Over random covariances :math:`F` is drawn first, one a prompt.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped
from lsa_theory.attention import LinearSelfAttention, Parameters
from lsa_theory.factored import FactoredLaw, factored, floats
from lsa_theory.linalg import array, operator
from lsa_theory.predictors import parameters_of
from lsa_theory.prompts import draws_covariances

CHUNK = 2**16  # entries per array drawn at a time in `sampled_risk`, from sufficient statistics
PROMPT_CHUNK = 2**21  # the same from whole prompts


class SampledPrompts(NamedTuple):
    """Whole prompts: `x` (count, N, d), `y` (count, N), `x_query` and `task` (count, d)."""

    x: Array
    y: Array
    x_query: Array
    task: Array


class SampledStatistics(NamedTuple):
    """Prompts reduced to `h = X^T y / N`: `h`, `x_query` and `task`, each (count, d)."""

    h: Array
    x_query: Array
    task: Array


def sampled_risk(
    predictor: LinearSelfAttention | Parameters | Shaped[Array, "d ..."],
    prompts: Any,
    count: int,
    *,
    seed: int,
    whole_prompts: bool = False,
) -> tuple[float, float]:
    r"""A simulated :math:`E(\hat y - \langle w, x_q \rangle)^2`, and its standard error.

    Task, context and query are drawn for each of `count` prompts and the squared errors averaged;
    no expectation is taken in closed form, not even that over the query. A prompt's context is
    drawn through its sufficient statistic, exactly in law, at a cost that does not depend on the
    context length (see the module); with `whole_prompts` every labelled pair is drawn instead and
    attended to, for cross-checks.

    Parameters
    ----------
    predictor
        A layer, its `Parameters`, or a gain :math:`B`: (d, d), or (d,) if diagonal, which keeps
        the cost at O(d) a prompt where every matrix of the law is diagonal too.
    prompts
        The law to draw from, taken in float64. `RandomCovariancePrompts` draw a covariance for
        each prompt, with a law that can be drawn from.
    count
        The number of prompts, at least 2.
    seed
        A non-negative integer. The same arguments give the same numbers; prompts are drawn in
        chunks of a size that depends on the law alone, so memory does not grow with `count`.

    Returns
    -------
    The mean in the units of `risk`, which it estimates without bias, and its plain standard error
    (sample standard deviation of the squared errors over the root of `count`). Squared errors are
    heavy-tailed: a tail probability read off the normal law wants a `count` of some ten thousand.

    Raises
    ------
    ValueError
        If `count` or `seed` is not an integer in its range, the law is of another kind, or the
        dimensions of predictor and prompts differ.

    Source: derived here.
    """
    law = factored("sampled_risk", prompts)
    count = checks.integer("sampled_risk", "count", count, minimum=2)
    seed = checks.integer("sampled_risk", "seed", seed, minimum=0)
    v, s, u, p = parameters_of("sampled_risk", predictor, prompts.dimension)
    layer = Parameters(floats(v), float(s), operator(floats(array(u))), floats(p))
    rng = np.random.default_rng(seed)
    errors, rows = _errors, CHUNK // prompts.dimension
    if whole_prompts:
        errors, rows = _prompt_errors, PROMPT_CHUNK // (prompts.dimension * prompts.context_length)
    if draws_covariances(prompts):
        rows = min(rows, PROMPT_CHUNK // prompts.dimension**2)
    return _mean(
        errors(layer, law.drawn(k, rng), k, rng) ** 2 for k in _chunks(count, max(rows, 1))
    )


def sample_prompts(prompts: Any, count: int, *, seed: int) -> SampledPrompts:
    """Whole prompts, every labelled pair drawn: `x`, `y`, `x_query`, `task`.

    `y` carries the label noise. Takes `count · N · d` floats of memory. Laws as for
    `sampled_risk`.

    Raises
    ------
    ValueError
        If `count` is not a positive integer or `seed` not a non-negative one, or the law is of
        another kind.
    """
    law = factored("sample_prompts", prompts)
    count = checks.integer("sample_prompts", "count", count)
    rng = np.random.default_rng(checks.integer("sample_prompts", "seed", seed, minimum=0))
    return _prompts(law.drawn(count, rng), count, rng)


def sample_statistics(prompts: Any, count: int, *, seed: int) -> SampledStatistics:
    r"""Prompts reduced to :math:`h = X^\top y / N`, with the exact joint law of
    :math:`(h, x_q, w)`, at a cost that does not depend on the context length.

    The prediction on the block :math:`v = p = 0` is :math:`h^\top \mathrm{gain}\, x_q`. Takes
    `count · d` floats of memory a few times over, or `count · d²` with random covariances. Laws as
    for `sampled_risk`.

    Raises
    ------
    ValueError
        If `count` is not a positive integer or `seed` not a non-negative one, or the law is of
        another kind.

    Source: derived here (see the module).
    """
    found = factored("sample_statistics", prompts)
    count = checks.integer("sample_statistics", "count", count)
    rng = np.random.default_rng(checks.integer("sample_statistics", "seed", seed, minimum=0))
    law = found.drawn(count, rng)
    task, h, _ = _statistics(law, np.zeros(prompts.dimension), 1.0, count, rng)
    return SampledStatistics(h, law.queries(count, rng), task)


def _statistics(
    law: FactoredLaw, v: Array, s: float, count: int, rng: np.random.Generator
) -> tuple[Array, Array, Array]:
    """Tasks, and the two parts of `Z u`: `S v + s h` (count, d) and `h^T v + s q` (count,)."""
    task = law.tasks(count, rng)
    seen = task @ law.context  # F^T w, a row a prompt
    direction = np.empty((count, law.prompts.dimension + 1))  # K^T u
    direction[:, :-1] = v @ law.context + s * seen
    direction[:, -1] = s * law.noise
    product = _wishart_product(direction, law.prompts.context_length, rng)
    features, noise = product[:, :-1], product[:, -1]
    return task, features @ law.context.T, (features * seen).sum(axis=1) + law.noise * noise


def _wishart_product(direction: Array, degrees: int, rng: np.random.Generator) -> Array:
    """`W m` for each row `m`, with `W ~ Wishart(I, degrees) / degrees` drawn anew for each."""
    length = np.sqrt((direction * direction).sum(axis=1))[:, None]
    unit = direction / np.where(length > 0, length, 1)
    squared = rng.chisquare(degrees, length.shape)
    across = rng.standard_normal(direction.shape)
    across -= (across * unit).sum(axis=1, keepdims=True) * unit
    return length / degrees * (squared * unit + np.sqrt(squared) * across)


def _errors(layer: Parameters, law: FactoredLaw, count: int, rng: np.random.Generator) -> Array:
    """`ŷ − <w, x_q>` from sufficient statistics."""
    v, s, u, p = layer
    task, features, label = _statistics(law, v, s, count, rng)
    query = law.queries(count, rng)
    effective = features @ u  # A^T Z u
    if p.any():
        effective += label[:, None] * p
    error = ((effective - task) * query).sum(axis=1)
    if v.any():
        error += _own_column(layer, query) / law.prompts.context_length
    return error


def _own_column(layer: Parameters, query: Array) -> Array:
    """`(v^T x_q)(x_q^T U x_q)`: the query attends to itself, with label 0."""
    return (query @ layer.v) * ((query @ layer.u) * query).sum(axis=1)


def _prompts(law: FactoredLaw, count: int, rng: np.random.Generator) -> SampledPrompts:
    n = law.prompts.context_length
    task = law.tasks(count, rng)
    x = law.normals(rng, count, n) @ law.context.T
    y = np.einsum("knd,kd->kn", x, task) + law.noise * rng.standard_normal((count, n))
    return SampledPrompts(x, y, law.queries(count, rng), task)


def _prompt_errors(
    layer: Parameters, law: FactoredLaw, count: int, rng: np.random.Generator
) -> Array:
    """`ŷ − <w, x_q>` by attention over every labelled pair."""
    v, s, u, p = layer
    x, y, query, task = _prompts(law, count, rng)
    attention = np.einsum("knd,kd->kn", x, query @ u.T) + y * (query @ p)[:, None]
    attended = (attention * (x @ v + s * y)).sum(axis=1) + _own_column(layer, query)
    return attended / law.prompts.context_length - (task * query).sum(axis=1)


def _chunks(count: int, rows: int) -> Iterator[int]:
    for start in range(0, count, rows):
        yield min(rows, count - start)


def _mean(chunks: Iterator[Array]) -> tuple[float, float]:
    """The mean of all entries and its standard error, merged chunk by chunk."""
    count, mean, squares = 0, 0.0, 0.0  # `squares`: the sum of squared deviations from `mean`
    for values in chunks:
        step, total = values.mean() - mean, count + len(values)
        squares += ((values - values.mean()) ** 2).sum() + step**2 * count * len(values) / total
        mean += step * len(values) / total
        count = total
    return float(mean), float((squares / (count - 1) / count) ** 0.5)
