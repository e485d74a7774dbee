"""Marks: the letters that stand beside a figure of a publication, and what is to be known of a figure that has one."""

from __future__ import annotations

from dataclasses import dataclass

from msoic_pipeline.kpis.disclosure import FEWEST_REPORTERS


@dataclass(frozen=True)
class Mark:
    """A letter that stands beside figures, the short name of what it says, and what that means (empty: no more)."""

    letter: str
    name: str
    meaning: str = ""

    @property
    def words(self) -> str:
        """All that it says: ``unfinished: the period was not over``."""
        return f"{self.name}: {self.meaning}" if self.meaning else self.name


INCOMPLETE = Mark("i", "incomplete", "not all that were due had reported")
NOT_SETTLED = Mark("g", "not settled", "later releases are expected to change it much")
UNFINISHED = Mark("u", "unfinished", "the period was not over")
PROVISIONAL = Mark("p", "provisional", "the publisher calls it so")
KEPT_BACK = Mark("c", "kept back", f"it would tell what fewer than {FEWEST_REPORTERS} forces returned")
NOT_AVAILABLE = Mark("x", "not available")

# In the order in which they are explained.
MARKS = (INCOMPLETE, NOT_SETTLED, UNFINISHED, PROVISIONAL, KEPT_BACK, NOT_AVAILABLE)
