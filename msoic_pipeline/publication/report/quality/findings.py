"""What checks found: quarantine and declared faults, reconciliation, and checks that fail.

It is all as of today: the warehouse keeps what the last run found, not what would have been found on an earlier day. Of
sensitive sources only counts are told: neither files nor places, nor what was found in them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, fields

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.audit.every_check import list_every_check
from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.model.evidence import (
    quarantine,
    reconciliation_result,
    reconciliation_rule,
    release,
    validation_result,
)
from msoic_pipeline.model.evidence_rows import QuarantineRow
from msoic_pipeline.model.geography import NATION_NAMES
from msoic_pipeline.reconciliation.summary import ShownBreak, list_breaks
from msoic_pipeline.wording import WITHHELD, tell_day
from msoic_pipeline.workbooks.source import SOURCES, load_source

# By which statuses of a result its rule holds.
HOLDING = ("agrees", "within tolerance")


@dataclass(frozen=True)
class FailingCheck:
    """A check that fails now: of a source, or of one of its releases.

    ``file_name`` is empty where it is of all releases; ``detail`` is withheld where it is of sensitive returns.
    """

    source: str
    severity: str
    check_name: str
    file_name: str
    rows_failed: int
    rows_checked: int
    detail: str
    since: str


@dataclass(frozen=True)
class CheckCount:
    """How often a check of a source was made, of how many rows in all, and how often it fails.

    ``reason`` says why it is made; it is empty of an expectation, which follows from the declaration of a column.
    """

    source: str
    check_name: str
    severity: str
    reason: str
    made: int
    rows_checked: int
    failing: int


@dataclass(frozen=True)
class RuleCount:
    """How many results of a reconciliation rule hold, are explained, break, and cannot be compared."""

    rule_id: str
    title: str
    severity: str
    holds: int
    explained: int
    breaks: int
    not_comparable: int


@dataclass(frozen=True)
class Findings:
    """All that checks have found and that stands today, with what was checked."""

    quarantined: tuple[QuarantineRow, ...]
    rules: tuple[RuleCount, ...]
    breaks: tuple[ShownBreak, ...]
    failing: tuple[FailingCheck, ...]
    checks: tuple[CheckCount, ...]
    files: dict[str, str]


def read_findings(connection: Connection) -> Findings:
    """Return what stands in the warehouse."""
    sensitive_rules = set(
        connection.scalars(sa.select(reconciliation_rule.c.rule_id).where(reconciliation_rule.c.is_sensitive))
    )
    breaks = list_breaks(connection, _count_all_breaks(connection))
    return Findings(
        quarantined=tuple(_read_quarantine(connection)),
        rules=tuple(_count_results(connection)),
        breaks=tuple(_withhold_place(each, each.title is None or each.rule_id in sensitive_rules) for each in breaks),
        failing=tuple(_read_failing(connection)),
        checks=tuple(_count_checks(connection)),
        files=_read_file_names(connection),
    )


def is_sensitive(source: str) -> bool:
    """Whether the content of a source is kept back; what is said of all sources together is not."""
    return source in SOURCES and load_source(source).sensitive


def title_of(source: str) -> str:
    """Return the title of a source; its name where there is no such source, as of what is about all of them."""
    return load_source(source).title if source in SOURCES else source


def _count_all_breaks(connection: Connection) -> int:
    query = sa.select(sa.func.count()).where(reconciliation_result.c.status == "breaks")
    return int(connection.scalar(query) or 0)


def _read_quarantine(connection: Connection) -> Iterable[QuarantineRow]:
    columns = [quarantine.c[name.name] for name in fields(QuarantineRow)]
    for row in connection.execute(sa.select(*columns).order_by(*quarantine.primary_key.columns)).mappings():
        yield QuarantineRow(**row)


def _count_results(connection: Connection) -> Iterable[RuleCount]:
    """Yield the counts of every rule in force, also of one without results."""
    result, rule = reconciliation_result, reconciliation_rule
    numbers: dict[str, dict[str, int]] = defaultdict(dict)
    counted = sa.select(result.c.rule_id, result.c.status, sa.func.count().label("number"))
    for row in connection.execute(counted.group_by(result.c.rule_id, result.c.status)):
        numbers[row.rule_id][row.status] = row.number
    for row in connection.execute(sa.select(rule).order_by(rule.c.rule_id)):
        of_rule = numbers[row.rule_id]
        yield RuleCount(
            row.rule_id,
            row.title,
            row.severity,
            holds=sum(of_rule.get(status, 0) for status in HOLDING),
            explained=of_rule.get("explained", 0),
            breaks=of_rule.get("breaks", 0),
            not_comparable=of_rule.get("not comparable", 0),
        )


def _withhold_place(shown: ShownBreak, is_of_returns: bool) -> ShownBreak:
    """Return a break; of a sensitive rule without what tells whose return it is about."""
    if not is_of_returns:
        return shown
    values = {name.name: getattr(shown, name.name) for name in fields(ShownBreak)}
    kept_back = ("item", "left_release", "right_release", "explanation")
    values.update(dict.fromkeys(kept_back, WITHHELD))
    if shown.geography not in NATION_NAMES:
        values["geography"] = WITHHELD
    return ShownBreak(**values)


def _read_failing(connection: Connection) -> Iterable[FailingCheck]:
    """Yield the checks that fail now, blocking ones first."""
    found = validation_result
    query = (
        sa.select(found, release.c.file_name)
        .outerjoin_from(found, release, release.c.release_id == found.c.release_id)
        .where(found.c.superseded_on.is_(None), sa.not_(found.c.success))
        .order_by(found.c.severity, *found.primary_key.columns)
    )
    sensitive_kpis = [kpi.kpi_id for kpi in load_definitions() if kpi.is_sensitive]
    for row in connection.execute(query):
        # What is found of KPIs of all sources names the places where it is so: of returns, a force and a month.
        names_a_return = any(kpi_id in row.detail for kpi_id in sensitive_kpis)
        is_withheld = is_sensitive(row.source) or names_a_return
        yield FailingCheck(
            row.source,
            row.severity,
            row.check_name,
            (WITHHELD if is_withheld else row.file_name or row.release_id) if row.release_id else "",
            row.rows_failed,
            row.rows_checked,
            WITHHELD if is_withheld else row.detail,
            tell_day(row.found_on),
        )


def _count_checks(connection: Connection) -> Iterable[CheckCount]:
    """Yield every check that is made, by source, one that may fail in one table or another once."""
    found = validation_result
    reasons = {check.name: check.reason for check in list_every_check()}
    its = (found.c.source, found.c.check_name, found.c.severity)
    query = (
        sa.select(
            *its,
            sa.func.count().label("made"),
            sa.func.sum(found.c.rows_checked).label("rows_checked"),
            sa.func.count().filter(sa.not_(found.c.success)).label("failing"),
        )
        .where(found.c.superseded_on.is_(None))
        .group_by(*its)
        .order_by(*its)
    )
    for row in connection.execute(query):
        reason = reasons.get(row.check_name, "")
        yield CheckCount(
            row.source, row.check_name, row.severity, reason, row.made, int(row.rows_checked or 0), row.failing
        )


def _read_file_names(connection: Connection) -> dict[str, str]:
    """Return the file of each release, by its id."""
    query = sa.select(release.c.release_id, release.c.file_name)
    return {row.release_id: row.file_name for row in connection.execute(query)}
