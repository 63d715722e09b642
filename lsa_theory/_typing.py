"""Shapes in annotations, at no cost to who does not check them.

`Shaped[Array, "d d"]` is jaxtyping's annotation where jaxtyping has been imported before this
package (the tests do, and then check every call), and inert otherwise.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

Array = Any  # NumPy float64, NumPy objects (exact rationals, symbols), or a JAX tracer
Scalar = Any  # a number of the same three kinds

if TYPE_CHECKING or "jaxtyping" in sys.modules:
    from jaxtyping import Shaped as Shaped
else:

    class Shaped:
        def __class_getitem__(cls, item: object) -> object:
            return Any
