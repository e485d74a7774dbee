"""Checks of police recorded crime alone."""

from collections.abc import Iterator

import pandas as pd
import sqlalchemy as sa

from msoic_pipeline.model.checks import MODERN_SLAVERY, PublisherChecks, RowCheck, RowFailure
from msoic_pipeline.model.members import find_name
from msoic_pipeline.model.traits import traits_of_fact
from msoic_pipeline.periods import PERIOD_MONTHS, period_label, period_start

QUARTERS_OF_A_YEAR = PERIOD_MONTHS["financial_year"] // PERIOD_MONTHS["quarter"]


def yearly_totals_differ(rows: pd.DataFrame, fact: sa.Table) -> Iterator[RowFailure]:
    """Find the forces with the very same total in two whole financial years of one release.

    For example ``Derbyshire: 86,228 in each of 2021/22, 2022/23``.
    """
    (measure,) = traits_of_fact(fact).measures
    whole_years = _sum_whole_years(rows, measure)
    repeated = whole_years[whole_years.duplicated(["release_id", "force_code", "total"], keep=False)]
    labels = [period_label("financial_year", start) for start in repeated["year_start"]]
    by_total = repeated.assign(label=labels).groupby(["release_id", "force_code", "total"])
    for force in by_total["label"].agg(", ".join).reset_index().to_dict("records"):
        name = find_name("force", force["force_code"])
        yield RowFailure(force["release_id"], f"{name}: {force['total']:,} in each of {force['label']}")


def _sum_whole_years(rows: pd.DataFrame, measure: str) -> pd.DataFrame:
    """Return the totals by release, force and financial year (``year_start``) of which all quarters are there.

    Years without any offence are left out: that two of them are alike says nothing.
    """
    year_of = {quarter: period_start("financial_year", quarter.date()) for quarter in set(rows["quarter_start"])}
    years = (
        rows.assign(year_start=rows["quarter_start"].map(year_of))
        .groupby(["release_id", "force_code", "year_start"], as_index=False)
        .agg(total=(measure, "sum"), quarters=("quarter_start", "nunique"))
    )
    return years[(years["quarters"] == QUARTERS_OF_A_YEAR) & (years["total"] != 0)]


CHECKS = PublisherChecks(
    row_checks=(
        RowCheck(
            name="yearly totals of a force differ",
            severity="warn",
            reason="Two years with the very same total of all offences are hardly chance: one year's figures may stand "
            "in the other's place, as seen in a published table. Which one is right cannot be told from the file.",
            run=yearly_totals_differ,
            facts=("fact_recorded_crime",),
        ),
    ),
    series_apart=(MODERN_SLAVERY,),
)
