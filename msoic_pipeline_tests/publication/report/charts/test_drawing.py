"""Pictures are SVG that stands alone, with a mark of its own for each series and each kind of figure."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest

from msoic_pipeline.publication.report.charts import drawing
from msoic_pipeline.publication.report.charts.drawing import (
    COLOURS,
    DASHES,
    SHAPES,
    LimitLine,
    Picture,
    Point,
    draw,
    draw_sparkline,
)

LABELS = ["2021-Q1", "2021-Q2", "2021-Q3", "2021-Q4"]


def picture(names: list[str], **more: object) -> Picture:
    points = [Point(name, label, 10.0 * place + len(name)) for name in names for place, label in enumerate(LABELS)]
    return Picture(LABELS, points, "people", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("shows", ["lines", "columns", "stacked", "bars"])
def test_every_kind_is_svg_that_loads_nothing(shows: str):
    svg = draw(picture(["First", "Second"]), shows)
    assert ET.fromstring(svg).tag.endswith("svg")
    assert "http" not in svg.replace("http://www.w3.org/", "") and "<script" not in svg and "<image" not in svg


def test_series_differ_in_colour_and_in_dash():
    svg = draw(picture(["First", "Second", "Third"]), "lines")
    for colour in COLOURS[:3]:
        assert colour in svg
    assert 'stroke-dasharray="6,3"' in svg and 'stroke-dasharray="2,2"' in svg
    assert len(set(DASHES)) == len(set(SHAPES)) == len(set(COLOURS)) == 6


@pytest.mark.parametrize("colour", COLOURS)
def test_colours_contrast_with_paper(colour: str):
    def luminance(channel: int) -> float:
        part = channel / 255
        return part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4

    red, green, blue = (luminance(int(colour[place : place + 2], 16)) for place in (1, 3, 5))
    contrast = 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)
    # WCAG 1.4.11 asks for 3 of parts of pictures; the palette's lightest are told apart by shape and dash as well.
    assert contrast > 2.7, f"{colour}: {contrast:.2f}"


def test_a_missing_figure_breaks_the_line():
    def count_strokes(values: list[float | None]) -> int:
        points = [Point("First", label, value) for label, value in zip(LABELS, values, strict=True)]
        (line,) = re.findall(
            r'<g class="mark-line.*?<path d="([^"]*)"', draw(Picture(LABELS, points, "people"), "lines")
        )
        return line.count("M")

    assert count_strokes([5, 6, 7, 8]) == 1
    assert count_strokes([5, 6, None, 8]) == 2


def test_figures_that_are_not_whole_are_hollow():
    points = [Point("First", label, 5.0, is_whole=label != "2021-Q4") for label in LABELS]
    assert 'fill="white"' in draw(Picture(LABELS, points, "people"), "lines")
    assert 'fill="white"' not in draw(picture(["First"]), "lines")


def test_limits_and_rebases_are_drawn():
    with_limits = picture(["First"], limits=[LimitLine("2021-Q1", "2021-Q3", 10, -5, 30)], rebases=["2021-Q4"])
    svg = draw(with_limits, "lines")
    assert 'stroke-dasharray="4,4"' in svg and 'stroke-dasharray="2,4"' in svg


@pytest.mark.parametrize(("unit", "told"), [("GBP", "£30"), ("share", "3000%"), ("people", ">30<")])
def test_the_axis_is_in_the_unit(unit: str, told: str):
    points = [Point("First", label, 10.0 * place) for place, label in enumerate(LABELS)]
    svg = draw(Picture(LABELS, points, unit), "columns")
    assert told in svg and "$" not in svg


def test_texts_of_names_are_texts():
    svg = draw(picture(["<b>&First", "Second"]), "lines")
    assert "<b>" not in svg and "&lt;b&gt;" in svg


def test_a_sparkline_of_nothing_is_still_a_picture():
    assert ET.fromstring(draw_sparkline([])).tag.endswith("svg")
    assert ET.fromstring(draw_sparkline([None, 3.0, 4.0])).tag.endswith("svg")


def test_a_program_that_ends_is_told_and_started_again():
    drawing._start_program().kill()
    with pytest.raises(drawing.DrawingError, match="the program that draws has ended"):
        draw_sparkline([1.0, 2.0])
    assert ET.fromstring(draw_sparkline([1.0, 2.0])).tag.endswith("svg")


def test_what_cannot_be_drawn_ends_no_run():
    with pytest.raises(drawing.DrawingError):
        drawing._convert('{"mark": "no such mark"}')
    assert ET.fromstring(draw_sparkline([1.0, 2.0])).tag.endswith("svg")
