"""What is refused when a known fault is declared: a slip in it would never apply, or break every file."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from msoic_pipeline.ingest.known_faults import Fault

DECLARED: dict[str, Any] = {
    "fault": "a-year",
    "reference_period": "2023-Q1",
    "sheet": "Table_2",
    "cell": "A63",
    "found": "2022",
    "treatment": "replace",
    "replacement": 2023,
    "reason": "The year is that of the row above.",
    "reviewed_by": "somebody",
    "reviewed_on": "2023-06-01",
    "expires": "2030-01-01",
}


def test_a_fault_is_read():
    assert Fault.model_validate(DECLARED).cell == "A63"


@pytest.mark.parametrize("slip", [{"cell": "63A"}, {"reference_period": "2023-Q5"}, {"reference_period": "2023Q1x"}])
def test_a_place_or_period_that_there_cannot_be_is_refused(slip: dict[str, Any]):
    with pytest.raises(ValidationError, match=next(iter(slip))):
        Fault.model_validate(DECLARED | slip)
