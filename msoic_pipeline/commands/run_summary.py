"""What a run came to, in the words in which ``msoic run`` ends: what is loaded, what failed, where to look."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.commands.run import EndedRun, RequestedRun
from msoic_pipeline.model import evidence, kpi
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.running.home import HomeError, first_line, is_about_records
from msoic_pipeline.running.runs import run_failure_words
from msoic_pipeline.running.signals import STOPPED
from msoic_pipeline.settings import Settings
from msoic_pipeline.texts import cut_line
from msoic_pipeline.warehouse.engine import open_engine, reading
from msoic_pipeline.workbooks.layout import SOURCES, Source, load_source

if TYPE_CHECKING:
    import dagster as dg

LONGEST_WARNING, LONGEST_ERROR = 300, 1200
# Checks of what is loaded already; what fails in any other is not loaded.
CONTRADICTIONS = ("reconciliation_result:", "validation_result:")
AFTER_LOADING = (*CONTRADICTIONS, "published_kpis:")


# --- What Dagster says of the run ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class RunOutcome:
    """What made a run fail, and what it warns of: a line each, which begins with the check or the step."""

    errors: list[str]
    warnings: list[str]


def outcome_of(result: dg.ExecuteInProcessResult, home: Path) -> RunOutcome:
    """Return what a run came to; one that failed has at least one reason. ``home`` is the folder of Dagster's records.

    Lines of checks look like ``validated/nrm:expectations: 1 of 16 files rejected: …``, those of steps like ``step
    loaded__nrm: OSError: …``.
    """
    broken_steps = _broken_steps(result)
    errors = [*_broken_run(result), *broken_steps.errors]
    errors = [str(HomeError(home, line)) if is_about_records(line) else line for line in errors]
    warnings: list[str] = []
    for evaluation in result.get_asset_check_evaluations():
        if evaluation.passed:
            continue
        line = f"{evaluation.asset_check_key.to_user_string()}: {evaluation.description}"
        (errors if evaluation.severity.value == "ERROR" else warnings).append(line)
    if not result.success and not errors:
        errors = [broken_steps.verdict_line]
    return RunOutcome(errors, warnings)


@dataclass(frozen=True)
class _BrokenSteps:
    """Lines on the steps that broke, and the one by which the last asset says that the run did not pass."""

    errors: list[str]
    verdict_line: str


def _broken_steps(result: dg.ExecuteInProcessResult) -> _BrokenSteps:
    errors, verdict_line = [], "it did not come to its end"
    for event in result.all_events:
        if event.event_type_value != "STEP_FAILURE":
            continue
        error = event.step_failure_data.error
        cause = (error.cause or error) if error else None
        line = f"step {event.step_key}: {cause.message.strip() if cause else 'failed'}"
        # The last asset fails for the checks that failed, which are listed themselves.
        if event.step_key == "pipeline_run" and error and error.cls_name == "Failure":
            verdict_line = line
        else:
            errors.append(line)
    return _BrokenSteps(errors, verdict_line)


def _broken_run(result: dg.ExecuteInProcessResult) -> list[str]:
    """Return why the run as a whole ended early, the latest reason first; a step that broke is a reason of its own."""
    events = [
        event for event in result.all_events if event.event_type_value in ("PIPELINE_FAILURE", "PIPELINE_CANCELED")
    ]
    return [run_failure_words(event) for event in reversed(events) if not _is_for_a_step(event)]


def _is_for_a_step(event: dg.DagsterEvent) -> bool:
    from dagster._core.events import RunFailureReason

    return getattr(event.event_specific_data, "failure_reason", None) == RunFailureReason.STEP_FAILURE


# --- What the warehouse holds ----------------------------------------------------------------------------------------


def summarise(settings: Settings, request: RequestedRun, outcome: RunOutcome) -> EndedRun:
    """Return how a run ended, with a summary of what is loaded now.

    A warehouse that cannot be read any more is one more error.
    """
    loaded: list[str] = []
    engine = open_engine(settings.warehouse_url)
    try:
        loaded = loaded_lines(engine)
        if not request.is_of_all:
            loaded += _stale_lines(settings, engine)
    except sa.exc.SQLAlchemyError as error:
        loaded = []
        unreadable = f"the warehouse cannot be read: {first_line(error)}"
        outcome = RunOutcome([*outcome.errors, unreadable], outcome.warnings)
    finally:
        engine.dispose()
    return EndedRun(not outcome.errors, _summary_text(settings, request, loaded, outcome))


def loaded_lines(engine: Engine) -> list[str]:
    """Return a table of files and facts by source, and how many KPIs, comparisons and rows of quarantine there are."""
    header = f"{'source':<22}{'files':>7}{'accepted':>10}{'synthetic':>11}{'facts':>12}  latest release"
    with reading(engine) as connection:
        return [
            header,
            *(_source_line(connection, load_source(name)) for name in SOURCES),
            "",
            _kpi_line(connection),
            _reconciliation_line(connection),
            _quarantine_line(connection),
            *_mixture_lines(connection),
        ]


def _source_line(connection: Connection, source: Source) -> str:
    """Return a source's row of the table: its files, whether they are releases or refused, and its facts."""
    release, quarantine = evidence.release, evidence.quarantine
    releases, accepted, synthetic, latest = connection.execute(
        sa.select(
            sa.func.count(),
            sa.func.sum(sa.case((release.c.status == "accepted", 1), else_=0)),
            sa.func.sum(sa.case((release.c.is_synthetic, 1), else_=0)),
            sa.func.max(release.c.published_on),
        ).where(release.c.source == source.source)
    ).one()
    # A file that was refused is no release: it is named in the quarantine alone.
    refused = connection.scalar(
        sa.select(sa.func.count(quarantine.c.file_name.distinct())).where(
            quarantine.c.source == source.source, quarantine.c.release_id.is_(None)
        )
    )
    facts = sum(_count_of(connection, FACTS[name]) for name in source.facts)
    numbers = f"{releases + (refused or 0):>7,}{accepted or 0:>10,}{synthetic or 0:>11,}{facts:>12,}"
    return f"{source.source:<22}{numbers}  {latest or 'none'}"


