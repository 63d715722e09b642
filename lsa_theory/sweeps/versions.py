"""The code that a sweep's bits depend on."""

from __future__ import annotations

import hashlib
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import lsa_theory

DECISIVE = ("numpy", "scipy", "jax", "jaxlib")  # beside the package itself


@cache
def versions() -> dict[str, str]:
    """The version of everything that decides the last bits, as far as software does."""
    found = {
        "lsa_theory": f"{lsa_theory.__version__}+{sources_digest()[:12]}",
        "python": ".".join(platform.python_version_tuple()[:2]),
    }
    for package in DECISIVE:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "missing"
    return found


@cache
def sources_digest() -> str:
    """The SHA-256 of the package's own source files, names and contents."""
    root = Path(lsa_theory.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root).as_posix()}\0{len(content)}\0".encode())
        digest.update(content)
    return digest.hexdigest()
