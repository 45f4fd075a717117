"""Scripts that a process of its own runs where something around it is broken; each prints what it found as JSON."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path

import hierbayes as hb
from hierbayes.report.page import write_page


def attempt(action):
    """Return the kind and text of the error of hierbayes that an action ends with."""
    try:
        action()
    except hb.HierBayesError as error:
        return [type(error).__name__, str(error)]
    return None


def full_disk(folder: Path) -> dict:
    """Write everything while no file may grow beyond 20 kB, then once more without a limit."""
    fit = hb.load(folder / "fit.nc")
    (folder / "kept.nc").write_bytes(b"old")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, limits[1]))
    found = {
        "save": attempt(lambda: fit.save(folder / "new.nc")),
        "save over": attempt(lambda: fit.save(folder / "kept.nc")),
        "page": attempt(lambda: write_page(folder / "page.html", "<p>" * 10_000)),
        "files": sorted(path.name for path in folder.iterdir()),
        "kept": (folder / "kept.nc").read_bytes().decode(errors="replace"),
    }
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    return {**found, "again": attempt(lambda: fit.save(folder / "new.nc"))}


def read_only(_: Path) -> dict:
    """Fit where neither the package nor the home folder can be written to."""
    from numba.core import event

    from hierbayes.engines.stale import OWN_FOLDERS

    with event.install_recorder("numba:compile") as recorder:
        fit = hb.fit("Yield ~ 1 + (1 | Batch)", hb.load_data("dyestuff"), draws=20, chains=1, seed=1, progress=False)
    return {
        "package": str(Path(hb.__file__).parent),
        "compiled": len(recorder.buffer),
        "temporary": OWN_FOLDERS,
        "there": [Path(folder).is_dir() for folder in OWN_FOLDERS],
        "beta": fit.posterior["beta"].to_numpy().tobytes().hex(),
    }


def no_cache(_: Path) -> dict:
    """Define every compiled function where numba finds no folder for them; compile none."""
    import hierbayes.engines.collapsed.callables
    from hierbayes.engines.stale import OWN_FOLDERS

    return {"package": str(Path(hierbayes.engines.collapsed.callables.__file__).parents[2]), "temporary": OWN_FOLDERS}


if __name__ == "__main__":
    print(
        json.dumps(
            {"full_disk": full_disk, "read_only": read_only, "no_cache": no_cache}[sys.argv[1]](Path(sys.argv[2]))
        )
    )
