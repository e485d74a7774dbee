"""Data Docs: a static site of Great Expectations for each source, and one page that leads to them."""

from __future__ import annotations

import json
import logging
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any

import jinja2

from msoic_pipeline.disks import PARTIAL, folder_written_aside, replace_file, writing_below
from msoic_pipeline.model.checks import CheckWords
from msoic_pipeline.workbooks.source import SOURCES, Source, load_source

_RELEASES_SHOWN = "releases.json"
_RENDERER = "great_expectations.render.renderer.site_builder"
_INDEX_TEMPLATE = "data_docs.html"


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
    with_site = [name for name in SOURCES if (docs_dir / name / "index.html").is_file()]
    page = _load_index_template().render(sources=[load_source(name) for name in with_site], checks=checks)
    if index.is_file() and index.read_text(encoding="utf-8") == page:
        return
    replace_file(index, page)


def _load_index_template() -> jinja2.Template:
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, keep_trailing_newline=True
    )
    return environment.from_string(files(__package__).joinpath(_INDEX_TEMPLATE).read_text(encoding="utf-8"))
