"""The funnel of forces: rates, intervals and limits are those of the warehouse's figures, and nobody is ranked."""

from __future__ import annotations

import datetime as dt
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Connection

from msoic_pipeline.kpis.compute import compute_quarters
from msoic_pipeline.kpis.definitions import find_definition
from msoic_pipeline.model.kpi import kpi_value
from msoic_pipeline.publication.charts import Chart, load_sections
from msoic_pipeline.publication.report.charts.funnels import (
    NOT_JUDGED,
    OUTSIDE,
    WITHIN,
    ForceFunnel,
    FunnelReader,
    tell_force,
    tell_headline_of_funnel,
    tell_how_to_read,
    tell_left_out,
    tell_outside,
)
from msoic_pipeline.publication.report.charts.rates import SizedFigure
from msoic_pipeline.publication.report.parts import PartMaker, ShownChart
from msoic_pipeline.publication.report.provenance import OriginBook, read_releases
from msoic_pipeline.publication.report.sections import SectionMaker
from msoic_pipeline.publication.report.shown import FigureReader
from msoic_pipeline.signals.funnel import CountedPlace, Interval, compute_poisson_interval
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline_tests.handmade import Warehouse
from msoic_pipeline_tests.publication.report.conftest import (
    FORCES,
    KENT,
    QUARTERS,
    TODAY,
    crimes_of,
    make_crimes,
    people_of,
)
from msoic_pipeline_tests.publication.report.pages import count_marks

CRIMES = find_definition("recorded_modern_slavery_crimes")


def make_chart(connection: Connection, as_at: dt.date | None = None) -> ShownChart:
    """The chart of crimes across forces, as charts.yaml declares it."""
    charts = [chart for section in load_sections() for chart in section.charts]
    chart: Chart = next(chart for chart in charts if chart.chart == "crimes_across_forces")
    asked = OriginBook(connection, read_releases(connection, as_at), as_at)
    return SectionMaker(PartMaker(FigureReader(connection, as_at, TODAY), asked)).make_chart(chart)


def test_rates_and_intervals_are_those_of_the_figures(connection: Connection):
    chart = make_chart(connection)
    assert [row.label for row in chart.drawing.rows] == [force.name for force in FORCES]
    assert "alphabetical" in " ".join(chart.drawing.sentences)
    for place, row in enumerate(chart.drawing.rows):
        crimes, people = 4 * crimes_of(place), people_of(place)
        figure, residents = row.figures
        assert figure and residents
        assert (figure.words, residents.words) == (f"{crimes:,}", f"{people:,}")
        rate, interval, position = row.texts
        exact = compute_poisson_interval(crimes)
        assert float(rate.replace(",", "")) == pytest.approx(crimes / people * 1e6, rel=5e-3)
        lower, upper = (float(text.replace(",", "")) for text in interval.split(" to "))
        assert lower == pytest.approx(exact.lower / people * 1e6, rel=5e-3)
        assert upper == pytest.approx(exact.upper / people * 1e6, rel=5e-3)
        assert position == (OUTSIDE if FORCES[place] == KENT else WITHIN)


def test_the_headline_tells_the_rate_of_all_and_nobody_s_rank(connection: Connection):
    chart = make_chart(connection)
    crimes = sum(4 * crimes_of(place) for place in range(len(FORCES)))
    people = sum(people_of(place) for place in range(len(FORCES)))
    headline = chart.drawing.headline
    assert headline.startswith(f"Recorded crimes in 2021/22: {crimes / people * 1e6:.1f} per million residents")
    assert "42 lie within what chance and ordinary variation between forces explain, 1 outside it" in headline
    said = " ".join([headline, *chart.drawing.sentences, chart.drawing.alternative]).lower()
    assert "outside what chance and ordinary variation between forces explain, in alphabetical order: kent." in said
    for word in ("best", "worst", "rank", "highest", "lowest", "too many", "above", "below", "performance"):
        assert word not in said


def test_the_picture_has_a_mark_for_each_and_names_who_is_outside(connection: Connection):
    chart = make_chart(connection)
    svg = ET.fromstring(chart.drawing.svg)
    texts = {element.text for element in svg.iter() if element.tag.endswith("text")}
    assert "Kent" in texts and "Essex" not in texts
    assert "residents" in texts and "offences per million" in texts
    assert count_marks(chart.drawing.svg) == len(FORCES)


def test_before_there_was_a_population_there_is_no_rate(connection: Connection):
    chart = make_chart(connection, dt.date(2022, 5, 1))
    assert chart.drawing.rows == () and chart.drawing.svg == ""
    assert "too few forces have figures, or a population" in chart.drawing.headline


