"""A whole run from the command line, and the words in which it reports."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from msoic_pipeline.assets import source_steps
from msoic_pipeline.ingest.landing import FileAsked, Landing, file_digest, identify_release, recognise
from msoic_pipeline.ingest.raw_files import RawFile
from msoic_pipeline.ingest.reading import call_in_worker, read_files
from msoic_pipeline.ingest.staging import StagedRelease, staged_folder
from msoic_pipeline.model import evidence, kpi
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.periods import parse_quarter
from msoic_pipeline.quality.expectations import validate_source
from msoic_pipeline.quality.verdicts import judge
from msoic_pipeline.running.home import HomeError, first_line, is_about_records, open_home
from msoic_pipeline.running.runs import (
    FAILED_RUNS,
    PROCESS_TAG,
    NoteError,
    append_note,
    end_lost_runs,
    hold_warehouse,
    holder_words,
    note_failed_run,
    run_failure_words,
    show_alive,
    this_process,
)
from msoic_pipeline.running.signals import STOPPED
from msoic_pipeline.settings import Settings
from msoic_pipeline.texts import printable_name
from msoic_pipeline.warehouse.engine import forget_loads, open_engine, prepare, reading
from msoic_pipeline.warehouse.migrations import ModelError
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import open_workbook
from msoic_pipeline.workbooks.layout import SOURCES, Source, load_source

if TYPE_CHECKING:
    import dagster as dg

# Dagster prints a traceback a step; the summary says it in a line.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class _BrokenRunError(Exception):
    """Why a run could not be begun, in words."""


def run_everything(
    first: str | None = None, last: str | None = None, rebuild: bool = False, say: Callable[[str], None] = print
) -> tuple[bool, str]:
    """Run the job over everything for a range of quarters (all where none is given); return success and a summary.

    With ``rebuild`` quarters are loaded and computed anew though nothing that goes in has changed. Its last line says
    how the run ended, whatever broke; a run that failed is in failed_runs.log too. ``say`` is told what goes on before:
    which run is waited for, and which ones had broken off. Raises LookupError where the quarters are not among those
    that are loaded.
    """
    from dagster._core.errors import DagsterExecutionInterruptedError
    from dagster._core.utils import make_new_run_id

    from msoic_pipeline.assets.common import QUARTERS

    keys = QUARTERS.get_partition_keys()
    if not keys:
        raise LookupError(f"the clock of this machine says {dt.date.today()}, before the first quarter: set it right")
    start = parse_quarter(first).isoformat() if first else keys[0]
    end = parse_quarter(last).isoformat() if last else keys[-1]
    if not keys[0] <= start <= end <= keys[-1]:
        raise LookupError(
            f"expected quarters from {keys[0]} to {keys[-1]}, the first before the last; found {start}, {end}"
        )
    run_id = make_new_run_id()
    breaks = (Exception, KeyboardInterrupt, DagsterExecutionInterruptedError)
    try:
        with open_home() as instance:
            try:
                succeeded, summary = _run_in_turn(instance, run_id, keys, start, end, rebuild, say)
            except breaks as error:
                succeeded, summary = False, f"The run failed: {_broken_words(error)}"
                _end_record(instance, run_id, summary)
            if not succeeded:
                _note(lambda: note_failed_run(instance, run_id, summary.splitlines()[-1]), say)
            return succeeded, summary
    except breaks as error:
        summary = f"The run failed: {_broken_words(error)}"
    _note(lambda: append_note(f"everything {run_id}", [summary]), say)
    return False, summary


def _broken_words(error: BaseException) -> str:
    if isinstance(error, HomeError | _BrokenRunError):
        return str(error)
    return first_line(error) if isinstance(error, Exception) else STOPPED


def _end_record(instance: dg.DagsterInstance, run_id: str, words: str) -> None:
    """Report a run as failed that this process leaves unfinished, as far as Dagster's records still take it."""
    with suppress(Exception):
        run = instance.get_run_by_id(run_id)
        if run and not run.is_finished:
            instance.report_run_failed(run, words)


def _note(note: Callable[[], None], say: Callable[[str], None]) -> None:
    try:
        note()
    except Exception as error:
        say(f"The run is not in {FAILED_RUNS}: {error}")


