"""``msoic run``: everything from the raw files into the warehouse, in one Dagster run, whose end is always told.

The steps: open Dagster's records, end runs that were lost, wait for the warehouse, make it ready, execute the job, tell
what came of it. What breaks on the way becomes the last line of the summary, and an entry in ``failed_runs.log``.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msoic_pipeline.commands.app import open_warehouse, print_aside
from msoic_pipeline.periods import as_written, list_all_quarters, parse_quarter
from msoic_pipeline.running.processes import Say
from msoic_pipeline.running.run_records import EndedRun, QuarterRange, RequestedRun, make_range_tags

if TYPE_CHECKING:
    import dagster as dg

    from msoic_pipeline.settings import Settings

# Dagster prints a traceback a step; the summary says it in a line.
QUIET_LOGGERS = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run(
    first: Annotated[
        str | None,
        typer.Option(
            "--from", parser=as_written(parse_quarter), help="First quarter: 2021-Q4, 2021/22 Q3 or 2021-10-01."
        ),
    ] = None,
    last: Annotated[
        str | None,
        typer.Option("--to", parser=as_written(parse_quarter), help="Last quarter; the first where it is left out."),
    ] = None,
    rebuild: Annotated[
        bool,
        typer.Option("--rebuild", help="Load and compute anew what has not changed, too; nothing is dropped first."),
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say on the way what each stage reads, how many, how long.")
    ] = False,
) -> None:
    """Materialise everything from the raw files into the warehouse, in one Dagster run, and say what came of it.

    Ends with exit code 1 where a file was rejected, a blocking check failed, a step broke or the run was stopped; the
    last line says which. Waits while another run is at work on the same warehouse.
    """
    from msoic_pipeline.logs import show_on_terminal

    if verbose:
        show_on_terminal()
    ended = run_until_stopped(first, last or first, rebuild)
    typer.echo(ended.summary)
    raise typer.Exit(0 if ended.succeeded else 1)


def run_until_stopped(first: str | None, last: str | None, rebuild: bool = False) -> EndedRun:
    """Run everything as ``run_everything`` does, for a command: signals to end it end the run in words, too."""
    from msoic_pipeline.running.termination import STOPPED, stop_on_signals

    try:
        with stop_on_signals():
            return run_everything(first, last, rebuild, print_aside)
    except KeyboardInterrupt:  # while the packages were imported, before the run had begun
        return EndedRun(False, f"The run failed: {STOPPED}")


class _CannotBeginError(Exception):
    """Why a run could not be begun, in words."""


def run_everything(
    first: str | None = None, last: str | None = None, rebuild: bool = False, say: Say = print
) -> EndedRun:
    """Run the job over everything for a range of quarters (all where none is given); return how it ended.

    With ``rebuild`` quarters are loaded and computed anew though nothing that goes in has changed. The summary's last
    line says how the run ended, whatever broke; a run that failed is in failed_runs.log too. ``say`` is told what goes
    on before: which run is waited for, and which ones had broken off. Raises LookupError where the quarters are not
    among those that are loaded.
    """
    from msoic_pipeline.running.failed_runs import JOB, append_note
    from msoic_pipeline.running.home import open_home

    request = _request_run(first, last, rebuild)
    try:
        with open_home() as instance:
            return _run_on_record(instance, request, say)
    except _list_breaking_errors() as error:  # Dagster's records cannot be opened, or cannot be closed
        ended = _make_failed_ending(error)
    _note_failure(lambda: append_note(f"{JOB} {request.run_id}", [ended.summary]), say)
    return ended


def _run_on_record(instance: dg.DagsterInstance, request: RequestedRun, say: Say) -> EndedRun:
    """Run the job and return how it ended, whatever broke; where it failed Dagster's records and the note say so."""
    from msoic_pipeline.running.failed_runs import note_failed_run

    try:
        ended = _run_in_turn(instance, request, say)
    except _list_breaking_errors() as error:
        ended = _make_failed_ending(error)
        _report_unfinished_run(instance, request.run_id, ended.summary)
    if not ended.succeeded:
        _note_failure(lambda: note_failed_run(instance, request.run_id, ended.last_line), say)
    return ended


def _request_run(first: str | None, last: str | None, rebuild: bool) -> RequestedRun:
    """Return the run that is asked for. Raises LookupError where its quarters are not among those that are loaded."""
    every = list_all_quarters()
    earliest, latest = every[0], every[-1]
    start = parse_quarter(first) if first else earliest
    end = parse_quarter(last) if last else latest
    if not earliest <= start <= end <= latest:
        raise LookupError(
            f"expected quarters from {earliest} to {latest}, the first before the last; found {start}, {end}"
        )
    is_of_all = (start, end) == (earliest, latest)
    return RequestedRun(str(uuid.uuid4()), QuarterRange(start, end), is_of_all, rebuild)


