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
    compared = weekly.merge(_sum_whole_weeks(daily, weekly), on=["release_id", "measure", "day"])
    for week in compared[compared["value"] != compared["total"]].to_dict("records"):
        place = at_cell(week["sheet"], week["cell"])
        figures = f"{tell_figure(week['value'])}, but its days sum to {tell_figure(week['total'])}"
        detail = f"{week['measure']} of the week to {tell_day(week['day'])}, {place}: {figures}"
        yield RowFailure(week["release_id"], detail, week["sheet"], week["cell"])


def _sum_whole_weeks(daily: pd.DataFrame, weekly: pd.DataFrame) -> pd.DataFrame:
    """Return the totals by release, measure and week (``day`` is its last) of which all seven days are there.

    A release's weeks all end on one day of the week, which is not the same one in every release. Where it is Sunday,
    the days from Monday 3 to Sunday 9 January 2022 are the week to 9 January.
    """
    last_weekday = weekly.groupby("release_id")["day"].first().dt.day_of_week
    days_to_the_end = (daily["release_id"].map(last_weekday) - daily["day"].dt.day_of_week) % DAYS_OF_A_WEEK
    week_ends = daily["day"] + pd.to_timedelta(days_to_the_end, unit="D")
    weeks = (
        daily.assign(day=week_ends)
        .groupby(["release_id", "measure", "day"], as_index=False)
        .agg(days=("value", "size"), total=("value", "sum"))
    )
    return weeks[weeks["days"] == DAYS_OF_A_WEEK]


CHECKS = PublisherChecks(
    row_checks=(
        RowCheck(
            name="weeks are the sum of their days",
            severity="block",
            reason="Both series are one count. In the real file of August 2026 all 450 weeks agree.",
            run=weeks_equal_their_days,
            facts=("fact_small_boat_arrival",),
            rule="week_differs",
        ),
    )
)
