"""A file that somebody names on the command line: whose it is, wherever it stands."""

from __future__ import annotations

from pathlib import Path

from msoic_pipeline.ingest.file_asked import FileAsked, digest_file
from msoic_pipeline.ingest.raw_files import RawFile
from msoic_pipeline.ingest.reading import recognise_file
from msoic_pipeline.ingest.workers import call_in_worker
from msoic_pipeline.texts import printable_name
from msoic_pipeline.workbooks.source import SOURCES


def ask_about_file(path: Path) -> FileAsked:
    """Return a file as the stages ask about it: its source, its content, its name and its sidecar.

    The source is the one that a folder above the file is named after, else the one that recognises what is in it.
    ``/downloads/cps/q4.xlsx`` is of ``cps`` and is called ``cps/q4.xlsx``; ``/downloads/q4.xlsx`` is read to find out,
    and is called ``q4.xlsx``. A link below such a folder is of its source, as in a run, and has a sidecar of its own.

    Raises LookupError where neither names a source, SourceFileError where the file would have to and cannot be read.
    """
    given = path.parent.resolve() / path.name
    content = path.resolve()
    named = given if _depth_of_source_folder(given) is not None else content
    folder_depth = _depth_of_source_folder(named)
    if folder_depth is None:
        source = call_in_worker(recognise_file, content, content)
        parts_below: tuple[str, ...] = (named.name,)
    else:
        source = named.parts[folder_depth]
        parts_below = named.parts[folder_depth:]
    if not source:
        raise LookupError(f"{content}: no source recognises it; put it below a folder named {' or '.join(SOURCES)}")
    link = given if given.is_symlink() else None
    raw_file = RawFile(content, "/".join(map(printable_name, parts_below)), link)
    return FileAsked(source, content, raw_file.name, digest_file(content), raw_file.read_sidecar())


def _depth_of_source_folder(path: Path) -> int | None:
    """Return the place, among a path's parts, of the innermost folder that is called like a source; None without one.

    The innermost: a folder above the raw files may be called like a source by chance.
    """
    last_folder = len(path.parts) - 2
    return next((depth for depth in range(last_folder, 0, -1) if path.parts[depth] in SOURCES), None)