def _run_in_turn(
    instance: dg.DagsterInstance,
    run_id: str,
    keys: Sequence[str],
    start: str,
    end: str,
    rebuild: bool,
    say: Callable[[str], None],
) -> tuple[bool, str]:
    """Wait for the warehouse, run the job and tell what came of it."""
    _end_lost(instance, say)
    with ExitStack() as stack:
        settings = Settings()
        try:
            stack.enter_context(hold_warehouse(settings.warehouse_url, holder_words(run_id), say))
            _make_ready(settings, (dt.date.fromisoformat(start), dt.date.fromisoformat(end)) if rebuild else None)
        except (ModelError, OSError, sa.exc.SQLAlchemyError) as error:
            words = str(error) if isinstance(error, ModelError) else first_line(error)
            raise _BrokenRunError(f"the warehouse cannot be used: {words}") from error
        _end_lost(instance, say)  # also the run that was waited for, where it broke off
        result = _execute(instance, run_id, start, end)
        errors, warnings = _found(result, Path(instance.root_directory))
        engine = open_engine(settings.warehouse_url)
        try:
            loaded = _loaded_lines(engine)
            if (start, end) != (keys[0], keys[-1]):
                loaded += _behind(settings, engine, keys)
        except sa.exc.SQLAlchemyError as error:
            loaded, errors = [], [*errors, f"the warehouse cannot be read: {first_line(error)}"]
        finally:
            engine.dispose()
    return not errors, _summary(settings, start, end, loaded, errors, warnings, run_id)


def _end_lost(instance: dg.DagsterInstance, say: Callable[[str], None]) -> None:
    try:
        for lost in end_lost_runs(instance):
            say(f"Run {lost} had broken off; it is reported as failed now.")
    except NoteError as error:
        say(str(error))
    except Exception as error:
        raise HomeError(Path(instance.root_directory), error) from error


def _execute(instance: dg.DagsterInstance, run_id: str, start: str, end: str) -> dg.ExecuteInProcessResult:
    """Execute the job. Raises HomeError: what a step raises is in the result, so that the rest is Dagster's own."""
    from msoic_pipeline.automation.jobs import range_tags
    from msoic_pipeline.definitions import defs

    job = defs.resolve_job_def("everything")
    try:
        show_alive(instance, run_id)
        return job.execute_in_process(
            instance=instance,
            tags={**range_tags(start, end), PROCESS_TAG: this_process()},
            raise_on_error=False,
            run_config=_QUIET,
            run_id=run_id,
        )
    except Exception as error:
        raise HomeError(Path(instance.root_directory), error) from error


def _found(result: dg.ExecuteInProcessResult, home: Path) -> tuple[list[str], list[str]]:
    """Return what made a run fail, and what it warns of; a run that failed has at least one reason."""
    broken, outcome = [], "it did not come to its end"
    for event in result.all_events:
        if event.event_type_value == "STEP_FAILURE":
            error = event.step_failure_data.error
            cause = (error.cause or error) if error else None
            words = f"step {event.step_key}: {cause.message.strip() if cause else 'failed'}"
            # The last asset fails for the checks that failed, which are listed themselves.
            if event.step_key == "pipeline_run" and error and error.cls_name == "Failure":
                outcome = words
            else:
                broken.append(words)
        elif event.event_type_value in ("PIPELINE_FAILURE", "PIPELINE_CANCELED") and not _is_by_step(event):
            broken.insert(0, run_failure_words(event))
    broken = [str(HomeError(home, words)) if is_about_records(words) else words for words in broken]
    checks = [
        (e.severity.value, f"{e.asset_check_key.to_user_string()}: {e.description}")
        for e in result.get_asset_check_evaluations()
        if not e.passed
    ]
    errors = broken + [words for severity, words in checks if severity == "ERROR"]
    if not result.success and not errors:
        errors = [outcome]
    return errors, [words for severity, words in checks if severity != "ERROR"]


def _is_by_step(event: dg.DagsterEvent) -> bool:
    from dagster._core.events import RunFailureReason

    return getattr(event.event_specific_data, "failure_reason", None) == RunFailureReason.STEP_FAILURE


