"""The report as one HTML file that stands alone: the template filled with what the other modules made."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cache
from importlib.resources import files
from typing import Any, ClassVar

import jinja2
from markupsafe import Markup

from msoic_pipeline.publication.report.parts import ShownSection
from msoic_pipeline.publication.report.provenance import Origins
from msoic_pipeline.publication.report.quality.coverage_tables import SYMBOLS
from msoic_pipeline.wording import tell_day

PACKAGE = "msoic_pipeline.publication.report"
# By which name the digest of what a report was made from stands in its head.
DIGEST_NAME = "msoic-digest"


@dataclass(frozen=True)
class Page:
    """What every page shows: sections of figures, and what is told of where each comes from.

    ``warnings`` stand before any figure; ``digest`` is of all that the page was made from, and empty where nobody asks.
    A kind of page has a ``template``, and what else that shows as fields of its own.
    """

    template: ClassVar[str]

    as_at: dt.date
    sections: tuple[ShownSection, ...]
    origins: Origins
    warnings: tuple[str, ...]
    digest: str


def fill_page(page: Page) -> str:
    """Return a page as HTML: texts are escaped, and nothing is loaded from elsewhere."""
    return (
        _environment()
        .get_template(page.template)
        .render(
            report=page,
            symbols=SYMBOLS,
            digest_name=DIGEST_NAME,
            asked=_embed_json(asdict(page.origins)),
            styles=Markup(_read("report.css")),
            script=Markup(_read("report.js")),
        )
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_read),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["day"] = tell_day
    environment.filters["drawn"] = Markup  # pictures that drawing.py made
    return environment


def digest_page() -> str:
    """Return a digest of all templates, styles and scripts, by their names."""
    names = sorted(each.name for each in files(PACKAGE).joinpath("page").iterdir())
    parts = [part for name in names for part in (name, _read(name))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _read(name: str) -> str:
    return files(PACKAGE).joinpath("page", name).read_text(encoding="utf-8")


def _embed_json(told: dict[str, Any]) -> Markup:
    """Return plain values as JSON that can stand in a script element: no text in it can end the element."""
    text = json.dumps(told, separators=(",", ":"), ensure_ascii=False)
    for character, escape in (("<", "\\u003c"), (">", "\\u003e"), ("&", "\\u0026")):
        text = text.replace(character, escape)
    return Markup(text)
