"""What holds for the whole test process: shapes are checked at run time, examples repeat.

The hook stays installed (no `with` block), so that modules which the package loads lazily are
checked too; it must come before the first `import lsa_theory`, which every test module has.
"""

from __future__ import annotations

import os

# read as the libraries load; on small matrices a second thread only waits
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import sys

from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

assert "lsa_theory" not in sys.modules, "lsa_theory was imported before its shapes could be checked"
install_import_hook(  # an int is a float, as the type checker has it
    "lsa_theory", "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"
)

for name, examples in (("deterministic", 20), ("thorough", 500)):
    settings.register_profile(
        name,
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=examples,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "deterministic"))