def _behind(settings: Settings, engine: Engine, keys: Sequence[str]) -> list[str]:
    """Return a line on quarters that were loaded from other files than stand there now, if there are any."""
    try:
        stale = source_steps.stale_quarters(settings, engine, [dt.date.fromisoformat(key) for key in keys])
    except Exception as error:
        return [f"Whether other quarters are behind their files cannot be told ({type(error).__name__})."]
    if not stale:
        return []
    return [
        f"Behind their files: {len(stale)} other quarters; msoic run --from {stale[0]} --to {stale[-1]} loads them."
    ]


def _make_ready(settings: Settings, anew: tuple[dt.date, dt.date] | None) -> None:
    """Make the warehouse ready to be loaded, and forget what was loaded of the quarters ``anew``.

    Raises ModelError or sqlalchemy's errors where that cannot be.
    """
    engine = open_engine(settings.warehouse_url)
    try:
        prepare(engine)
        if anew:
            forget_loads(engine, *anew)
    finally:
        engine.dispose()


def _loaded_lines(engine: Engine) -> list[str]:
    release, quarantine = evidence.release, evidence.quarantine
    lines = [f"{'source':<22}{'files':>7}{'accepted':>10}{'synthetic':>11}{'facts':>12}  latest release"]
    with reading(engine) as connection:
        for source in map(load_source, SOURCES):
            files, accepted, synthetic, latest = connection.execute(
                sa.select(
                    sa.func.count(),
                    sa.func.sum(sa.case((release.c.status == "accepted", 1), else_=0)),
                    sa.func.sum(sa.case((release.c.is_synthetic, 1), else_=0)),
                    sa.func.max(release.c.published_on),
                ).where(release.c.source == source.source)
            ).one()
            refused = connection.scalar(
                sa.select(sa.func.count(quarantine.c.file_name.distinct())).where(
                    quarantine.c.source == source.source, quarantine.c.release_id.is_(None)
                )
            )
            facts = sum(
                connection.scalar(sa.select(sa.func.count()).select_from(FACTS[name])) or 0
                for name in dict.fromkeys(table.fact for table in source.tables)
            )
            numbers = f"{files + (refused or 0):>7,}{accepted or 0:>10,}{synthetic or 0:>11,}{facts:>12,}"
            lines.append(f"{source.source:<22}{numbers}  {latest or 'none'}")
        kinds = sa.select(evidence.release.c.is_synthetic).where(evidence.release.c.status.in_(evidence.IN_FORCE))
        in_force = set(connection.scalars(kinds.distinct()))
        declared = connection.scalar(sa.select(sa.func.count()).where(quarantine.c.is_declared))
        rejected = connection.scalar(sa.select(sa.func.count()).where(sa.not_(quarantine.c.is_declared)))
        values = connection.scalar(sa.select(sa.func.count()).select_from(kpi.kpi_value))
        measures = connection.scalar(sa.select(sa.func.count()).select_from(kpi.kpi_definition))
        statuses = connection.execute(
            sa.select(evidence.reconciliation_result.c.status, sa.func.count())
            .group_by(evidence.reconciliation_result.c.status)
            .order_by(evidence.reconciliation_result.c.status)
        ).all()
    lines += [
        "",
        f"KPIs: {measures} measures, {values:,} values (every vintage).",
        "Reconciliation: "
        + (", ".join(f"{number:,} {status}" for status, number in statuses) or "nothing compared")
        + ".",
        f"Quarantine: {rejected} rows or files rejected, {declared} treated by declared faults.",
        *_mixed_words(in_force),
    ]
    return lines


def _mixed_words(in_force: set[bool]) -> list[str]:
    """Return a line where the figures in force are of synthetic sample files and of real ones."""
    if len(in_force) < 2:
        return []
    return ["MIXED: sample files and real ones are in force together; msoic remove-sample takes the sample away."]


def _summary(
    settings: Settings, start: str, end: str, loaded: list[str], errors: list[str], warnings: list[str], run_id: str
) -> str:
    lines = [f"Quarters {start} to {end}.", "", *loaded, ""]
    if warnings:
        lines += [f"Warnings ({len(warnings)}):", *(f"  - {_short(words)}" for words in warnings), ""]
    if errors:
        lines += [f"FAILED ({len(errors)}):", *(f"  - {_short(words, 1200)}" for words in errors), ""]
    url = sa.make_url(settings.warehouse_url).render_as_string(hide_password=True)
    lines += [
        "Where to look:",
        f"  warehouse   {url}",
        f"  exports     {_exports_words(settings.output_dir)}",
        f"  Data Docs   {settings.output_dir / 'data_docs' / 'index.html'}",
        f"  quarantine  SELECT * FROM quarantine WHERE NOT is_declared   (files: {settings.raw_dir})",
        f"  Dagster     make ui   (run {run_id})",
        "",
        _end_words(errors),
    ]
    return "\n".join(lines)


