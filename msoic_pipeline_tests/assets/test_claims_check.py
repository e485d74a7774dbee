"""What Dagster's pages say of claims: published figures first, and the sample apart."""

from __future__ import annotations

from typing import Any

import dagster as dg

from msoic_pipeline.assets.claims import _list_claims_by_verdict, _make_claims_check
from msoic_pipeline.claims.stored_verdicts import ClaimSummary, ReportCounts


def _refuted(claim_id: str, verdict: str, known: str = "today") -> dict[str, Any]:
    return {"report": "r", "claim_id": claim_id, "known": known, "verdict": verdict, "words": "", "explanation": ""}


def test_the_check_counts_claims_that_sample_data_alone_refute_apart():
    check = _make_claims_check(
        [
            _refuted("a", "differs from sample data", "when published"),
            _refuted("b", "contradicted by sample data"),
            _refuted("a", "differs"),
            _refuted("c", "differs from sample data", "when published"),
            _refuted("c", "differs from sample data"),
        ]
    )
    assert not check.passed and check.severity == dg.AssetCheckSeverity.WARN
    assert str(check.description).startswith(
        "1 claims are refuted by published figures or by the report itself, 2 by sample data alone, "
    )
    rows: Any = check.metadata["refuted"]
    assert [row.data["claim_id"] for row in rows.records] == ["a", "a", "b", "c", "c"]
    assert rows.records[0].data["verdict"] == "differs"


def test_the_verdicts_are_listed_with_what_they_rest_on_and_none_is_left_out():
    summary = ClaimSummary(0, (ReportCounts("r", "today", {"reproduced by sample data": 7, "reproduced": 2}),), {})
    rows = _list_claims_by_verdict(summary)
    assert [(row["verdict"], row["claims"]) for row in rows][:4] == [
        ("reproduced", 2),
        ("differs", 0),
        ("contradicted", 0),
        ("reproduced by sample data", 7),
    ]
    assert rows[0]["decided"] != rows[3]["decided"]
    assert len(rows) == 8
