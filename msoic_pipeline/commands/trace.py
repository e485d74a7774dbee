"""``msoic trace KPI PERIOD``: from a KPI value back to the cells of the publishers' files."""

from __future__ import annotations

import datetime as dt
import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from msoic_pipeline.commands.app import (
    GEOGRAPHY_HELP,
    PERIOD_HELP,
    AsAtOption,
    print_aside,
    read_period,
    read_warehouse,
)
from msoic_pipeline.wording import WITHHELD, tell_figure

if TYPE_CHECKING:
    from msoic_pipeline.kpis.lineage import NamedFile, Trace, TracedFigure, TracedTerm

FIGURES_SHOWN = 40
# A figure is told to so many digits.
DIGITS = 6


def trace(
    kpi_id: Annotated[str, typer.Argument(help="KPI.")],
    period: Annotated[str, typer.Argument(parser=read_period, help=PERIOD_HELP)],
    geography: Annotated[str, typer.Argument(help=f"{GEOGRAPHY_HELP}.")] = "national",
    as_at: AsAtOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="Every figure, as JSON.")] = False,
    copies: Annotated[
        bool, typer.Option("--open", help="Write copies of the sheets with the cells in colour.")
    ] = False,
    sensitive_copies: Annotated[
        bool, typer.Option("--open-sensitive", help="The same of sensitive returns, for you alone to read.")
    ] = False,
) -> None:
    """Show where a KPI value comes from: its expression, the facts, and the cells of the publishers' files."""
    from msoic_pipeline.kpis.lineage import UntraceableError
    from msoic_pipeline.kpis.marked_copies import WithheldError

    try:
        traced = read_trace(kpi_id, period, geography, as_at)
        lines_on_copies = write_copies(traced, with_sensitive=sensitive_copies) if copies or sensitive_copies else []
    except (UntraceableError, WithheldError) as error:
        print_aside(str(error))
        raise typer.Exit(2) from error
    typer.echo(json.dumps(traced.as_json(), indent=1, default=str) if as_json else "\n".join(tell_trace(traced)))
    for line in lines_on_copies:
        # Beside JSON it is no part of the answer, which a program may read.
        typer.echo(line, err=as_json)


def read_trace(kpi_id: str, period: str, geography: str, as_at: dt.date | None) -> Trace:
    """Return where a KPI value of the warehouse comes from.

    Raises LookupError where there is no such value, UntraceableError where the facts do not add up to it.
    """
    from msoic_pipeline.kpis.lineage import trace_value
    from msoic_pipeline.settings import Settings

    with read_warehouse() as connection:
        return trace_value(connection, Settings().archive_dir, kpi_id, period, geography, as_at)


def write_copies(trace: Trace, *, with_sensitive: bool) -> list[str]:
    """Write copies of the sheets that a trace names, and return a line on each.

    Raises WithheldError where they would hold sensitive returns that were not asked for, LookupError where the archive
    has not a file.
    """
    from msoic_pipeline.kpis.marked_copies import write_marked_copies
    from msoic_pipeline.settings import Settings

    settings = Settings()
    label = "copy with the cells in colour"
    if trace.is_sensitive:
        label = f"sensitive {label}, for you alone"
    paths = write_marked_copies(trace, settings.archive_dir, settings.output_dir, with_sensitive)
    return [f"{label}: {path}" for path in paths]


def tell_trace(trace: Trace, most: int = FIGURES_SHOWN) -> list[str]:
    """Return a trace as a tree of text; of each term at the most ``most`` figures are shown, and the rest counted."""
    known = trace.value
    value = "missing" if known.value is None else tell_figure(known.value, DIGITS)
    lines = [
        f"{known.title} ({known.kpi_id}), {known.period_label}, {known.geography_code}: {value} {known.unit}",
        f"├─ {known.status}, {known.parts_received} of {known.parts_expected} parts; known since {known.as_of}",
    ]
    for name, term in trace.terms.items():
        lines += _term_lines(name, term, most)
    return lines


def _term_lines(name: str, term: TracedTerm, most: int) -> Iterator[str]:
    # Not by name: files of several releases may have stood under one.
    by_file: dict[NamedFile, list[TracedFigure]] = defaultdict(list)
    for figure in term.figures:
        by_file[figure.fact.file].append(figure)
    yield f"├─ {name} {tell_figure(term.total, DIGITS)} = {term.definition}"
    still_to_show = most
    for figures in by_file.values():
        if still_to_show <= 0:
            break
        yield from _file_lines(figures, still_to_show)
        still_to_show -= len(figures)
    if len(term.figures) > most:
        yield f"│  └─ … {len(term.figures)} figures in {len(by_file)} files in all; --json lists them"


def _file_lines(figures: Sequence[TracedFigure], most: int) -> Iterator[str]:
    """Yield a file with what its figures sum to, and the first of them."""
    first = figures[0].fact
    values = [figure.value for figure in figures]
    # One that is withheld withholds the sum: it could be worked out from it.
    total = None if None in values else sum(value for value in values if value is not None)
    origin = f"published {first.published_on}, SHA-256 {first.file.sha256[:12]}…"
    yield f"│  ├─ {first.file.file_name} ({origin}): {_show_or_withhold(total)}"
    for figure in figures[:most]:
        texts = ", ".join(figure.texts)
        yield f"│  │  ├─ {figure.fact.sheet}!{figure.fact.cell}: {_show_or_withhold(figure.value)}   found {texts!r}"


def _show_or_withhold(value: float | None) -> str:
    return WITHHELD if value is None else tell_figure(value, DIGITS)
