"""A whole run from the command line, and the words in which it reports."""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Engine

from msoic_pipeline import stages
from msoic_pipeline.ingest.raw_files import RawFile
from msoic_pipeline.ingest.reading import call_in_worker, read_files
from msoic_pipeline.landing import FileAsked, Landing, file_digest, identify_release, recognise
from msoic_pipeline.migrations import ModelError
from msoic_pipeline.model import evidence, kpi
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.periods import parse_quarter
from msoic_pipeline.quality.expectations import validate_source
from msoic_pipeline.quality.verdicts import judge
from msoic_pipeline.settings import Settings
from msoic_pipeline.staging import StagedRelease, staged_folder
from msoic_pipeline.texts import printable_name
from msoic_pipeline.warehouse import forget_loads, open_engine, prepare, reading
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.grid import open_workbook
from msoic_pipeline.workbooks.layout import SOURCES, Source, load_source

# Dagster prints a traceback a step; the summary says it in a line.
_QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


def run_everything(first: str | None = None, last: str | None = None, rebuild: bool = False) -> tuple[bool, str]:
    """Run the job over everything for a range of quarters (all where none is given); return success and a summary.

    With ``rebuild`` quarters are loaded and computed anew though nothing that goes in has changed. Raises LookupError
    where the quarters are not among those that are loaded.
    """
    import dagster as dg

    from msoic_pipeline.assets.common import QUARTERS
    from msoic_pipeline.automation import range_tags
    from msoic_pipeline.definitions import defs

    keys = QUARTERS.get_partition_keys()
    start = parse_quarter(first).isoformat() if first else keys[0]
    end = parse_quarter(last).isoformat() if last else keys[-1]
    if not keys[0] <= start <= end <= keys[-1]:
        raise LookupError(
            f"expected quarters from {keys[0]} to {keys[-1]}, the first before the last; found {start}, {end}"
        )
    anew = (dt.date.fromisoformat(start), dt.date.fromisoformat(end)) if rebuild else None
    if not (ready := _ready(anew))[0]:
        return ready
    job = defs.resolve_job_def("everything")
    with dg.DagsterInstance.get() as instance:
        result = job.execute_in_process(
            instance=instance, tags=dict(range_tags(start, end)), raise_on_error=False, run_config=_QUIET
        )
    broken = []
    for event in result.all_events:
        if event.event_type_value == "STEP_FAILURE":
            error = event.step_failure_data.error
            cause = (error.cause or error) if error else None
            if cause and event.step_key != "pipeline_run":
                broken.append(f"step {event.step_key}: {cause.message.strip()}")
    checks = [
        (e.severity.value, f"{e.asset_check_key.to_user_string()}: {e.description}")
        for e in result.get_asset_check_evaluations()
        if not e.passed
    ]
    errors = broken + [words for severity, words in checks if severity == "ERROR"]
    warnings = [words for severity, words in checks if severity != "ERROR"]
    settings = Settings()
    engine = open_engine(settings.warehouse_url)
    try:
        loaded = _loaded_lines(engine)
        if (start, end) != (keys[0], keys[-1]):
            loaded += _behind(settings, engine, keys)
    except sa.exc.SQLAlchemyError as error:
        loaded, errors = [], [*errors, f"the warehouse cannot be read: {error}"]
    finally:
        engine.dispose()
    return result.success and not errors, _summary(settings, start, end, loaded, errors, warnings, result.run_id)


def _behind(settings: Settings, engine: Engine, keys: Sequence[str]) -> list[str]:
    """Return a line on quarters that were loaded from other files than stand there now, if there are any."""
    stale = stages.stale_quarters(settings, engine, [dt.date.fromisoformat(key) for key in keys])
    if not stale:
        return []
    return [
        f"Behind their files: {len(stale)} other quarters; msoic run --from {stale[0]} --to {stale[-1]} loads them."
    ]


def _ready(anew: tuple[dt.date, dt.date] | None) -> tuple[bool, str]:
    """Return whether the warehouse can be loaded, and why not; forget what was loaded of the quarters ``anew``."""
    engine = open_engine(Settings().warehouse_url)
    try:
        prepare(engine)
        if anew:
            forget_loads(engine, *anew)
    except (ModelError, sa.exc.SQLAlchemyError) as error:
        return False, f"FAILED: the warehouse cannot be used: {error}"
    finally:
        engine.dispose()
    return True, ""


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
    ]
    return lines


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
        _end_words(errors),
        f"  warehouse   {url}",
        f"  exports     {_exports_words(settings.output_dir)}",
        f"  Data Docs   {settings.output_dir / 'data_docs' / 'index.html'}",
        f"  quarantine  SELECT * FROM quarantine WHERE NOT is_declared   (files: {settings.raw_dir})",
        f"  Dagster     make ui   (run {run_id})",
    ]
    return "\n".join(lines)


# Checks of what is loaded already; what fails in any other is not loaded.
_AFTER_LOADING = ("reconciliation_result:", "validation_result:", "published_kpis:")


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
    if all(words.startswith("published_kpis:") for words in errors):
        return "The run failed: the figures are loaded, but the exports could not be written."
    if all(words.startswith(_AFTER_LOADING) for words in errors):
        return "The run failed: the figures are loaded, but some contradict each other."
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
            f"  mended     {row['sheet']} {row['cell']}: {row['treatment']}"
            for row in verdict.quarantine
            if row["is_declared"]
        ]
        lines += [
            f"  warning    {row['table_name']}: {row['check_name']}: {row['detail']}"
            for row in verdict.results
            if not row["success"] and row["severity"] == "warn"
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
    from msoic_pipeline.lineage import highlighted_copies, trace, trace_lines

    settings = Settings()
    engine = open_engine(settings.warehouse_url)
    try:
        with reading(engine) as connection:
            found = trace(connection, settings.raw_dir, kpi_id, period, geography, as_at)
    finally:
        engine.dispose()
    lines = [json.dumps(found.as_json(), indent=1, default=str)] if as_json else trace_lines(found)
    if with_copies or with_sensitive:
        copies = highlighted_copies(found, settings.raw_dir, settings.output_dir, with_sensitive)
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
