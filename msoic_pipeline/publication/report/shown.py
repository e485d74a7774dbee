"""The figures of a KPI as the report shows them: as known on a day, without what is kept back, and with their marks."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import Kpi
from msoic_pipeline.kpis.known_values import KnownValue, find_known_values
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.periods import period_end
from msoic_pipeline.texts import tell_figure

# What stands beside a figure, and what it means.
MARKS = {
    "i": "incomplete: not all that were due had reported",
    "g": "still growing: more is expected to be reported of the period",
    "u": "unfinished: the period was not over",
    "p": "provisional: the publisher calls it so",
    "c": "kept back: it would tell what fewer than three forces returned",
    "x": "not available",
}


@dataclass(frozen=True)
class ShownFigure:
    """A KPI value as the report shows it, with the marks that stand beside it (keys of MARKS).

    What is kept back or missing has no ``value``.
    """

    kpi: Kpi = field(repr=False)
    known: KnownValue
    marks: tuple[str, ...]

    @property
    def value(self) -> float | None:
        """The figure; None where it is kept back or missing."""
        return None if "c" in self.marks else self.known.value

    @property
    def period_start(self) -> dt.date:
        """The first day of its period."""
        return self.known.period_start

    @property
    def period_label(self) -> str:
        """The label of its period."""
        return self.known.period_label

    @property
    def is_whole(self) -> bool:
        """Whether the figure is all that it will be: it can be compared with others."""
        return self.value is not None and not {"i", "g", "u"} & set(self.marks)

    @property
    def words(self) -> str:
        """The figure in words, such as ``3,330``, ``27.3%`` or ``£975,988``, without its marks."""
        return "–" if self.value is None else tell_value(self.value, self.kpi.unit)

    @property
    def name(self) -> str:
        """What the figure is called among all of a report: its KPI, period and geography."""
        return f"{self.known.kpi_id} {self.known.period_label} {self.known.geography_code}"


def tell_value(value: float, unit: str) -> str:
    """Return a value of a unit in words: a share in percent, money with its sign, all else as a number."""
    if unit == "share":
        return f"{value:.1%}"
    if unit == "GBP":
        return f"£{value:,.0f}"
    return tell_figure(value, 4)


def tell_unit(unit: str) -> str:
    """Return a unit as it stands behind a value; nothing where the value says it itself."""
    return "" if unit in ("share", "GBP") else unit
