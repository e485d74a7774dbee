"""The program that the commands belong to, and the arguments and options that several of them share."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.core

from msoic_pipeline.declarations import DeclarationError
from msoic_pipeline.ingest.decision_error import DecisionError
from msoic_pipeline.periods import as_written, parse_period
from msoic_pipeline.workbooks.errors import SourceFileError

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Engine

FileArgument = Annotated[
    Path,
    typer.Argument(exists=True, dir_okay=False, metavar="FILE", help="A publisher's file, wherever it stands."),
]
RELEASES_HELP = "Releases, or their files' paths below the raw folder."
AsAtOption = Annotated[
    dt.date | None,
    typer.Option(parser=dt.date.fromisoformat, metavar="DAY", help="As at which: what had been published by then."),
]
# The text of a period, refused where it is none.
read_period = as_written(parse_period)
PERIOD_HELP = "Period: 2021-Q4, 2021/22, 2021 or 2021-11."
GEOGRAPHY_HELP = "Code or name of a force, region or CPS Area; of two of a name rocu_region:West Midlands"


def read_source(text: str) -> str:
    """Return the name of a source as it was given; refused, with the nearest one, where there is no such source."""
    from difflib import get_close_matches

    from msoic_pipeline.workbooks.source import SOURCES

    if text in SOURCES:
        return text
    nearest = get_close_matches(text, SOURCES, n=1)
    meant = f" (nearest: {nearest[0]})" if nearest else ""
    raise typer.BadParameter(f"no source is called {text!r}{meant}; sources are {', '.join(SOURCES)}")


class CommandGroup(typer.core.TyperGroup):
    """The commands of ``msoic``; what a person can put right is told in a line, and ends with exit code 2."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except LookupError as error:
            # A name that is not known, in words for people. The two below are Python's own: a fault of ours.
            if isinstance(error, KeyError | IndexError):
                raise
            print_aside(str(error))
        except (DecisionError, DeclarationError, SourceFileError) as error:
            print_aside(str(error))
        except Exception as error:
            # By the module's name: importing SQLAlchemy to name its errors would slow every command down.
            if not type(error).__module__.startswith("sqlalchemy"):
                raise
            from msoic_pipeline.warehouse.database_errors import tell_database_error

            print_aside(tell_database_error(error))
        raise typer.Exit(2)


@contextmanager
def open_warehouse(*, may_create: bool = False) -> Iterator[Engine]:
    """Give the engine of the warehouse that the settings name, and close its connections in the end.

    Raises NoWarehouseError where there is none yet, unless one may be created.
    """
    from msoic_pipeline.settings import Settings
    from msoic_pipeline.warehouse.engine import open_engine

    engine = open_engine(Settings().warehouse_url, may_create=may_create)
    try:
        yield engine
    finally:
        engine.dispose()


@contextmanager
def read_warehouse() -> Iterator[Connection]:
    """Give a connection for reading that warehouse. Raises NoWarehouseError where there is none yet."""
    from msoic_pipeline.warehouse.engine import read_transaction

    with open_warehouse() as engine, read_transaction(engine) as connection:
        yield connection


def print_aside(text: str) -> None:
    """Print what is no part of a command's answer, such as what it waits for, on the error stream."""
    typer.echo(text, err=True)


app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="The MSOIC programme's data pipeline.",
)
