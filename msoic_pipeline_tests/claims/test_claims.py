"""Claims: how they are declared, and that those of the package are complete and stand in the report."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path

import pytest

from msoic_pipeline.claims.claims import (
    COMPARATORS,
    Claim,
    Report,
    load_reports,
    parse_report,
    tell_with_unit,
)
from msoic_pipeline.claims.period import Period, parse_periods
from msoic_pipeline.declarations import DeclarationError

NUMBERS = {
    **{1: "one", 2: "two", 3: "three", 4: "four", 5: "five", 6: "six", 7: "seven", 8: "eight", 9: "nine", 10: "ten"},
    **{11: "eleven", 12: "twelve", 15: "fifteen"},
}

HEAD = """
report: r
title: R
published_on: 2022-07-31
published_on_because: it says so
sections: {1: One}
claims:
"""


def claim(**fields: object) -> Claim:
    return Claim.model_validate({"id": "c", "section": 1, "words": "", "unit": "people", "missing": "all"} | fields)


# --- What a word allows ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("comparator", "value", "fields", "low", "high"),
    [
        ("exactly", 115, {}, 114.5, 115.5),
        ("exactly", 300, {}, 299.5, 300.5),
        ("exactly", 33.3, {}, 33.25, 33.35),
        ("exactly", 2_500_000, {"rounded_to": 100_000}, 2_450_000, 2_550_000),
        ("exactly", -50, {}, -50.5, -49.5),
        ("over", 7_000, {}, 7_000, 8_000),
        ("over", 17_500, {}, 17_500, 17_600),
        ("over", 9_573, {}, 9_573, 9_574),
        ("over", 100, {}, 100, 120),
        ("over", -50, {}, -60, -50),
        ("almost", 38_000, {}, 37_000, 38_000),
        ("almost", 1_000_000, {}, 800_000, 1_000_000),
        ("just over", 27, {}, 27, 27.5),
        ("just under", 60, {}, 55, 60),
        ("about", 10, {}, 8, 12),
        ("over", 12_500_000_000, {}, 12_500_000_000, 12_600_000_000),
        ("exactly", 12_345_678_901, {}, 12_345_678_900.5, 12_345_678_901.5),
        ("exactly", [0.1, 0.2], {}, 0.25, 0.35),
        ("exactly", 1_000_000_000.1, {}, 1_000_000_000.05, 1_000_000_000.15),
        ("at least", 200, {}, 200, float("inf")),
        ("at most", 14, {}, float("-inf"), 14),
    ],
)
def test_what_a_comparator_allows(comparator, value, fields, low, high):
    bounds = claim(comparator=comparator, value=value, **fields).bounds
    assert (bounds.low, bounds.high) == pytest.approx((low, high), rel=1e-12)


def test_a_figure_is_allowed_that_rounds_to_the_claim():
    seventy = claim(value=70)
    assert seventy.allows(69.5) and seventy.allows(70.49)
    assert not seventy.allows(69.4) and not seventy.allows(70.6)


def test_several_values_make_one():
    assert claim(value=[374, 19]).claimed == 393


def test_every_comparator_is_usable():
    assert all(claim(comparator=word, value=3).bounds for word in COMPARATORS)


def test_periods():
    assert parse_periods("2021/22 Q4") == Period("quarter", dt.date(2022, 1, 1), dt.date(2022, 1, 1))
    assert parse_periods(2021).label == "2021"
    months = parse_periods("2021-04 to 2022-01")
    assert (len(months.starts), months.end, months.label) == (10, dt.date(2022, 1, 31), "2021-04 to 2022-01")
    for wrong in ("2021-04 to 2022", "2022-01 to 2021-04", "1 to 2 to 3", "soon"):
        with pytest.raises(ValueError, match="expected"):
            parse_periods(wrong)


def test_figures_are_read_as_people_write_them():
    assert tell_with_unit(975_988, "GBP") == "£975,988"
    assert tell_with_unit(69.94, "percent", signed=True) == "+69.9%"
    assert tell_with_unit(-50, "percent", signed=True) == "-50%"
    assert tell_with_unit(1, "people") == "1 person"
    assert tell_with_unit(9.96, "percentage points", signed=True) == "+10 percentage points"
    assert tell_with_unit(-975_988, "GBP") == "-£975,988"
    assert tell_with_unit(-975_988, "GBP", signed=True) == "-£975,988"
    assert tell_with_unit(975_988, "GBP", signed=True) == "+£975,988"


@pytest.mark.parametrize(
    ("units", "unit"),
    [
        ("people", "person"),
        ("bodies", "body"),
        ("boxes", "box"),
        ("addresses", "address"),
        ("branches", "branch"),
        ("crimes", "crime"),
        ("courses", "course"),
        ("cases", "case"),
        ("services", "service"),
        ("businesses", "business"),
    ],
)
def test_of_one_the_unit_is_singular(units: str, unit: str):
    assert tell_with_unit(1, units) == f"1 {unit}"
    assert tell_with_unit(-1, units, signed=True) == f"-1 {unit}"
    assert tell_with_unit(2, units) == f"2 {units}"


# --- Declarations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{id: a, section: 1, words: w, unit: u, value: 1}", "a: give either a measure or what is missing"),
        ("{id: a, section: 1, words: w, unit: u, missing: m}", "a: give a value, save for a placeholder"),
        (
            "{id: a, section: 1, words: w, unit: u, value: 1, measure: {kpi: nothing}}",
            "a.measure: no such KPI: nothing",
        ),
        (
            "{id: a, section: 1, words: w, unit: u, value: 1, measure: {}}",
            "a.measure: give one of kpi, term and members",
        ),
        ("{id: a, section: 1, words: w, unit: u, value: 1, measure: {kpi: operations}}", "a: a measure is of a period"),
        (
            "{id: a, section: 1, words: w, unit: u, value: 1, kind: change, measure: {kpi: operations}, period: 2021}",
            "a: a change has a base; a change is in percent",
        ),
        (
            "{id: a, section: 1, words: w, unit: u, value: 1, measure: {members: dim_force, where: {colour: red}}}",
            "a.measure: dim_force has no column colour",
        ),
        (
            "{id: a, section: 1, words: w, unit: u, value: 1, measure: {members: dim_force, where: {name: Kent}},"
            " geography: Kent}",
            "a: geography is of KPIs: of other measures name the locality",
        ),
        (
            "{id: a, section: 1, words: w, unit: u, value: 1, measure: {kpi: operations}, period: 2021,"
            " locality: Kent}",
            "a: locality is of measures that are no KPIs: of KPIs give the geography",
        ),
        (
            "{id: a, section: 1, words: w, unit: u, value: 1, period: '2021', measure: {kpi: live_investigations},"
            " geography: West Midlands}",
            "a: 'West Midlands' is several geographies of live_investigations: name one of rocu_region:West Midlands; "
            "force:E23000014",
        ),
        (
            "{id: a, section: 1, words: w, unit: u, value: 1, period: '2021', measure: {kpi: live_investigations},"
            " geography: Kentt}",
            "a: no geography is called 'Kentt'",
        ),
        (
            "{id: a, section: 1, words: w, unit: u, value: 1, period: '2021', measure: {kpi: cps_charged},"
            " geography: Kent}",
            "a: cps_charged has no figures of 'Kent'",
        ),
        ("{id: a, section: 1, words: w, unit: u, value: 1, missing: m, period: soon}", "a.period: expected"),
        ("{id: a, section: 2, words: w, unit: u, value: 1, missing: m}", "report: sections that are not listed: 2"),
    ],
)
def test_a_wrong_claim_is_refused_with_its_id_and_what_is_wrong(written, expected):
    with pytest.raises(DeclarationError, match=re.escape(expected)) as caught:
        parse_report(f"{HEAD}  - {written}\n", "msoic_pipeline/claims/r.yaml")
    assert str(caught.value).startswith("msoic_pipeline/claims/r.yaml is to be mended:\n")


def test_an_id_stands_for_one_claim():
    line = "  - {id: a, section: 1, words: w, unit: u, value: 1, missing: m}\n"
    with pytest.raises(DeclarationError, match="declared more than once: a"):
        parse_report(HEAD + line + line, "r.yaml")


# --- The reports of the package --------------------------------------------------------------------------------------


@pytest.fixture(params=[report.report for report in load_reports()])
def report(request: pytest.FixtureRequest) -> Report:
    return next(report for report in load_reports() if report.report == request.param)


def test_the_annual_report_of_2021_22_is_listed_in_full():
    (report,) = (report for report in load_reports() if report.report == "annual_report_2021_22")
    assert len(report.claims) >= 70
    assert {claim.section for claim in report.claims} == set(range(1, 11))
    assert [claim.id for claim in report.claims if claim.kind == "placeholder"] == ["s6_penalty_referrals"]


def test_claims_stand_in_the_order_of_the_sections(report: Report):
    sections = [claim.section for claim in report.claims]
    assert sections == sorted(sections)


def test_every_figure_stands_in_the_words_of_its_claim(report: Report):
    absent = [claim.id for claim in report.claims if not _stands(claim)]
    assert not absent, f"write how the figure stands in words: {absent}"


def test_words_and_figures_stand_in_the_report(report: Report, reference: Path):
    path = reference.parent / report.text
    if not path.is_file():
        pytest.skip(f"the report's text is not at {path}")
    sections = _sections(path.read_text(encoding="utf-8"), len(report.sections))
    absent = [
        f"{claim.id}: {part}"
        for claim in report.claims
        for part in map(str.strip, claim.words.split("…"))
        if part not in sections[claim.section]
    ]
    assert not absent


def _stands(claim: Claim) -> bool:
    if claim.written:
        return claim.written in claim.words
    for value in map(abs, claim.value):
        written = [f"{value:,.10g}", f"{value:.10g}", NUMBERS.get(int(value), "")]
        figures = "|".join(re.escape(text) for text in written if text)
        if not re.search(rf"(?<![\d,.])({figures})(?![\d,]*\d|\.\d)", claim.words, re.IGNORECASE):
            return False
    return True


def _sections(text: str, number: int) -> dict[int, str]:
    """The text of each section, on one line, without the pages' headers."""
    lines = [line.strip() for line in text.splitlines() if " | Page " not in line]
    starts: dict[int, int] = {}
    for section in range(1, number + 1):
        first = starts.get(section - 1, -1) + 1
        starts[section] = next(
            n for n, line in enumerate(lines) if n >= first and re.match(rf"{section}\. [A-Z]", line)
        )
    ends = [*list(starts.values())[1:], len(lines)]
    whole = (" ".join(lines[start:end]) for start, end in zip(starts.values(), ends, strict=True))
    return {section: re.sub(r"\s+", " ", words) for section, words in zip(starts, whole, strict=True)}
