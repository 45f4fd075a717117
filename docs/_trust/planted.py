"""Plants faults in copies of the package, one at a time, and lets the project's own tests look for them.

A copy has its own folder of compiled kernels. Where a fault lies in compiled code they are compiled anew there; nothing
that is replaced in a running process would reach them.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import xml.etree.ElementTree as ElementTree
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd

from .planted_fault import Fault
from .planted_faults import FAULTS

ROOT = Path(__file__).resolve().parents[2]
PARTS = ("hierbayes", "tests", "models", "docs", "pyproject.toml")
PASSING = (".hypothesis", "tmp*", "*.tmp.*", "*.pyc.*")
"""What other processes are writing just now: it may be gone before it is copied."""
SECONDS = 900
"""Longest that the tests of one fault, or the control, may take."""
_ONE_AT_A_TIME = threading.Lock()


@dataclass(frozen=True)
class Case:
    """A fault, or none for the control, and the tests that are run."""

    fault: Fault | None
    tests: tuple[str, ...]

    @property
    def name(self) -> str:
        """What stands in the table."""
        return "control, no fault" if self.fault is None else self.fault.name


@dataclass(frozen=True)
class Seen:
    """What the tests said.

    Attributes
    ----------
    verdict : str
        ``"killed"`` where a test failed; ``"survived"`` where all passed; ``"broken"`` where they could not be run,
        which proves nothing.
    tests : int
        Tests that ran.
    first : str
        The test that failed first.
    message : str
        The first line of what it said, or of what broke.
    """

    verdict: str
    tests: int
    first: str = ""
    message: str = ""


def copied(source: Path, target: Path) -> Path:
    """Copy package, tests and models, times of change too: by them compiled code knows what it was made from."""
    for name in PARTS:
        if (source / name).is_dir():
            shutil.copytree(source / name, target / name, ignore=shutil.ignore_patterns(*PASSING))
        else:
            shutil.copy2(source / name, target / name)
    return target


def plant(fault: Fault, copy: Path) -> None:
    """Put a fault into a copy; the kernels stay where it does not concern them."""
    room, concerned = copy / "hierbayes" / "engines", fault.file.startswith("engines/") and not fault.compiled
    before = _objects(room) if concerned else []
    fault.plant(copy / "hierbayes")
    if concerned:
        _keep_kernels(room, before)


def _objects(room: Path) -> list[str]:
    """Return the names of the files of object code that belong to the sources of a room."""
    from hierbayes.engines import native, stale
    from hierbayes.engines.collapsed import entries as collapsed
    from hierbayes.engines.joint import entries as joint

    sources = stale.kernel_digest(room)
    with _ONE_AT_A_TIME, mock.patch.object(native, "kernel_digest", return_value=sources):
        places = [native._place(own.module, own.entries) for own in (collapsed.DENSITY, joint.DENSITY)]
    return [place.name for place in places if place is not None]


def _keep_kernels(room: Path, before: list[str]) -> None:
    """Say that the kernels belong to the changed sources: what has changed is not compiled."""
    from hierbayes.engines import stale

    folder = room / "__pycache__"
    for old, new in zip(before, _objects(room), strict=True):
        if (folder / old).exists():
            (folder / old).rename(folder / new)
    (folder / "kernels.stamp").write_text(stale.kernel_digest(room))


def run_tests(copy: Path, tests: Sequence[str], hasty: bool = False) -> Seen:
    """Run tests in a copy, up to the first that fails, and say what they said.

    In haste kernels are compiled without optimisation: that takes half the time, and changes numbers by rounding alone.
    """
    report = copy / "report.xml"
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", *tests]
    environment = _environment(copy) | ({"NUMBA_OPT": "0"} if hasty else {})
    _check_import(copy, environment)
    try:
        done = subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        return Seen("broken", 0, "", f"took longer than {SECONDS} s")
    if not report.exists():
        return Seen("broken", 0, "", _gist((done.stderr or done.stdout).strip().rpartition("\n")[2]))
    return _read(report, done.returncode)


def _environment(copy: Path) -> dict[str, str]:
    """Return an environment in which the copy is imported, and whose compiled code lies beside its sources."""
    mine = ("NUMBA_", "PYTEST_", "PYTHONDONTWRITEBYTECODE", "PYTHONPATH")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(mine)}
    return kept | {"PYTHONPATH": str(copy), "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


def _check_import(copy: Path, environment: dict[str, str]) -> None:
    """See that the copy is what is imported, not the checkout."""
    command = [sys.executable, "-c", "import hierbayes; print(hierbayes.__file__)"]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, check=False)
    if done.returncode == 0 and not Path(done.stdout.strip()).resolve().is_relative_to(copy.resolve()):
        raise RuntimeError(f"the tests would import {done.stdout.strip()}, not the copy in {copy}")


def _read(report: Path, code: int) -> Seen:
    cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    ran = [case for case in cases if case.find("skipped") is None]
    for kind, verdict in (("error", "broken"), ("failure", "killed")):
        for case in ran:
            found = case.find(kind)
            if found is not None:
                return Seen(verdict, len(ran), _name(case), _gist(found.get("message") or ""))
    if code == 0 and ran:
        return Seen("survived", len(ran))
    return Seen("broken", len(ran), "", f"pytest ended with {code}")


def _name(case: ElementTree.Element) -> str:
    """Return the test as pytest takes it, without its parameters."""
    place = (case.get("classname") or "").replace(".", "/")
    return f"{place.removeprefix('tests/')}.py::{(case.get('name') or '').split('[')[0]}"


def _gist(message: str) -> str:
    """Return the first words of a message, files by their names alone."""
    lines = [" ".join(line.split()).removeprefix("AssertionError: ") for line in message.strip().splitlines()]
    text = "; ".join([line for line in lines if line not in ("", "AssertionError:")][:2])
    text = re.sub(r"(?:/[\w.\-]+)+/([\w.\-]+)", r"\1", text)
    return text if len(text) <= 100 else f"{text[:97]}..."


def digest_of(root: Path, case: Case) -> str:
    """Return a digest of the sources of package and tests, and of a case."""
    found = hashlib.blake2b(repr(case).encode(), digest_size=16)
    kinds = {".py", ".js", ".css", ".toml", ".csv", ".json"}
    every = (path for name in ("hierbayes", "tests", "models") for path in (root / name).rglob("*"))
    for path in sorted(path for path in every if path.suffix in kinds):
        found.update(str(path.relative_to(root)).encode() + b"\0" + path.read_bytes() + b"\0")
    found.update((root / "pyproject.toml").read_bytes())
    return found.hexdigest()


def look(case: Case, base: Path) -> Seen:
    """Run the tests of a case in a copy of its own, with its fault if it has one."""
    with tempfile.TemporaryDirectory(prefix="hierbayes-planted-") as folder:
        copy = copied(base, Path(folder))
        if case.fault is not None:
            plant(case.fault, copy)
        return run_tests(copy, case.tests, hasty=case.fault is not None and case.fault.compiled)


def planted(number: int | None, folder: Path, cores: int) -> pd.DataFrame:
    """Return what became of the first `number` faults, and of the control: a copy without any.

    Finished cases stay in the folder and are not run again while package, tests and fault are what they were.
    """
    cases = cases_of(FAULTS[:number])
    # taken now: sources that change during the run are not those that the copies have
    digests = {case.name: digest_of(ROOT, case) for case in cases}
    kept = {case.name: found for case in cases if (found := _kept(case, folder, digests[case.name])) is not None}
    todo = [case for case in cases if case.name not in kept]
    if todo:
        with tempfile.TemporaryDirectory(prefix="hierbayes-planted-") as place:
            base = copied(ROOT, Path(place))
            _warm(base)
            with ThreadPoolExecutor(max(1, min(2, cores))) as pool:
                for case, found in zip(todo, pool.map(lambda case: look(case, base), todo), strict=True):
                    kept[case.name] = found
                    _keep(case, folder, digests[case.name], found)
                    print(f"{case.name}: {found.verdict}", flush=True)
    return pd.DataFrame([_row(case, kept[case.name]) for case in cases])


def cases_of(faults: Sequence[Fault]) -> tuple[Case, ...]:
    """Return the control, which takes the tests of all faults, and a case for each fault."""
    every = tuple(dict.fromkeys(test for fault in faults for test in fault.tests))
    return (Case(None, every), *(Case(fault, fault.tests) for fault in faults))


def _warm(base: Path) -> None:
    """Compile what the checkout has not compiled yet, once and not in every copy."""
    subprocess.run([sys.executable, "-m", "hierbayes.warm"], cwd=base, env=_environment(base), check=True)


def _place(case: Case, folder: Path) -> Path:
    return folder / f"planted-{''.join(c if c.isalnum() else '-' for c in case.name)}.json"


def _kept(case: Case, folder: Path, digest: str) -> Seen | None:
    path = _place(case, folder)
    if not path.exists():
        return None
    found = json.loads(path.read_text(encoding="utf-8"))
    return Seen(**found["seen"]) if found["digest"] == digest else None


def _keep(case: Case, folder: Path, digest: str, seen: Seen) -> None:
    text = json.dumps({"digest": digest, "seen": asdict(seen)})
    _place(case, folder).write_text(text, encoding="utf-8")


def _row(case: Case, seen: Seen) -> dict[str, Any]:
    fault = case.fault
    good = seen.verdict == ("survived" if fault is None else "killed")
    return {
        "fault": case.name,
        "file": "" if fault is None else _code(fault.file),
        "compiled": "yes" if fault is not None and fault.compiled else "",
        "change": f"the tests of all faults, {seen.tests} of them" if fault is None else _cell(fault.about),
        "failed first": _code(seen.first) if seen.first else "none",
        "with": _code(seen.message) if seen.message else "",
        "added for it": _code(fault.added) if fault is not None and fault.added else "",
        "as it should be": "yes" if good else f"**no**: {seen.verdict}",
    }


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def _code(text: str) -> str:
    return f"`{_cell(text.replace('`', chr(39)))}`"
