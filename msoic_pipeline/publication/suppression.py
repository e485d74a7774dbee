"""The KPI values of the exports without those that are kept back, wherever they stand."""

from __future__ import annotations

from collections.abc import Set
from typing import Any

import pandas as pd
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.definitions import load_definitions
from msoic_pipeline.kpis.disclosure import NationalValue
from msoic_pipeline.kpis.kept_back import find_values_kept_back
from msoic_pipeline.model.geography import NATIONAL

SUPPRESSED = "suppressed"
FIGURES = ["value", "numerator", "denominator"]
PLACE = ["kpi_id", "period_kind", "geography_kind", "geography_code"]
# Columns that compare with another period, by the column that names its start.
COMPARED = {"previous_start": "previous", "year_before_start": "year_before"}


def suppress_returns(values: pd.DataFrame, connection: Connection) -> pd.DataFrame:
    """Return the KPI values that may be published; of sensitive ones nothing below the nation, nor what tells a return.

    ``values`` are all rows of ``kpi_change``, as read from ``connection``, with the starts of the periods that it is
    compared with. What is kept back has the status ``suppressed`` and no figures, wherever it stands.
    """
    sensitive = [kpi.kpi_id for kpi in load_definitions() if kpi.is_sensitive]
    is_sensitive = values["kpi_id"].isin(sensitive)
    is_national = values["geography_kind"] == NATIONAL
    shown = values[~is_sensitive | is_national].reset_index(drop=True)
    kept_back = find_values_kept_back(connection)
    rows_kept_back = _find_rows_to_keep_back(shown[shown["kpi_id"].isin(sensitive)], kept_back)
    return _leave_figures_out(shown, shown.index.to_series().isin(rows_kept_back))


def _find_rows_to_keep_back(values: pd.DataFrame, kept_back: Set[NationalValue]) -> list[int]:
    """Return the numbers of the rows to be kept back, as far as there is a figure in them."""
    with_figures = values[values[FIGURES].notna().any(axis=1)]
    rows: list[int] = []
    row: Any
    for row in with_figures.itertuples():
        if NationalValue(row.kpi_id, row.period_kind, row.period_start) in kept_back:
            rows.append(row.Index)
    return rows


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
