"""What loading a file would change, found out in a throw-away copy of the part of the warehouse that it touches.

The copy is a SQLite file in a folder that is removed again, whatever engine the warehouse has: the same statements load
either, and of the warehouse itself nothing is locked or written. It holds the facts that the KPIs and rules of the
file's source rest on, of the quarters that these need; the file's release is loaded beside them as a run would load it,
and what it changes is read off.

The figures are held against those that stand in the warehouse now. Other files that wait in the raw folder are not
looked at.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.ingest.editions import link_editions
from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.ingest.release import Release
from msoic_pipeline.ingest.staging import StagedRelease
from msoic_pipeline.kpis.change_finder import ChangeFinder
from msoic_pipeline.kpis.changes import Change
from msoic_pipeline.kpis.compute import list_quarters_touched, recompute_values
from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.model.evidence import (
    coverage,
    load_log,
    reconciliation_result,
    reconciliation_rule,
    release,
    vintage,
)
from msoic_pipeline.model.facts import FACTS, published_total
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.model.kpi import kpi_definition, kpi_value
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.periods import FIRST_QUARTER, periods, shift_months
from msoic_pipeline.reconciliation.apply import reconcile_quarters
from msoic_pipeline.reconciliation.asked import HISTORY_QUARTERS
from msoic_pipeline.reconciliation.rules import Rule, load_rules
from msoic_pipeline.reconciliation.summary import ShownBreak, list_breaks
from msoic_pipeline.trials.examined_file import ExaminedFile
from msoic_pipeline.warehouse.dimensions import load_dimensions
from msoic_pipeline.warehouse.engine import open_engine, read_transaction, write_transaction
from msoic_pipeline.warehouse.load_log import name_load_stage
from msoic_pipeline.warehouse.loading import AcceptedReleases, load_quarters
from msoic_pipeline.warehouse.partial_copy import Parts, copy_parts, read_unchanging
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline.warehouse.registering import register_releases
from msoic_pipeline.warehouse.release_rows import list_releases_in_force
from msoic_pipeline.workbooks.source import SOURCES, Source

# More breaks than any rules have ever had.
MOST_BREAKS = 1_000_000


@dataclass(frozen=True)
class TrialLoad:
    """What loading a release would change.

    ``changes`` are of the day of its publication; ``other_days`` is how many national values it would change as known
    on other days, because later releases stand already. ``broken`` are the breaks that there would be and are not now,
    ``mended`` how many there are now and would not be. ``status_in_warehouse`` is what the warehouse says of the
    release, where it knows it.
    """

    release: Release
    changes: tuple[Change, ...]
    other_days: int
    broken: tuple[ShownBreak, ...]
    mended: int
    status_in_warehouse: str

    @property
    def would_load(self) -> bool:
        """Whether a run would load it: not where a person took its figures away."""
        return self.status_in_warehouse != "withdrawn"


def try_load(engine: Engine, examined: ExaminedFile, today: dt.date) -> TrialLoad:
    """Return what loading an accepted file would change. Nothing is written to the warehouse of ``engine``.

    Raises ValueError where the file has not been accepted.
    """
    if examined.staged is None or not examined.verdict.accepted:
        raise ValueError("a file that is rejected changes nothing")
    with tempfile.TemporaryDirectory() as folder, read_unchanging(engine) as origin:
        scope = _find_scope(origin, examined, examined.staged, today)
        if not scope.quarters_to_load:
            return TrialLoad(
                release=scope.staged.release,
                changes=(),
                other_days=0,
                broken=(),
                mended=0,
                status_in_warehouse=scope.status_in_warehouse,
            )
        copy = open_engine(f"sqlite:///{Path(folder, 'trial.sqlite')}")
        try:
            prepare(copy)
            before = _copy_part(origin, copy, scope)
            _load_release(origin, copy, scope)
            after = _compute_anew(copy, scope)
        finally:
            copy.dispose()
    return _compare(scope, before, after)


# ---- What a trial is of ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _TrialScope:
    """What a trial is of: a file's release as it was staged, and what rests on its source.

    ``releases_in_force`` are those of the source whose figures stand. By the release figures of ``quarters_touched``
    may change, those of ``quarters_to_load`` among them. ``status_in_warehouse`` is what the warehouse says of it.
    """

    examined: ExaminedFile
    staged: StagedRelease
    today: dt.date
    kpis: tuple[Kpi, ...]
    rules: tuple[Rule, ...]
    releases_in_force: tuple[Release, ...]
    quarters_to_load: tuple[dt.date, ...]
    quarters_touched: tuple[dt.date, ...]
    status_in_warehouse: str

    @property
    def source(self) -> Source:
        """The source of the file."""
        return self.examined.source


def _find_scope(origin: Connection, examined: ExaminedFile, staged: StagedRelease, today: dt.date) -> _TrialScope:
    """Return what a trial of a file is of, as the warehouse of ``origin`` stands."""
    source = examined.source.source
    # A KPI that was declared since the last run would be new by that, not by the file.
    computed = set(origin.scalars(sa.select(kpi_definition.c.kpi_id)))
    in_force = list_releases_in_force(origin, source)
    quarters = _list_quarters(staged, in_force)
    status = origin.scalar(sa.select(release.c.status).where(release.c.release_id == staged.release_id))
    return _TrialScope(
        examined=examined,
        staged=staged,
        today=today,
        kpis=tuple(kpi for kpi in load_definitions() if source in kpi.sources and kpi.kpi_id in computed),
        rules=tuple(rule for rule in load_rules() if source in rule.sources),
        releases_in_force=tuple(in_force),
        quarters_to_load=tuple(quarters),
        quarters_touched=tuple(list_quarters_touched(quarters)),
        status_in_warehouse=status or "",
    )


def _list_quarters(staged: StagedRelease, in_force: Sequence[Release]) -> list[dt.date]:
    """Return the quarters that the release has rows of, and those of which reports become due with it.

    What lies before the first quarter is in files and is not loaded, by a run neither.
    """
    quarters = staged.quarters()
    latest = max((each.reference_start for each in in_force), default=None)
    if latest is not None:
        quarters |= set(periods("quarter", latest, staged.release.reference_start))
    return sorted(quarter for quarter in quarters if quarter >= FIRST_QUARTER)


# ---- The copy, before and after --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _FoundFigures:
    """What stands in the copy: its KPI values, and its breaks by what tells them apart."""

    values: ChangeFinder
    breaks: Mapping[tuple[str, ...], ShownBreak]


def _copy_part(origin: Connection, copy: Engine, scope: _TrialScope) -> _FoundFigures:
    """Copy what the trial rests on, and return what stands there."""
    with write_transaction(copy) as connection:
        copy_parts(origin, connection, _list_parts(scope))
    return _read_figures(copy, scope)


def _list_parts(scope: _TrialScope) -> Parts:
    """Return which rows the trial rests on."""
    facts = {term.fact for kpi in scope.kpis for term in kpi.terms}
    facts = facts.union(scope.source.facts, *(rule.facts for rule in scope.rules))
    sources = {traits_of_fact(FACTS[name]).source for name in facts}
    first, last = shift_months(scope.quarters_touched[0], -3 * HISTORY_QUARTERS), scope.quarters_touched[-1]
    result = reconciliation_result.c
    parts: dict[sa.Table, sa.ColumnElement[bool]] = {
        table: sa.true() for name, table in metadata.tables.items() if name.startswith("dim_")
    }
    for name in facts:
        parts[FACTS[name]] = FACTS[name].c.quarter_start.between(first, last)
    return parts | {
        release: sa.true(),
        vintage: vintage.c.fact.in_(facts),
        published_total: sa.and_(
            published_total.c.fact.in_(facts), published_total.c.quarter_start.between(first, last)
        ),
        coverage: coverage.c.source.in_(sources),
        kpi_definition: sa.true(),
        kpi_value: sa.and_(
            kpi_value.c.kpi_id.in_([kpi.kpi_id for kpi in scope.kpis]), kpi_value.c.geography_kind == NATIONAL
        ),
        reconciliation_rule: sa.true(),
        reconciliation_result: sa.and_(
            result.rule_id.in_([rule.rule_id for rule in scope.rules]), result.quarter_start.in_(scope.quarters_touched)
        ),
    }


def _load_release(origin: Connection, copy: Engine, scope: _TrialScope) -> None:
    """Load the release into the copy, as a run would beside those that are loaded."""
    source, staged = scope.source, scope.staged
    load_dimensions(copy, [staged], scope.today)
    others = [each for each in scope.releases_in_force if each.release_id != staged.release_id]
    landed = link_editions([*others, staged.release], source)
    linked = next(each for each in landed if each.release_id == staged.release_id)
    register_releases(copy, source, Landing(landed, ()), [scope.examined.verdict], scope.today)
    last_held = max((each.reference_start for each in others), default=dt.date.min)
    # No quarter counts as loaded yet, so that those of the release are loaded and no others.
    accepted = AcceptedReleases((StagedRelease(linked, staged.folder),), last_held=last_held)
    load_quarters(copy, source, scope.quarters_to_load, accepted)
    _note_loads(origin, copy, scope)


def _note_loads(origin: Connection, copy: Engine, scope: _TrialScope) -> None:
    """Note in the copy which quarters are loaded, which some rules ask."""
    is_load = load_log.c.stage.in_([name_load_stage(name) for name in SOURCES])
    is_own = sa.and_(
        load_log.c.stage == name_load_stage(scope.source.source), load_log.c.quarter_start.in_(scope.quarters_to_load)
    )
    with write_transaction(copy) as connection:
        copy_parts(origin, connection, {load_log: sa.and_(is_load, sa.not_(is_own))})


def _compute_anew(copy: Engine, scope: _TrialScope) -> _FoundFigures:
    """Compute and reconcile what rests on the release, and return what stands in the copy by then."""
    with write_transaction(copy) as connection:
        recompute_values(connection, scope.kpis, scope.quarters_to_load)
    reconcile_quarters(copy, scope.quarters_touched, rules=scope.rules, today=scope.today)
    return _read_figures(copy, scope)


def _read_figures(copy: Engine, scope: _TrialScope) -> _FoundFigures:
    is_of_latest = {rule.rule_id: rule.compares_latest for rule in scope.rules}
    with read_transaction(copy) as connection:
        breaks = list_breaks(connection, MOST_BREAKS)
        values = ChangeFinder(connection)
    return _FoundFigures(values, {_identify_break(each, is_of_latest[each.rule_id]): each for each in breaks})


def _identify_break(found: ShownBreak, is_of_latest: bool) -> tuple[str, ...]:
    """Return what tells a break from the others.

    Of the latest figures it is the same break whichever release they are of by now; else each release has its own.
    """
    release_id = "" if is_of_latest else found.left_release
    return found.rule_id, found.period_label, found.geography, found.item, release_id


def _compare(scope: _TrialScope, before: _FoundFigures, after: _FoundFigures) -> TrialLoad:
    """Return what has changed from one state of the copy to the other."""
    day = scope.staged.release.published_on
    return TrialLoad(
        release=scope.staged.release,
        changes=tuple(after.values.find_changes_from(before.values, day)),
        other_days=after.values.count_other_changes_from(before.values, day),
        broken=tuple(each for name, each in after.breaks.items() if name not in before.breaks),
        mended=sum(name not in after.breaks for name in before.breaks),
        status_in_warehouse=scope.status_in_warehouse,
    )
