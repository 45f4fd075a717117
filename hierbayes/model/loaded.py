"""A fit from its file."""

from __future__ import annotations

from pathlib import Path

from hierbayes.model.fitted import Fit
from hierbayes.model.model import Model
from hierbayes.storage.record import Record, model_of, read_record, record_of


def load(path: str | Path) -> Fit:
    """Return the fit that `Fit.save` wrote; it predicts without the data, bit for bit as before.

    Nothing in the file is ever run: it holds arrays and JSON. Where the file holds the data, plots, residuals,
    `Fit.update` and `Fit.extend` work too; otherwise what needs the data says so.

    Parameters
    ----------
    path : str or Path

    Raises
    ------
    DataError
        If there is no such file, or it is not one that hierbayes wrote, is damaged, or is of a later version.

    Examples
    --------
    >>> import os, tempfile
    >>> import hierbayes as hb
    >>> sleep = hb.load_data("sleepstudy")
    >>> fit = hb.fit("Reaction ~ Days + (Days | Subject)", sleep, draws=100, chains=2, seed=1, progress=False)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = fit.save(os.path.join(folder, "fit.nc"))
    ...     again = hb.load(path)
    >>> bool((again.fixef() == fit.fixef()).all().all())
    True
    """
    return _fit(read_record(path))


def fit_of_bytes(content: bytes) -> Fit:
    """Return the fit that went to another process as the bytes of its file; nothing in them is ever run."""
    return _fit(record_of(content))


def model_of_bytes(content: bytes) -> Model:
    """Return the model that went to another process as bytes; nothing in them is ever run."""
    spec, design, priors, fingerprint = model_of(content)
    return Model.of_parts(spec, design, priors, fingerprint)


def _fit(record: Record) -> Fit:
    return Fit(Model.of_parts(record.spec, record.design, record.priors, record.fingerprint), record.draws)
