"""Phase diagrams: what holds where, over two settings at a time.

Each diagram is a function of its settings that returns a `PhaseDiagram`, and has its entry in
`DIAGRAMS`. Nothing heavy is loaded before one is called.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from lsa_theory.phase.brittleness import brittleness as brittleness
from lsa_theory.phase.convergence import convergence as convergence
from lsa_theory.phase.diagram import Boundary as Boundary
from lsa_theory.phase.diagram import Colours as Colours
from lsa_theory.phase.diagram import PhaseDiagram as PhaseDiagram
from lsa_theory.phase.diagram import Region as Region
from lsa_theory.phase.diversity import diversity as diversity
from lsa_theory.phase.noise import noise as noise
from lsa_theory.phase.rotation import rotation as rotation
from lsa_theory.phase.scale import scale as scale
from lsa_theory.phase.survival import survival as survival

_ALL: tuple[Callable[..., PhaseDiagram], ...] = (
    noise,
    scale,
    rotation,
    convergence,
    brittleness,
    diversity,
    survival,
)

DIAGRAMS: Mapping[str, Callable[..., PhaseDiagram]] = MappingProxyType(
    {function.__name__: function for function in _ALL}
)
