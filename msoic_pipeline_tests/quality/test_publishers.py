"""What is checked of one publisher's figures alone is found from its folder."""

from __future__ import annotations

import pytest

from msoic_pipeline.code_digests import find_code_used_by
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.quality import publishers, validation
from msoic_pipeline.quality.publishers import find_checks_module, load_publisher_checks
from msoic_pipeline.quality.row_checks import ROW_CHECKS, list_row_checks_of
from msoic_pipeline.workbooks.source import SOURCES


def test_checks_of_a_publisher_are_found_from_its_folder():
    own = {source: [check.name for check in load_publisher_checks(source).row_checks] for source in SOURCES}
    assert {source: names for source, names in own.items() if names} == {
        "recorded_crime": ["yearly totals of a force differ"],
        "small_boats": ["weeks are the sum of their days"],
    }
    apart = {source: [series.name for series in load_publisher_checks(source).series_apart] for source in SOURCES}
    assert {source for source, names in apart.items() if names} == {"recorded_crime", "crime_outcomes"}


def test_every_check_is_for_tables_of_its_own_source():
    for source in SOURCES:
        for check in load_publisher_checks(source).row_checks:
            assert {traits_of_fact(FACTS[name]).source for name in check.facts} == {source}, check.name


def test_a_table_is_checked_by_what_holds_for_all_and_for_its_publisher():
    names = [check.name for check in list_row_checks_of(FACTS["fact_small_boat_arrival"])]
    assert names == [*(check.name for check in ROW_CHECKS), "weeks are the sum of their days"]
    csp = [name for name, fact in FACTS.items() if traits_of_fact(fact).source == "recorded_crime"]
    yearly = [
        name for name in csp if "yearly totals of a force differ" in {c.name for c in list_row_checks_of(FACTS[name])}
    ]
    assert yearly == ["fact_recorded_crime"]


def test_a_module_that_says_something_else_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(publishers, "find_checks_module", lambda source: "msoic_pipeline.sources")
    with pytest.raises(TypeError, match="expected CHECKS, a PublisherChecks; found NoneType"):
        load_publisher_checks("toy")


def test_findings_rest_on_the_publishers_checks(monkeypatch: pytest.MonkeyPatch):
    rested_on: list[tuple[str, ...]] = []

    def spy(*modules: str) -> str:
        rested_on.append(modules)
        return ""

    monkeypatch.setattr(validation, "digest_code", spy)
    validation._digest_checks.__wrapped__(("fact_small_boat_arrival",))
    validation._digest_checks.__wrapped__(("fact_cps_outcome",))
    (boats, cps) = rested_on
    assert boats == ("msoic_pipeline.quality.validation", find_checks_module("small_boats"))
    assert cps == ("msoic_pipeline.quality.validation",)
    assert any(path.match("sources/small_boats/checks.py") for path in find_code_used_by(*boats)[0])
