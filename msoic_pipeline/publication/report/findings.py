"""What checks found: quarantine and declared faults, reconciliation, and checks that fail.

It is all as of today: the warehouse keeps what the last run found, not what would have been found on an earlier day. Of
sensitive sources only counts are told: neither files nor places, nor what was found in them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields

import sqlalchemy as sa
from sqlalchemy.engine import Connection

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
from msoic_pipeline.publication.report.tables import Column, ShownTable
from msoic_pipeline.quality.verdicts import STANDS
from msoic_pipeline.reconciliation.summary import DIGITS, ShownBreak, list_breaks
from msoic_pipeline.wording import WITHHELD, cut_line, first_of, tell_count, tell_day, tell_figure
from msoic_pipeline.workbooks.source import SOURCES, load_source

# How many places of a rule, breaks and failing checks are listed; of more it is said how many there are.
FEW_PLACES = 3
MOST_LISTED = 100
LONGEST_WORDS = 400
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
    """All that checks have found and that stands today.

    ``checks_by_source`` has how many checks there are of each source, failing ones among them.
    """

    quarantined: tuple[QuarantineRow, ...]
    rules: tuple[RuleCount, ...]
    breaks: tuple[ShownBreak, ...]
    failing: tuple[FailingCheck, ...]
    checks_by_source: dict[str, int]
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
        checks_by_source=_count_checks(connection),
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


def _count_checks(connection: Connection) -> dict[str, int]:
    found = validation_result
    query = sa.select(found.c.source, sa.func.count().label("number")).where(found.c.superseded_on.is_(None))
    return {row.source: row.number for row in connection.execute(query.group_by(found.c.source))}


def _read_file_names(connection: Connection) -> dict[str, str]:
    """Return the file of each release, by its id."""
    query = sa.select(release.c.release_id, release.c.file_name)
    return {row.release_id: row.file_name for row in connection.execute(query)}


# --- Tables ----------------------------------------------------------------------------------------------------------


def make_table_of_faults(rows: Sequence[QuarantineRow], is_declared: bool) -> ShownTable:
    """Return the table of quarantine by source, rule and treatment: of declared faults, or of all else."""
    together: dict[tuple[str, str, str], list[QuarantineRow]] = defaultdict(list)
    for row in rows:
        if row.is_declared == is_declared:
            together[row.source, row.rule, row.treatment].append(row)
    shown = []
    for (source, rule, treatment), alike in together.items():
        is_withheld = is_sensitive(source)
        places = WITHHELD if is_withheld else first_of([_tell_place(row) for row in alike], FEW_PLACES)
        reason = WITHHELD if is_withheld else cut_line(alike[0].reason, LONGEST_WORDS)
        shown.append((title_of(source), rule, treatment, f"{len(alike):,}", places, reason))
    columns = (
        Column("Source"),
        Column("Rule", "words"),
        Column("What was done", "words"),
        Column("Places"),
        Column("The first of them", "long"),
        Column("Why", "long"),
    )
    caption = (
        "Faults declared, and what was done" if is_declared else "What was rejected or is absent, by source and rule"
    )
    return ShownTable(caption, columns, tuple(shown))


def _tell_place(row: QuarantineRow) -> str:
    """Return the place of a row: file, sheet and cell, as far as it has them."""
    cell = f"{row.sheet} {row.cell}".strip()
    return f"{row.file_name}, {cell}" if cell else row.file_name


def make_table_of_rules(rules: Sequence[RuleCount]) -> ShownTable:
    """Return the table of reconciliation by rule: those with breaks first, blocking ones before others."""
    ordered = sorted(rules, key=lambda rule: (not rule.breaks, rule.severity, rule.title))
    rows = [
        (
            rule.title,
            rule.severity,
            f"{rule.holds:,}",
            f"{rule.explained:,}",
            f"{rule.breaks:,}",
            f"{rule.not_comparable:,}",
        )
        for rule in ordered
    ]
    columns = (
        Column("What should hold"),
        Column("Severity", "words"),
        Column("Holds"),
        Column("Explained"),
        Column("Breaks"),
        Column("Not comparable"),
    )
    return ShownTable("Reconciliation by rule: results", columns, tuple(rows))


def make_table_of_breaks(breaks: Sequence[ShownBreak], files: dict[str, str]) -> ShownTable:
    """Return the table of breaks with both sides, their difference, and in which files they stand."""
    rows = []
    for each in breaks[:MOST_LISTED]:
        stands_in = dict.fromkeys(_name_files(each.left_release, files) + _name_files(each.right_release, files))
        rows.append(
            (
                each.title or each.rule_id,
                each.severity,
                ", ".join(filter(None, (each.period_label, _name_geography(each.geography), each.item))),
                _tell_side(each.left_value),
                _tell_side(each.right_value),
                _tell_side(each.difference),
                _tell_side(each.tolerance),
                "; ".join(stands_in),
            )
        )
    columns = (
        Column("What should hold"),
        Column("Severity", "words"),
        Column("Where", "words"),
        Column("Left side"),
        Column("Right side"),
        Column("Difference"),
        Column("Allowed"),
        Column("Files", "long"),
    )
    return ShownTable("Breaks: differences that nobody has explained", columns, tuple(rows))


def _name_files(releases: str, files: dict[str, str]) -> list[str]:
    """Return the files of a side: by the releases' ids, or as it is written where it names how many there are."""
    ids = [part.strip() for part in releases.split(",") if part.strip()]
    return [files.get(release_id, release_id) for release_id in ids]


