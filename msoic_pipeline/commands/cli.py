"""A few commands for people: run, check a file, look a figure up, print the templates and the dictionary."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
import typer.core

from msoic_pipeline.commands.rule import rule
from msoic_pipeline.periods import as_written, parse_period, parse_quarter
from msoic_pipeline.workbooks.errors import DecisionError, DeclarationError, SourceFileError

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, metavar="FILE")]
Day = Annotated[
    dt.date | None,
    typer.Option(parser=dt.date.fromisoformat, metavar="DAY", help="As at which: what had been published by then."),
]
QUARTER, PERIOD = as_written(parse_quarter), as_written(parse_period)
PERIODS = "2021-Q4, 2021/22, 2021 or 2021-11"
PLACES = "Code or name of a force, region or CPS Area"


class Commands(typer.core.TyperGroup):
    """The commands; a warehouse that cannot be read is told in a line."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except LookupError as error:
            if isinstance(error, KeyError | IndexError):
                raise
            typer.echo(str(error), err=True)
        except (DecisionError, DeclarationError, SourceFileError) as error:
            typer.echo(str(error), err=True)
        except Exception as error:
            if not type(error).__module__.startswith("sqlalchemy"):
                raise
            typer.echo(f"The warehouse cannot be read ({error.__cause__ or error}). `make run` fills it.", err=True)
        raise typer.Exit(2)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The MSOIC programme's data pipeline.",
)


def _tell(words: str) -> None:
    typer.echo(words, err=True)


@app.command()
def run(
    first: Annotated[
        str | None,
        typer.Option(
            "--from", parser=as_written(parse_quarter), help="First quarter: 2021-Q4, 2021/22 Q3 or 2021-10-01."
        ),
    ] = None,
    last: Annotated[
        str | None,
        typer.Option("--to", parser=QUARTER, help="Last quarter; the first where it is left out."),
    ] = None,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Load and compute anew what has not changed, too; nothing is dropped first."),
    ] = False,
) -> None:
    """Materialise everything from the raw files into the warehouse, in one Dagster run, and say what came of it.

    Ends with exit code 1 where a file was rejected, a blocking check failed, a step broke or the run was stopped; the
    last line says which. Waits while another run is at work on the same warehouse.
    """
    from msoic_pipeline.running.signals import STOPPED, stop_on_signals

    try:
        with stop_on_signals():
            from msoic_pipeline.commands.run import run_everything

            succeeded, summary = run_everything(first, last or first, rebuild, _tell)
    except KeyboardInterrupt:
        succeeded, summary = False, f"The run failed: {STOPPED}"
    typer.echo(summary)
    raise typer.Exit(0 if succeeded else 1)


@app.command()
def ui(
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port on 127.0.0.1.")] = 3000,
    name: Annotated[
        list[str] | None, typer.Option(help="Name under which a proxy of yours shows the pages; may be repeated.")
    ] = None,
) -> None:
    """Open Dagster's pages on http://127.0.0.1:3000, with the schedules running."""
    from msoic_pipeline.running.pages import serve_pages

    raise typer.Exit(serve_pages(port, name or [], _tell))


@app.command()
def check(file: File) -> None:
    """Say what would become of a file, without loading it: its release, the layouts that fit, what is wrong with it."""
    from msoic_pipeline.commands.run import check_file

    accepted, words = check_file(file)
    typer.echo(words)
    raise typer.Exit(0 if accepted else 1)


@app.command()
def releases(source: Annotated[str, typer.Argument(help="Source; all where it is left out.")] = "") -> None:
    """List the releases that the warehouse knows, with what has become of each."""
    from msoic_pipeline.commands.releases import release_lines

    typer.echo(release_lines(source or None))


@app.command()
def withdraw(
    release: Annotated[str, typer.Argument(help="Release, or its file's path below the raw folder.")],
    reason: Annotated[str, typer.Option(help="Why; it is kept, with who and when.")],
    undo: Annotated[bool, typer.Option("--undo", help="Give the figures back.")] = False,
    later: Annotated[bool, typer.Option("--later", help="Leave it to the next run to act on it.")] = False,
) -> None:
    """Take a release's figures out of the warehouse, or give them back. Nothing else takes figures away."""
    from msoic_pipeline.commands.releases import withdraw_release

    words, quarters = withdraw_release(release, reason, undo)
    typer.echo(words)
    if quarters is None:
        typer.echo("No figure in the warehouse changes by it.")
    elif later:
        typer.echo(f"The next run over its quarters acts on it: msoic run --from {quarters[0]} --to {quarters[1]}")
    else:
        run(*quarters)


