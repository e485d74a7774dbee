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
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

from msoic_pipeline.commands.examined_file import ExaminedFile
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
    IN_FORCE,
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
from msoic_pipeline.warehouse.dimensions import load_dimensions
from msoic_pipeline.warehouse.engine import open_engine, read_transaction, write_transaction
from msoic_pipeline.warehouse.load_log import load_stage
from msoic_pipeline.warehouse.loading import AcceptedReleases, load_quarters
from msoic_pipeline.warehouse.partial_copy import Parts, copy_parts, read_moment
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline.warehouse.registering import register_releases
from msoic_pipeline.workbooks.source import SOURCES, Source

# More breaks than any rules have ever had.
MOST_BREAKS = 1_000_000


@dataclass(frozen=True)
class TrialLoad:
    """What loading a release would change.

    ``changes`` are of the day of its publication; ``other_days`` is how many national values it would change as known
    on other days, because later releases stand already. ``broken`` are the breaks that there would be and are not now,
    ``mended`` how many there are now and would not be. ``already`` is what the warehouse says of the release, where it
    knows it.
    """

    release: Release
    changes: tuple[Change, ...]
    other_days: int
    broken: tuple[ShownBreak, ...]
    mended: int
    already: str

    @property
    def would_load(self) -> bool:
        """Whether a run would load it: not where a person took its figures away."""
        return self.already != "withdrawn"


def try_load(engine: Engine, examined: ExaminedFile, today: dt.date) -> TrialLoad:
    """Return what loading an accepted file would change. Nothing is written to the warehouse of ``engine``.

    Raises ValueError where the file has not been accepted.
    """
    if examined.staged is None or not examined.verdict.accepted:
        raise ValueError("a file that is rejected changes nothing")
    with tempfile.TemporaryDirectory() as folder, read_moment(engine) as origin:
        copy = open_engine(f"sqlite:///{Path(folder, 'trial.sqlite')}")
        try:
            prepare(copy)
            return _Trial(origin, copy, examined, examined.staged, today).run()
        finally:
            copy.dispose()


