"""Copies of the publishers' sheets that a KPI value comes from, with its cells in colour."""

from __future__ import annotations

import datetime as dt
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xlsxwriter

from msoic_pipeline.disks import file_written_aside
from msoic_pipeline.ingest.workers import call_in_worker
from msoic_pipeline.kpis.lineage import Addresses, NamedFile, Trace, list_addresses
from msoic_pipeline.workbooks.addresses import a1, from_a1
from msoic_pipeline.workbooks.grid import open_workbook

# Below the output folder. Copies of sensitive returns have one of their own, which only its owner may enter.
COPIES, SENSITIVE_COPIES = "trace", "trace-sensitive"
# Five of these, with what stands between and after them, are a name that any system takes.
LONGEST_PART = 40
# Excel's limit.
LONGEST_SHEET_NAME = 31
# How cells look, in the words of xlsxwriter; and how numbers and moments are written in them.
IN_COLOUR = {"bg_color": "#FFD700", "bold": True, "border": 2}
GENERAL, DATE, DATE_AND_TIME = "General", "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"


class WithheldError(Exception):
    """Something was asked for that holds sensitive returns, and not in so many words."""


def write_marked_copies(trace: Trace, archive_dir: Path, output_dir: Path, with_sensitive: bool = False) -> list[Path]:
    """Write, for each file that a trace names, a workbook of the sheets concerned with the cells in colour.

    The copies hold values only, whatever the original was (ODS, XLSX or CSV), so that nothing in them can run. Returns
    their paths.

    Raises WithheldError where they would hold sensitive returns, which ``with_sensitive`` allows: then only their owner
    may read them, from the first byte on. Raises LookupError where the archive has not a file.
    """
    if trace.is_sensitive and not with_sensitive:
        raise WithheldError(
            f"{trace.value.kpi_id} rests on returns that are sensitive, and the copies would hold whole returns: none "
            f"was written. --open-sensitive writes them to {output_dir / SENSITIVE_COPIES}, for you alone to read."
        )
    folder = _private_folder(output_dir) if trace.is_sensitive else output_dir / COPIES
    folder.mkdir(parents=True, exist_ok=True)
    mode = 0o600 if trace.is_sensitive else 0o666
    facts = [figure.fact for term in trace.terms.values() for figure in term.figures]
    paths = []
    for file, addresses in list_addresses(facts).items():
        original = file.archived(archive_dir)
        if original is None:
            raise LookupError(f"{file.file_name}: the archive has not its file")
        target = folder / name_copy(trace, file)
        call_in_worker(_write_copy, original, original, addresses, target, mode)
        paths.append(target)
    return paths


def name_copy(trace: Trace, file: NamedFile) -> str:
    """Return a name of its own for the copy of each file and value: of letters and digits that any system takes.

    Say, ``nrm_referrals-2021-22-UK-1f0c9a3e-quarter-4.xlsx``. The digits are the first of the file's SHA-256, since
    files in two folders may be called the same.
    """
    value = trace.value
    named = (value.kpi_id, value.period_label, value.geography_code, file.sha256[:8], Path(file.file_name).stem)
    readable = (re.sub(r"[^A-Za-z0-9._]+", "-", part)[:LONGEST_PART] for part in named)
    return f"{'-'.join(readable)}.xlsx"


def _private_folder(output_dir: Path) -> Path:
    """Return the folder of sensitive copies, made for its owner alone.

    Raises WithheldError where something stands there that others may enter.
    """
    output_dir.mkdir(parents=True, exist_ok=True)
    folder = output_dir / SENSITIVE_COPIES
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError as error:
        there = folder.lstat()
        if not stat.S_ISDIR(there.st_mode) or there.st_mode & 0o077 or there.st_uid != os.getuid():
            raise WithheldError(
                f"{folder}: expected a folder of your own that only you may enter (mode 0700), found mode "
                f"{stat.filemode(there.st_mode)} of user {there.st_uid}: nothing was written. Remove it and try again."
            ) from error
    return folder


def _write_copy(original: Path, addresses: Addresses, target: Path, mode: int) -> None:
    """Write the copy of a file to ``target``, which has the permissions ``mode`` from its first byte on.

    To be called in a worker process.
    """
    # In memory, since what is written on the way would stand in a folder of temporary files.
    options = {"strings_to_formulas": False, "strings_to_urls": False, "in_memory": True}
    with (
        file_written_aside(target, mode) as aside,
        aside.open("wb") as file,
        xlsxwriter.Workbook(file, options) as copy,
    ):
        _copy_sheets(original, addresses, copy)


def name_sheets(sheets: Iterable[str]) -> dict[str, str]:
    """Return, by sheet, a name for its copy that Excel takes, each another: the sheet of a CSV file is its name.

    At the most 31 letters, none of ``[]:*?/\\``, no apostrophe at an end; capitals make no difference. Example:
    ``crime [final]`` is ``crime -final-``, and a second sheet of that name ``crime -final- 2``.
    """
    names: dict[str, str] = {}
    taken: set[str] = set()
    for sheet in sheets:
        readable = re.sub(r"[\[\]:*?/\\]|^'|'$", "-", sheet)
        number, name = 1, readable[:LONGEST_SHEET_NAME].rstrip("'")
        while name.casefold() in taken:
            number += 1
            name = f"{readable[: LONGEST_SHEET_NAME - len(f' {number}')]} {number}"
        taken.add(name.casefold())
        names[sheet] = name
    return names


def _copy_sheets(original: Path, addresses: Addresses, copy: xlsxwriter.Workbook) -> None:
    styles = {
        (is_marked, number_format): copy.add_format({"num_format": number_format} | (IN_COLOUR if is_marked else {}))
        for is_marked in (True, False)
        for number_format in (GENERAL, DATE, DATE_AND_TIME)
    }
    workbook = open_workbook(original)
    try:
        names = name_sheets(addresses)
        for sheet, cells in addresses.items():
            page = copy.add_worksheet(names[sheet])
            for row, values in enumerate(workbook.read_sheet(sheet).rows):
                for column, value in enumerate(values):
                    style = styles[a1(row, column) in cells, _choose_number_format(value)]
                    if isinstance(value, dt.date):
                        page.write_datetime(row, column, value, style)
                    elif value != "":
                        page.write(row, column, value, style)
            # Opens where the first of the cells stands.
            top, left = min(map(from_a1, cells))
            page.set_selection(top, left, top, left)
            page.set_top_left_cell(max(0, top - 5), 0)
    finally:
        workbook.close()


def _choose_number_format(value: Any) -> str:
    """Return how a cell's value is written; a moment with its time of day, unless it is midnight."""
    if not isinstance(value, dt.date):
        return GENERAL
    has_time = isinstance(value, dt.datetime) and value.time() != dt.time()
    return DATE_AND_TIME if has_time else DATE
