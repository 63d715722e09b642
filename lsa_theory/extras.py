"""Optional dependencies, asked for by the extra that brings them."""

from __future__ import annotations

from importlib import import_module
from typing import Any


def required(call: str, module: str, extra: str) -> Any:
    """The module, imported.

    Raises
    ------
    ImportError
        One sentence that names the call and the extra to install, if the module's package is
        missing. What is missing inside an installed package is reported as it is.
    """
    package = module.partition(".")[0]
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != package:
            raise
        sentence = f'{call}: needs {package}, so: pip install "lsa-theory[{extra}]"'
        raise ImportError(sentence, name=package) from None