@dataclass
class _Trial:
    """One trial: the warehouse as it stands (``origin``), the copy, and the file's release as it was staged."""

    origin: Connection
    copy: Engine
    examined: ExaminedFile
    staged: StagedRelease
    today: dt.date

    def __post_init__(self) -> None:
        source = self.examined.source.source
        # A KPI that was declared since the last run would be new by that, not by the file.
        computed = set(self.origin.scalars(sa.select(kpi_definition.c.kpi_id)))
        self.kpis = [kpi for kpi in load_definitions() if source in kpi.sources and kpi.kpi_id in computed]
        self.rules = [rule for rule in load_rules() if source in _list_sources(_list_facts_of_rules([rule]))]
        self.known = _read_known_releases(self.origin, source)
        self.quarters = self._list_quarters()
        self.touched = list_quarters_touched(self.quarters)

    def run(self) -> TrialLoad:
        """Copy, load, compute, reconcile; return what has changed."""
        already = self._tell_already()
        if not self.quarters:
            return TrialLoad(self.staged.release, (), 0, (), 0, already)
        self._copy_part()
        before, breaks_before = self._look()
        self._load()
        with write_transaction(self.copy) as connection:
            recompute_values(connection, self.kpis, self.quarters)
        reconcile_quarters(self.copy, self.touched, rules=self.rules, today=self.today)
        after, breaks_after = self._look()
        day = self.staged.release.published_on
        return TrialLoad(
            self.staged.release,
            tuple(after.find_changes_from(before, day)),
            after.count_other_changes_from(before, day),
            tuple(each for name, each in breaks_after.items() if name not in breaks_before),
            sum(name not in breaks_after for name in breaks_before),
            already,
        )

    def _list_quarters(self) -> list[dt.date]:
        """Return the quarters that the release has rows of, and those of which reports become due with it.

        What lies before the first quarter is in files and is not loaded, by a run neither.
        """
        quarters = self.staged.quarters()
        last_known = max((each.reference_start for each in self.known), default=None)
        if last_known is not None:
            quarters |= set(periods("quarter", last_known, self.staged.release.reference_start))
        return sorted(quarter for quarter in quarters if quarter >= FIRST_QUARTER)

    def _tell_already(self) -> str:
        query = sa.select(release.c.status).where(release.c.release_id == self.staged.release_id)
        return self.origin.scalar(query) or ""

    def _look(self) -> tuple[ChangeFinder, dict[tuple[str, ...], ShownBreak]]:
        """Return the values of the copy, and its breaks by what tells them apart."""
        with read_transaction(self.copy) as connection:
            breaks = list_breaks(connection, MOST_BREAKS)
            finder = ChangeFinder(connection)
        return finder, {(each.rule_id, each.period_label, each.geography, each.item): each for each in breaks}

    def _copy_part(self) -> None:
        with write_transaction(self.copy) as connection:
            copy_parts(self.origin, connection, self._list_parts())

    def _list_parts(self) -> Parts:
        """Return which rows the trial rests on."""
        source = self.examined.source
        facts = {*_list_facts_of_kpis(self.kpis), *_list_facts_of_rules(self.rules), *source.facts}
        first, last = shift_months(self.touched[0], -3 * HISTORY_QUARTERS), self.touched[-1]
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
            coverage: coverage.c.source.in_(_list_sources(facts)),
            kpi_definition: sa.true(),
            kpi_value: sa.and_(
                kpi_value.c.kpi_id.in_([kpi.kpi_id for kpi in self.kpis]), kpi_value.c.geography_kind == NATIONAL
            ),
            reconciliation_rule: sa.true(),
            reconciliation_result: sa.and_(
                result.rule_id.in_([rule.rule_id for rule in self.rules]), result.quarter_start.in_(self.touched)
            ),
        }

    def _load(self) -> None:
        """Load the release into the copy, as a run would beside those that are loaded."""
        source = self.examined.source
        load_dimensions(self.copy, [self.staged], self.today)
        known = [each for each in self.known if each.release_id != self.staged.release_id]
        landed = link_editions([*known, self.staged.release], source)
        linked = next(each for each in landed if each.release_id == self.staged.release_id)
        staged = StagedRelease(linked, self.staged.folder)
        register_releases(self.copy, source, Landing(landed, ()), [self.examined.verdict], self.today)
        last_held = max((each.reference_start for each in known), default=dt.date.min)
        # No quarter counts as loaded yet, so that those of the release are loaded and no others.
        load_quarters(self.copy, source, self.quarters, AcceptedReleases((staged,), last_held=last_held))
        self._note_loads(source)

    def _note_loads(self, source: Source) -> None:
        """Note in the copy which quarters are loaded, which some rules ask."""
        loaded = load_log.c.stage.in_([load_stage(name) for name in SOURCES])
        is_own = sa.and_(load_log.c.stage == load_stage(source.source), load_log.c.quarter_start.in_(self.quarters))
        with write_transaction(self.copy) as connection:
            copy_parts(self.origin, connection, {load_log: sa.and_(loaded, sa.not_(is_own))})


def _read_known_releases(origin: Connection, source: str) -> list[Release]:
    """Return the releases of a source whose figures are loaded, in the order in which they came in."""
    columns = [release.c[field.name] for field in fields(Release)]
    in_force = sa.and_(release.c.source == source, release.c.status.in_(IN_FORCE))
    query = sa.select(*columns).where(in_force)
    order = (release.c.landed_on, release.c.published_on, release.c.edition, release.c.release_id)
    return [Release(**row) for row in origin.execute(query.order_by(*order)).mappings()]


def _list_facts_of_kpis(kpis: Iterable[Kpi]) -> set[str]:
    return {term.fact for kpi in kpis for term in kpi.terms}


def _list_facts_of_rules(rules: Iterable[Rule]) -> set[str]:
    """Return the facts that rules compare, those of which a share is taken among them."""
    facts: set[str] = set()
    for rule in rules:
        for comparison in rule.comparisons:
            for summand in comparison.summands():
                facts.add(summand.fact)
                if summand.share:
                    facts.update(part.fact for part in (*summand.share.part, *summand.share.whole))
    return facts


def _list_sources(facts: Sequence[str] | set[str]) -> set[str]:
    return {traits_of_fact(FACTS[name]).source for name in facts}
