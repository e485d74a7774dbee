"""The files of members: their rows, their digests, and which dimension each is of."""

from __future__ import annotations

import csv
import hashlib
import io
from functools import cache
from importlib.resources import files
from typing import NamedTuple

import sqlalchemy as sa

from msoic_pipeline.declarations import DeclarationError
from msoic_pipeline.model.dimensions import DIMENSIONS
from msoic_pipeline.model.traits import traits_of_dimension


class MemberFile(NamedTuple):
    """A file of members, and its column of codes."""

    file_name: str
    code_column: str


# Files of members that are no dimension's rows.
OTHER_FILES = {
    "nationality": MemberFile("nationalities.csv", "nationality"),
    "exploitation": MemberFile("exploitation_types.csv", "exploitation"),
}


@cache
def read_rows(file_name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a file of members as text. Raises DeclarationError where it is not well formed."""
    text = files(__package__).joinpath(file_name).read_text(encoding="utf-8")
    return parse_members(text, file_name)


def parse_members(text: str, file_name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a file of members, whose first line names the columns.

    Raises DeclarationError, which names the line, where a row has another number of fields than the first line (as of a
    spelling with a comma that is not in quotes) or a quote is not closed.
    """
    path = f"msoic_pipeline/model/members/{file_name}"
    reader = csv.reader(io.StringIO(text), strict=True)
    parsed: list[dict[str, str]] = []
    try:
        columns = next(reader, [])
        for fields in reader:
            if len(fields) != len(columns):
                wrong = f"expected {len(columns)} fields ({', '.join(columns)}); found {len(fields)}"
                remedy = "A text that holds a comma stands in double quotes"
                raise DeclarationError.of(path, f"line {reader.line_num}: {wrong}. {remedy}")
            parsed.append(dict(zip(columns, fields, strict=True)))
    except csv.Error as error:
        raise DeclarationError.of(path, f"line {reader.line_num}: {error}") from error
    return tuple(parsed)


@cache
def digest_files(*file_names: str) -> str:
    """Return a digest of files of members, which changes when a spelling is added to one of them."""
    hasher = hashlib.sha256()
    for file_name in file_names:
        hasher.update(files(__package__).joinpath(file_name).read_bytes())
    return hasher.hexdigest()


def list_file_names() -> list[str]:
    """Return the names of all files of members, in alphabetical order."""
    names = (path.name for path in files(__package__).iterdir())
    return sorted(name for name in names if name.endswith(".csv"))


@cache
def digest_all_files() -> str:
    """Return a digest of all members."""
    return digest_files(*list_file_names())


@cache
def list_files_of_dimensions() -> dict[str, sa.Table]:
    """Return the dimensions that have a file of members, by its name."""
    dimension_by_file: dict[str, sa.Table] = {}
    for dimension in DIMENSIONS:
        traits = traits_of_dimension(dimension)
        if traits.members_file:
            dimension_by_file[traits.members_file] = dimension
    return dimension_by_file


def list_key_columns(file_name: str) -> list[str]:
    """Return the columns that tell one row of a dimension's file of members from another."""
    return [column.name for column in list_files_of_dimensions()[file_name].primary_key.columns]


@cache
def list_member_files() -> dict[str, MemberFile]:
    """Return the files of members by what is spelled in them: ``force``, ``nationality``.

    Of the dimensions these are those with a code of one column: ``dim_force`` is spelled as ``force``.
    """
    found = dict(OTHER_FILES)
    for file_name, dimension in list_files_of_dimensions().items():
        key = list_key_columns(file_name)
        if len(key) == 1:
            found[dimension.name.removeprefix("dim_")] = MemberFile(file_name, key[0])
    return found
