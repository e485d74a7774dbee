"""Which values of returns are kept back. publication/test_suppression.py tries what the rest would tell."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from msoic_pipeline.kpis.disclosure import CountedValue, NationalValue, find_kept_back
from msoic_pipeline.kpis.standing_facts import CoveredPeriod
from msoic_pipeline.periods import parse_period


def _value(kpi_id: str, kind: str, start: dt.date, reporters: Iterable[str], expected: int) -> CountedValue:
    returns = frozenset(CoveredPeriod(reporter, start, f"{reporter}-{start}") for reporter in reporters)
    return CountedValue(NationalValue(kpi_id, kind, start), len(returns), expected, (returns,))


def test_as_many_returns_of_others_are_not_the_same_returns():
    """Ten by type without J, ten by nationality without K: the difference is what J and K returned."""
    by_type, by_nationality, march = "live_investigations", "victim_british_share", dt.date(2021, 3, 1)
    values = [
        _value(by_type, "month", march, "ABCDEFGHIK", 11),
        _value(by_nationality, "month", march, "ABCDEFGHIJ", 11),
        _value("suspect_british_share", "month", march, "ABCDEFGHIK", 11),
    ]
    assert find_kept_back(values) == {values[1]}


def test_the_examples_of_the_docstring():
    opened, live, others = "investigations_opened", "live_investigations", "live_child_victim_investigations"

    def kept_back(*counts: tuple[str, str, int, int]) -> list[int]:
        values = []
        for kpi_id, period, received, expected in counts:
            kind, start = parse_period(period)
            values.append(_value(kpi_id, kind, start, map(str, range(received)), expected))
        found = find_kept_back(values)
        return [number for number, value in enumerate(values) if value in found]

    assert kept_back((opened, "2021-02", 2, 5)) == [0] and kept_back((opened, "2021-02", 5, 5)) == []
    assert kept_back((opened, "2021-Q1", 12, 15)) == [], "enough for itself"
    months = [(opened, "2021-01", 5, 5), (opened, "2021-02", 2, 5), (opened, "2021-03", 5, 5)]
    longer = [(opened, "2021-Q1", 12, 15), (opened, "2021-Q2", 15, 15), (opened, "2021", 57, 60)]
    assert kept_back(*months, *longer) == [1, 3, 5], "less the others they would tell February"
    beside = [kept_back((live, "2021-01", 10, 10), (others, "2021-01", fewer, 10)) for fewer in (10, 9, 8, 7)]
    assert beside == [[], [1], [1], []]
    assert kept_back((live, "2021-Q1", 5, 5)) == [] and kept_back((live, "2021-Q1", 4, 5)) == [0]