# Checks of what is loaded already; what fails in any other is not loaded.
_CONTRADICTIONS = ("reconciliation_result:", "validation_result:")
_AFTER_LOADING = (*_CONTRADICTIONS, "published_kpis:")


def _exports_words(folder: Path) -> str:
    """Return where the exports are, and which of them to use."""
    checked, unchecked = (folder / f"{name}.xlsx" for name in ("kpi", "kpi-unchecked"))
    if not unchecked.is_file():
        return str(checked) if checked.is_file() else "none yet"
    kept = f"; {checked.name} is of an earlier run" if checked.is_file() else ""
    return f"{unchecked}   (it says what failed{kept})"


def _end_words(errors: list[str]) -> str:
    if not errors:
        return "Nothing blocks: all figures are loaded."
    if all(words.startswith(_CONTRADICTIONS) for words in errors):
        return "The run failed: the figures are loaded, but some contradict each other."
    if all(words.startswith(_AFTER_LOADING) for words in errors):
        return "The run failed: the figures are loaded, but the exports are those of an earlier run."
    if (first := errors[0]) == STOPPED or "Dagster's" in first:
        return f"The run failed: {first}"
    return "The run failed: what was rejected is not loaded; what other files say is."


def _short(words: str, limit: int = 300) -> str:
    return words if len(words) <= limit else words[: limit - 1] + "…"


def check_file(path: Path) -> tuple[bool, str]:
    """Return whether a file would be accepted, and the words for it. Raises LookupError where no source knows it."""
    settings = Settings()
    source, asked = _ask_about(path)
    with tempfile.TemporaryDirectory() as aside:
        reading = read_files([asked], Path(aside))[0]
        if reading.release is None or reading.error is not None:
            return False, f"REJECTED {reading.error}"
        release = reading.release
        staged = StagedRelease(release, staged_folder(release, Path(aside)))
        landing = Landing((release,), ())
        findings = validate_source(source, [staged], None)
        verdict = judge(source, landing, [staged], (), findings)[0]
        title = source.title if source.sensitive else release.title
        lines = [
            f"{'ACCEPTED' if verdict.accepted else 'REJECTED'} {release.file_name}",
            f"  release    {release.release_id}: {title}, published {release.published_on}, "
            f"about {release.reference_period}, edition {release.edition}",
        ]
        for sheet in staged.manifest["sheets"]:
            lines.append(
                f"  sheet      {sheet['sheet']}: {sheet['table']}, layout {sheet['layout']}, header in row "
                f"{sheet['header_row']}, {sheet.get('figures', 0):,} figures"
            )
        lines += [f"  WRONG      {reason}" for reason in verdict.reasons]
        lines += [
            f"  mended     {row.sheet} {row.cell}: {row.treatment}" for row in verdict.quarantine if row.is_declared
        ]
        lines += [
            f"  warning    {result.table_name}: {result.check_name}: {result.detail}"
            for result in verdict.results
            if not result.success and result.severity == "warn"
        ]
        folder = settings.raw_dir / source.source
        if not path.resolve().is_relative_to(folder):
            lines.append(f"  note       put it below {folder} to load it")
        return verdict.accepted, "\n".join(lines)


