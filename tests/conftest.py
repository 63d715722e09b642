"""What holds for the whole test process: shapes are checked at run time, examples repeat.

The hook stays installed (no `with` block), so that modules which the package loads lazily are
checked too; it must come before the first `import lsa_theory`, which every test module has.
"""

from __future__ import annotations

import gc
import os

# read as the libraries load; on small matrices a second thread only waits
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")
os.environ.setdefault(  # most programs run once: quick to compile is quick
    "XLA_FLAGS",
    "--xla_cpu_multi_thread_eigen=false --xla_backend_optimization_level=0"
    " --xla_cpu_use_fusion_emitters=false",
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")

from hypothesis import HealthCheck, settings

from tests import shapes

gc.set_threshold(100_000, 20, 100)  # what JAX and SymPy keep is else gone through again and again
shapes.install("lsa_theory")

for name, examples in (("deterministic", 12), ("thorough", 500)):
    settings.register_profile(
        name,
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=examples,
        suppress_health_check=[HealthCheck.too_slow],
    )
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "deterministic"))
