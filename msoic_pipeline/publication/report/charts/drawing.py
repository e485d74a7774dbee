"""Charts as SVG: lines, columns and bars that the colour-blind and a printer can tell apart.

Each series has a colour of the Government Analysis Function's palette, and a dash or a shape of its own besides. Texts
are put into the picture as texts, so that they can be read out and found.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any
from xml.etree import ElementTree

import altair as alt

from msoic_pipeline.publication.report.charts import svg_process

# The Analysis Function's categorical palette, in its order: each contrasts 3 to 1 or more with white.
COLOURS = ("#12436D", "#28A197", "#801650", "#F46A25", "#3D3D3D", "#A285D1")
DASHES = ((1, 0), (6, 3), (2, 2), (8, 3, 2, 3), (12, 4), (4, 1))
SHAPES = ("circle", "square", "triangle-up", "diamond", "cross", "triangle-down")
SVG = "http://www.w3.org/2000/svg"
GREY = "#595959"
FONT = "Arial, Helvetica, sans-serif"
WIDTH, HEIGHT = 640, 300
BAR_HEIGHT = 22
# More labels than these on an axis overlap.
MOST_LABELS = 12


@dataclass(frozen=True)
class Point:
    """A figure in a picture: its series, the label of its period or place, and how it is drawn.

    ``is_whole`` figures are filled; others are hollow. ``value`` None leaves a gap.
    """

    series: str
    label: str
    value: float | None
    is_whole: bool = True
    is_signal: bool = False


@dataclass(frozen=True)
class LimitLine:
    """Mean and limits from one label to another, within what can occur."""

    first: str
    last: str
    mean: float
    lower: float
    upper: float


@dataclass(frozen=True)
class Picture:
    """What is drawn: the points of each series in order, and what is drawn with them.

    ``labels`` are those of the axis, in order; ``rebases`` those at which figures stop comparing with what was before.
    """

    labels: Sequence[str]
    points: Sequence[Point]
    unit: str
    limits: Sequence[LimitLine] = ()
    rebases: Sequence[str] = ()

    @property
    def names(self) -> list[str]:
        """The names of the series, in order."""
        return list(dict.fromkeys(point.series for point in self.points))

    @property
    def axis_label(self) -> str:
        """How values stand on the axis, as an expression of Vega."""
        if self.unit == "share":
            return "format(datum.value, '.0%')"
        return "'£' + format(datum.value, ',.0f')" if self.unit == "GBP" else "format(datum.value, ',~f')"

    def rows(self) -> list[dict[str, Any]]:
        """Return the points as rows for Altair."""
        return [
            {
                "series": point.series,
                "label": point.label,
                "value": point.value,
                "whole": point.is_whole,
                "signal": point.is_signal,
            }
            for point in self.points
        ]


@dataclass(frozen=True)
class FunnelPoint:
    """A place in a funnel: its size, its value, and whether it is beyond the limits or the one that the page is of."""

    name: str
    size: float
    value: float
    is_outside: bool = False
    is_marked: bool = False


@dataclass(frozen=True)
class FunnelLimit:
    """The limits of places of a size: the outer and the inner ones."""

    size: float
    outer_lower: float
    inner_lower: float
    inner_upper: float
    outer_upper: float


@dataclass(frozen=True)
class FunnelPicture:
    """A funnel: places by size and value, the value of all, and the limits by size, in order of size."""

    points: Sequence[FunnelPoint]
    limits: Sequence[FunnelLimit]
    centre: float
    size_title: str
    value_title: str
    is_share: bool


def draw(picture: Picture, shows: str) -> str:
    """Return a picture as SVG: ``lines``, ``columns``, ``stacked`` or ``bars``."""
    draw_marks = {"lines": _draw_lines, "columns": _draw_columns, "stacked": _draw_stacked, "bars": _draw_bars}
    return _make_svg(draw_marks[shows](picture))


def draw_sparkline(values: Sequence[float | None]) -> str:
    """Return a small line without axes, its last figure marked."""
    rows = [{"position": position, "value": value} for position, value in enumerate(values) if value is not None]
    base = alt.Chart(alt.Data(values=rows), width=110, height=26).encode(
        x=alt.X("position:Q", axis=None), y=alt.Y("value:Q", axis=None, scale=alt.Scale(zero=False))
    )
    last = base.transform_filter(alt.datum.position == (rows[-1]["position"] if rows else 0))
    return _make_svg(
        base.mark_line(color=COLOURS[0], strokeWidth=1.5) + last.mark_point(color=COLOURS[0], filled=True, size=24)
    )


def draw_funnel(picture: FunnelPicture) -> str:
    """Return a funnel as SVG: places within the limits are discs, those outside diamonds with their names, the marked
    one a square with its name.
    """
    x, y = _funnel_x(picture), _funnel_y(picture)
    return _make_svg(alt.layer(*_draw_funnel_limits(picture, x, y), *_draw_funnel_places(picture, x, y)))


def _funnel_x(picture: FunnelPicture) -> alt.X:
    first, last = picture.limits[0], picture.limits[-1]
    return alt.X(
        "size:Q",
        scale=alt.Scale(type="log", domain=[first.size, last.size]),
        axis=alt.Axis(title=picture.size_title, format="~s", tickCount=6, grid=False, tickSize=4),
    )


def _funnel_y(picture: FunnelPicture) -> alt.Y:
    """Return the axis of values, up to above the highest place and the inner limit of the largest."""
    values = [point.value for point in picture.points]
    highest = 1.1 * max([picture.centre, *values, picture.limits[-1].inner_upper])
    return alt.Y(
        "value:Q",
        scale=alt.Scale(domain=[0, min(highest, 1.0) if picture.is_share else highest]),
        axis=alt.Axis(
            title=picture.value_title,
            format=".0%" if picture.is_share else ",~f",
            tickCount=5,
            domain=False,
            ticks=False,
            titleAnchor="end",
        ),
    )


def _draw_funnel_limits(picture: FunnelPicture, x: alt.X, y: alt.Y) -> list[Any]:
    """Return the line of the value of all, the dashed inner limits and the dotted outer ones."""
    limits = picture.limits
    centre = [(limit.size, picture.centre) for limit in (limits[0], limits[-1])]
    return [
        _draw_funnel_line(centre, [1, 0], x, y),
        _draw_funnel_line([(limit.size, limit.inner_lower) for limit in limits], [6, 3], x, y),
        _draw_funnel_line([(limit.size, limit.inner_upper) for limit in limits], [6, 3], x, y),
        _draw_funnel_line([(limit.size, limit.outer_lower) for limit in limits], [2, 2], x, y),
        _draw_funnel_line([(limit.size, limit.outer_upper) for limit in limits], [2, 2], x, y),
    ]


def _draw_funnel_places(picture: FunnelPicture, x: alt.X, y: alt.Y) -> list[Any]:
    within = [point for point in picture.points if not point.is_outside and not point.is_marked]
    outside = [point for point in picture.points if point.is_outside and not point.is_marked]
    marked = [point for point in picture.points if point.is_marked]
    return [
        *_draw_funnel_points(within, "circle", COLOURS[0], 45, False, x, y),
        *_draw_funnel_points(outside, "diamond", COLOURS[2], 110, True, x, y),
        *_draw_funnel_points(marked, "square", COLOURS[2], 150, True, x, y),
    ]


def _draw_funnel_line(line: Sequence[tuple[float, float]], dash: list[int], x: alt.X, y: alt.Y) -> Any:
    """Return a line through places of size and value."""
    rows = [{"size": size, "value": value} for size, value in line]
    mark = alt.Chart(alt.Data(values=rows), width=WIDTH, height=HEIGHT).mark_line(
        color=GREY, strokeWidth=1, strokeDash=dash, clip=True
    )
    return mark.encode(x=x, y=y)


def _draw_funnel_points(
    points: Sequence[FunnelPoint], shape: str, colour: str, size: int, has_names: bool, x: alt.X, y: alt.Y
) -> list[Any]:
    """Return the marks of places, with their names where they have them; nothing where there are none."""
    if not points:
        return []
    rows = [{"size": point.size, "value": point.value, "name": point.name} for point in points]
    base = alt.Chart(alt.Data(values=rows)).encode(x=x, y=y)
    marks = base.mark_point(shape=shape, filled=True, color=colour, size=size, opacity=0.9)
    if not has_names:
        return [marks]
    return [marks, base.mark_text(align="left", dx=8, fontSize=11, color=colour).encode(text="name:N")]


def _make_svg(chart: Any) -> str:
    # Set, not built up by the methods for it, each of which copies all layers with all their rows several times.
    chart.config = alt.Config(
        aria=False,
        font=FONT,
        background="transparent",
        padding=4,
        view=alt.ViewConfig(stroke=None),
        axis=alt.AxisConfig(labelColor=GREY, titleColor=GREY, gridColor="#e3e3e3", domainColor=GREY, labelFontSize=12),
        legend=alt.LegendConfig(orient="top", title=None, labelFontSize=13, symbolSize=90, labelLimit=260, columns=3),
    )
    return _leave_roles_out(_convert(chart.to_json(validate=False)))


class DrawingError(OSError):
    """The program that draws has ended before a picture was there."""

    def __init__(self) -> None:
        program = f"`python -m {svg_process.__name__}`"
        super().__init__(
            f"the program that draws has ended: {program} says why; it needs some 40 GB of address space, of which it "
            "uses little, so that `ulimit -v` must not be lower"
        )


def _convert(description: str) -> str:
    """Return Vega-Lite's description of a chart as SVG. Raises DrawingError."""
    program = _start_program()
    assert program.stdin and program.stdout
    try:
        program.stdin.write(json.dumps(description) + "\n")
        program.stdin.flush()
        svg: str = json.loads(program.stdout.readline())
    except (BrokenPipeError, json.JSONDecodeError) as error:
        _end_program(program)
        _start_program.cache_clear()
        raise DrawingError from error
    return svg


