"""All rules on the whole sample."""

from __future__ import annotations

import datetime as dt

import pytest
import sqlalchemy as sa

from msoic_pipeline.model.evidence import reconciliation_result
from msoic_pipeline.periods import parse_period, period_label
from msoic_pipeline.reconciliation.acceptances import load_acceptances
from msoic_pipeline.reconciliation.apply import reconcile_quarters
from msoic_pipeline.reconciliation.rules import load_rules
from msoic_pipeline_tests.handmade import ALL_QUARTERS, TODAY
from msoic_pipeline_tests.reconciliation.stale_results import find_stale_results


@pytest.mark.slow
def test_nothing_in_the_sample_blocks(sample_warehouse: sa.Engine):
    summary = reconcile_quarters(sample_warehouse, ALL_QUARTERS, today=TODAY)
    assert summary.blocking == 0, "\n".join(summary.worst)
    result = reconciliation_result
    select = sa.select(result.c.rule_id, result.c.period_label, result.c.geography_code, result.c.left_value)
    with sample_warehouse.connect() as connection:
        broken = connection.execute(select.where(result.c.status == "breaks")).all()
    # Derbyshire, as in the real tables.
    assert broken == [("recorded_crime_same_in_successive_years", "2022/23", "E23000018", 86228.0)]
    assert all(summary.counts[rule.rule_id] for rule in load_rules())
    explained = {rule_id: number["explained"] for rule_id, number in summary.counts.items() if "explained" in number}
    assert set(explained) == {
        "nrm_first_responders_to_referrals",
        "nrm_quarters_to_annual_total",
        "revision_of_irregular_arrivals",
        "revision_of_programme_activity",
        "revision_of_single_detections",
    }
    with sample_warehouse.connect() as connection:
        said = connection.execute(
            sa.select(result.c.rule_id, result.c.period_label, result.c.explanation).where(
                result.c.status == "explained"
            )
        )
        explained_by = {(row.rule_id, row.period_label, row.explanation) for row in said}
    for acceptance in load_acceptances():
        its = (acceptance.rule, period_label(*parse_period(acceptance.period)), acceptance.tell())
        assert its in explained_by, "an acceptance that explains nothing is to go"
    assert reconcile_quarters(sample_warehouse, ALL_QUARTERS, today=TODAY).changed == ()
    assert find_stale_results(sample_warehouse, ALL_QUARTERS, TODAY) == []
    ended = max(acceptance.until for acceptance in load_acceptances()) + dt.timedelta(days=1)
    assert find_stale_results(sample_warehouse, ALL_QUARTERS, ended) == ALL_QUARTERS
