"""Execute the notebooks into build/notebooks; the tests and the documentation share the results."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "notebooks"
EXECUTED = ROOT / "build" / "notebooks"
SECONDS = 900


def sources() -> list[Path]:
    """Return the notebooks in their order."""
    return sorted(SOURCES.glob("*.ipynb"))


def is_fresh(source: Path) -> bool:
    """Whether the executed notebook is younger than its source and than every file of the package."""
    executed = EXECUTED / source.name
    if not executed.exists():
        return False
    package = [path for path in (ROOT / "hierbayes").rglob("*") if path.suffix in {".py", ".toml", ".csv", ".gz"}]
    return executed.stat().st_mtime > max(path.stat().st_mtime for path in [source, *package])


def execute(source: Path) -> Path:
    """Run the notebook from its first cell to its last and write it with its outputs.

    Raises
    ------
    nbclient.exceptions.CellExecutionError
        If a cell fails; nothing is written then.
    """
    # Another environment's kernel of the same name would be found first otherwise.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.read(source, as_version=4)
    EXECUTED.mkdir(parents=True, exist_ok=True)
    client = NotebookClient(
        notebook, timeout=SECONDS, kernel_name="python3", resources={"metadata": {"path": EXECUTED}}
    )
    # A backend set from outside would keep the pictures of pyplot from the notebook.
    client.execute(env={name: value for name, value in os.environ.items() if name != "MPLBACKEND"})
    target = EXECUTED / source.name
    partial = target.with_suffix(".partial")
    nbformat.write(notebook, partial)
    partial.replace(target)
    return target


def executed(source: Path) -> Path:
    """Return the executed notebook, executing it only where no fresh one is there."""
    return EXECUTED / source.name if is_fresh(source) else execute(source)


if __name__ == "__main__":
    for notebook_path in sources():
        executed(notebook_path)
