"""What the library costs beside what one would otherwise do: `python -m benchmarks`.

One thread for everybody, set before NumPy and JAX are loaded: idle threads that wait in a loop
would be counted as CPU time, and differently on each side of a ratio.
"""

import os

for _library in ("OPENBLAS", "OMP", "MKL"):
    os.environ.setdefault(f"{_library}_NUM_THREADS", "1")
os.environ.setdefault(
    "XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
)
os.environ.setdefault("JAX_PLATFORMS", "cpu")
