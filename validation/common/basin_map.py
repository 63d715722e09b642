"""A map of the starts on a ray of `U`: how long they take, and which are known to converge."""

import numpy as np

from lsa_theory import gradient_flow
from lsa_theory.attention import LinearSelfAttention
from lsa_theory.gamma import gamma
from lsa_theory.linalg import dense
from lsa_theory.minimum import global_minimum
from lsa_theory.prompts import GaussianPrompts
from validation.common.flows import largest_size
from validation.harness.figures import canvas


def along(prompts, u):
    """`tr(Λ² U^T)` and `tr(ΓΛ U Λ U^T)`: on the ray of U the loss is ½ tr Λ − b s + ½ a s²."""
    context, matrix = dense(prompts.covariance), dense(gamma(prompts))
    return (context @ context * u).sum(), (matrix @ context @ u @ context * u).sum()


def spread(condition):
    """Eight features, their variances in a geometric sequence."""
    return GaussianPrompts(np.geomspace(1.0, 1 / condition, 8), 20)


def sized(prompts, scale, angle):
    """`U = x I/√d`, `s = y`, at a size and an angle: at 45° balanced, with `s = ‖U‖_F = scale`."""
    d = prompts.dimension
    x, y = np.sqrt(2) * scale * np.array([np.cos(angle), np.sin(angle)])
    return LinearSelfAttention.from_block(x * np.eye(d) / np.sqrt(d), y)


def figure(setting):
    """Colours: how long flows take to learn. Lines: for which starts that is known beforehand."""
    figure, axes = canvas(1, 2, height=3.5)
    sizes = np.geomspace(0.1, 10, 10 if setting.quick else 30)
    conditions = np.geomspace(1, 1e4, 5 if setting.quick else 9)
    angles = np.radians([*range(0, 120, 10), *range(120, 170, 6 if setting.quick else 2), 175, 180])
    levels = np.arange(0, 8.25, 0.5)
    grid = [[(spread(k), np.pi / 4, size) for size in sizes] for k in conditions]
    axes[0].contourf(sizes, conditions, learning_times(grid), levels, extend="max")
    law = spread(4.0)
    grid = [[(law, angle, size) for size in sizes] for angle in angles]
    image = axes[1].contourf(sizes, np.degrees(angles), learning_times(grid), levels, extend="max")
    known_of_balanced(axes[0], conditions)
    known_of_angles(axes[1], law)
    axes[0].text(4.2, 1.3, "not known: reached", color="white", rotation=90, fontsize=8)
    for axis in axes:
        axis.set(xscale="log", xlim=(0.1, 10), xlabel="size of the start / paper's largest")
        axis.grid(False)
    axes[0].set(yscale="log", title="balanced starts, by cond(Λ)")
    axes[1].set(title="by angle of $(U, s)$; 45°: balanced", yticks=[0, 45, 90, 135, 180])
    figure.colorbar(
        image, ax=axes, label=r"time to learn half, in $1/\|\Lambda^2\|_F$", ticks=[0, 4, 8]
    )
    return figure


def learning_times(grid):
    """Until half of what the zero predictor misses is learnt; NaN, a hole in the map, for a flow
    that is not seen to converge."""
    return np.array([[learning_time(*cell) for cell in row] for row in grid])


def learning_time(prompts, angle, size):
    start = sized(prompts, size * largest_size(prompts), angle)
    flow = gradient_flow(start, prompts, rtol=1e-6, tolerance=1e-6)
    if not flow.converged:
        return np.nan
    least, plateau = global_minimum(prompts).loss, prompts.covariance.sum() / 2
    missing = np.log((flow.loss - least).clip(1e-12) / (plateau - least) * 2)
    when = np.interp(0, -missing, flow.times)  # the loss falls
    return np.linalg.norm(prompts.covariance**2) * when


def edge(prompts):
    """`x y` below which `L(0) < ½ tr Λ`, in units of the square of the paper's largest σ₀."""
    unit = LinearSelfAttention.from_block(np.eye(8) / np.sqrt(8), 1.0).u
    b, a = along(prompts, unit)
    return 2 * b / a / largest_size(prompts) ** 2


def known_of_balanced(axis, conditions):
    """Upwards in size: Theorem 4.1, its sharp form, the wider condition."""
    lines = {
        "Theorem 4.1": np.ones(len(conditions)),
        "its sharp form": np.full(len(conditions), 8**0.25),
        r"$L(0) < \frac{1}{2}\mathrm{tr}\Lambda$": [np.sqrt(edge(spread(k))) for k in conditions],
    }
    for (name, sizes), style in zip(lines.items(), ("-", "--", ":"), strict=True):
        axis.plot(sizes, conditions, style, color="white", linewidth=1.5)
        axis.text(sizes[0] * 0.93, 1.3, name, color="white", rotation=90, ha="right", fontsize=8)


def known_of_angles(axis, prompts):
    """`c > 0` between the balanced rays; `L(0) < ½ tr Λ` left of a curve; the theorem on a ray."""
    axis.axhline(135, color="white", linewidth=1.5)
    angles = np.radians(np.linspace(0.05, 45, 200))
    sizes = np.sqrt(edge(prompts) / np.sin(2 * angles))
    axis.plot(sizes, np.degrees(angles), ":", color="white", linewidth=1.5)
    axis.plot([sizes[-1], 10], [45, 45], color="white", linewidth=1.5)
    axis.plot([0.1, 1], [45, 45], color="C1", linewidth=3)
    for x, y, text in (
        (0.12, 50, "Theorem 4.1"),
        (1.3, 100, "$c > 0$"),
        (0.13, 20, r"$L(0) < \frac{1}{2}\mathrm{tr}\Lambda$"),
        (0.5, 160, "not known"),
        (4.4, 24, "not\nknown"),
    ):
        axis.text(x, y, text, color="white", fontsize=8)
