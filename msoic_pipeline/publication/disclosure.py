"""What of KPIs that rest on sensitive returns may be published, so that no single reporter's return can be told.

Whoever has the exports can add and subtract: months of a quarter, quarters of a year, one KPI's denominator and
another's numerator. So it is not enough that a figure itself is of several reporters; its difference from every other
one that counts the same must be too.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from msoic_pipeline.kpis.definitions import FEWEST_REPORTERS, Kpi, load_definitions
from msoic_pipeline.periods import PERIOD_MONTHS

SUPPRESSED = "suppressed"
FIGURES = ["value", "numerator", "denominator"]
PLACE = ["kpi_id", "period_kind", "geography_kind", "geography_code"]
# Columns that compare with another period, by the column that names its start.
COMPARED = {"previous_start": "previous", "year_before_start": "year_before"}


def publishable(values: pd.DataFrame) -> pd.DataFrame:
    """Return the KPI values that may be published; of sensitive ones nothing below the nation, nor what tells a return.

    ``values`` are rows of ``kpi_change`` with the period's end and the starts that it is compared with. What is kept
    back has the status ``suppressed`` and no figures, wherever it stands.
    """
    sensitive = {kpi.kpi_id: kpi for kpi in load_definitions() if kpi.is_sensitive}
    is_sensitive = values["kpi_id"].isin(list(sensitive))
    kept = values[~is_sensitive | (values["geography_kind"] == "national")].reset_index(drop=True)
    hidden = _hidden(kept[kept["kpi_id"].isin(list(sensitive))], sensitive)
    return _without(kept, kept.index.to_series().isin(hidden))


def parts_of_a_reporter(kpi: Kpi, period_kind: str) -> int:
    """Return how many of ``parts_received`` one reporter can account for."""
    months = {"month": 1, "quarter": 3}[kpi.numerator.grain]
    return 1 if kpi.over_time == "last" else PERIOD_MONTHS[period_kind] // months


def _hidden(values: pd.DataFrame, kpis: dict[str, Kpi]) -> set[int]:
    """Return which rows are to be kept back."""
    hidden: set[int] = set()
    for (kind, _), together in values.groupby(["period_kind", "period_start"]):
        parts = together[["kpi_id", "parts_received", "parts_expected"]]
        rows: list[tuple[int, str, int, int]] = list(parts.itertuples(name=None))
        for over_time in ("sum", "last"):
            its = [(row, kpis[name], got, due) for row, name, got, due in rows if kpis[name].over_time == over_time]
            hidden.update(_of_a_period(its, str(kind)))
    for _, series in values.groupby(["kpi_id", "geography_code"]):
        if kpis[str(series["kpi_id"].iloc[0])].over_time == "sum":
            hidden.update(_around(series, hidden))
    has_figures = values[FIGURES].notna().any(axis=1)
    return {row for row in hidden if has_figures[row]}


def _of_a_period(rows: list[tuple[int, Kpi, int, int]], kind: str) -> Iterator[int]:
    """Yield which of the KPIs of one period are to be kept back, for themselves or beside each other."""
    last_shown: int | None = None
    for row, kpi, received, expected in sorted(rows, key=lambda each: -each[2]):
        too_few = (FEWEST_REPORTERS - 1) * parts_of_a_reporter(kpi, kind)
        is_longer = PERIOD_MONTHS[kind] > PERIOD_MONTHS[kpi.numerator.grain]
        if received <= too_few:
            yield row
        elif kpi.over_time == "last" and is_longer and received < expected:
            # A reporter without a return of the last month counts with an earlier one: less the last month's figure,
            # which is published too, that one is left.
            yield row
        elif last_shown is not None and received != last_shown and last_shown - received <= too_few:
            # All count the same investigations, by type or by nationality: the difference is who left one out.
            yield row
        else:
            last_shown = received


def _around(series: pd.DataFrame, hidden: set[int]) -> Iterator[int]:
    """Yield the longer periods of a KPI that contain one that is kept back: less the others, they would tell it."""
    spans: list[tuple[int, Any, Any]] = list(series[["period_start", "period_end"]].itertuples(name=None))
    kept_back = [(start, end) for row, start, end in spans if row in hidden]
    for row, first, last in spans:
        if any(first <= start and end <= last for start, end in kept_back):
            yield row


def _without(values: pd.DataFrame, hidden: pd.Series) -> pd.DataFrame:
    """Return the values without the figures of the rows that are hidden, in other rows' comparisons neither."""
    gone = values.loc[hidden, [*PLACE, "period_start"]]
    values = values.copy()
    values.loc[hidden, FIGURES] = None
    values.loc[hidden, "status"] = SUPPRESSED
    for start, name in COMPARED.items():
        other = gone.rename(columns={"period_start": start}).assign(is_gone=True)
        its = values[[*PLACE, start]].merge(other, how="left", on=[*PLACE, start])["is_gone"].notna().to_numpy()
        values.loc[its, f"{name}_value"] = None
        values.loc[its, f"{name}_status"] = SUPPRESSED
        values.loc[its | hidden, [f"difference_on_{name}", f"change_on_{name}"]] = None
    return values
