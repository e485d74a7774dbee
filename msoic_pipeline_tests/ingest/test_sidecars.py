"""Sidecars: whatever bytes stand in one, it is read as a few known fields or refused, and soon."""

from __future__ import annotations

import datetime as dt
import json
import time
from dataclasses import asdict
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from msoic_pipeline.ingest.sidecars import FIELDS, parse_sidecar
from msoic_pipeline.periods import period_label
from msoic_pipeline.resource_limits import MAX_SIDECAR_BYTES
from msoic_pipeline.texts import clean, printable
from msoic_pipeline.workbooks.errors import SourceFileError

NAME = "cps/data.xlsx.yaml"
# Processor time that one sidecar may take: a hundred times what the slowest took when this was written.
MOST_SECONDS = 2.0
SECRET = "Ermintrude"


def read(content: bytes, withhold: bool = False) -> dict[str, Any] | SourceFileError:
    """Return what a sidecar says, or why it is refused, having looked at either."""
    began = time.process_time()
    try:
        details = asdict(parse_sidecar(content, NAME, withhold))
    except SourceFileError as error:
        assert time.process_time() - began < MOST_SECONDS
        assert (error.rule, error.file) == ("unreadable_sidecar", NAME)
        assert error.expected and error.found and error.remedy
        assert printable(str(error)) == str(error)
        return error
    assert time.process_time() - began < MOST_SECONDS
    said = {field: value for field, value in details.items() if value is not None}
    assert said.keys() <= FIELDS.keys()
    assert all(printable(value) == value for value in said.values() if isinstance(value, str))
    return said


def refused(content: str) -> SourceFileError:
    """Return why a sidecar is refused."""
    answer = read(content.encode("utf-8", "surrogatepass"))
    assert isinstance(answer, SourceFileError), answer
    return answer


# Pieces of which YAML is made, ours and what is forbidden.
PIECES = st.sampled_from(
    [
        *(f"{field}: " for field in FIELDS),
        *("2022-05-01", "2021-Q4", "1", "true", "\n", "  ", "\n  ", "- ", "? ", ": ", ", ", "{", "}", "[", "]", "# "),
        *(
            "&a ",
            "*a",
            "!!python/none ",
            "!x ",
            "<<: ",
            "--- ",
            "...\n",
            "|\n",
            ">\n",
            "'",
            '"',
            "%YAML 1.1\n",
            "%TAG ! x\n",
        ),
        *("%YAML 1.1\n", "%TAG ! x\n", "\\U00110000", "\\UFFFFFFFF"),
        *("\\ud800", "\\0", "\\x1b[2J", "\u202e", "\u2028", "\u0085", "\ufeff", "\t"),
    ]
)


@given(
    st.binary(max_size=400) | st.lists(PIECES, max_size=30).map(lambda pieces: "".join(pieces).encode()), st.booleans()
)
@example(b'note: "\\UFFFFFFFF"', False)
@example(b'note: "\\U00110000"', False)
@example(b"%YAML " + b"9" * 5000 + b".1\n---\nnote: a\n", False)
@example(b"{}\n--- a", False)
@example(b"note: a\n--- edition\n--- 1\n", False)
def test_whatever_bytes_are_known_fields_or_refused(content: bytes, withhold: bool):
    read(content, withhold)


@given(st.lists(PIECES, min_size=1, max_size=4), st.integers(1, 40_000))
@example(["{"], 65_000)
@example(["["], 65_000)
@example(["{a: "], 16_000)
@example(["? "], 30_000)
@example(["'\n"], 30_000)
def test_repeating_anything_takes_no_longer(pieces: list[str], times: int):
    text = "".join(pieces).encode()
    read((text * times)[:MAX_SIDECAR_BYTES])


def test_no_more_than_so_many_bytes():
    assert read(b"note: " + b"a" * (MAX_SIDECAR_BYTES - 6)) is not None
    assert "at most 65,536 bytes" in str(read(b"#" * (MAX_SIDECAR_BYTES + 1)))


# ---- what is written is read back ------------------------------------------------------------------