def test_an_earlier_population_and_cancelled_crimes_are_told(own_forces_warehouse: Warehouse):
    warehouse = own_forces_warehouse
    later = ("2022-Q2", "2022-Q3", "2022-Q4", "2023-Q1")
    rows = [make_crimes(place, force.code, period) for place, force in enumerate(FORCES) for period in later]
    cancelled = next(row for row in rows if row["force_code"] == FORCES[0].code)
    cancelled["offences"] = -900
    warehouse.publish("recorded_crime-2", "2023-04-28", ("fact_recorded_crime", rows), reference_period="2023-Q1")
    compute_quarters(
        warehouse.engine, [*QUARTERS, *(dt.date(2022, month, 1) for month in (4, 7, 10)), dt.date(2023, 1, 1)]
    )
    with read_transaction(warehouse.engine) as connection:
        force_funnel = FunnelReader(FigureReader(connection, None, dt.date(2023, 6, 30))).read_funnel(
            CRIMES, "financial_year"
        )
        assert (
            force_funnel is not None
            and force_funnel.period_label == "2022/23"
            and len(force_funnel.sized) == len(FORCES) - 1
        )
        assert all(each.has_earlier_population for each in force_funnel.sized)
        assert [(each.name, each.reason) for each in force_funnel.left_out] == [
            (FORCES[0].name, "more was cancelled than recorded")
        ]
        assert "in 42 forces together" in tell_headline_of_funnel(force_funnel, "Crimes")
        asked = OriginBook(connection, read_releases(connection, None), None)
        maker = SectionMaker(PartMaker(FigureReader(connection, None, dt.date(2023, 6, 30)), asked))
        charts = [chart for section in load_sections() for chart in section.charts]
        chart = maker.make_chart(next(chart for chart in charts if chart.chart == "crimes_across_forces"))
    said = " ".join(chart.drawing.sentences)
    assert "Residents are those of the middle of 2021, the latest known before 2022." in said
    assert f"Not in the picture: {FORCES[0].name} (more was cancelled than recorded)." in said
    assert re.match("left out: more was cancelled", chart.drawing.rows[0].texts[-1])


def test_a_figure_that_is_not_whole_is_left_out_and_said_to_be(connection: Connection):
    """Of calendar 2021 the first quarter was not reported."""
    query = sa.select(kpi_value.c.status).where(
        kpi_value.c.kpi_id == CRIMES.kpi_id, kpi_value.c.period_label == "2021", kpi_value.c.geography_kind == "force"
    )
    assert set(connection.scalars(query)) == {"incomplete"}
    assert FunnelReader(FigureReader(connection, None, TODAY)).read_funnel(CRIMES, "calendar_year") is None


def make_force_funnel(counted: Sequence[CountedPlace]) -> ForceFunnel:
    """The funnel of forces of which nothing but count and residents is known."""
    figure: Any = None
    sized = tuple(SizedFigure(figure, "rate", place, None, Interval(0, 1)) for place in counted)
    return ForceFunnel(CRIMES, "2021/22", sized, ())


def test_without_limits_no_force_is_said_to_lie_anywhere():
    """Of 43 forces eight alone are large enough to be judged, which is too few."""
    counted = [CountedPlace(f"Force {place}", 1, 100_000) for place in range(35)]
    force_funnel = make_force_funnel([*counted, *(CountedPlace(f"Large {place}", 10, 1_000_000) for place in range(8))])
    large = force_funnel.sized[-1]
    assert force_funnel.funnel is None and force_funnel.judge_force(large) == NOT_JUDGED
    assert tell_outside(force_funnel) == tell_left_out(force_funnel) == tell_how_to_read(force_funnel) == ""
    assert tell_force(force_funnel, large).endswith(
        " in 2021/22; too few forces are large enough to be judged by offences."
    )


@pytest.mark.parametrize(
    ("phi", "told"),
    [
        (0.95, "Forces vary no more than by chance alone."),
        (0.99, "Forces vary 1.01 times as much as by chance alone, and the limits allow for it."),
        (1.05, "Forces vary 1.04 times as much as by chance alone, and the limits allow for it."),
        (4.0, "Forces vary 2.03 times as much as by chance alone, and the limits allow for it."),
    ],
)
def test_the_words_allow_for_what_the_limits_allow_for(phi: float, told: str):
    """43 forces whose z-scores vary by phi: all but one, which lies at the middle, by the same to either side."""
    residents, middle = 1_000_000, 10
    reach = math.sqrt(phi * 43 / 42) / 2
    roots = [middle, *[middle - reach] * 21, *[middle + reach] * 21]
    force_funnel = make_force_funnel(
        [CountedPlace(f"Force {place}", root**2, residents) for place, root in enumerate(roots)]
    )
    assert tell_how_to_read(force_funnel).endswith(told)
