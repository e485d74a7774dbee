"""What a run came to, in the words in which ``msoic run`` ends: what is loaded, what failed, where to look."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.claims.verdict_words import tell_counts
from msoic_pipeline.claims.verdicts import TODAY
from msoic_pipeline.commands.app import open_warehouse
from msoic_pipeline.commands.run_problems import RunProblem, RunProblems, tell_ending
from msoic_pipeline.model import evidence, kpi
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.periods import list_all_quarters
from msoic_pipeline.publication.exports import CHECKED_EXPORTS, UNCHECKED_EXPORTS, locate_exports
from msoic_pipeline.publication.report.make import CHECKED_REPORT, UNCHECKED_REPORT
from msoic_pipeline.quality.verdicts import STANDS
from msoic_pipeline.running.error_words import first_line
from msoic_pipeline.running.run_records import EndedRun, RequestedRun
from msoic_pipeline.settings import Settings
from msoic_pipeline.warehouse.engine import NoWarehouseError, read_transaction
from msoic_pipeline.warehouse.files_in_force import count_files_in_force
from msoic_pipeline.wording import cut_line
from msoic_pipeline.workbooks.source import SOURCES, Source, load_source

LONGEST_WARNING, LONGEST_ERROR = 300, 1200


# --- What the warehouse holds ----------------------------------------------------------------------------------------


def summarise_run(settings: Settings, request: RequestedRun, problems: RunProblems) -> EndedRun:
    """Return how a run ended, with a summary of what is loaded now.

    A warehouse that cannot be read any more is one more error.
    """
    loaded: list[str] = []
    try:
        with open_warehouse() as engine:
            loaded = tell_loaded(engine)
            if not request.is_of_all:
                loaded += _tell_stale_quarters(settings, engine)
    except (NoWarehouseError, sa.exc.SQLAlchemyError) as error:
        loaded = []
        unreadable = RunProblem("warehouse", "", f"the warehouse cannot be read: {first_line(error)}")
        problems = RunProblems((*problems.errors, unreadable), problems.warnings)
    return EndedRun(not problems.errors, _write_summary(settings, request, loaded, problems))


def tell_loaded(engine: Engine) -> list[str]:
    """Return a table of files and facts by source, and how many KPIs, comparisons and rows of quarantine there are."""
    header = f"{'source':<22}{'files':>7}{'accepted':>10}{'synthetic':>11}{'facts':>12}  latest release"
    with read_transaction(engine) as connection:
        return [
            header,
            *(_source_line(connection, load_source(name)) for name in SOURCES),
            "",
            _kpi_line(connection),
            _reconciliation_line(connection),
            _quarantine_line(connection),
            _claims_line(connection),
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
    facts = sum(_count_rows(connection, FACTS[name]) for name in source.facts)
    numbers = f"{releases + (refused or 0):>7,}{accepted or 0:>10,}{synthetic or 0:>11,}{facts:>12,}"
    return f"{source.source:<22}{numbers}  {latest or 'none'}"


def _count_rows(connection: Connection, table: sa.Table, *conditions: sa.ColumnElement[bool]) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table).where(*conditions)) or 0


def _kpi_line(connection: Connection) -> str:
    defined, values = _count_rows(connection, kpi.kpi_definition), _count_rows(connection, kpi.kpi_value)
    return f"KPIs: {defined} defined, {values:,} values (every vintage)."


def _reconciliation_line(connection: Connection) -> str:
    status = evidence.reconciliation_result.c.status
    counts = connection.execute(sa.select(status, sa.func.count()).group_by(status).order_by(status)).all()
    results = ", ".join(f"{number:,} {name}" for name, number in counts)
    return f"Reconciliation: {results or 'nothing compared'}."


def _quarantine_line(connection: Connection) -> str:
    quarantine = evidence.quarantine
    treated = _count_rows(connection, quarantine, quarantine.c.is_declared)
    standing = _count_rows(connection, quarantine, quarantine.c.treatment == STANDS)
    rejected = _count_rows(connection, quarantine) - treated - standing
    absent = f", {standing} absent, of which the figures stand" if standing else ""
    return f"Quarantine: {rejected} rows or files rejected, {treated} treated by declared faults{absent}."


def _claims_line(connection: Connection) -> str:
    """Return how many claims of reports have each verdict as known today; by sample data they are counted apart."""
    claim = evidence.report_claim.c
    query = (
        sa.select(claim.verdict, sa.func.count().label("claims")).where(claim.known == TODAY).group_by(claim.verdict)
    )
    counts = {row.verdict: row.claims for row in connection.execute(query)}
    return f"Claims: {tell_counts(counts)}."


def _mixture_lines(connection: Connection) -> Iterator[str]:
    """Yield a line where the figures in force are of synthetic sample files and of real ones."""
    files = count_files_in_force(connection)
    if files.is_mixed:
        yield f"MIXED: {files.tell_mixture()}."


def _tell_stale_quarters(settings: Settings, engine: Engine) -> list[str]:
    """Return a line on quarters that were loaded from other files than stand there now, if there are any."""
    from msoic_pipeline.assets.source_steps import find_quarters_behind_files

    try:
        stale = find_quarters_behind_files(settings, engine, list_all_quarters())
    except Exception as error:
        return [f"Whether other quarters are behind their files cannot be told ({type(error).__name__})."]
    if not stale:
        return []
    return [
        f"Behind their files: {len(stale)} other quarters; msoic run --from {stale[0]} --to {stale[-1]} loads them."
    ]


# --- The whole -------------------------------------------------------------------------------------------------------


def _write_summary(settings: Settings, request: RequestedRun, loaded: list[str], problems: RunProblems) -> str:
    """Return the summary; its last line says how the run ended."""
    lines = [f"Quarters {request.quarters.first} to {request.quarters.last}.", "", *loaded, ""]
    if problems.warnings:
        lines.append(f"Warnings ({len(problems.warnings)}):")
        lines += [f"  - {cut_line(line, LONGEST_WARNING)}" for line in problems.warnings]
        lines.append("")
    if problems.errors:
        lines.append(f"FAILED ({len(problems.errors)}):")
        lines += [f"  - {cut_line(problem.line, LONGEST_ERROR)}" for problem in problems.errors]
        lines.append("")
    url = sa.make_url(settings.warehouse_url).render_as_string(hide_password=True)
    lines += [
        "Where to look:",
        f"  warehouse   {url}",
        f"  exports     {_exports_to_use(settings.output_dir)}",
        f"  report      {_report_to_use(settings.report_dir)}",
        f"  quarantine  SELECT * FROM quarantine WHERE NOT is_declared   (files: {settings.raw_dir})",
        f"  Dagster     make ui   (run {request.run_id})",
        "",
        tell_ending(problems.errors),
    ]
    return "\n".join(lines)


def _exports_to_use(folder: Path) -> str:
    """Return where the exports are, and which of them to use."""
    checked, unchecked = (locate_exports(folder, name).workbook for name in (CHECKED_EXPORTS, UNCHECKED_EXPORTS))
    return _tell_which_to_use(checked, unchecked)


def _report_to_use(folder: Path) -> str:
    """Return where the report is, and which to use."""
    return _tell_which_to_use(folder / CHECKED_REPORT, folder / UNCHECKED_REPORT)


def _tell_which_to_use(checked: Path, unchecked: Path) -> str:
    """Return which of two files is to be used; the second is there only where the run that wrote it failed."""
    if not unchecked.is_file():
        return str(checked) if checked.is_file() else "none yet"
    kept = f"; {checked.name} is of an earlier run" if checked.is_file() else ""
    return f"{unchecked}   (it says what failed{kept})"
