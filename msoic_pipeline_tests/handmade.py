"""Warehouses made by hand, a few figures each, and one with the whole sample."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from msoic_pipeline.ingest.landing import Landing
from msoic_pipeline.kpis.compute import recompute_values
from msoic_pipeline.kpis.definition_rows import write_definitions
from msoic_pipeline.kpis.definitions import find_definition
from msoic_pipeline.model.all_tables import metadata
from msoic_pipeline.model.columns import ALL
from msoic_pipeline.model.evidence import coverage, load_log, reconciliation_result, release, vintage
from msoic_pipeline.model.facts import FACTS, breakdown_column, published_total
from msoic_pipeline.model.geography import PUBLISHER
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.periods import FIRST_QUARTER, parse_period, parse_quarter, period_start, periods
from msoic_pipeline.quality.verdicts import judge_files
from msoic_pipeline.reconciliation.acceptances import Acceptance
from msoic_pipeline.reconciliation.apply import ReconciliationSummary, reconcile_quarters
from msoic_pipeline.reconciliation.rules import Rule, load_rules
from msoic_pipeline.warehouse.dimensions import load_dimensions
from msoic_pipeline.warehouse.engine import open_engine, write_transaction
from msoic_pipeline.warehouse.loading import AcceptedReleases, load_quarters
from msoic_pipeline.warehouse.preparing import prepare
from msoic_pipeline.warehouse.registering import register_releases
from msoic_pipeline.workbooks.source import SOURCES, load_source
from msoic_pipeline_tests.databases import database, name_of
from msoic_pipeline_tests.sample import staged_releases

TODAY = dt.date(2026, 11, 24)
ALL_QUARTERS = list(periods("quarter", FIRST_QUARTER, TODAY))
Row = dict[str, Any]


class Warehouse:
    """A warehouse with dimensions and no figures, which is filled release by release."""

    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        self._loads = 0

    @classmethod
    def make(cls, url: str) -> Warehouse:
        """Make one in an empty database."""
        made = cls(url)
        prepare(made.engine)
        load_dimensions(made.engine, (), TODAY)
        with made.engine.begin() as connection:
            offence = {"description": "", "offence_group": "", "offence_subgroup": ""}
            codes = [offence | {"offence_code": code} for code in ("106", "8N")]
            connection.execute(sa.insert(metadata.tables["dim_offence"]), codes)
            # Every quarter counts as loaded, though nothing was published of most.
            quarters = list(connection.scalars(sa.select(metadata.tables["dim_quarter"].c.quarter_start)))
            entries = [
                {"stage": f"load {source}", "quarter_start": quarter, "fingerprint": ""}
                for source in SOURCES
                for quarter in quarters
            ]
            connection.execute(sa.insert(load_log), entries)
        return made

    def publish(
        self,
        release_id: str,
        published_on: str,
        *figures: tuple[str, Sequence[Row]],
        totals: Sequence[Row] = (),
        reporter: str = "",
        reference_period: str = "2021-Q4",
        edition: int = 1,
        is_synthetic: bool = True,
    ) -> None:
        """Add a release with its figures by fact table, and the totals that it publishes.

        A figure names its ``period`` and what differs from ``All``; reports are received of the periods it has.
        """
        source = release_id.partition("-")[0]
        day = dt.date.fromisoformat(published_on)
        row = {column.name: "" for column in release.columns} | {
            "release_id": release_id,
            "source": source,
            "published_on": day,
            "reference_period": reference_period,
            "reference_start": parse_period(reference_period)[1],
            "edition": edition,
            "reporter": reporter,
            "sha256": release_id,
            "superseded_by": None,
            "is_synthetic": is_synthetic,
            "status": "accepted",
            "landed_on": None,
            "in_raw": True,
        }
        with self.engine.begin() as connection:
            connection.execute(sa.insert(release), [row])
            self._load(connection, release_id, figures, day, reporter)
            if totals:
                connection.execute(sa.insert(published_total), [_total(release_id, total) for total in totals])

    def add_to(self, release_id: str, *figures: tuple[str, Sequence[Row]]) -> None:
        """Load more figures of a release: of a quarter that had not been loaded, or more of one that had."""
        with self.engine.begin() as connection:
            row = connection.execute(sa.select(release).where(release.c.release_id == release_id)).one()
            self._load(connection, release_id, figures, row.published_on, row.reporter)

    def _load(
        self,
        connection: sa.Connection,
        release_id: str,
        figures: Sequence[tuple[str, Sequence[Row]]],
        day: dt.date,
        reporter: str,
    ) -> None:
        source = release_id.partition("-")[0]
        for name in dict.fromkeys(fact for fact, _ in figures):
            together = [row for fact, rows in figures for row in rows if fact == name]
            self._add(connection, FACTS[name], together, release_id, day, reporter)
        self._loads += 1
        for quarter in {_quarter(row["period"]) for _, rows in figures for row in rows}:
            its = sa.and_(load_log.c.stage == f"load {source}", load_log.c.quarter_start == quarter)
            connection.execute(sa.delete(load_log).where(its))
            entry = {"stage": f"load {source}", "quarter_start": quarter, "fingerprint": str(self._loads)}
            connection.execute(sa.insert(load_log), [entry])

    def _add(
        self,
        connection: sa.Connection,
        fact: sa.Table,
        rows: Sequence[Row],
        release_id: str,
        day: dt.date,
        reporter: str,
    ) -> None:
        time = "month_start" if "month_start" in fact.columns else "quarter_start"
        places = {"force_code", "cps_area_code"} & set(fact.columns.keys())
        whole = []
        for number, row in enumerate(rows):
            blank = {c.name: ALL if isinstance(c.type, sa.String) and not c.nullable else None for c in fact.columns}
            its = {name: value for name, value in row.items() if name != "period"}
            times = {"quarter_start": _quarter(row["period"]), time: parse_period(row["period"])[1]}
            whole.append(blank | times | {"release_id": release_id, "sheet": "S", "cell": f"A{number}"} | its)
        connection.execute(sa.insert(fact), whole)
        divided = breakdown_column(fact)
        grounds = {(row[divided] if divided else "", row[time], row["quarter_start"]) for row in whole}
        for breakdown, start, quarter in grounds:
            ground = sa.and_(
                vintage.c.fact == fact.name,
                vintage.c.breakdown == breakdown,
                vintage.c.period_start == start,
                vintage.c.reporter == reporter,
            )
            if connection.scalar(sa.select(vintage.c.rows).where(ground, vintage.c.release_id == release_id)):
                continue
            earlier = sa.and_(ground, vintage.c.superseded_on.is_(None))
            connection.execute(sa.update(vintage).where(earlier).values(superseded_on=day))
            entry = {
                "fact": fact.name,
                "breakdown": breakdown,
                "period_start": start,
                "reporter": reporter,
                "release_id": release_id,
                "quarter_start": quarter,
                "published_on": day,
                "superseded_on": None,
                "rows": len(whole),
            }
            connection.execute(sa.insert(vintage), [entry])
        place = next(iter(places), "")
        is_publisher = traits_of_fact(fact).source not in ("recorded_crime", "crime_outcomes", "cps", "force_returns")
        received = {(row[time], row["quarter_start"], PUBLISHER if is_publisher else row[place]) for row in whole}
        of_source = coverage.c.source == traits_of_fact(fact).source
        reported = sa.select(coverage.c.period_start, coverage.c.quarter_start, coverage.c.reporter).where(of_source)
        known = {(row.period_start, row.quarter_start, row.reporter) for row in connection.execute(reported)}
        for start, quarter, name in received - known:
            entry = {
                "source": traits_of_fact(fact).source,
                "period_start": start,
                "quarter_start": quarter,
                "reporter": name,
            }
            connection.execute(sa.insert(coverage), [entry | {"expected": True, "received": True}])

    def compute(self, quarters: Sequence[dt.date], *kpi_ids: str) -> None:
        """Compute the values of a few KPIs alone: of all of them the statements alone take a second."""
        with write_transaction(self.engine) as connection:
            write_definitions(connection)
            recompute_values(connection, [find_definition(kpi_id) for kpi_id in kpi_ids], quarters)

    def reconcile(
        self,
        quarters: str,
        *rule_ids: str,
        rules: Sequence[Rule] = (),
        acceptances: Sequence[Acceptance] = (),
        today: dt.date = TODAY,
    ) -> ReconciliationSummary:
        """Apply rules to quarters, written ``2021-Q3 2021-Q4``."""
        chosen = rules or [rule for rule in load_rules() if rule.rule_id in rule_ids]
        return reconcile_quarters(
            self.engine,
            [parse_quarter(quarter) for quarter in quarters.split()],
            rules=chosen,
            acceptances=acceptances,
            today=today,
        )

    def results(self, **where: str) -> list[Any]:
        """Return the results, in the order of their keys."""
        result = reconciliation_result
        its = [result.c[name] == value for name, value in where.items()]
        with self.engine.connect() as connection:
            rows = connection.execute(sa.select(result).where(*its)).all()
        return sorted(rows, key=lambda r: (r.rule_id, r.period_start, r.geography_code, r.item, r.left_release))

    def verdicts(self, *by: str, **where: str) -> dict[Any, str]:
        """Return the statuses of the results, by one of their columns or several."""
        rows = self.results(**where)
        keys = [tuple(getattr(row, name) for name in by) if len(by) > 1 else getattr(row, by[0]) for row in rows]
        assert len(keys) == len(set(keys)), keys
        return dict(zip(keys, (row.status for row in rows), strict=True))


def _quarter(period: str) -> dt.date:
    return period_start("quarter", parse_period(period)[1])


def _total(release_id: str, total: Row) -> Row:
    kind, start = parse_period(total["period"])
    last = total.get("last_quarter")
    return {
        "release_id": release_id,
        "fact": total["fact"],
        "breakdown": total["breakdown"],
        "period_kind": kind,
        "period_start": start,
        "members": total.get("members", ""),
        "quarter_start": parse_quarter(last) if last else start,
        "measure": total["measure"],
        "value": total["value"],
        "parts_unavailable": total.get("parts_unavailable", 0),
        "sheet": "S",
        "cell": "Z1",
    }


@pytest.fixture(scope="session")
def made_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A warehouse without figures as a file, of which tests take copies."""
    path = tmp_path_factory.mktemp("handmade") / "warehouse.sqlite"
    Warehouse.make(f"sqlite:///{path}").engine.dispose()
    return path


