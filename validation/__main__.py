"""``python -m validation``."""

import io
import os
import sys


def single_threaded() -> int:
    """The same sums on any number of cores, and no time spent in threads that wait."""
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    # most programs run once, but the large ones take time
    flags = "--xla_backend_optimization_level=1 --xla_cpu_use_fusion_emitters=false"
    os.environ.setdefault("XLA_FLAGS", flags)
    from validation.harness.cli import main  # loads NumPy, which reads them

    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # titles hold Greek letters
    return main()


sys.exit(single_threaded())
