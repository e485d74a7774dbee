"""The rules of the public edition, as ``policy.yaml`` declares them."""

from __future__ import annotations

import datetime as dt
from functools import cache
from importlib import resources
from typing import Literal

from pydantic import Field

from msoic_pipeline.declarations import Declaration, parse_list
from msoic_pipeline.periods import period_end

POLICY_FILE = "msoic_pipeline/publication/public_edition/policy.yaml"


class Policy(Declaration):
    """What may be shown of figures that rest on sensitive returns."""

    policy: Literal["force_returns"]
    days_to_cut_off: int = Field(ge=0)
    geographies: tuple[Literal["national", "rocu_region"], ...] = Field(min_length=1)
    smallest_count: int = Field(ge=1)
    decimals_of_shares: int = Field(ge=0)
    least_uncertainty: float = Field(ge=0, le=1)

    def find_cut_off(self, period_kind: str, period_start: dt.date) -> dt.date:
        """Return the last day on which a return may come in that is counted in a period's figure.

        Example: 60 days after the last quarter of 2021 is 1 March 2022.
        """
        return period_end(period_kind, period_start) + dt.timedelta(days=self.days_to_cut_off)

    def find_least_width(self, count: float) -> float:
        """Return how wide the range must be, at least, within which somebody can tell a count that is suppressed."""
        return max(self.smallest_count, self.least_uncertainty * count)

    def round_share(self, share: float) -> float:
        """Return a share as it is published."""
        return round(share, self.decimals_of_shares)


@cache
def load_policy() -> Policy:
    """Return the policy of the package. Raises DeclarationError where it is not well formed."""
    text = resources.files(__package__).joinpath("policy.yaml").read_text(encoding="utf-8")
    return parse_list(text, Policy, POLICY_FILE, "policy")[0]
