"""Compiled functions kept as object code, so that a process loads all of them in some milliseconds.

numba's own cache brings back what is needed to compile further functions: a third of a second in every process, more
than a small model takes to sample. Here the functions that Python or the sampler calls are compiled by numba once,
linked into one object and kept beside numba's cache; a process gives the object to LLVM and asks for addresses.
"""

# mypy: allow-untyped-calls
from __future__ import annotations

import contextlib
import ctypes
import hashlib
import importlib
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hierbayes.engines.stale import OWN_FOLDERS, kernel_digest
from hierbayes.errors import warn

_WEAK = "weak_odr"


def load(module: str, entries: Mapping[str, str]) -> dict[str, Any]:
    """Return functions of a module as C functions that ctypes calls, compiled if no process has done so before.

    Parameters
    ----------
    module : str
        Where the functions are. It is imported only to be compiled.
    entries : mapping of str to str
        The arguments of each function, by its name: ``i`` a whole number, ``p`` a pointer. It returns a whole number.

    Returns
    -------
    dict of str to ctypes function
        A call lets other threads run.
    """
    place = _place(module, entries)
    addresses = next((found for each in _where(place) if (found := _from_disk(each, entries))), None)
    if addresses is None:
        if place is not None and any(place.is_relative_to(folder) for folder in OWN_FOLDERS):
            warn(
                "neither the package nor the home folder can be written to, so that the sampler is compiled anew in "
                "every process (a minute or two): set the environment variable NUMBA_CACHE_DIR to a folder that can"
            )
        addresses = _compiled(module, entries, place)
    return {name: _prototype(arguments)(addresses[name]) for name, arguments in entries.items()}


def _where(place: Path | None) -> tuple[Path, ...]:
    """Return where the object may lie: in numba's folder, or beside the sources, where only the installer can write."""
    return () if place is None else (place, Path(__file__).parent / "__pycache__" / place.name)


def _prototype(arguments: str) -> Any:
    kinds = [ctypes.c_int64 if letter == "i" else ctypes.c_void_p for letter in arguments]
    return ctypes.CFUNCTYPE(ctypes.c_int64, *kinds)


def _place(module: str, entries: Mapping[str, str]) -> Path | None:
    """Return where the object lies: in numba's folder for this file, named after all that it depends on."""
    import llvmlite
    import numba
    from llvmlite import binding
    from numba.core.caching import FunctionCache

    machine = (binding.get_process_triple(), binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten())
    sources = kernel_digest(Path(__file__).parent)
    parts = (sources, numba.__version__, llvmlite.__version__, *machine, module, *entries.keys(), *entries.values())
    key = hashlib.blake2b("\n".join(parts).encode(), digest_size=12).hexdigest()
    with contextlib.suppress(RuntimeError, OSError):
        return Path(FunctionCache(load).cache_path) / f"native-{key}.o"
    return None


def _from_disk(place: Path, entries: Mapping[str, str]) -> dict[str, int] | None:
    try:
        code = place.read_bytes()
    except OSError:
        return None
    length, names, sound = int.from_bytes(code[:8], "little"), [], False
    if len(code) > 40 + length:
        names = code[40 : 40 + length].decode(errors="replace").split("\n")
        sound = hashlib.blake2b(code[40:], digest_size=32).digest() == code[8:40]
    if not sound or len(names) != len(entries):
        return None
    return _linked(code[40 + length :], names, entries)


_KEPT: list[Any] = []
"""Engines that own loaded code: it must outlive every pointer to it."""


def _linked(code: bytes, names: list[str], entries: Mapping[str, str]) -> dict[str, int] | None:
    """Give object code to LLVM and return the addresses of its functions."""
    from llvmlite import binding

    _add_symbols()
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    target = binding.Target.from_triple(binding.get_process_triple())
    machine = target.create_target_machine(opt=3, codemodel="jitdefault", jit=True)
    module = binding.parse_assembly("")
    module.triple = binding.get_process_triple()
    engine = binding.create_mcjit_compiler(module, machine)
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    found = {entry: int(engine.get_function_address(name)) for entry, name in zip(entries, names, strict=True)}
    _KEPT.append((engine, machine))
    return found if all(found.values()) else None


def _add_symbols() -> None:
    """Tell LLVM of what compiled code calls in numba and Python, as numba does itself before it compiles."""
    import builtins

    from llvmlite import binding
    from numba import _helperlib
    from numba.core.runtime import _nrt_python

    for name, address in vars(_helperlib)["c_helpers"].items():
        binding.add_symbol(f"numba_{name}", address)
    for name, address in vars(_nrt_python)["c_helpers"].items():
        binding.add_symbol(name if name.startswith("_") else f"NRT_{name}", address)
    for kind in vars(builtins).values():
        if isinstance(kind, type) and issubclass(kind, BaseException):
            binding.add_symbol(f"PyExc_{kind.__name__}", id(kind))


def _compiled(module: str, entries: Mapping[str, str], place: Path | None) -> dict[str, int]:
    """Compile by numba, keep the object code if there is a place for it, and return addresses."""
    from numba import cfunc, types

    bodies = importlib.import_module(module)
    made = {}
    for name, arguments in entries.items():
        kinds = [types.int64 if letter == "i" else types.voidptr for letter in arguments]
        made[name] = cfunc(types.int64(*kinds))(getattr(bodies, name))
    if place is not None:
        # Without the file the next process compiles anew, which is slow and not wrong.
        with contextlib.suppress(OSError, AttributeError, RuntimeError):
            _keep(place, [function.native_name for function in made.values()], _object_code(list(made.values())))
    _KEPT.append(made)
    return {name: int(function.address) for name, function in made.items()}


def _object_code(made: list[Any]) -> bytes:
    """Link compiled functions into one module and return its object code."""
    from llvmlite import binding

    modules = []
    for function in made:
        module = binding.parse_bitcode(function._library._get_module_for_linking().as_bitcode())
        # What may be merged is linked in only where something calls it; the entries are called from outside.
        module.get_function(function.native_name).linkage = _WEAK
        modules.append(module)
    whole = modules[0]
    for module in modules[1:]:
        whole.link_in(module)
    return bytes(made[0]._library.codegen._tm.emit_object(whole))


def _keep(place: Path, names: list[str], code: bytes) -> None:
    """Write names and object code with a checksum, whole or not at all: another process may be reading."""
    listed = "\n".join(names).encode()
    body = listed + code
    place.parent.mkdir(parents=True, exist_ok=True)
    # No temporary file of Python's: that is its owner's alone, and what an installer compiled is for everybody.
    part = place.with_name(f".{place.name}.{secrets.token_hex(6)}.part")
    try:
        with part.open("xb") as file:
            file.write(len(listed).to_bytes(8, "little") + hashlib.blake2b(body, digest_size=32).digest() + body)
        os.replace(part, place)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()
