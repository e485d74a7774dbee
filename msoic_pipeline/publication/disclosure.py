"""What of KPIs that rest on sensitive returns may be published, so that no single reporter's return can be told.

Whoever has the exports can add and subtract: months of a quarter, quarters of a year, one KPI's denominator and
another's numerator. So it is not enough that a figure itself is of several reporters; its difference from every other
one that counts the same must be too.

Examples, with the fewest reporters that a figure must be of, which is three:

- In February two forces returned. Each knows its own figure, and so the other's: February is kept back.
- In January and March five forces did, and both are shown. Then the quarter has 5 + 2 + 5 = 12 returns, enough for
  itself; but the quarter less January less March is February. So it is kept back too, and the year around it.
- In a month ten forces say of which type their investigations are, and nine of which nationality the suspects are.
  Both would do alone; their difference is the investigations of the one that left nationality out. The KPI with the
  fewer returns is kept back. With eight it would be too; with seven it may be shown, since three make the difference.
- Live investigations are a stock: a quarter's figure has each force's last return in it. One force has none for June:
  the quarter's figure is June's, which is published, plus that force's of May. The quarter is kept back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import Kpi, load_definitions
from msoic_pipeline.kpis.few_returns import CountedReturns, tells_a_return
from msoic_pipeline.kpis.known_values import find_known_values
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.periods import PERIOD_MONTHS, period_end

SUPPRESSED = "suppressed"
FIGURES = ["value", "numerator", "denominator"]
PLACE = ["kpi_id", "period_kind", "geography_kind", "geography_code"]
# Columns that compare with another period, by the column that names its start.
COMPARED = {"previous_start": "previous", "year_before_start": "year_before"}


@dataclass(frozen=True)
class CountedValue:
    """A value by the number of its row: how many returns it is of, and how many were due."""

    row: int
    kpi: Kpi
    received: int
    expected: int


@dataclass(frozen=True)
class SpannedValue:
    """A value by the number of its row: the first and the last day that it is about."""

    row: int
    first: dt.date
    last: dt.date

    def contains(self, other: SpannedValue) -> bool:
        """Return whether another value's days are all among these."""
        return self.first <= other.first and other.last <= self.last


def suppress_returns(values: pd.DataFrame) -> pd.DataFrame:
    """Return the KPI values that may be published; of sensitive ones nothing below the nation, nor what tells a return.

    ``values`` are rows of ``kpi_change`` with the period's end and the starts that it is compared with. What is kept
    back has the status ``suppressed`` and no figures, wherever it stands.
    """
    sensitive = {kpi.kpi_id: kpi for kpi in load_definitions() if kpi.is_sensitive}
    is_sensitive = values["kpi_id"].isin(list(sensitive))
    is_national = values["geography_kind"] == NATIONAL
    shown = values[~is_sensitive | is_national].reset_index(drop=True)
    to_judge = shown[shown["kpi_id"].isin(list(sensitive))]
    kept_back = _find_rows_to_keep_back(to_judge, sensitive)
    return _leave_figures_out(shown, shown.index.to_series().isin(kept_back))


def _find_rows_to_keep_back(values: pd.DataFrame, kpis: dict[str, Kpi]) -> set[int]:
    """Return which rows are to be kept back: first within each period, then the longer periods around those."""
    kept_back: set[int] = set()
    for (period_kind, _), of_period in values.groupby(["period_kind", "period_start"]):
        counted = _list_counted_values(of_period, kpis)
        # A sum is of all months, a stock of the last: they count different things, and do not tell of each other.
        for over_time in ("sum", "last"):
            alike = [value for value in counted if value.kpi.over_time == over_time]
            kept_back.update(find_kept_back_in_period(alike, str(period_kind)))
    for _, of_kpi in values.groupby(["kpi_id", "geography_code"]):
        if kpis[str(of_kpi["kpi_id"].iloc[0])].over_time == "sum":
            kept_back.update(find_kept_back_around(_list_spanned_values(of_kpi), kept_back))
    has_figures = values[FIGURES].notna().any(axis=1)
    return {row for row in kept_back if has_figures[row]}


