"""What was done about what stands in quarantine, in the words of its column ``treatment``."""

from __future__ import annotations

REJECTED = "rejected"
# Of a file that is not where it was: nothing is rejected.
STANDS = "its figures stand"


def tell_left_out(fault: str) -> str:
    """Return what was done with rows that a known fault leaves out."""
    return f"left out by declared fault {fault}"


def tell_replaced(replacement: str, fault: str) -> str:
    """Return what was done with a cell of which a known fault has another text read."""
    return f"read as {replacement} by declared fault {fault}"


def tell_accepted_as_it_is(fault: str) -> str:
    """Return what was done with a failure that a known fault accepts."""
    return f"loaded as it is, accepted by declared fault {fault}"
