"""Checks of the weekly series of small boats alone."""

from collections.abc import Iterator

import pandas as pd
import sqlalchemy as sa

from msoic_pipeline.model.checks import PublisherChecks, RowCheck, RowFailure
from msoic_pipeline.wording import at_cell, tell_day, tell_figure

DAYS_OF_A_WEEK = 7


def weeks_equal_their_days(rows: pd.DataFrame, fact: sa.Table) -> Iterator[RowFailure]:
    """Find the weeks whose figure is not the sum of its seven days in the same release, where there are all seven.

    For example a week to 9 January 2022 of 82 people, while its days say 1, 2, 3, 4, 5, 6 and 7, which is 28.
    """
    daily = rows[rows["series"] == "daily"]
    weekly = rows[rows["series"] == "weekly"]
    if daily.empty or weekly.empty:
        return
    # A release's weeks all end on one day of the week, which is not the same one in every release.
    last_weekday = weekly.groupby("release_id")["day"].first().dt.day_of_week
    days_to_the_end = (daily["release_id"].map(last_weekday) - daily["day"].dt.day_of_week) % DAYS_OF_A_WEEK
    week_ends = daily["day"] + pd.to_timedelta(days_to_the_end, unit="D")
    sums_of_days = (
        daily.assign(day=week_ends)
        .groupby(["release_id", "measure", "day"], as_index=False)
        .agg(days=("value", "size"), total=("value", "sum"))
    )
    whole_weeks = sums_of_days[sums_of_days["days"] == DAYS_OF_A_WEEK]
    compared = weekly.merge(whole_weeks, on=["release_id", "measure", "day"])
    for week in compared[compared["value"] != compared["total"]].to_dict("records"):
        place = at_cell(week["sheet"], week["cell"])
        figures = f"{tell_figure(week['value'])}, but its days sum to {tell_figure(week['total'])}"
        detail = f"{week['measure']} of the week to {tell_day(week['day'])}, {place}: {figures}"
        yield RowFailure(week["release_id"], detail, week["sheet"], week["cell"])


CHECKS = PublisherChecks(
    row_checks=(
        RowCheck(
            "weeks are the sum of their days",
            "block",
            "Both series are one count. In the real file of August 2026 all 450 weeks agree.",
            weeks_equal_their_days,
            ("fact_small_boat_arrival",),
            rule="week_differs",
        ),
    )
)
