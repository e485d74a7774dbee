"""What a sidecar (``<file>.yaml``) says of the file beside it: a few lines ``name: value``, read strictly.

Of YAML only that much is understood: no nesting, no anchors, no tags. So nothing in it can grow, and no value is
anything but the text that stands there.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from msoic_pipeline.limits import MAX_SIDECAR_BYTES
from msoic_pipeline.texts import clean, printable
from msoic_pipeline.workbooks.errors import SourceFileError
from msoic_pipeline.workbooks.values import parse_count, parse_date, parser


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
    "reference_period": parser("period"),
    "edition": _parse_edition,
    "is_synthetic": _parse_flag,
    "note": clean,
    "url": clean,
}
LINES = "lines such as `edition: 1`, and nothing else"


def sidecar_path(path: Path) -> Path:
    """Return the path of the file that says what ``path`` does not say of itself."""
    return path.with_name(path.name + ".yaml")


def parse_sidecar(content: bytes, name: str, withhold: bool = False) -> dict[str, Any]:
    """Return what a sidecar says, each field read. ``withhold`` keeps its words out of the error.

    Raises SourceFileError, naming the sidecar ``name``, where it is not just lines with the fields of FIELDS.
    """
    try:
        if len(content) > MAX_SIDECAR_BYTES:
            raise ValueError(f"at most {MAX_SIDECAR_BYTES:,} bytes", f"{len(content):,} bytes")
        said: dict[str, Any] = {}
        for field, text in _read_lines(content):
            if field not in FIELDS:
                raise ValueError(f"names among {', '.join(FIELDS)}", repr(field))
            if field in said:
                raise ValueError(f"{field} once", "it again")
            try:
                said[field] = FIELDS[field](text)
            except ValueError as error:
                raise ValueError(f"{field} to be {error}", repr(text)) from error
    except ValueError as error:
        expected, found = error.args
        raise SourceFileError(
            "unreadable_sidecar",
            file=name,
            expected=expected,
            found="something else" if withhold else _beginning(found),
            remedy="Mend the sidecar.",
        ) from error
    return said


def _read_lines(content: bytes) -> list[tuple[str, str]]:
    """Return the names and texts of a flat mapping. Raises ValueError, with what was expected and found, otherwise."""
    try:
        events = yaml.parse(content.decode("utf-8-sig"), Loader=yaml.SafeLoader)
        texts = [_text_of(event) for event in events if not isinstance(event, _FRAME)]
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(LINES, str(error)) from error
    if texts and (texts[0], texts[-1]) != (_OPENED, _CLOSED):
        raise ValueError(LINES, texts[0])
    inner = texts[1:-1]
    if _OPENED in inner or _CLOSED in inner:
        raise ValueError(LINES, "several documents or nested ones")
    return list(zip(inner[::2], inner[1::2], strict=True))


_FRAME = (yaml.StreamStartEvent, yaml.StreamEndEvent, yaml.DocumentStartEvent, yaml.DocumentEndEvent)
# They stand for the braces around the lines; no text of a sidecar can be the same, since NUL is refused in YAML.
_OPENED, _CLOSED = "\0{", "\0}"


def _text_of(event: yaml.Event) -> str:
    if isinstance(event, yaml.MappingEndEvent):
        return _CLOSED
    if getattr(event, "anchor", None) or getattr(event, "tag", None):
        raise ValueError(LINES, "an anchor, an alias or a tag")
    if isinstance(event, yaml.MappingStartEvent):
        return _OPENED
    if isinstance(event, yaml.ScalarEvent):
        return str(event.value)
    raise ValueError(LINES, "a list or an alias")


def _beginning(text: str) -> str:
    return printable(" ".join(text[:300].split()))
