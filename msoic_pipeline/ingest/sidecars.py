"""What a sidecar (``<file>.yaml``) says of the file beside it: a few lines ``name: value``, read strictly.

Of YAML only that much is understood: no nesting, no anchors, no tags. So nothing in it can grow, and no value is
anything but the text that stands there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

from msoic_pipeline.ingest.details import Details
from msoic_pipeline.resource_limits import MAX_SIDECAR_BYTES
from msoic_pipeline.texts import clean, printable
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.values import find_parser, parse_count, parse_date


def _parse_edition(value: Any) -> int:
    edition = parse_count(value)
    if edition < 1:
        raise ValueError("a whole number from 1")
    return edition


def _parse_flag(value: Any) -> bool:
    if value not in ("true", "false"):
        raise ValueError("true or false")
    return bool(value == "true")


# What a sidecar may say, and how each is read.
FIELDS: dict[str, Callable[[Any], Any]] = {
    "title": clean,
    "published_on": parse_date,
    "reference_period": find_parser("period"),
    "edition": _parse_edition,
    "is_synthetic": _parse_flag,
    "note": clean,
    "url": clean,
}
LINES = "lines such as `edition: 1`, and nothing else"


def sidecar_path(path: Path) -> Path:
    """Return the path of the file that says what ``path`` does not say of itself."""
    return path.with_name(path.name + ".yaml")


def parse_sidecar(content: bytes, name: str, withhold: bool = False) -> Details:
    """Return what a sidecar says, each field read. ``withhold`` keeps its words out of the error.

    Raises SourceFileError, naming the sidecar ``name``, where it is not just lines with the fields of FIELDS.
    """
    try:
        return Details(**_read_fields(content))
    except _UnexpectedSidecar as error:
        raise SourceFileError(
            "unreadable_sidecar",
            file=name,
            expected=error.expected,
            found="something else" if withhold else _shorten_text(error.found),
            remedy="Mend the sidecar.",
        ) from error


class _UnexpectedSidecar(Exception):
    """A sidecar that says something else than what was expected of it."""

    def __init__(self, expected: str, found: str) -> None:
        super().__init__(expected, found)
        self.expected, self.found = expected, found


def _read_fields(content: bytes) -> dict[str, Any]:
    """Return the fields of a sidecar; raise _UnexpectedSidecar for anything else."""
    if len(content) > MAX_SIDECAR_BYTES:
        raise _UnexpectedSidecar(f"at most {MAX_SIDECAR_BYTES:,} bytes", f"{len(content):,} bytes")
    fields: dict[str, Any] = {}
    for field, text in _read_lines(content):
        if field not in FIELDS:
            raise _UnexpectedSidecar(f"names among {', '.join(FIELDS)}", repr(field))
        if field in fields:
            raise _UnexpectedSidecar(f"{field} once", "it again")
        try:
            fields[field] = FIELDS[field](text)
        except ValueError as error:
            raise _UnexpectedSidecar(f"{field} to be {error}", repr(text)) from error
    return fields


def _read_lines(content: bytes) -> list[tuple[str, str]]:
    """Return the names and texts of a flat mapping; raise _UnexpectedSidecar for anything else."""
    try:
        texts = list(_read_texts(yaml.parse(content.decode("utf-8-sig"), Loader=yaml.SafeLoader)))
    # YAML's reader lets errors of numbers through: of an escape beyond Unicode, of a version of 5,000 digits.
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        raise _UnexpectedSidecar(LINES, str(error)) from error
    return list(zip(texts[::2], texts[1::2], strict=True))


# What closes the parts of a YAML document says nothing.
_ENDS = (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentEndEvent, yaml.MappingEndEvent)


def _read_texts(events: Iterable[yaml.Event]) -> Iterator[str]:
    """Yield names and texts by turns. What is not a flat mapping is refused where it begins, and read no further.

    That bounds the time: YAML's reader would go on for minutes over 60,000 opening brackets.
    """
    begun: set[type[yaml.Event]] = set()
    for event in events:
        if getattr(event, "anchor", None) or getattr(event, "tag", None):
            raise _UnexpectedSidecar(LINES, "an anchor, an alias or a tag")
        if isinstance(event, yaml.MappingStartEvent | yaml.DocumentStartEvent):
            if type(event) in begun:
                raise _UnexpectedSidecar(LINES, "several documents or nested ones")
            begun.add(type(event))
        elif isinstance(event, yaml.ScalarEvent):
            if yaml.MappingStartEvent not in begun:
                raise _UnexpectedSidecar(LINES, repr(event.value))
            yield str(event.value)
        elif not isinstance(event, _ENDS):
            raise _UnexpectedSidecar(LINES, "a list or an alias")


def _shorten_text(text: str) -> str:
    return printable(" ".join(text[:300].split()))
