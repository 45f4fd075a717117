"""Everything that makes a fit, to a file and back."""

from __future__ import annotations

import platform
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hierbayes.design.build import from_columns
from hierbayes.design.design import Design
from hierbayes.design.scaling import ResolvedPriors
from hierbayes.design.schema import Schema
from hierbayes.engines.assemble import Labels, labels_of
from hierbayes.engines.naming import posterior_coords, posterior_dims
from hierbayes.errors import DataError, HierBayesError, ModelError
from hierbayes.priors import Custom
from hierbayes.sampling.run import Draws
from hierbayes.sampling.sampler import Settings
from hierbayes.sampling.tree import with_true_names
from hierbayes.spec import ModelSpec
from hierbayes.storage.bare import bare_design, design_facts, no_data
from hierbayes.storage.columns import columns_group, columns_of
from hierbayes.storage.file import MODEL_DATA, Contents, damaged, file_bytes, read_bytes, read_file, write_file
from hierbayes.storage.fingerprint import data_fingerprint
from hierbayes.storage.specs import priors_from_json, priors_to_json, spec_from_json, spec_to_json
from hierbayes.storage.trees import encoded, encoded_dataset

if TYPE_CHECKING:
    import xarray as xr

_PACKAGES = ("hierbayes", "numpy", "nutpie", "numba", "pymc", "xarray", "arviz", "h5netcdf", "h5py")
_OF_DATA = frozenset({"observed_data", "constant_data"})


@dataclass(frozen=True)
class Record:
    """Everything that makes a fit.

    Attributes
    ----------
    spec : ModelSpec
    priors : ResolvedPriors
    design : Design
    draws : Draws
    fingerprint : str or None
        Of the data; None for a record that has not been in a file.
    """

    spec: ModelSpec
    priors: ResolvedPriors
    design: Design
    draws: Draws
    fingerprint: str | None = None


def write_record(record: Record, path: str | Path, data: bool) -> Path:
    """Write a record, with the columns that the model reads if `data`.

    Raises
    ------
    DataError
        If the file cannot be written.
    ModelError
        If the draws have a group of the name that the data take.
    """
    return write_file(path, *_contents(record, data))


def record_bytes(record: Record, data: bool = True) -> bytes:
    """Return what the file of a record would hold.

    Raises
    ------
    DataError, ModelError
        As `write_record`.
    """
    return bytes(file_bytes(*_contents(record, data)))


def model_bytes(spec: ModelSpec, priors: ResolvedPriors, design: Design, fingerprint: str | None) -> bytes:
    """Return a model in the form of the file of a fit, without draws.

    Raises
    ------
    ModelError
        If a prior is a function, which the bytes would hold as a text that cannot be run.
    """
    import xarray as xr

    if has_function(priors):
        raise ModelError(
            "a model with a Custom prior cannot be sent to another process or kept: its function would not come along",
            "make the model where it is sampled, or send the fit",
        )
    nothing = Draws(xr.DataTree(), "none", "not sampled", 0.0, 0, 0)
    return record_bytes(Record(spec, priors, design, nothing, fingerprint))


def has_function(priors: ResolvedPriors) -> bool:
    """Say whether a prior is a function, of which a file holds the text alone."""
    every = (
        *priors.beta,
        *(own.prior for own in priors.parameters),
        *(p for block in priors.blocks for p in (*block.sd, block.corr)),
    )
    return any(isinstance(prior, Custom) for prior in every)


def _contents(record: Record, data: bool) -> tuple[dict[str, Any], dict[str, xr.Dataset], dict[str, str]]:
    data = data and not no_data(record.design)
    if MODEL_DATA in record.draws.tree.children:
        raise ModelError(f"the tree of the fit has a group {MODEL_DATA!r}, the name that the data take in the file")
    groups = encoded(record.draws.tree, frozenset() if data else _OF_DATA)
    if data:
        columns = columns_group(record.design.columns, record.design.rows, record.design.labels)
        groups |= {f"/{MODEL_DATA}": encoded_dataset(columns)}
    shown = {"formula": record.spec.formula.text, "engine": record.draws.engine, "seed": str(record.draws.seed)}
    return texts_of(record), groups, shown


def texts_of(record: Record) -> dict[str, Any]:
    """Return all but the arrays, as JSON holds it."""
    design = record.design
    known = record.fingerprint if no_data(design) else data_fingerprint(design.columns, design.rows, design.rows_given)
    return {
        "spec": spec_to_json(record.spec),
        "priors": priors_to_json(record.priors),
        "schema": design.schema.to_json(),
        "design": design_facts(design),
        "run": _run_to_json(record.draws),
        "packages": _packages(),
        "fingerprint": known,
    }


