"""The tables and words on what checks found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from msoic_pipeline.model.evidence_rows import QuarantineRow
from msoic_pipeline.model.geography import NATION_NAMES
from msoic_pipeline.publication.report.quality.findings import (
    CheckCount,
    FailingCheck,
    RuleCount,
    is_sensitive,
    title_of,
)
from msoic_pipeline.publication.report.tables import Column, ShownTable
from msoic_pipeline.quality.verdicts import STANDS
from msoic_pipeline.reconciliation.summary import DIGITS, ShownBreak
from msoic_pipeline.wording import WITHHELD, cut_line, first_of, tell_count, tell_figure

# How many places of a rule, breaks and failing checks are listed; of more it is said how many there are.
FEW_PLACES = 3
MOST_LISTED = 100
LONGEST_WORDS = 400


def make_faults_table(rows: Sequence[QuarantineRow], is_declared: bool) -> ShownTable:
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


def make_rules_table(rules: Sequence[RuleCount]) -> ShownTable:
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


def make_breaks_table(breaks: Sequence[ShownBreak], files: dict[str, str]) -> ShownTable:
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


def make_checks_table(failing: Sequence[FailingCheck]) -> ShownTable:
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


def make_every_check_table(checks: Sequence[CheckCount]) -> ShownTable:
    """Return the table of all that is checked: each check of a source once, with how often it was made and fails."""
    rows = [
        (
            title_of(check.source),
            check.check_name,
            check.severity,
            f"{check.made:,}",
            f"{check.rows_checked:,}",
            f"{check.failing:,}",
            check.reason or "The column is declared so: see the data dictionary.",
        )
        for check in checks
    ]
    columns = (
        Column("Source"),
        Column("What holds", "words"),
        Column("Severity", "words"),
        Column("Times checked"),
        Column("Rows looked at"),
        Column("Times it fails"),
        Column("Why", "long"),
    )
    return ShownTable("All that is checked, by source", columns, tuple(rows))


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