def kpi_lines(kpi_id: str | None, period: str | None, geography: str | None, as_at: dt.date | None) -> str:
    """Return KPI values as a table of text. Raises LookupError where there is no such KPI."""
    from msoic_pipeline.kpis.compute import kpi_table
    from msoic_pipeline.kpis.definitions import load_definitions

    known = [kpi.kpi_id for kpi in load_definitions()]
    if kpi_id and kpi_id not in known:
        raise LookupError(f"no KPI {kpi_id!r}; KPIs are {', '.join(known)}")
    engine = open_engine(Settings().warehouse_url)
    try:
        with reading(engine) as connection:
            rows: list[dict[str, Any]] = [
                dict(row) for row in kpi_table(connection, kpi_id, period, geography or "national", as_at)
            ]
    finally:
        engine.dispose()
    if not rows:
        return "No such value was known" + (f" on {as_at}." if as_at else ".")
    lines = [f"{'kpi':<38}{'period':<10}{'geography':<12}{'value':>14} {'unit':<14}{'status':<16}as of"]
    for row in rows:
        value = (
            "missing"
            if row["value"] is None
            else f"{row['value']:,.4g}"
            if abs(row["value"]) < 10
            else f"{row['value']:,.0f}"
        )
        lines.append(
            f"{row['kpi_id']:<38}{row['period_label']:<10}{row['geography_code']:<12}{value:>14} {row['unit']:<14}"
            f"{row['status']:<16}{row['as_of']}"
        )
    return "\n".join(lines)


def trace_figure(
    kpi_id: str,
    period: str,
    geography: str,
    as_at: dt.date | None,
    as_json: bool,
    with_copies: bool,
    with_sensitive: bool = False,
) -> str:
    """Return where a KPI value comes from, as a tree of text or as JSON; write highlighted copies where wanted.

    Raises LookupError where there is no such value, WithheldError where copies would hold sensitive returns that were
    not asked for.
    """
    from msoic_pipeline.kpis.lineage import highlighted_copies, trace, trace_lines

    settings = Settings()
    engine = open_engine(settings.warehouse_url)
    try:
        with reading(engine) as connection:
            found = trace(connection, settings.archive_dir, kpi_id, period, geography, as_at)
    finally:
        engine.dispose()
    lines = [json.dumps(found.as_json(), indent=1, default=str)] if as_json else trace_lines(found)
    if with_copies or with_sensitive:
        copies = highlighted_copies(found, settings.archive_dir, settings.output_dir, with_sensitive)
        words = "sensitive copy with the cells in colour, for you alone" if found.is_sensitive else ""
        lines += [] if as_json else [f"{words or 'copy with the cells in colour'}: {path}" for path in copies]
    return "\n".join(lines)


def claim_table(report: str | None) -> str:
    """Return the verdicts on the claims of a report, or of all. Raises LookupError where there is no such report."""
    from msoic_pipeline.claims.verdicts import claim_lines

    engine = open_engine(Settings().warehouse_url)
    try:
        with reading(engine) as connection:
            return "\n".join(claim_lines(connection, report))
    finally:
        engine.dispose()


def explain_layout(path: Path) -> str:
    """Return which layout reads each sheet of a file, and what would make it read the others.

    Raises LookupError where no source knows the file.
    """
    _, asked = _ask_about(path)
    try:
        return call_in_worker(_explanation, asked.content, asked)
    except SourceFileError as error:
        return str(error)


def _explanation(asked: FileAsked) -> str:
    """Return the words for a file. To be called in a worker process."""
    from msoic_pipeline.workbooks.explain import explain

    workbook = open_workbook(asked.content)
    try:
        reference_quarter = identify_release(workbook, asked).reference_quarter
        lines = []
    except SourceFileError as error:
        error.file = error.file or asked.name
        reference_quarter = dt.date.today()
        lines = [f"note: {error}"]
    finally:
        workbook.close()
    return "\n".join([*lines, *explain(asked.content, load_source(asked.source), reference_quarter)])


def _ask_about(path: Path) -> tuple[Source, FileAsked]:
    """Return the source that a file's folder names, or the file itself does, and what is known of the file.

    Raises LookupError where neither names a source, SourceFileError where the file would have to and cannot be read.
    """
    path = path.resolve()
    # The innermost: a folder above the raw files may be called like a source by chance.
    depth = next((n for n in range(len(path.parts) - 2, 0, -1) if path.parts[n] in SOURCES), 0)
    name = path.parts[depth] if depth else call_in_worker(recognise, path, path)
    if not name:
        raise LookupError(f"{path}: no source recognises it; put it below a folder named {' or '.join(SOURCES)}")
    below = path.parts[depth:] if depth else (path.name,)
    raw = RawFile(path, "/".join(map(printable_name, below)))
    return load_source(name), FileAsked(name, path, raw.name, file_digest(path), raw.read_sidecar())
