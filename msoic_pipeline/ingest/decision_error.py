"""The error of a decision that cannot be made, apart from ``decisions``: the commands know it before they load more."""

from __future__ import annotations


class DecisionError(Exception):
    """A decision about a release that cannot be made, with what stands in its way."""