def _run_in_turn(instance: dg.DagsterInstance, request: RequestedRun, say: Say) -> EndedRun:
    """Wait for the warehouse, run the job and tell what came of it."""
    from msoic_pipeline.commands.run_problems import find_problems
    from msoic_pipeline.commands.run_summary import summarise_run
    from msoic_pipeline.settings import Settings

    settings = Settings()
    _end_lost_runs(instance, say)
    with _hold_ready_warehouse(settings, request, say):
        _end_lost_runs(instance, say)  # also the run that was waited for, where it broke off
        result = _execute_job(instance, request)
        problems = find_problems(result, Path(instance.root_directory))
        return summarise_run(settings, request, problems)


@contextmanager
def _hold_ready_warehouse(settings: Settings, request: RequestedRun, say: Say) -> Iterator[None]:
    """Wait until no other run is at work on the warehouse, keep others off it, and make it ready to be loaded.

    Raises _CannotBeginError where it cannot be used; what is raised within goes through.
    """
    import sqlalchemy as sa

    from msoic_pipeline.running.error_words import first_line
    from msoic_pipeline.running.processes import tell_holder
    from msoic_pipeline.running.warehouse_lock import hold_warehouse
    from msoic_pipeline.warehouse.engine import BadAddressError
    from msoic_pipeline.warehouse.migrations import ModelError

    with ExitStack() as stack:
        try:
            stack.enter_context(hold_warehouse(settings.warehouse_url, tell_holder(request.run_id), say))
            _make_ready(request)
        except (ModelError, BadAddressError, OSError, sa.exc.SQLAlchemyError) as error:
            reason = str(error) if isinstance(error, ModelError | BadAddressError) else first_line(error)
            raise _CannotBeginError(f"the warehouse cannot be used: {reason}") from error
        yield


def _make_ready(request: RequestedRun) -> None:
    """Bring the warehouse's tables up to date; of a rebuild, forget what its quarters were last loaded from.

    Raises ModelError or sqlalchemy's errors where that cannot be.
    """
    from msoic_pipeline.warehouse.load_log import forget_loads
    from msoic_pipeline.warehouse.preparing import prepare

    with open_warehouse(may_create=True) as engine:
        prepare(engine)
        if request.rebuild:
            forget_loads(engine, request.quarters.first, request.quarters.last)


def _execute_job(instance: dg.DagsterInstance, request: RequestedRun) -> dg.ExecuteInProcessResult:
    """Execute the job. Raises HomeError: what a step raises is in the result, so that the rest is Dagster's own."""
    from msoic_pipeline.definitions import defs
    from msoic_pipeline.running.failed_runs import JOB
    from msoic_pipeline.running.home import HomeError
    from msoic_pipeline.running.lost_runs import show_alive
    from msoic_pipeline.running.processes import PROCESS_TAG, tell_process

    job = defs.resolve_job_def(JOB)
    try:
        show_alive(instance, request.run_id)
        return job.execute_in_process(
            instance=instance,
            tags={**make_range_tags(request.quarters), PROCESS_TAG: tell_process()},
            raise_on_error=False,
            run_config=QUIET_LOGGERS,
            run_id=request.run_id,
        )
    except Exception as error:
        raise HomeError(Path(instance.root_directory), error) from error


# --- What breaks a run, and who is told of it ------------------------------------------------------------------------


def _list_breaking_errors() -> tuple[type[BaseException], ...]:
    """Return the exceptions that end a run in words: any error, Ctrl-C, and the form in which Dagster hands that on."""
    from dagster import DagsterExecutionInterruptedError

    return (Exception, KeyboardInterrupt, DagsterExecutionInterruptedError)


def _make_failed_ending(error: BaseException) -> EndedRun:
    """Return the end of a run that an exception has ended."""
    from msoic_pipeline.running.error_words import first_line
    from msoic_pipeline.running.home import HomeError
    from msoic_pipeline.running.termination import STOPPED

    if isinstance(error, HomeError | _CannotBeginError):
        reason = str(error)
    elif isinstance(error, Exception):
        reason = first_line(error)
    else:
        reason = STOPPED
    return EndedRun(False, f"The run failed: {reason}")


def _report_unfinished_run(instance: dg.DagsterInstance, run_id: str, reason: str) -> None:
    """Report a run as failed that this process leaves unfinished, as far as Dagster's records still take it."""
    with suppress(Exception):
        record = instance.get_run_by_id(run_id)
        if record and not record.is_finished:
            instance.report_run_failed(record, reason)


def _note_failure(note: Callable[[], None], say: Say) -> None:
    """Note a failure in ``failed_runs.log`` by calling ``note``, or say that it could not be."""
    from msoic_pipeline.running.failed_runs import FAILED_RUNS

    try:
        note()
    except Exception as error:
        say(f"The run is not in {FAILED_RUNS}: {error}")


def _end_lost_runs(instance: dg.DagsterInstance, say: Say) -> None:
    """Report runs as failed whose process is gone, and say so. Raises HomeError where Dagster's records break."""
    from msoic_pipeline.running.failed_runs import NoteError
    from msoic_pipeline.running.home import HomeError
    from msoic_pipeline.running.lost_runs import end_lost_runs

    try:
        for lost in end_lost_runs(instance):
            say(f"Run {lost} had broken off; it is reported as failed now.")
    except NoteError as error:
        say(str(error))
    except Exception as error:
        raise HomeError(Path(instance.root_directory), error) from error