@pytest.fixture(scope="session")
def made_postgres(postgres_url: str) -> Iterator[str]:
    """The name of a PostgreSQL database with a warehouse without figures, of which tests take copies."""
    with database(postgres_url) as url:
        Warehouse.make(url).engine.dispose()
        yield name_of(url)


@pytest.fixture
def warehouse(request: pytest.FixtureRequest, engine_kind: str, tmp_path: Path) -> Iterator[Warehouse]:
    """A warehouse without figures, once of each kind."""
    with ExitStack() as copies:
        if engine_kind == "sqlite":
            path = shutil.copy2(request.getfixturevalue("made_sqlite"), tmp_path / "warehouse.sqlite")
            url = f"sqlite:///{path}"
        else:
            server, origin = request.getfixturevalue("postgres_url"), request.getfixturevalue("made_postgres")
            url = copies.enter_context(database(server, origin))
        copied = Warehouse(url)
        yield copied
        copied.engine.dispose()


@pytest.fixture(scope="session")
def sample_warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sa.Engine]:
    """A warehouse with the facts of the sample; of force returns those of 2021 and 2022."""
    engine = open_engine(f"sqlite:///{tmp_path_factory.mktemp('reconciliation') / 'warehouse.sqlite'}")
    prepare(engine)
    for source in map(load_source, SOURCES):
        parts = ("-2021-", "-2022-") if source.source == "force_returns" else ("",)
        releases = [staged for part in parts for staged in staged_releases(source.source, part)]
        landing = Landing(tuple(staged.release for staged in releases), ())
        load_dimensions(engine, releases, TODAY)
        register_releases(engine, source, landing, judge_files(source, landing, releases, {}), TODAY)
        load_quarters(engine, source, ALL_QUARTERS, AcceptedReleases(tuple(releases)))
    yield engine
    engine.dispose()
