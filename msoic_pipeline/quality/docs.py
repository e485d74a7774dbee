"""Data Docs: a static site of Great Expectations for each source, and one page that leads to them."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from typing import Any

from msoic_pipeline.disks import PARTIAL, folder_written_aside, replace_file
from msoic_pipeline.model.checks import CheckWords
from msoic_pipeline.workbooks.layout import SOURCES, Source, load_source

_RELEASES_SHOWN = "releases.json"
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


def docs_index(docs_dir: Path) -> Path:
    """Return the page that leads to the sites of all sources."""
    return docs_dir / "index.html"


def site_index(docs_dir: Path, source: str) -> Path:
    """Return the first page of a source's site."""
    return docs_dir / source / "index.html"


def shown_releases(docs_dir: Path, source: str) -> set[str]:
    """Return which releases a source's site has shown, by the names that ``build_site`` was given."""
    try:
        return set(json.loads((docs_dir / source / _RELEASES_SHOWN).read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return set()


# What went wrong with a source's site, and with the page that leads to it, when last written in this process.
_problems: dict[tuple[str, str], str] = {}


def problem(source: str) -> str:
    """Return why a source's site or the page that leads to it could not be written, in words; empty where there is
    nothing to tell.
    """
    return next((_problems[source, part] for part in ("site", "index") if (source, part) in _problems), "")


@contextmanager
def _remembered_problem(source: str, part: str) -> Iterator[None]:
    """Remember what goes wrong within instead of raising it, since no page may keep figures from loading."""
    _problems.pop((source, part), None)
    try:
        yield
    except Exception as error:
        # The kind of error and its place alone: a page's own words may hold values of force returns.
        words = str(error) if isinstance(error, OSError) else type(error).__name__
        _problems[source, part] = (
            f"the Data Docs cannot be written ({words}): free space in the output folder, or mend it, and run again"
        )


def try_build_site(context: Any, source: Source, docs_dir: Path, releases: Iterable[str]) -> None:
    """Build a source's site; where that fails, ``problem`` says why."""
    with _remembered_problem(source.source, "site"):
        build_site(context, source, docs_dir, releases)


def try_write_index(source: Source, docs_dir: Path, checks: Sequence[CheckWords]) -> None:
    """Write the page that leads to the sites, where there are any; where that fails, ``problem`` of ``source`` says
    why.
    """
    with _remembered_problem(source.source, "index"):
        if docs_dir.is_dir():
            write_index(docs_dir, checks)


def build_site(context: Any, source: Source, docs_dir: Path, releases: Iterable[str]) -> None:
    """Build a source's site from all that a Great Expectations ``context`` holds.

    The site is built aside and then put in the place of the former one; it remembers the names of ``releases``.
    """
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
        context.build_data_docs(site_names=[source.source])
        for picture in (aside / "static" / "images").glob("*.gif"):  # of the how-to, which is not shown
            picture.unlink()
        (aside / _RELEASES_SHOWN).write_text(json.dumps(sorted(releases)), encoding="utf-8")
        aside.chmod(0o755)


def write_index(docs_dir: Path, checks: Sequence[CheckWords]) -> None:
    """Write the page that leads to the sites of all sources, with the checks that are written by hand.

    A page that says so already is left alone.
    """
    sources = "\n".join(
        f'<li><a href="{name}/index.html">{escape(load_source(name).title)}</a></li>'
        for name in SOURCES
        if site_index(docs_dir, name).is_file()
    )
    rows = "\n".join(
        f'<tr><th scope="row">{escape(check.name)}</th><td>{check.severity}</td><td>{escape(check.reason)}</td></tr>'
        for check in checks
    )
    page = _PAGE.format(sources=sources, checks=rows)
    index = docs_index(docs_dir)
    if index.is_file() and index.read_text(encoding="utf-8") == page:
        return
    replace_file(index, page)
