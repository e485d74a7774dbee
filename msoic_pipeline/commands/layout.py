"""``msoic layout …``: how a publisher's file is read, of one file (``explain``) or of all that are known (``list``)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from msoic_pipeline.commands.app import FileArgument
from msoic_pipeline.wording import align_columns

if TYPE_CHECKING:
    from msoic_pipeline.ingest.file_asked import FileAsked
    from msoic_pipeline.workbooks.source import Source

LAYOUT_HEADER = ("source", "table", "fact", "layouts")

layout = typer.Typer(no_args_is_help=True, help="How a publisher's file is read.")


@layout.command()
def explain(file: FileArgument) -> None:
    """Say which layout reads each sheet of a file and why, or what differs and which lines would accept it."""
    typer.echo(explain_layout(file))


@layout.command(name="list")
def list_layouts() -> None:
    """List the layouts that are known, by source and table."""
    from msoic_pipeline.workbooks.source import SOURCES, load_source

    rows = [LAYOUT_HEADER]
    for source in map(load_source, SOURCES):
        for table in source.tables:
            names = ", ".join(each.layout for each in table.layouts)
            rows.append((source.source, table.table, table.fact, names))
    typer.echo(align_columns(rows))


def explain_layout(path: Path) -> str:
    """Return which layout reads each sheet of a file, and what would make it read the others.

    Raises LookupError where no source knows the file.
    """
    from msoic_pipeline.ingest.workers import call_in_worker
    from msoic_pipeline.trials.locate_source import ask_about_file
    from msoic_pipeline.workbooks.errors import SourceFileError

    asked = ask_about_file(path)
    try:
        return call_in_worker(_explain_file, asked.content, asked)
    except SourceFileError as error:
        return str(error)


def _explain_file(asked: FileAsked) -> str:
    """Return the explanation of a file. To be called in a worker process. Raises SourceFileError where it has none."""
    from msoic_pipeline.ingest.reading import failures_told
    from msoic_pipeline.workbooks.source import load_source

    source = load_source(asked.source)
    with failures_told(asked.name, withhold=source.sensitive):
        return "\n".join(_explain_sheets(asked, source))


def _explain_sheets(asked: FileAsked, source: Source) -> list[str]:
    """Return the lines that say which layout reads each sheet of a file.

    A file that is no release, since its sidecar is missing, say, is explained as if it were about today.
    """
    from msoic_pipeline.ingest.reading import name_as_asked
    from msoic_pipeline.ingest.recognition import identify_release
    from msoic_pipeline.periods import find_today
    from msoic_pipeline.workbooks.errors import SourceFileError
    from msoic_pipeline.workbooks.explain import explain as explain_sheets
    from msoic_pipeline.workbooks.grid import open_workbook

    lines = []
    workbook = open_workbook(asked.content)
    try:
        reference_quarter = identify_release(workbook, asked).reference_quarter
    except SourceFileError as error:
        reference_quarter = find_today()
        lines.append(f"note: {name_as_asked(asked, error)}")
    finally:
        workbook.close()
    lines += explain_sheets(asked.content, source, reference_quarter)
    return lines
