"""What every test starts from: one thread for BLAS, figures that open no window, other seeds if they are asked for."""

from __future__ import annotations

import os

# Before numpy is loaded by anyone: the chains run in parallel already.
for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")
os.environ["MPLBACKEND"] = "Agg"
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

pytest_plugins = ("fits",)


def pytest_configure():
    from seeds import shift_samplers

    shift_samplers()