DAYS = st.dates(dt.date(1900, 1, 1), dt.date(2099, 12, 31))
QUARTERS = st.builds(
    lambda year, month: dt.date(year, month, 1), st.integers(1900, 2099), st.sampled_from([1, 4, 7, 10])
)
WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)
SAID = st.fixed_dictionaries(
    {},
    optional={
        "title": WORDS,
        "published_on": DAYS,
        "reference_period": QUARTERS.map(lambda start: period_label("quarter", start)),
        "edition": st.integers(1, 2**31 - 1),
        "is_synthetic": st.booleans(),
        "note": WORDS,
        "url": WORDS,
    },
)


def written(said: dict[str, Any]) -> str:
    """Return a sidecar as a person or a program would write it: texts in quotes, all else as it is."""
    return "".join(f"{field}: {_written(value)}\n" for field, value in said.items())


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return (
            '"'
            + "".join(f"\\U{ord(letter):08x}" if ord(letter) > 126 else json.dumps(letter)[1:-1] for letter in value)
            + '"'
        )
    return str(value)


@given(SAID)
def test_what_is_written_is_read_back(said: dict[str, Any]):
    expected = {field: clean(value) if field in ("title", "note", "url") else value for field, value in said.items()}
    assert read(written(said).encode()) == expected


@given(SAID, st.randoms(use_true_random=False))
def test_order_and_empty_lines_do_not_matter(said: dict[str, Any], chance: Any):
    lines = written(said).splitlines()
    chance.shuffle(lines)
    assert read("\n# said by hand\n\n".join(lines).encode()) == read(written(said).encode())


# ---- what is always refused ------------------------------------------------------------------------

LINES = st.lists(
    st.sampled_from(["title: a", "published_on: 2022-05-01", "reference_period: 2021-Q4", "edition: 1", "url: x"]),
    unique=True,
    max_size=5,
)
FORBIDDEN = st.sampled_from(
    [
        *(
            "note: &a b",
            "note: *a",
            "&a note: b",
            "note: !!str b",
            "note: ! b",
            "note: !x b",
            "!!str note: b",
            "? !x note\n: b",
        ),
        *("note: [a, b]", "note: []", "note:\n- a", "note: {a: b}", "note: {}", "note:\n  a: b", "? {a: b}\n: c"),
        *("? !x note\n: b", "? [a]\n: b", "<<: {note: a}", "<<: *a", "note: a\n--- \nnote: b", "note: a\n---\nb"),
        *(
            "note: a\nnote: b",
            "colour: red",
            "1: 1",
            "~: a",
            '"\\e[2J": a',
            "note: a\n...\nnote: b",
            "note: 'a",
            'note: "\\U00110000"',
        ),
    ]
)


@given(LINES, LINES, FORBIDDEN)
def test_anchors_tags_and_nesting_are_refused_wherever_they_stand(before: list[str], after: list[str], line: str):
    assert refused("\n".join([*before, line, *after]))


@pytest.mark.parametrize(
    "line",
    [
        *("edition: 0", "edition: -1", "edition: 1.5", "edition: 2147483648", "edition:", "edition: true"),
        *("is_synthetic: yes", "is_synthetic: True", "is_synthetic:", "is_synthetic: 1"),
        *("published_on: 2022-02-30", "published_on: 0001-01-01", "published_on: 9999-12-31", "published_on:"),
        *(
            "reference_period: 9999-Q4",
            "reference_period: 0001-Q1",
            "reference_period: 0000",
            "reference_period: 9999/00",
        ),
    ],
)
def test_no_value_beyond_its_bounds(line: str):
    error = refused(line)
    assert error.expected.startswith(f"{line.split(':', maxsplit=1)[0]} to be ")
    assert "out of range" not in error.expected


@pytest.mark.parametrize(
    "content",
    [
        *(
            f"edition: {SECRET}",
            f"{SECRET}: 1",
            f"note: [{SECRET}]",
            SECRET,
            f"published_on: {SECRET}",
            f"note: *{SECRET}",
        ),
        *(
            f"published_on: {SECRET}",
            f"reference_period: {SECRET}",
            f"is_synthetic: {SECRET}",
            f"note: '{SECRET}",
            f"note: &a {SECRET}",
        ),
    ],
)
def test_a_sensitive_source_shows_no_word_of_it(content: str):
    answer = read(content.encode(), withhold=True)
    assert isinstance(answer, SourceFileError)
    assert SECRET not in str(answer)