def _count_of(connection: Connection, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table).where(*conditions)) or 0


def _kpi_line(connection: Connection) -> str:
    measures, values = _count_of(connection, kpi.kpi_definition), _count_of(connection, kpi.kpi_value)
    return f"KPIs: {measures} measures, {values:,} values (every vintage)."


def _reconciliation_line(connection: Connection) -> str:
    status = evidence.reconciliation_result.c.status
    counts = connection.execute(sa.select(status, sa.func.count()).group_by(status).order_by(status)).all()
    results = ", ".join(f"{number:,} {name}" for name, number in counts)
    return f"Reconciliation: {results or 'nothing compared'}."


def _quarantine_line(connection: Connection) -> str:
    quarantine = evidence.quarantine
    treated = _count_of(connection, quarantine, quarantine.c.is_declared)
    rejected = _count_of(connection, quarantine, sa.not_(quarantine.c.is_declared))
    return f"Quarantine: {rejected} rows or files rejected, {treated} treated by declared faults."


def _mixture_lines(connection: Connection) -> Iterator[str]:
    """Yield a line where the figures in force are of synthetic sample files and of real ones."""
    release = evidence.release
    kinds = connection.scalars(
        sa.select(release.c.is_synthetic).where(release.c.status.in_(evidence.IN_FORCE)).distinct()
    )
    if len(set(kinds)) > 1:
        yield "MIXED: sample files and real ones are in force together; msoic remove-sample takes the sample away."


def _stale_lines(settings: Settings, engine: Engine) -> list[str]:
    """Return a line on quarters that were loaded from other files than stand there now, if there are any."""
    from msoic_pipeline.assets.common import QUARTERS
    from msoic_pipeline.assets.source_steps import stale_quarters

    quarters = [dt.date.fromisoformat(key) for key in QUARTERS.get_partition_keys()]
    try:
        stale = stale_quarters(settings, engine, quarters)
    except Exception as error:
        return [f"Whether other quarters are behind their files cannot be told ({type(error).__name__})."]
    if not stale:
        return []
    return [
        f"Behind their files: {len(stale)} other quarters; msoic run --from {stale[0]} --to {stale[-1]} loads them."
    ]


# --- The whole -------------------------------------------------------------------------------------------------------


def _summary_text(settings: Settings, request: RequestedRun, loaded: list[str], outcome: RunOutcome) -> str:
    """Return the summary; its last line says how the run ended."""
    lines = [f"Quarters {request.first_quarter} to {request.last_quarter}.", "", *loaded, ""]
    if outcome.warnings:
        lines.append(f"Warnings ({len(outcome.warnings)}):")
        lines += [f"  - {cut_line(line, LONGEST_WARNING)}" for line in outcome.warnings]
        lines.append("")
    if outcome.errors:
        lines.append(f"FAILED ({len(outcome.errors)}):")
        lines += [f"  - {cut_line(line, LONGEST_ERROR)}" for line in outcome.errors]
        lines.append("")
    url = sa.make_url(settings.warehouse_url).render_as_string(hide_password=True)
    lines += [
        "Where to look:",
        f"  warehouse   {url}",
        f"  exports     {_exports_to_use(settings.output_dir)}",
        f"  Data Docs   {settings.output_dir / 'data_docs' / 'index.html'}",
        f"  quarantine  SELECT * FROM quarantine WHERE NOT is_declared   (files: {settings.raw_dir})",
        f"  Dagster     make ui   (run {request.run_id})",
        "",
        _last_line(outcome.errors),
    ]
    return "\n".join(lines)


def _exports_to_use(folder: Path) -> str:
    """Return where the exports are, and which of them to use."""
    checked, unchecked = (folder / f"{name}.xlsx" for name in ("kpi", "kpi-unchecked"))
    if not unchecked.is_file():
        return str(checked) if checked.is_file() else "none yet"
    kept = f"; {checked.name} is of an earlier run" if checked.is_file() else ""
    return f"{unchecked}   (it says what failed{kept})"


def _last_line(errors: list[str]) -> str:
    """Return how a run with these errors ended, by what of it is loaded all the same."""
    if not errors:
        return "Nothing blocks: all figures are loaded."
    if all(line.startswith(CONTRADICTIONS) for line in errors):
        return "The run failed: the figures are loaded, but some contradict each other."
    if all(line.startswith(AFTER_LOADING) for line in errors):
        return "The run failed: the figures are loaded, but the exports are those of an earlier run."
    first = errors[0]
    if first == STOPPED or "Dagster's" in first:
        return f"The run failed: {first}"
    return "The run failed: what was rejected is not loaded; what other files say is."
