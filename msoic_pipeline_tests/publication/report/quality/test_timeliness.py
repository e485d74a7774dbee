"""Days to publication: worked by hand, a period once."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from msoic_pipeline.publication.report.provenance import KnownRelease
from msoic_pipeline.publication.report.quality.timeliness import (
    Timeliness,
    find_timeliness,
    make_timeliness_table,
    tell_overdue,
)
from msoic_pipeline.workbooks.source import SOURCES

NRM = KnownRelease(
    release_id="nrm-1",
    source="nrm",
    title="",
    publisher="",
    published_on=dt.date(2021, 6, 19),
    reference_period="2021-Q1",
    file_name="",
    sha256="",
    is_synthetic=False,
    status="accepted",
    edition=1,
    reporter="",
    superseded_by=None,
)


def released(period: str, day: dt.date, **more: str) -> KnownRelease:
    return replace(NRM, reference_period=period, published_on=day, **more)  # type: ignore[arg-type]


def days_after(end: dt.date, days: int) -> dt.date:
    return end + dt.timedelta(days=days)


# 80, 70 and 60 days after the ends of three quarters; the second was published again later.
QUARTERS = [
    released("2021-Q1", days_after(dt.date(2021, 3, 31), 80)),
    released("2021-Q2", days_after(dt.date(2021, 6, 30), 70)),
    released("2021-Q2", days_after(dt.date(2021, 6, 30), 75)),
    released("2021-Q3", days_after(dt.date(2021, 9, 30), 60)),
]


def find(source: str, releases: list[KnownRelease]) -> Timeliness:
    (found,) = (each for each in find_timeliness(releases) if each.source.source == source)
    return found


def row_of(source: str, releases: list[KnownRelease], day: dt.date) -> tuple[str, ...]:
    found = find(source, releases)
    (row,) = make_timeliness_table([found], day).rows
    return row


def test_first_median_and_latest_are_those_of_the_example():
    assert find("nrm", QUARTERS).days == (80, 70, 60)
    row = row_of("nrm", QUARTERS, dt.date(2021, 12, 1))
    assert row[1:] == ("3", "80", "70", "60", "29 November 2021", "2021-Q4 by 16 March 2022")


def test_a_period_of_many_reporters_counts_once():
    returns = [
        released("2021-01", days_after(dt.date(2021, 1, 31), days), source="force_returns", reporter=force)
        for force, days in (("E23000001", 10), ("E23000002", 12), ("E23000003", 40))
    ]
    assert find("force_returns", returns).days == (12,)


def test_a_source_is_overdue_after_the_last_day_and_not_on_it():
    found = find("nrm", QUARTERS)
    assert found.next_release and found.next_release.due == dt.date(2022, 3, 16)
    assert not found.is_overdue(dt.date(2022, 3, 16)) and found.is_overdue(dt.date(2022, 3, 17))
    assert tell_overdue([found], dt.date(2022, 3, 16)) == "No source was overdue on 16 March 2022."
    assert tell_overdue([found], dt.date(2022, 3, 17)).startswith("Overdue on 17 March 2022, 1 of 1 source: National")
    assert row_of("nrm", QUARTERS, dt.date(2022, 3, 17))[-1] == "overdue: 2021-Q4 by 16 March 2022"


def test_a_weekly_series_has_no_days():
    edition = released("2023-Q3", dt.date(2023, 7, 14), source="small_boats")
    row = row_of("small_boats", [edition], dt.date(2023, 7, 20))
    assert row[1:5] == ("–",) * 4 and row[-1] == "a later week by 4 August 2023"


def test_a_series_that_has_ended_is_never_overdue():
    months = [released("2016-03", dt.date(2016, 7, 14), source="cps_case_outcomes")]
    found = find("cps_case_outcomes", months)
    assert not found.is_overdue(dt.date(2030, 1, 1))
    assert row_of("cps_case_outcomes", months, dt.date(2030, 1, 1))[-1] == "none: the series has ended"


def test_what_is_not_in_force_does_not_count():
    found = find("nrm", [released("2021-Q1", dt.date(2021, 6, 19), status="withdrawn")])
    assert found.days == () and found.latest_published_on is None
    assert make_timeliness_table([found], dt.date(2021, 7, 1)).rows[0][5] == "no release is in force"


def test_every_source_has_a_row():
    assert [each.source.source for each in find_timeliness([])] == list(SOURCES)
