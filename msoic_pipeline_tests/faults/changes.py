"""What happens to raw files between two runs, so that the second has something to do."""

from __future__ import annotations

import io
import shutil
from functools import cache

import openpyxl

from msoic_pipeline_tests.faults.bench import Bench
from msoic_pipeline_tests.faults.registry import SAMPLE

RETURN = "force_returns/2021-01/e23000001-2021-01.xlsx"


def new_release(bench: Bench) -> None:
    """The CPS publishes a summary more."""
    for path in (SAMPLE / "cps").glob("*quarter-2-2021-2022*"):
        shutil.copy2(path, bench.raw / "cps" / path.name)


@cache
def _other_return() -> bytes:
    """Made once: a workbook holds the moment at which it was saved, and every run is to see the same file."""
    book = openpyxl.load_workbook(SAMPLE / RETURN)
    sheet = book["Investigations"]
    sheet["D2"] = int(str(sheet["D2"].value)) + 1
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


def replaced_return(bench: Bench) -> None:
    """A force sends its return again, over the first one, with one investigation more."""
    (bench.raw / RETURN).write_bytes(_other_return())


def no_staging(bench: Bench) -> None:
    """The staging area was deleted, as it may be, and a release is new."""
    shutil.rmtree(bench.folders["staging"])
    new_release(bench)


def add_large(bench: Bench) -> None:
    """Releases of some size are new."""
    for pattern in ("recorded_crime/prc-pfa*270122*", "crime_outcomes/*mar2020*280422*", "cps/*quarter-2-2021-2022*"):
        for path in SAMPLE.glob(pattern):
            shutil.copy2(path, bench.raw / path.relative_to(SAMPLE))
