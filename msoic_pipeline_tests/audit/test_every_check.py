"""The words of all checks that are written by hand."""

from __future__ import annotations

from collections import Counter

from msoic_pipeline.audit.every_check import list_every_check


def test_every_check_says_what_holds_and_why():
    checks = list_every_check()
    assert all(check.severity in ("block", "warn") and check.reason.endswith(".") for check in checks)
    assert max(Counter(check.name for check in checks).values()) == 1


def test_checks_of_every_kind_are_told():
    names = {check.name for check in list_every_check()}
    assert names >= {
        "totals equal their parts",
        "series have no gaps",
        "weeks are the sum of their days",
        "national totals have no level shifts",
    }
