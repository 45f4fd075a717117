"""The command line: ``hierbayes fit``, ``show``, ``models`` and ``data``.

Every library but typer is imported by the command that needs it, so that ``--help`` answers at once.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hierbayes.errors import DataError, HierBayesError, ModelError

if TYPE_CHECKING:
    from rich.table import Table

    from hierbayes.catalogue import Spec

FIGURES = ("shrinkage", "pooling", "caterpillar")

app = typer.Typer(
    name="hierbayes",
    help="Bayesian hierarchical models from lme4-style formulas.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

SpecArgument = Annotated[str | None, typer.Argument(help="A model of the catalogue, or the path of a TOML file.")]
FormulaOption = Annotated[str | None, typer.Option("--formula", help="A formula, instead of a specification.")]
DataOption = Annotated[str | None, typer.Option("--data", help="The CSV file that goes with --formula.")]
FamilyOption = Annotated[str | None, typer.Option("--family", help="Likelihood family that goes with --formula.")]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; leaves with code 0, with 2 after an error and with 130 when interrupted.

    Parameters
    ----------
    arguments : sequence of str, optional
        The words after ``hierbayes``; those of the process by default.
    """
    warnings.showwarning = _say_warning
    try:
        app(args=None if arguments is None else list(arguments), prog_name="hierbayes")
    except HierBayesError as error:
        _fail(str(error))
    except OSError as error:
        place = f" '{error.filename}'" if error.filename else ""
        _fail(f"{error.strerror or error}{place}")


def _say_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hierbayes {_version()}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and leave.", is_eager=True, callback=_say_version)
    ] = False,
) -> None:
    """Bayesian hierarchical models from lme4-style formulas."""


@app.command("fit")
def fit_command(
    spec: SpecArgument = None,
    formula: FormulaOption = None,
    data: DataOption = None,
    family: FamilyOption = None,
    out: Annotated[Path | None, typer.Option("--out", help="Directory for figures, draws and report.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed of all random numbers.")] = None,
    draws: Annotated[int | None, typer.Option("--draws", min=1, help="Draws of each chain, after warm-up.")] = None,
    chains: Annotated[int | None, typer.Option("--chains", min=1, help="Number of chains.")] = None,
    engine: Annotated[str | None, typer.Option("--engine", help="auto, collapsed, joint or pymc.")] = None,
) -> None:
    """Fit a model and print its summary.

    With --out, figures, draws and a report are written too.
    """
    stated = _stated(spec, formula, data, family)
    given = {"seed": seed, "draws": draws, "chains": chains, "engine": engine}
    options = {**stated.sampling, **{name: value for name, value in given.items() if value is not None}}
    if out is not None:
        _prepare(out)
    fit = _model(stated).fit(**options)
    typer.echo(str(fit.summary()))
    if out is not None:
        typer.echo()
        for what, path in _write(fit, out):
            typer.echo(f"{what:<12} {path}")


@app.command("show")
def show_command(
    spec: SpecArgument = None, formula: FormulaOption = None, data: DataOption = None, family: FamilyOption = None
) -> None:
    """Show equation, priors and graph of a model."""
    stated = _stated(spec, formula, data, family)
    model = _model(stated)
    for text in (stated.title, stated.description, f"Formula: {stated.formula}"):
        if text:
            typer.echo(f"{text}\n")
    typer.echo(f"{model.equation(kind='words')}\n")
    _print_frame(model.priors, "Priors")
    typer.echo(f"\n{model.graph_text()}")


@app.command("models")
def models_command() -> None:
    """List the models of the catalogue."""
    from hierbayes.catalogue import catalogue

    rows = [(name, spec.formula, spec.data, spec.title) for name, spec in catalogue().items()]
    _print_rows(("name", "formula", "data", "title"), rows)


@app.command("data")
def data_command(
    name: Annotated[str | None, typer.Argument(help="A data set; all are listed without it.")] = None,
) -> None:
    """List the bundled data sets, or say what one of them holds."""
    from hierbayes.datasets.sources import find, sources

    if name is None:
        rows = [(one.name, str(one.rows), str(len(one.columns)), one.title) for one in sources().values()]
        _print_rows(("name", "rows", "columns", "title"), rows)
        return
    one = find(name)
    typer.echo(f"{one.title}\n\n{one.rows} rows. Source: {one.source}\n")
    columns = [(each.name, "factor" if each.levels else "number", each.unit, each.about) for each in one.columns]
    _print_rows(("column", "kind", "unit", "what it holds"), columns)


