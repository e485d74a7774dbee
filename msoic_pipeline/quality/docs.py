"""Data Docs: a static site of Great Expectations for each source, and one page that leads to them."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

from msoic_pipeline.disks import PARTIAL, folder_written_aside, replace_file, writing_below
from msoic_pipeline.model.checks import CheckWords
from msoic_pipeline.workbooks.source import SOURCES, Source, load_source

_RELEASES_SHOWN = "releases.json"
_RENDERER = "great_expectations.render.renderer.site_builder"
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Data quality: what is checked</title>
<style>
body {{ font: 1.1rem/1.5 system-ui, sans-serif; color: #1a1a1a; max-width: 60rem; margin: 2rem auto; padding: 0 1rem }}
table {{ border-collapse: collapse }}
caption {{ text-align: left; font-weight: bold; padding: .5rem 0 }}
th, td {{ border: 1px solid #767676; padding: .4rem .6rem; text-align: left; vertical-align: top }}
</style>
</head>
<body>
<main>
<h1>Data quality: what is checked</h1>
<h2>Expectations made from the declarations of the tables</h2>
<p>Each source has its own pages: the expectations of each fact table, and how the releases validated last met them.
What was found in every release is in the table <code>validation_result</code> of the warehouse. The pages take their
style from the internet; without it they are plain.</p>
<ul>
{sources}
</ul>
<h2>Checks written by hand</h2>
<table>
<caption>Checks written by hand, each with its severity and the reason for it</caption>
<thead><tr><th scope="col">Check</th><th scope="col">Severity</th><th scope="col">Reason</th></tr></thead>
<tbody>
{checks}
</tbody>
</table>
</main>
</body>
</html>
"""


class DataDocs:
    """The site of a source, and the page that leads to the sites of all.

    Nothing that goes wrong with a page may keep figures from loading: ``problem`` says it, in words, and is empty where
    there is nothing to tell.
    """

    def __init__(self, folder: Path, source: Source) -> None:
        self.folder = folder
        self.source = source
        self.problem = ""

    @property
    def index(self) -> Path:
        """The page that leads to the sites of all sources."""
        return self.folder / "index.html"

    @property
    def site_index(self) -> Path:
        """The first page of the source's site."""
        return self.folder / self.source.source / "index.html"

    def read_shown_releases(self) -> set[str]:
        """Return which releases the source's site has shown, by the names that ``try_build_site`` was given."""
        try:
            written = (self.folder / self.source.source / _RELEASES_SHOWN).read_text(encoding="utf-8")
            return set(json.loads(written))
        except (OSError, ValueError):
            return set()

    def try_build_site(self, context: Any, releases: Iterable[str]) -> None:
        """Build the source's site from all that a Great Expectations ``context`` holds; remember ``releases`` in it."""
        with self._telling_problem():
            _build_site(context, self.source, self.folder, releases)

    def try_write_index(self, checks: Sequence[CheckWords]) -> None:
        """Write the page that leads to the sites, where there are any, with the checks that are written by hand."""
        with self._telling_problem():
            if self.folder.is_dir():
                _write_index(self.folder, self.index, checks)

    @contextmanager
    def _telling_problem(self) -> Iterator[None]:
        try:
            with writing_below(self.folder):
                yield
        except Exception as error:
            # The kind of error and its place alone: a page's own words may hold values of force returns.
            words = str(error) if isinstance(error, OSError) else type(error).__name__
            self.problem = (
                f"the Data Docs cannot be written ({words}): free space in the output folder, or mend it, and run again"
            )


@contextmanager
def _raising_what_is_only_logged() -> Iterator[None]:
    """Raise the first error of Great Expectations, which by itself leaves the page out and logs a traceback."""
    errors: list[BaseException] = []

    def keep_error(record: logging.LogRecord) -> bool:
        error = sys.exc_info()[1]  # it is logged where it is caught
        if record.levelno >= logging.ERROR and error is not None:
            errors.append(error)
        return record.levelno < logging.ERROR

    logger = logging.getLogger(_RENDERER)
    logger.addFilter(keep_error)
    try:
        yield
    finally:
        logger.removeFilter(keep_error)
    if errors:
        raise errors[0]


def _build_site(context: Any, source: Source, docs_dir: Path, releases: Iterable[str]) -> None:
    """Build a source's site aside, and then put it in the place of the former one."""
    docs_dir.mkdir(parents=True, exist_ok=True)
    for left in docs_dir.glob(f"{PARTIAL}-*"):  # by a run that was killed: no other is at work
        shutil.rmtree(left, ignore_errors=True)
    with folder_written_aside(docs_dir / source.source) as aside:
        for name in context.get_site_names():
            context.delete_data_docs_site(name)
        context.add_data_docs_site(
            site_name=source.source,
            site_config={
                "class_name": "SiteBuilder",
                "show_how_to_buttons": False,
                "store_backend": {"class_name": "TupleFilesystemStoreBackend", "base_directory": str(aside)},
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
            },
        )
        with _raising_what_is_only_logged():
            context.build_data_docs(site_names=[source.source])
        for picture in (aside / "static" / "images").glob("*.gif"):  # of the how-to, which is not shown
            picture.unlink()
        (aside / _RELEASES_SHOWN).write_text(json.dumps(sorted(releases)), encoding="utf-8")
        aside.chmod(0o755)


def _write_index(docs_dir: Path, index: Path, checks: Sequence[CheckWords]) -> None:
    """Write the page that leads to the sites of all sources; one that says so already is left alone."""
    links = []
    for name in SOURCES:
        if (docs_dir / name / "index.html").is_file():
            links.append(f'<li><a href="{name}/index.html">{escape(load_source(name).title)}</a></li>')
    rows = []
    for check in checks:
        cells = f"<td>{check.severity}</td><td>{escape(check.reason)}</td>"
        rows.append(f'<tr><th scope="row">{escape(check.name)}</th>{cells}</tr>')
    page = _PAGE.format(sources="\n".join(links), checks="\n".join(rows))
    if index.is_file() and index.read_text(encoding="utf-8") == page:
        return
    replace_file(index, page)
