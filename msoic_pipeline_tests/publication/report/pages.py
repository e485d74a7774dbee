"""A report as a reader's program sees it: its figures, its words, and what it tells of where they come from."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any


@dataclass
class ReadPage:
    """What stands in a page: figures as (name by which they are asked for, words), all text, and what can be asked."""

    figures: list[tuple[str, str]] = field(default_factory=list)
    text: str = ""
    asked: dict[str, Any] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)
    identifiers: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.page = ReadPage()
        self._figure: str | None = None
        self._element = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self._element = "asked" if attributes.get("id") == "asked" else tag
        self._figure = attributes.get("data-of") if tag == "button" else None
        if attributes.get("id"):
            self.page.identifiers.append(str(attributes["id"]))
        for name in ("src", "href", "action", "xlink:href"):
            if attributes.get(name):
                (self.page.links if str(attributes[name]).startswith("#") else self.page.addresses).append(
                    str(attributes[name])
                )

    def handle_data(self, data: str) -> None:
        if self._element == "asked":
            self.page.asked = json.loads(data)
        elif self._element not in ("style", "script"):
            self.page.text += data
            if self._figure is not None:
                self.page.figures.append((self._figure, data))

    def handle_endtag(self, tag: str) -> None:
        self._figure, self._element = None, ""


def read_page(html: str) -> ReadPage:
    """Return what stands in a page."""
    reader = _Reader()
    reader.feed(html)
    return reader.page


def count_marks(svg: str) -> int:
    """Return how many points a picture has: the paths within its groups of symbols, but for those of its legend."""
    groups = re.findall(r'<g class="mark-symbol role-mark[^"]*"[^>]*>(.*?)</g>', svg, re.S)
    return sum(group.count("<path") for group in groups)
