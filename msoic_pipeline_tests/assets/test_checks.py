"""What failed, as Dagster's pages show it: by severity, and cut only where that is said."""

from __future__ import annotations

import dagster as dg

from msoic_pipeline.assets.checks import LONGEST_DESCRIPTION, AssetCheck, SeverityFailures, make_results_by_severity
from msoic_pipeline.assets.source_checks import make_files_check
from msoic_pipeline.model.traits import Severity
from msoic_pipeline.quality.verdicts import Verdict

CHECKS = (AssetCheck("no_breaks", "block", ""), AssetCheck("no_warnings", "warn", ""))


def test_each_severity_has_a_check_of_its_own():
    failures: dict[Severity, SeverityFailures] = {
        "block": SeverityFailures(0, "none broken"),
        "warn": SeverityFailures(2, "2 broken: a; b", [{"rule": "a"}, {"rule": "b"}], {"looked at": 3}),
    }
    block, warn = make_results_by_severity(CHECKS, failures, "table reconciliation_result")
    assert (block.check_name, block.passed, block.severity) == ("no_breaks", True, dg.AssetCheckSeverity.ERROR)
    assert (warn.check_name, warn.passed, warn.severity) == ("no_warnings", False, dg.AssetCheckSeverity.WARN)
    assert warn.description == "2 broken: a; b"
    assert block.metadata == {} and set(warn.metadata) == {"looked at", "failed"}


def test_what_is_too_long_says_where_the_rest_is():
    failures = SeverityFailures(1, "x" * (LONGEST_DESCRIPTION + 12))
    check, _ = make_results_by_severity(CHECKS, {"block": failures, "warn": failures}, "table reconciliation_result")
    assert check.description is not None
    assert check.description.endswith("x… (12 more characters: see table reconciliation_result)")


def test_rejected_files_are_named_and_the_others_counted():
    verdicts = [Verdict(f"nrm/{n}.ods", staged=None, accepted=False, reasons=("empty",)) for n in range(7)]
    description = make_files_check(verdicts).description
    assert description is not None
    assert description.startswith("nrm/0.ods: empty; ") and description.endswith("nrm/4.ods: empty; and 2 more")
    long = [Verdict("nrm/a.ods", staged=None, accepted=False, reasons=("y" * 5000,))]
    assert str(make_files_check(long).description).endswith("more characters: see table quarantine)")
