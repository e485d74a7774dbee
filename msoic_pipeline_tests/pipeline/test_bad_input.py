"""Bad files: each is named with what is wrong, the other sources load, the last good figures stand."""

from __future__ import annotations

import datetime as dt
import shutil
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa

from msoic_pipeline.assets import source_steps, sources
from msoic_pipeline.declarations import DeclarationError
from msoic_pipeline.ingest.intake import take_in_source
from msoic_pipeline.model.evidence import quarantine, release
from msoic_pipeline.model.facts import FACTS
from msoic_pipeline.warehouse.engine import open_engine, read_transaction
from msoic_pipeline_tests.pipeline.conftest import FIRST, LAST, Ran, assets_of
from msoic_pipeline_tests.sample import read_here

pytestmark = pytest.mark.slow
Run = Callable[..., Ran]
LATEST = "cps-data-summary-quarter-4-2021-2022.xlsx"


def _edit(path: Path, change: Callable[[openpyxl.Workbook], Any]) -> None:
    book = openpyxl.load_workbook(path)
    change(book)
    book.save(path)


def _set(sheet: str, cell: str, value: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        _edit(folder / "cps" / LATEST, lambda book: book[sheet].__setitem__(cell, value))

    return change


def _truncated(folder: Path) -> None:
    path = folder / "cps" / LATEST
    path.write_bytes(path.read_bytes()[:3000])


def _empty(folder: Path) -> None:
    (folder / "cps" / LATEST).write_bytes(b"")


def _other_publisher(folder: Path) -> None:
    shutil.copy2(next((folder / "small_boats").glob("*.ods")), folder / "cps" / "small-boats.ods")


def _missing_sheet(folder: Path) -> None:
    _edit(folder / "cps" / LATEST, lambda book: book.remove(book["2 Prosecutions"]))


def _duplicate_key(folder: Path) -> None:
    def change(book: openpyxl.Workbook) -> None:
        book["1 Pre-charge"]["A6"] = book["1 Pre-charge"]["A5"].value

    _edit(folder / "cps" / LATEST, change)


BAD = {
    "truncated": (_truncated, LATEST, "", "", "cannot be read"),
    "empty": (_empty, LATEST, "", "", "empty file"),
    "other publisher": (_other_publisher, "small-boats.ods", "", "", "small_boats"),
    "missing sheet": (_missing_sheet, LATEST, "", "", "prosecutions"),
    "renamed header": (_set("1 Pre-charge", "D4", "Accused"), LATEST, "1 Pre-charge", "D4", "Accused"),
    "unknown area": (_set("1 Pre-charge", "A7", "Rutland"), LATEST, "1 Pre-charge", "A7", "cps_areas.csv"),
    "text in a count": (_set("1 Pre-charge", "C8", "about six"), LATEST, "1 Pre-charge", "C8", "a whole number"),
    "duplicate key": (_duplicate_key, LATEST, "1 Pre-charge", "", "duplicate_key"),
    "total not its parts": (_set("2 Prosecutions", "B19", 999), LATEST, "2 Prosecutions", "B19", "its parts sum to"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_file_is_named_and_the_last_good_figures_stand(run: Run, raw: Path, tmp_path: Path, fault: str):
    spoil, file, sheet, cell, words = BAD[fault]
    url = f"sqlite:///{tmp_path / 'warehouse.sqlite'}"
    good = raw / "cps" / LATEST
    aside = tmp_path / LATEST
    shutil.copy2(good, aside)
    spoil(raw)
    ran = run(url, "2021-10-01", LAST, *assets_of("cps"))
    problem = next(line for line in ran.errors if "files_accepted" in line)
    for part in filter(None, (file, words, sheet, cell)):
        assert part in problem
    assert _accepted_files(url, "cps"), "the good files of the source load"
    latest = dt.date(2022, 7, 21) if fault == "other publisher" else dt.date(2022, 4, 21)
    assert _latest_publication(url) == latest
    assert _quarantined(url, file)
    for path in (raw / "cps").glob("small-boats*"):
        path.unlink()
    shutil.copy2(aside, good)
    ran = run(url, "2021-10-01", LAST, *assets_of("cps"))
    assert ran.success and not ran.errors, str(ran)


def test_beside_a_bad_file_the_other_sources_load(run: Run, raw: Path, tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'warehouse.sqlite'}"
    aside = tmp_path / LATEST
    shutil.copy2(raw / "cps" / LATEST, aside)
    spoil, file, *_ = BAD["renamed header"]
    spoil(raw)
    others = ("small_boats", "irregular_migration", "programme_activity")
    ran = run(url, "2021-10-01", LAST, *assets_of("cps", *others), "pipeline_run")
    assert not ran.success and file in str(ran)
    for source in others:
        assert _accepted_files(url, source), source
    assert _latest_publication(url) == dt.date(2022, 4, 21)
    shutil.copy2(aside, raw / "cps" / LATEST)
    ran = run(url, "2021-10-01", LAST, *assets_of("cps", *others), "pipeline_run")
    assert ran.success, str(ran)
    assert _latest_publication(url) == dt.date(2022, 7, 21)


def _answer(url: str, query: Any) -> Any:
    engine = open_engine(url)
    try:
        with read_transaction(engine) as connection:
            return connection.scalar(query)
    finally:
        engine.dispose()


def _accepted_files(url: str, source: str) -> int:
    accepted = sa.and_(release.c.source == source, release.c.status == "accepted")
    return int(_answer(url, sa.select(sa.func.count()).where(accepted)))


def _latest_publication(url: str) -> dt.date | None:
    """The latest publication of which CPS figures are loaded."""
    fact = FACTS["fact_cps_outcome"]
    of_figures = sa.select(sa.func.max(release.c.published_on)).join(fact, fact.c.release_id == release.c.release_id)
    latest: dt.date | None = _answer(url, of_figures)
    return latest


def _quarantined(url: str, file: str) -> int:
    return int(_answer(url, sa.select(sa.func.count()).where(quarantine.c.file_name.contains(file))))


def test_a_backfill_that_is_split_into_runs_is_red_in_the_last(run: Run, raw: Path, tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'warehouse.sqlite'}"
    _set("2 Prosecutions", "D19", 0.123)(raw)
    assert run(url, FIRST, FIRST, "landed/cps", "staged/cps", "validated/cps").success, "it goes on"
    ran = run(url, FIRST, FIRST, "pipeline_run")
    assert not ran.success
    for words in ("step pipeline_run", LATEST, "2 Prosecutions", "D19", "published 0.123"):
        assert words in str(ran)


def test_a_stage_that_breaks_says_so_in_its_check_and_the_others_go_on(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def broken(source: Any, *rest: Any) -> Any:
        if source.source == "cps":
            raise DeclarationError("msoic_pipeline/sources/cps/faults.yaml is to be mended: f: rulle")
        return validated(source, *rest)

    validated = source_steps.validate_source
    monkeypatch.setattr(source_steps, "validate_source", broken)
    assets = [*assets_of("cps", "small_boats"), "pipeline_run"]
    ran = run(f"sqlite:///{tmp_path / 'warehouse.sqlite'}", FIRST, FIRST, *assets)
    assert not ran.success
    assert "validated/cps:validated" in str(ran) and "faults.yaml is to be mended: f: rulle" in str(ran)
    assert "fact_cps_outcome:loaded" in str(ran) and "step pipeline_run" in str(ran)
    assert "Length mismatch" not in str(ran) and "validated/small_boats" not in str(ran)


def test_a_period_after_the_publication_is_named(run: Run, raw: Path, tmp_path: Path):
    path = raw / "programme_activity" / "programme-activity-2021-22-q3.xlsx"
    _edit(path, lambda book: book["Activity"].__setitem__("A5", dt.datetime(2031, 5, 1)))
    assets = assets_of("programme_activity")
    ran = run(f"sqlite:///{tmp_path / 'warehouse.sqlite'}", "2021-10-01", "2021-10-01", *assets)
    for words in (path.name, "Activity", "A5", "before the publication on 20 January 2022", "2031-05-01"):
        assert words in str(ran)


def test_the_same_fault_declared_or_not(run: Run, raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    name = "modern-slavery-national-referral-mechanism-statistics-uk-quarter-1-2023-january-to-march-tables.ods"
    from msoic_pipeline.ingest import known_faults
    from msoic_pipeline_tests.pipeline.conftest import SAMPLE

    for each in (name, f"{name}.yaml"):
        shutil.copy2(SAMPLE / "nrm" / each, raw / "nrm" / each)
    url = f"sqlite:///{tmp_path / 'warehouse.sqlite'}"
    assets = [*assets_of("nrm"), "pipeline_run"]
    ran = run(url, FIRST, FIRST, *assets)
    assert ran.success, str(ran)
    monkeypatch.setattr(known_faults, "load_faults", lambda source: ())
    # Read in this process, which is the one where the declarations are gone.
    for module in (source_steps, sources):
        monkeypatch.setattr(module, "take_in_source", partial(take_in_source, reader=read_here))
    ran = run(url, FIRST, FIRST, *assets)
    assert not ran.success
    assert "duplicate_key" in str(ran) and "Table_2" in str(ran)


def test_a_force_return_keeps_its_content_to_itself(
    run: Run, raw: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
):
    path = next((raw / "force_returns" / "2021-01").glob("e23000006*.xlsx"))
    _edit(path, lambda book: book["Investigations"].__setitem__("C3", "Mr Nemo of Nowhere"))
    # Its facts, what is worked out of them, and what is published: nothing of it may stand anywhere.
    assets = [*assets_of("force_returns"), "reconciliation_result", "kpi_value", "published_kpis", "pipeline_run"]
    ran = run(f"sqlite:///{tmp_path / 'warehouse.sqlite'}", FIRST, FIRST, *assets)
    assert not ran.success
    assert "C3" in str(ran) and path.name in str(ran)
    captured = capfd.readouterr()
    engine = open_engine(f"sqlite:///{tmp_path / 'warehouse.sqlite'}")
    with read_transaction(engine) as connection:
        kept = str(connection.execute(sa.select(quarantine)).all())
    engine.dispose()
    for text in (str(ran), captured.out, captured.err, kept):
        assert "Nemo" not in text
    assert not any(b"Nemo" in file.read_bytes() for file in (tmp_path / "output").rglob("*.html"))
