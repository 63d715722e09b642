"""Figures to publish, in Matplotlib: the caller's settings untouched, the same bytes each time."""

from lsa_theory.plots.brittleness import brittleness_curves as brittleness_curves
from lsa_theory.plots.phase import phase_figure as phase_figure
from lsa_theory.plots.saving import saved as saved
from lsa_theory.plots.style import styled as styled
from lsa_theory.plots.tolerance import tolerance_figure as tolerance_figure
