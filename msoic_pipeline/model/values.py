"""The values that columns may have, where code names them too: the type of each, whose ``get_args`` are the members."""

from __future__ import annotations

from typing import Literal

# Whether a rise of a KPI is good, bad or neither.
Direction = Literal["good", "bad", "neutral"]
# How much of what is due a KPI value is of.
KpiStatus = Literal["complete", "incomplete", "not computable"]
# What stands beside a figure, or in its place, as the Government Analysis Function's shorthand has it.
INCOMPLETE, NOT_AVAILABLE, CONFIDENTIAL = "[i]", "[x]", "[c]"
MARKERS = {
    INCOMPLETE: "incomplete: some of the reports that are due had not come in",
    NOT_AVAILABLE: "not available",
    CONFIDENTIAL: "confidential: it would tell, or help to tell, what a few forces returned",
}
# What kind of statement a claim is.
ClaimKind = Literal["level", "change", "difference", "placeholder"]
# As known when a claim is judged.
Known = Literal["when published", "today"]