def read_record(path: str | Path) -> Record:
    """Return the record of a file; its design holds the data if the file does.

    Raises
    ------
    DataError
        If the file cannot be read, or its parts do not fit together.
    """
    contents = read_file(path)
    try:
        return _record(contents)
    except HierBayesError as error:
        what = getattr(error, "what", str(error))
        raise DataError(f"the fit in {str(path)!r} cannot be read: {what}", error.hint) from error
    except Exception as error:
        raise damaged(path, error) from error


def record_of(content: bytes) -> Record:
    """Return the record that `record_bytes` gave.

    Raises
    ------
    DataError
        If its parts do not fit together.
    """
    return _record(read_bytes(content))


def model_of(content: bytes) -> tuple[ModelSpec, Design, ResolvedPriors, str | None]:
    """Return the parts that `model_bytes` gave."""
    return _parts(read_bytes(content))


def _record(contents: Contents) -> Record:
    spec, design, priors, fingerprint = _parts(contents)
    _check_posterior(contents.groups["/posterior"], labels_of(design))
    return Record(spec, priors, design, _draws(contents, contents.texts["run"]), fingerprint)


def _parts(contents: Contents) -> tuple[ModelSpec, Design, ResolvedPriors, str | None]:
    texts = contents.texts
    spec, schema = spec_from_json(texts["spec"]), Schema.from_json(texts["schema"])
    priors = priors_from_json(texts["priors"], schema.family, schema.residual.errors is not None)
    said = (schema.formula, dict(schema.contrasts), schema.weights, schema.family)
    if said != (spec.formula, dict(spec.contrasts), spec.weights, spec.family):
        raise DataError("its schema is not that of its spec")
    design = _design(spec, schema, texts, contents.groups.get(f"/{MODEL_DATA}"))
    _check_priors(priors, design)
    return spec, design, priors, texts["fingerprint"]


def _design(spec: ModelSpec, schema: Schema, texts: Mapping[str, Any], group: xr.Dataset | None) -> Design:
    bare = bare_design(schema, texts["design"])
    if group is None:
        return bare
    columns, rows, labels = columns_of(group, schema)
    if data_fingerprint(columns, rows, bare.rows_given) != texts["fingerprint"]:
        raise DataError("its data are not those of the fit")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        built = from_columns(spec, {column.name: column for column in columns}, rows, bare.rows_given, labels)
    if built.n != bare.n or built.terms != bare.terms or built.schema.groups != schema.groups:
        raise DataError("its data do not give the design that it was fitted with")
    # what was learnt from the data at fit time holds, even where another machine would differ in the last bit
    return replace(built, schema=schema)


def _check_priors(priors: ResolvedPriors, design: Design) -> None:
    p, sizes = len(design.coefficients), [len(block.terms) for block in design.groups]
    own = [(len(block.sd), block.basis.shape, block.corr is not None) for block in priors.blocks]
    if (len(priors.beta), priors.centre.shape) != (p, (p,)) or own != [(k, (k, k), k > 1) for k in sizes]:
        raise DataError("its priors are not those of its terms")


def _check_posterior(stored: xr.Dataset, labels: Labels) -> None:
    posterior = with_true_names(stored)
    dims, coords = posterior_dims(labels), posterior_coords(labels)
    if posterior.sizes.get("chain", 0) < 1 or posterior.sizes.get("draw", 0) < 1:
        raise DataError("it holds no draws")
    for name, own in dims.items():
        if name not in posterior or posterior[name].dims != ("chain", "draw", *own):
            raise DataError(f"the draws of {name!r} are not there, or have other dims than its terms say")
        if posterior[name].dtype != np.float64:
            raise DataError(f"the draws of {name!r} are not numbers of 64 bits")
        for dim in own:
            if list(posterior[dim].values) != coords[dim]:
                raise DataError(f"the draws of {name!r} are not those of its terms or levels")


def _draws(contents: Contents, run: Mapping[str, Any]) -> Draws:
    import xarray as xr

    tree = xr.DataTree.from_dict({path: own for path, own in contents.groups.items() if path != f"/{MODEL_DATA}"})
    settings = None if run["settings"] is None else Settings(**run["settings"])
    return Draws(
        tree=tree,
        engine=str(run["engine"]),
        reason=str(run["reason"]),
        seconds=float(run["seconds"]),
        gradients=int(run["gradients"]),
        seed=int(run["seed"]),
        settings=settings,
        asked=str(run["asked"]),
    )


def _run_to_json(draws: Draws) -> dict[str, Any]:
    return {
        "engine": draws.engine,
        "reason": draws.reason,
        "seconds": draws.seconds,
        "gradients": int(draws.gradients),
        "seed": draws.seed,
        "settings": None if draws.settings is None else asdict(draws.settings),
        "asked": draws.asked,
    }


def _packages() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "unknown"
    return found
