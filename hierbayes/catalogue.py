"""Reads model specifications: the TOML files of the catalogue and those that users write.

A specification is data. It can name a formula, a table, and priors of a fixed list; it can call nothing else.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from hierbayes.datasets.sources import sources
from hierbayes.errors import ModelError
from hierbayes.priors import Prior
from hierbayes.priors.text import nearest, read_prior

if TYPE_CHECKING:
    import pandas as pd

PACKAGE = Path(__file__).parent
KINDS: Mapping[str, type | tuple[type, ...]] = {
    "name": str,
    "title": str,
    "description": str,
    "formula": str,
    "data": str,
    "family": str,
    "priors": (dict, str),
    "contrasts": dict,
    "weights": str,
    "sampling": dict,
    "source": str,
    "published": dict,
}
SAMPLING: Mapping[str, type | tuple[type, ...]] = {
    "draws": int,
    "tune": (int, str),
    "chains": int,
    "cores": int,
    "seed": int,
    "engine": str,
    "target_accept": float,
}
SAID = {str: "text", int: "a whole number", float: "a number", dict: "a table"}
EMPTY: Mapping[str, Any] = MappingProxyType({})


@dataclass(frozen=True)
class Spec:
    """A model as a TOML file states it.

    Attributes
    ----------
    name : str
        Name in the catalogue, or the file's name without its ending.
    formula : str
        The model formula.
    data : str
        Name of a bundled data set, or absolute path of a CSV file.
    family : str
        Likelihood family.
    priors : mapping of str to Prior, "flat" or None
        Priors by their keys; None stands for the defaults.
    contrasts : mapping
        Contrasts by column: ``"sum"``, or ``{"treatment": "B"}`` to choose the reference level.
    weights : str or None
        Column of weights.
    sampling : mapping
        Options of `fit`: any of draws, tune, chains, cores, seed, engine, target_accept.
    title, description, source : str
        What the model is about and where the data come from.
    published : mapping
        Figures of other software: ``fixef`` and ``se`` by coefficient, ``sds`` by factor and term, ``corrs`` by
        factor, term and second term, ``sigma``, ``reml_criterion``, ``ml_deviance``.
    """

    name: str
    formula: str
    data: str
    family: str = "gaussian"
    priors: Mapping[str, Prior] | Literal["flat"] | None = None
    contrasts: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    weights: str | None = None
    sampling: Mapping[str, Any] = field(default_factory=lambda: EMPTY)
    title: str = ""
    description: str = ""
    source: str = ""
    published: Mapping[str, Any] = field(default_factory=lambda: EMPTY)

    def table(self, keys: Sequence[str] | None = None) -> pd.DataFrame:
        """Return the data: a bundled data set or the CSV file, in which identifiers stay as they are written.

        Parameters
        ----------
        keys : sequence of str, optional
            Columns of identifiers in a CSV file; see `hierbayes.datasets.tables.read_csv`.

        Raises
        ------
        DataError
            If the file cannot be read.
        """
        from hierbayes.datasets.loader import load_data
        from hierbayes.datasets.tables import read_csv

        return load_data(self.data) if self.data in sources() else read_csv(self.data, keys)

    def options(self) -> dict[str, Any]:
        """Return the keyword arguments that `Model` takes beside formula and data."""
        priors = dict(self.priors) if isinstance(self.priors, Mapping) else self.priors
        return {
            "family": self.family,
            "priors": priors,
            "contrasts": dict(self.contrasts) or None,
            "weights": self.weights,
        }


def models() -> tuple[str, ...]:
    """Return the names of the models in the catalogue.

    Examples
    --------
    >>> from hierbayes.catalogue import models
    >>> "sleepstudy" in models()
    True
    """
    return tuple(sorted(path.stem for path in _folder().glob("*.toml")))


@cache
def catalogue() -> Mapping[str, Spec]:
    """Return every model of the catalogue by name.

    Examples
    --------
    >>> from hierbayes.catalogue import catalogue
    >>> catalogue()["dyestuff"].formula
    'Yield ~ 1 + (1 | Batch)'
    """
    return MappingProxyType({name: read_spec(name) for name in models()})


def read_spec(path_or_name: str | Path) -> Spec:
    """Read a model specification.

    Parameters
    ----------
    path_or_name : str or pathlib.Path
        Name of a model in the catalogue, or path of a TOML file.

    Returns
    -------
    Spec

    Raises
    ------
    ModelError
        If there is no such model or file, or if it is not a valid specification; names the key.

    Examples
    --------
    >>> from hierbayes.catalogue import read_spec
    >>> read_spec("sleepstudy").published["fixef"]["Days"]
    10.4672859596
    """
    path = _locate(path_or_name)
    return _spec(_read_toml(path), path)


def _folder() -> Path:
    """The catalogue lies inside an installed package, and beside the package in a checkout."""
    installed = PACKAGE / "models"
    return installed if installed.is_dir() else PACKAGE.parent / "models"


def _locate(path_or_name: str | Path) -> Path:
    if isinstance(path_or_name, str) and (key := path_or_name.strip().lower()) in models():
        return _folder() / f"{key}.toml"
    path = Path(path_or_name)
    # Unlike Path.is_file, this does not raise where the name is too long for a file.
    if path.suffix.lower() == ".toml" or len(path.parts) > 1 or os.path.isfile(path):
        return path
    raise ModelError(
        f"there is no model called {str(path_or_name)!r}, nor a file of that name",
        f"{nearest(path.name, models())}The models are {', '.join(models())}; or give the path of a TOML file.",
    )


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError as error:
        hint = f"The catalogue has a model called {path.stem!r}." if path.stem in models() else None
        raise ModelError(f"cannot read the model in '{path}': there is no such file", hint) from error
    except IsADirectoryError as error:
        raise ModelError(f"cannot read the model in '{path}': it is a directory", "Give a TOML file.") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"cannot read the model in '{path}': it is not text in UTF-8", "Save it as UTF-8.") from error
    except RecursionError as error:
        raise ModelError(f"cannot read the model in '{path}': it is nested too deeply") from error
    except (OSError, ValueError) as error:
        raise ModelError(f"cannot read the model in '{path}': {' '.join(str(error).split())}") from error


def _spec(table: Mapping[str, Any], path: Path) -> Spec:
    where = f"in '{path}'"
    _check_keys(table, KINDS, where)
    for key in ("formula", "data"):
        if not table.get(key, "").strip():
            raise ModelError(f"{where}: the key {key!r} is missing or empty", "A model needs a formula and data.")
    sampling = table.get("sampling", {})
    _check_sampling(sampling, f"{where}, table [sampling]")
    text = {key: table[key].strip() for key in ("title", "description", "source", "weights") if key in table}
    return Spec(
        name=table.get("name", path.stem),
        formula=table["formula"],
        data=_data(table["data"], path),
        family=table.get("family", "gaussian"),
        priors=_priors(table.get("priors"), where),
        contrasts=_contrasts(table.get("contrasts", {}), where),
        sampling=_frozen(sampling),
        published=_frozen(table.get("published", {})),
        **text,
    )


def _check_keys(table: Mapping[str, Any], kinds: Mapping[str, type | tuple[type, ...]], where: str) -> None:
    for key, value in table.items():
        if key not in kinds:
            hint = f"{nearest(key, kinds)}The keys are {', '.join(kinds)}."
            raise ModelError(f"{where}: there is no key {key!r}", hint)
        kind = kinds[key]
        allowed = kind if isinstance(kind, tuple) else (kind,)
        # In Python True is a whole number; in a specification it is a slip.
        fits = isinstance(value, allowed) or (float in allowed and isinstance(value, int))
        if not fits or isinstance(value, bool):
            said = " or ".join(SAID[one] for one in allowed)
            raise ModelError(f"{where}: {key!r} must be {said}, not {value!r}")


def _check_sampling(table: Mapping[str, Any], where: str) -> None:
    _check_keys(table, SAMPLING, where)
    for key, value in table.items():
        least = 0 if key in ("seed", "tune") else 1
        if isinstance(value, int) and key != "target_accept" and value < least:
            raise ModelError(f"{where}: {key!r} must be at least {least}, not {value}")
    if table.get("tune", "auto") != "auto" and isinstance(table["tune"], str):
        raise ModelError(f"{where}: 'tune' must be a whole number or 'auto', not {table['tune']!r}")
    if not 0 < table.get("target_accept", 0.8) < 1:
        raise ModelError(f"{where}: 'target_accept' must lie between 0 and 1, not {table['target_accept']!r}")


def _data(text: str, path: Path) -> str:
    """Return the name of a bundled data set, or the path of a table relative to the specification."""
    name = text.strip()
    if name.lower() in sources():
        return name.lower()
    if Path(name).suffix or len(Path(name).parts) > 1:
        return str((path.parent / name).absolute())
    raise ModelError(
        f"in '{path}': 'data' is {text!r}, neither a bundled data set nor a CSV file",
        f"{nearest(name, sources())}The data sets are {', '.join(sources())}; or give a path such as 'my-data.csv'.",
    )


def _priors(table: Any, where: str) -> Mapping[str, Prior] | Literal["flat"] | None:
    if table is None:
        return None
    if table == "flat":
        return "flat"
    if isinstance(table, str):
        raise ModelError(f"{where}: 'priors' is {table!r}", 'Write priors = "flat", or a table [priors].')
    return MappingProxyType({key: read_prior(value, f"{where}, prior of {key!r}") for key, value in table.items()})


def _contrasts(table: Mapping[str, Any], where: str) -> Mapping[str, Any]:
    for column, contrast in table.items():
        if not (isinstance(contrast, str) or _names_a_reference(contrast)):
            raise ModelError(
                f"{where}: the contrast of {column!r} cannot be {contrast!r}",
                'Write a coding such as "sum", or { treatment = "B" } for another reference level.',
            )
    return MappingProxyType({column: _frozen(contrast) for column, contrast in table.items()})


def _names_a_reference(contrast: Any) -> bool:
    return isinstance(contrast, dict) and len(contrast) == 1 and all(isinstance(x, str) for x in contrast.values())


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return MappingProxyType({key: _frozen(inner) for key, inner in value.items()})
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