def _name_geography(geography: str) -> str:
    return NATION_NAMES.get(geography, geography)


def _tell_side(value: float | str | None) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else tell_figure(value, DIGITS)


def make_table_of_checks(failing: Sequence[FailingCheck]) -> ShownTable:
    """Return the table of checks that fail, blocking ones first."""
    rows = [
        (
            check.check_name,
            check.severity,
            title_of(check.source),
            check.file_name or "all of the source",
            f"{check.rows_failed:,} of {check.rows_checked:,}",
            check.since,
            cut_line(check.detail, LONGEST_WORDS),
        )
        for check in failing[:MOST_LISTED]
    ]
    columns = (
        Column("Check"),
        Column("Severity", "words"),
        Column("Source", "words"),
        Column("Of", "long"),
        Column("Failed of those looked at"),
        Column("Since", "words"),
        Column("What was found", "long"),
    )
    return ShownTable("Checks that fail now, blocking ones first", columns, tuple(rows))


# --- Words -----------------------------------------------------------------------------------------------------------


def tell_faults(rows: Sequence[QuarantineRow]) -> str:
    """Return in a sentence how many places were treated by declared faults, how many rejected, and what is absent.

    Of a file that is absent or lost the figures stand: it is no rejected one.
    """
    declared = sum(row.is_declared for row in rows)
    standing = sum(row.treatment == STANDS for row in rows)
    rejected = tell_count(len(rows) - declared - standing, "row or file", "rows or files")
    told = f"{tell_count(declared, 'place')} treated by declared faults; {rejected} rejected"
    if standing:
        told += f"; {tell_count(standing, 'file or folder', 'files or folders')} absent, of which the figures stand"
    return f"{told}."


def tell_rules(rules: Sequence[RuleCount]) -> str:
    """Return in a sentence how many results of all rules hold, are explained, break and cannot be compared."""
    holds = sum(rule.holds for rule in rules)
    explained, breaks = sum(rule.explained for rule in rules), sum(rule.breaks for rule in rules)
    not_comparable = sum(rule.not_comparable for rule in rules)
    return (
        f"Of {tell_count(holds + explained + breaks, 'result')} of {tell_count(len(rules), 'rule')}, {holds:,} hold, "
        f"{explained:,} {'is' if explained == 1 else 'are'} explained and {breaks:,} "
        f"{'breaks' if breaks == 1 else 'break'}; {not_comparable:,} more cannot be compared."
    )


def tell_checks(failing: Sequence[FailingCheck], checks: int) -> str:
    """Return in a sentence how many of so many checks fail, blocking ones and warnings."""
    if not failing:
        return f"All {tell_count(checks, 'finding')} of checks hold."
    blocking = sum(check.severity == "block" for check in failing)
    return (
        f"{len(failing):,} of {tell_count(checks, 'finding')} of checks {'fails' if len(failing) == 1 else 'fail'}: "
        f"{blocking:,} blocking, {len(failing) - blocking:,} with a warning."
    )


def tell_left_out(number: int) -> str:
    """Return that a list was cut, where it was; nothing where all of so many are listed."""
    return f"The first {MOST_LISTED} of {number:,} are listed." if number > MOST_LISTED else ""