@app.command(name="put-back")
def put_back(names: Annotated[list[str], typer.Argument(metavar="RELEASE…")]) -> None:
    """Copy the files of releases from the archive to where they stood in the raw folder."""
    from msoic_pipeline.commands.releases import put_releases_back

    typer.echo(put_releases_back(names))


@app.command(name="let-go")
def let_go(
    reason: Annotated[str, typer.Option(help="Why.")],
    names: Annotated[list[str] | None, typer.Argument(metavar="[RELEASE…]")] = None,
    source: Annotated[str | None, typer.Option(help="All absent files of a source.")] = None,
) -> None:
    """Accept that files of releases do not stand in the raw folder any more. Their figures stand."""
    from msoic_pipeline.commands.releases import let_files_go

    typer.echo(let_files_go(names or [], source, reason))


@app.command(name="remove-sample")
def remove_sample(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Go from the sample to real data: remove all synthetic files and figures, from raw folder to warehouse."""
    from msoic_pipeline.commands.releases import forget_sample, sample_words, withdraw_sample
    from msoic_pipeline.commands.run import run_everything

    sample, words = sample_words()
    if not sample:
        typer.echo("There is no sample.")
        return
    if not yes:
        typer.confirm(f"Remove {words} from raw folder, archive and warehouse?", abort=True)
    withdraw_sample(sample)
    _, summary = run_everything(say=_tell)
    typer.echo(summary)
    typer.echo(forget_sample(sample))


@app.command()
def kpi(
    kpi_id: Annotated[str, typer.Argument(help="KPI; all where it is left out.")] = "",
    period: Annotated[str | None, typer.Option(parser=PERIOD, help=f"Period: {PERIODS}.")] = None,
    geography: Annotated[str, typer.Option(help=f"{PLACES}; national where left out.")] = "",
    as_at: Day = None,
) -> None:
    """Print KPI values, as known today or on an earlier day."""
    from msoic_pipeline.commands.run import kpi_lines

    typer.echo(kpi_lines(kpi_id or None, period, geography or None, as_at))


@app.command()
def trace(
    kpi_id: str,
    period: Annotated[str, typer.Argument(parser=PERIOD, help=f"Period: {PERIODS}.")],
    geography: Annotated[str, typer.Argument(help=f"{PLACES}.")] = "national",
    as_at: Day = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every figure, as JSON.")] = False,
    copies: Annotated[
        bool, typer.Option("--open", help="Write copies of the sheets with the cells in colour.")
    ] = False,
    sensitive_copies: Annotated[
        bool, typer.Option("--open-sensitive", help="The same of sensitive returns, for you alone to read.")
    ] = False,
) -> None:
    """Show where a KPI value comes from: its expression, the facts, and the cells of the publishers' files."""
    from msoic_pipeline.commands.run import trace_figure
    from msoic_pipeline.kpis.lineage import WithheldError

    try:
        typer.echo(trace_figure(kpi_id, period, geography, as_at, as_json, copies, sensitive_copies))
    except WithheldError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(2) from error


@app.command()
def claims(report: Annotated[str, typer.Argument(help="Report; all where it is left out.")] = "") -> None:
    """Print the verdict on every figure that the programme's reports claim, as known then and today."""
    from msoic_pipeline.commands.run import claim_table

    typer.echo(claim_table(report or None))


layout = typer.Typer(no_args_is_help=True, help="How a publisher's file is read.")
app.add_typer(layout, name="layout")


@layout.command()
def explain(file: File) -> None:
    """Say which layout reads each sheet of a file and why, or what differs and which lines would accept it."""
    from msoic_pipeline.commands.run import explain_layout

    typer.echo(explain_layout(file))


@layout.command(name="list")
def list_layouts() -> None:
    """List the layouts that are known, by source and table."""
    from msoic_pipeline.workbooks.layout import SOURCES, load_source

    for source in map(load_source, SOURCES):
        for table in source.tables:
            names = ", ".join(each.layout for each in table.layouts)
            typer.echo(f"{source.source:<22}{table.table:<34}{table.fact:<34}{names}")


app.command()(rule)


@app.command()
def dictionary() -> None:
    """Print the data dictionary as Markdown."""
    from msoic_pipeline.model.dictionary import dictionary_page

    typer.echo(dictionary_page(), nl=False)


@app.command()
def template(kind: Literal["force_returns", "programme_activity"], target: Path) -> None:
    """Write an empty return to fill in."""
    from msoic_pipeline.publication.templates import write_template

    write_template(kind, target)
    typer.echo(f"{target} written")


if __name__ == "__main__":
    app()
