"""The report is kept: made anew where something of it has changed, and never without its warning."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from msoic_pipeline.claims import claims
from msoic_pipeline.kpis.definitions import find_definition
from msoic_pipeline.periods import parse_quarter, periods
from msoic_pipeline.publication.cover import make_cover
from msoic_pipeline.publication.report import make
from msoic_pipeline.publication.report.charts.drawing import DrawingError
from msoic_pipeline.publication.report.make import digest_inputs, write_report
from msoic_pipeline.publication.report.news import News, find_news
from msoic_pipeline.publication.report.parts import PartMaker
from msoic_pipeline.publication.report.provenance import OriginBook, Origins, read_releases
from msoic_pipeline.publication.report.shown import DAYS_UNTIL_OLD, FigureReader
from msoic_pipeline.warehouse.engine import read_transaction
from msoic_pipeline_tests.databases import on_sqlite
from msoic_pipeline_tests.handmade import Row, Warehouse

TODAY = dt.date(2022, 6, 1)
LAST_DAY = dt.date(2021, 12, 31)


@pytest.fixture
def filled(warehouse: Warehouse) -> Warehouse:
    """Referrals of sixteen quarters, of which the last is far beyond the others."""
    rows: list[Row] = []
    for place, start in enumerate(periods("quarter", dt.date(2018, 1, 1), LAST_DAY)):
        quarter = f"{start.year}-Q{(start.month + 2) // 3}"
        referrals = 9_000 if place == 15 else 100 + place % 3
        rows.append({"period": quarter, "breakdown": "age_location", "referrals": referrals, "cell": f"B{place + 2}"})
    warehouse.publish("nrm-1", "2022-02-01", ("fact_nrm_referral", rows))
    warehouse.compute([parse_quarter(str(row["period"])) for row in rows], "nrm_referrals")
    return warehouse


def write(filled: Warehouse, folder: Path, failed: tuple[str, ...] = ()) -> None:
    with read_transaction(filled.engine) as connection:
        write_report(connection, folder, TODAY, failed)


@on_sqlite
def test_where_no_report_can_be_drawn_the_warning_stands(
    filled: Warehouse, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(make, "load_sections", tuple)
    folder = tmp_path / "report"
    write(filled, folder, ("a check failed",))

    def cannot_draw(*_: object, **__: object) -> str:
        raise DrawingError

    with monkeypatch.context() as broken:
        broken.setattr(make, "make_report", cannot_draw)
        with pytest.raises(DrawingError):
            write(filled, folder)
    assert [path.name for path in folder.iterdir()] == ["report-unchecked.html"]
    write(filled, folder)
    assert [path.name for path in folder.iterdir()] == ["report.html"]


def digest(filled: Warehouse, day: dt.date = TODAY) -> str:
    with read_transaction(filled.engine) as connection:
        return digest_inputs(connection, day, make_cover(connection, TODAY, ()))


def test_a_figure_that_becomes_old_makes_another_report(filled: Warehouse):
    last_young = LAST_DAY + dt.timedelta(days=DAYS_UNTIL_OLD)
    assert last_young.month == (last_young + dt.timedelta(days=1)).month, "no month ends with it"
    assert digest(filled, last_young) != digest(filled, last_young + dt.timedelta(days=1))


@on_sqlite
def test_what_is_declared_of_claims_makes_another_report(filled: Warehouse, monkeypatch: pytest.MonkeyPatch):
    before = digest(filled)
    texts = {name: text.replace("title:", "title: Another", 1) for name, text in claims._read_declarations().items()}
    monkeypatch.setattr(claims, "_read_declarations", lambda: texts)
    assert digest(filled) != before


def read_news(filled: Warehouse, day: dt.date) -> News:
    with read_transaction(filled.engine) as connection:
        book = OriginBook(connection, read_releases(connection, None), None)
        return find_news(PartMaker(FigureReader(connection, None, day), book), [find_definition("nrm_referrals")])


@on_sqlite
def test_what_is_only_asked_is_not_written_into_the_report(filled: Warehouse):
    with read_transaction(filled.engine) as connection:
        book = OriginBook(connection, read_releases(connection, None), None)
        reader = FigureReader(connection, None, TODAY)
        parts = PartMaker(reader, book)
        (*_, figure) = reader.read_series(find_definition("nrm_referrals"), "quarter")
        assert parts.has_synthetic([figure]) and parts.tell_basis([figure])
        assert book.origins == Origins()
        parts.ask(figure)
        assert list(book.origins.releases) == ["nrm-1"] and len(book.origins.terms) == 1


def test_a_signal_of_long_ago_is_no_news(filled: Warehouse):
    news = read_news(filled, TODAY)
    assert [signal.period for kind in news.kinds for signal in kind.signals] == ["2021-Q4"]
    assert (news.judged, news.quiet, news.old) == (1, 0, 0)
    news = read_news(filled, LAST_DAY + dt.timedelta(days=DAYS_UNTIL_OLD + 1))
    assert (news.kinds, news.judged, news.quiet, news.old) == ((), 0, 0, 1)
