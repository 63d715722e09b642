r"""What every phase diagram is: a sweep over two axes, curves from roots, and how to draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lsa_theory import checks
from lsa_theory._typing import Array, Shaped


@dataclass(frozen=True, eq=False)
class Boundary:
    """A curve of a diagram, in the coordinates of its two axes; NaN breaks the line.

    Attributes
    ----------
    label
        In the legend. Branches of one curve have one label, and one line style.
    x, y
        Its points: roots of the formulas.
    """

    label: str
    x: Shaped[Array, " n"]
    y: Shaped[Array, " n"]


@dataclass(frozen=True, eq=False)
class Region:
    """A part of a diagram with a name: written where there is most room, or not at all.

    Attributes
    ----------
    label
        A few words; `\\n` breaks them.
    where
        A boolean `xarray.DataArray` on the two axes.
    """

    label: str
    where: Any


@dataclass(frozen=True)
class Colours:
    """What the colours of a diagram mean.

    Attributes
    ----------
    label
        Beside the colour bar.
    kind
        "ratio": the common logarithm of a ratio, two hues that meet at equality, the bar labelled
        by the ratio itself. "amount": one hue after another, in the order of their lightness.
        "logarithm": the same for a common logarithm, the bar labelled by the number itself.
    low, high
        Ends of the scale, in units of the variable; the bar has an arrow where values lie beyond.
        None: those of the data, for a ratio symmetric.
    """

    label: str
    kind: str = "ratio"
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        kinds = ("ratio", "amount", "logarithm")
        if self.kind not in kinds:
            checks.refuse("Colours", "kind", self.kind, " or ".join(kinds))


@dataclass(frozen=True, eq=False)
class PhaseDiagram:
    """A quantity over two axes, with the curves where something changes.

    Attributes
    ----------
    name, title
        As in `lsa_theory.phase.DIAGRAMS`, and in words.
    data
        The sweep, an `xarray.Dataset`.
    variable
        Which of its variables is coloured. Cells without a finite value are hatched.
    x, y
        The coordinates of `data` that are drawn, one along each of its dimensions; an axis takes
        its label from their attributes `long_name`, `symbol` and `units`.
    colours
        What the colours mean.
    boundaries
        Curves, from roots of the formulas.
    regions
        Names of the parts.
    points
        Sampled points, an `xarray.Dataset` with the coordinates x and y of the axes' names, the
        variable, and its standard error as the variable's name with `_error`. None: no points.
    logarithmic
        Which of the coordinates x and y have a logarithmic axis.
    notes
        Phrases that state the settings, written below the figure.
    infinite, missing
        What it means that a cell is infinite or NaN, also written there if a cell is.
    """

    name: str
    title: str
    data: Any = field(repr=False)
    variable: str
    x: str
    y: str
    colours: Colours
    boundaries: tuple[Boundary, ...] = ()
    regions: tuple[Region, ...] = field(default=(), repr=False)
    points: Any = field(default=None, repr=False)
    logarithmic: Sequence[str] = ()
    notes: tuple[str, ...] = ()
    infinite: str = "infinite"
    missing: str = "no value"

    @property
    def caption(self) -> str:
        """Title and settings in one paragraph."""
        return f"{self.title}. {'; '.join(self.notes)}."

    def figure(self, *, width: float | None = None) -> Any:
        """The diagram as a `matplotlib.figure.Figure`, to be written by `save`.

        Parameters
        ----------
        width
            In inches (None: 3.4, a column of most journals); text keeps its size.
        """
        return _plots("PhaseDiagram.figure").phase_figure(self, width=width)

    def save(self, path: str | Path, *, width: float | None = None) -> Path:
        """Writes PNG, SVG or PDF, by the suffix: the same bytes for the same diagram.

        Raises
        ------
        ValueError
            If the suffix is another.
        """
        return _plots("PhaseDiagram.save").saved(self.figure(width=width), path)


def _plots(call: str) -> Any:
    from lsa_theory.extras import required

    required(call, "matplotlib", "sweep")
    from lsa_theory import plots

    return plots