@cache
def _start_program() -> subprocess.Popen[str]:
    """Start the program that draws; it stays for all pictures, and ends with this process."""
    command = [sys.executable, "-m", svg_process.__name__]
    program = subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8"
    )
    atexit.register(_end_program, program)
    return program


def _end_program(program: subprocess.Popen[str]) -> None:
    program.kill()
    program.communicate()


def _leave_roles_out(svg: str) -> str:
    """Return a picture without what its parts say to screen readers: the page says in words what it shows."""
    ElementTree.register_namespace("", SVG)
    picture = ElementTree.fromstring(svg)
    for element in picture.iter():
        for name in [name for name in element.attrib if name == "role" or name.startswith("aria-")]:
            del element.attrib[name]
    return ElementTree.tostring(picture, encoding="unicode")


def _x(picture: Picture, **options: Any) -> alt.X:
    labels = list(picture.labels)
    step = max(1, -(-len(labels) // MOST_LABELS))
    shown = labels[(len(labels) - 1) % step :: step]
    axis = alt.Axis(title=None, values=shown, labelAngle=0, labelOverlap=True, tickSize=0, grid=False)
    return alt.X("label:N", sort=labels, scale=alt.Scale(domain=labels), axis=axis, **options)


def _y(picture: Picture, **options: Any) -> alt.Y:
    title = {"share": "per cent", "GBP": "pounds"}.get(picture.unit, picture.unit)
    axis = alt.Axis(
        title=title, labelExpr=picture.axis_label, tickCount=5, domain=False, ticks=False, titleAnchor="end"
    )
    return alt.Y("value:Q", axis=axis, **options)


def _legend(picture: Picture) -> alt.Legend | None:
    return alt.Legend() if len(picture.names) > 1 else None


def _colour(picture: Picture) -> alt.Color:
    names = picture.names
    return alt.Color(
        "series:N",
        sort=names,
        scale=alt.Scale(domain=names, range=list(COLOURS[: len(names)])),
        legend=_legend(picture),
    )


def _draw_lines(picture: Picture) -> Any:
    """Return a line for each series; whole figures have filled marks, signals larger ones, rebases a rule across."""
    names = picture.names
    scale = alt.Scale(domain=names, range=[list(dash) for dash in DASHES[: len(names)]])
    base = alt.Chart(alt.Data(values=picture.rows()), width=WIDTH, height=HEIGHT).encode(
        x=_x(picture), y=_y(picture), color=_colour(picture)
    )
    lines = base.mark_line(strokeWidth=2, invalid="break-paths-show-domains").encode(
        strokeDash=alt.StrokeDash("series:N", sort=names, scale=scale, legend=None), detail="series:N"
    )
    shapes = alt.Scale(domain=names, range=list(SHAPES[: len(names)]))
    marked = base.transform_filter("isValid(datum.value)").encode(
        shape=alt.Shape("series:N", sort=names, scale=shapes, legend=_legend(picture))
    )
    whole = marked.transform_filter("datum.whole && !datum.signal").mark_point(filled=True, size=36, opacity=1)
    hollow = marked.transform_filter("!datum.whole").mark_point(filled=False, fill="white", size=48, opacity=1)
    signals = marked.transform_filter("datum.whole && datum.signal").mark_point(filled=True, size=110, opacity=1)
    layers = [*_draw_limits(picture), *_draw_rebases(picture), lines, whole, hollow, signals]
    return alt.layer(*layers)


def _draw_limits(picture: Picture) -> list[Any]:
    layers = []
    for limit in picture.limits:
        labels = list(picture.labels)
        within = labels[labels.index(limit.first) : labels.index(limit.last) + 1]
        for value, dash in ((limit.mean, [1, 0]), (limit.lower, [4, 4]), (limit.upper, [4, 4])):
            rows = [{"label": label, "value": value} for label in within]
            line = alt.Chart(alt.Data(values=rows)).mark_line(color=GREY, strokeWidth=1, strokeDash=dash)
            layers.append(line.encode(x=_x(picture), y=_y(picture)))
    return layers


def _draw_rebases(picture: Picture) -> list[Any]:
    if not picture.rebases:
        return []
    rows = [{"label": label} for label in picture.rebases]
    rule = alt.Chart(alt.Data(values=rows)).mark_rule(color=GREY, strokeDash=[2, 4])
    return [rule.encode(x=_x(picture))]


def _bars_of(picture: Picture, height: int = HEIGHT) -> Any:
    return alt.Chart(alt.Data(values=picture.rows()), width=WIDTH, height=height).mark_bar(
        stroke="white", strokeWidth=0.5
    )


def _opacity() -> Any:
    return alt.condition("datum.whole", alt.value(1), alt.value(0.55))


def _draw_columns(picture: Picture) -> Any:
    columns = _bars_of(picture).encode(x=_x(picture), y=_y(picture), color=_colour(picture), opacity=_opacity())
    return columns.encode(xOffset=alt.XOffset("series:N", sort=picture.names)) if len(picture.names) > 1 else columns


def _draw_stacked(picture: Picture) -> Any:
    order = alt.Order("order:Q")
    ranks = "indexof(" + str(picture.names) + ", datum.series)"
    return (
        _bars_of(picture)
        .transform_calculate(order=ranks)
        .encode(x=_x(picture), y=_y(picture, stack="zero"), color=_colour(picture), opacity=_opacity(), order=order)
    )


def _draw_bars(picture: Picture) -> Any:
    """Return a bar for each place, in the order of the places' names: no league table."""
    labels = list(picture.labels)
    axis = alt.Axis(title=None, labelLimit=260, ticks=False, domain=False)
    return _bars_of(picture, BAR_HEIGHT * max(1, len(labels))).encode(
        y=alt.Y("label:N", sort=labels, axis=axis),
        x=alt.X("value:Q", axis=alt.Axis(title=None, labelExpr=picture.axis_label, tickCount=5)),
        color=alt.value(COLOURS[0]),
        opacity=_opacity(),
    )
