"""A small transformer and its training, for the experiments beside the exact theory.

What was recorded is read without JAX: the model is loaded when it is asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lsa_theory.transformer.model import Architecture as Architecture
    from lsa_theory.transformer.model import Transformer as Transformer


def __getattr__(name: str) -> Any:
    if name not in ("Architecture", "Transformer"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lsa_theory.transformer import model

    return getattr(model, name)