def _list_counted_values(values: pd.DataFrame, kpis: dict[str, Kpi]) -> list[CountedValue]:
    counted = []
    row: Any
    for row in values.itertuples():
        counted.append(CountedValue(row.Index, kpis[row.kpi_id], row.parts_received, row.parts_expected))
    return counted


def _list_spanned_values(values: pd.DataFrame) -> list[SpannedValue]:
    spanned = []
    row: Any
    for row in values.itertuples():
        spanned.append(SpannedValue(row.Index, row.period_start, row.period_end))
    return spanned


def find_kept_back_in_period(values: Sequence[CountedValue], period_kind: str) -> Iterator[int]:
    """Yield which of the KPIs of one period are to be kept back, for themselves or beside each other.

    They are looked at from the most returns to the fewest, each beside the one that was last found fit to be shown.
    """
    returns_shown: int | None = None
    for value in sorted(values, key=lambda value: -value.received):
        returns = _count_returns(value, period_kind)
        if tells_a_return(returns):
            yield value.row
        elif returns_shown is not None and 0 < returns_shown - value.received <= returns.too_few:
            # All count the same investigations, by type or by nationality: the difference is who left one out.
            yield value.row
        else:
            returns_shown = value.received


def _count_returns(value: CountedValue, period_kind: str) -> CountedReturns:
    """Return the returns that a value of a period is of."""
    return CountedReturns(
        value.received,
        value.expected,
        value.kpi.over_time,
        months=PERIOD_MONTHS[period_kind],
        months_of_return=PERIOD_MONTHS[value.kpi.numerator.finest_period],
    )


def find_kept_back_around(values: Sequence[SpannedValue], kept_back: set[int]) -> Iterator[int]:
    """Yield the longer periods of a KPI that contain one that is kept back: less the others, they would tell it.

    Those that are kept back contain themselves.
    """
    gaps = [value for value in values if value.row in kept_back]
    for value in values:
        if any(value.contains(gap) for gap in gaps):
            yield value.row


def _leave_figures_out(values: pd.DataFrame, is_kept_back: pd.Series) -> pd.DataFrame:
    """Return the values without the figures of some rows, also where other rows are compared with them."""
    gone = values.loc[is_kept_back, [*PLACE, "period_start"]]
    values = values.copy()
    values.loc[is_kept_back, FIGURES] = None
    values.loc[is_kept_back, "status"] = SUPPRESSED
    for start, name in COMPARED.items():
        gone_by_start = gone.rename(columns={"period_start": start}).assign(is_gone=True)
        compared = values[[*PLACE, start]].merge(gone_by_start, how="left", on=[*PLACE, start])
        is_other_gone = compared["is_gone"].notna().to_numpy()
        values.loc[is_other_gone, f"{name}_value"] = None
        values.loc[is_other_gone, f"{name}_status"] = SUPPRESSED
        values.loc[is_other_gone | is_kept_back, [f"difference_on_{name}", f"change_on_{name}"]] = None
    return values


def find_values_to_keep_back(connection: Connection, as_at: dt.date | None = None) -> set[tuple[str, str, dt.date]]:
    """Return KPI, kind of period and start of the nation's values that are kept back among those known on a day."""
    sensitive = {kpi.kpi_id: kpi for kpi in load_definitions() if kpi.is_sensitive}
    known = [
        value
        for kpi_id in sensitive
        for value in find_known_values(connection, kpi_id, geography=NATIONAL, as_at=as_at)
    ]
    if not known:
        return set()
    values = pd.DataFrame([asdict(value) for value in known])
    values["period_end"] = [period_end(value.period_kind, value.period_start) for value in known]
    rows = _find_rows_to_keep_back(values, sensitive)
    return {(known[row].kpi_id, known[row].period_kind, known[row].period_start) for row in rows}