def _stated(spec: str | None, formula: str | None, data: str | None, family: str | None) -> Spec:
    """Return the specification that the words of the command line state."""
    from hierbayes.catalogue import Spec, read_spec

    if spec is not None:
        if formula is not None or data is not None or family is not None:
            raise ModelError(
                f"{spec!r} states its own formula, data and family",
                "Give either a specification or --formula and --data.",
            )
        return read_spec(spec)
    if formula is None or data is None:
        raise ModelError("there is nothing to fit", "Give a specification, or both --formula and --data.")
    return Spec(name="model", formula=formula, data=str(Path(data).absolute()), family=family or "gaussian")


def _model(spec: Spec) -> Any:
    """Compile the model; its table is read first, so that a bad path is found before the slow imports."""
    from hierbayes.formula import parse
    from hierbayes.formula.roles import key_columns

    table = spec.table(key_columns(parse(spec.formula)))
    from hierbayes.model import Model

    return Model(spec.formula, table, **spec.options())


def _prepare(out: Path) -> None:
    """Make the directory and try it out: sampling for nothing is worse than an early error."""
    import tempfile

    try:
        out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=out):
            pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"cannot write to the directory '{out}': {reason}", "Give another --out.") from error
    for name in (*(f"{figure}.png" for figure in FIGURES), "fit.nc", "report.html"):
        place = out / name
        if place.exists() and not place.is_file():
            what = "a directory" if place.is_dir() else "no ordinary file"
            raise DataError(f"cannot write '{place}': it is {what}", "Give another --out.")


def _write(fit: Any, out: Path) -> list[tuple[str, Path]]:
    """Write figures, draws and report, and return what each file is and where it lies."""
    written: list[tuple[str, Path]] = []
    if _has_groups(fit):
        for name in FIGURES:
            path = out / f"{name}.png"
            figure = _figure(fit, name)
            if figure is None:
                continue
            figure.savefig(path, dpi=150, bbox_inches="tight")
            written.append((name, path))
    fit.save(out / "fit.nc")
    fit.report(out / "report.html")
    return [*written, ("draws", out / "fit.nc"), ("report", out / "report.html")]


def _has_groups(fit: Any) -> bool:
    return len(fit.ranef()) > 0


def _figure(fit: Any, name: str) -> Any:
    """Return a figure, or None where this model has none of that kind; a command line needs no window."""
    import matplotlib

    matplotlib.use("Agg")
    try:
        return getattr(fit.plot, name)()
    except ModelError as error:
        typer.echo(f"no {name} figure: {error.what}", err=True)
        return None


def _print_frame(frame: Any, title: str) -> None:
    from hierbayes.report.text import texts

    shown = frame.reset_index() if frame.index.name is not None or frame.index.nlevels > 1 else frame
    columns = [texts(shown.iloc[:, position]) for position in range(shown.shape[1])]
    _print_rows([str(name) for name in shown.columns], list(zip(*columns, strict=True)), title)


def _print_rows(headings: Sequence[str], rows: Sequence[Sequence[str]], title: str | None = None) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    # In a pipe there is no edge to keep to: every cell stays whole, on one line.
    if not console.is_terminal:
        console.width = 1000
    console.print(_table(headings, rows, title))


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]], title: str | None) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(title=title, title_justify="left", title_style="bold")
    table.box, table.pad_edge, table.show_edge = box.SIMPLE_HEAD, False, False
    for position, heading in enumerate(headings):
        numbers = bool(rows) and all(_is_number(row[position]) for row in rows)
        table.add_column(Text(heading), overflow="fold", justify="right" if numbers else "left")
    for row in rows:
        # As Text, so that N[0.2cwt] is not taken for markup.
        table.add_row(*(Text(cell) for cell in row))
    return table


def _is_number(cell: str) -> bool:
    return cell.lstrip("\u2212-")[:1].isdigit()


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("hierbayes")
    except PackageNotFoundError:
        return "(not installed)"


def _say_warning(message: Warning | str, *place: Any, **more: Any) -> None:
    """Print a warning as one paragraph, without the line of code that gave it."""
    typer.echo(f"hierbayes: warning: {message}", err=True)


def _fail(message: str) -> None:
    typer.echo(f"hierbayes: {message}", err=True)
    sys.exit(2)
