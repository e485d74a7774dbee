"""Members of the dimensions that are known beforehand, and the spellings under which publishers write them."""

from __future__ import annotations

import csv
import hashlib
import io
from functools import cache, lru_cache
from importlib.resources import files
from itertools import combinations
from typing import Any

import sqlalchemy as sa
from rapidfuzz import fuzz

from msoic_pipeline.declarations import DeclarationError
from msoic_pipeline.model.columns import ALL, metadata
from msoic_pipeline.texts import fold

# Files of members that are no dimension's rows: each with the column of its codes.
OTHER_FILES = {
    "nationality": ("nationalities.csv", "nationality"),
    "exploitation": ("exploitation_types.csv", "exploitation"),
}
# Order in which combined types of exploitation are named.
EXPLOITATION_ORDER = ("Criminal", "Domestic", "Labour", "Sexual", "Organ Harvesting")
UNKNOWN_EXPLOITATION = "Not specified or unknown"
# Of a text that no member is called by, so much is likened to the members.
LIKENED = 200
# So many members are suggested for it, which are alike to so many hundredths.
SUGGESTED, LEAST_LIKENESS = 3, 60
SHARED_WORDS = frozenset({"and", "constabulary", "force", "of", "police", "service", "the"})


@cache
def rows(file_name: str) -> tuple[dict[str, str], ...]:
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


def list_declared_dimensions() -> list[sa.Table]:
    """Return the dimensions whose members are known beforehand, in the order in which they can be loaded."""
    return [table for table in metadata.sorted_tables if "members_file" in table.info or "combines" in table.info]


def list_published_dimensions() -> list[sa.Table]:
    """Return the dimensions whose members come with the releases."""
    return [table for table in metadata.sorted_tables if "labels" in table.info]


def rows_of(dimension: sa.Table) -> list[dict[str, Any]]:
    """Return the members of a dimension as its rows; an empty field is no value where the column allows that."""
    if "combines" in dimension.info:
        return list_exploitation_members()
    return [
        {column.name: row[column.name] or (None if column.nullable else "") for column in dimension.columns}
        for row in rows(dimension.info["members_file"])
    ]


@cache
def digest(*file_names: str) -> str:
    """Return a digest of files of members, which changes when a spelling is added to one of them."""
    hasher = hashlib.sha256()
    for file_name in file_names:
        hasher.update(files(__package__).joinpath(file_name).read_bytes())
    return hasher.hexdigest()


def file_names() -> list[str]:
    """Return the names of all files of members, in alphabetical order."""
    names = (path.name for path in files(__package__).iterdir())
    return sorted(name for name in names if name.endswith(".csv"))


@cache
def digest_of_all() -> str:
    """Return a digest of all members."""
    return digest(*file_names())


def list_files_of_dimensions() -> dict[str, sa.Table]:
    """Return the dimensions that have a file of members, by its name."""
    return {table.info["members_file"]: table for table in list_declared_dimensions() if "members_file" in table.info}


def key_of_file(file_name: str) -> list[str]:
    """Return the columns that tell one row of a dimension's file of members from another."""
    return [column.name for column in list_files_of_dimensions()[file_name].primary_key.columns]


@cache
def member_files() -> dict[str, tuple[str, str]]:
    """Return, by what is spelled (``force``, ``nationality``), its file and the column of its codes.

    Of the dimensions these are those with a code of one column: ``dim_force`` is spelled as ``force``.
    """
    found = dict(OTHER_FILES)
    for table in list_declared_dimensions():
        codes = [column.name for column in table.primary_key]
        if "members_file" in table.info and len(codes) == 1:
            found[table.name.removeprefix("dim_")] = (table.info["members_file"], codes[0])
    return found


@cache
def _spellings(dimension: str) -> dict[str, str]:
    file_name, code_column = member_files()[dimension]
    known: dict[str, str] = {}
    for row in rows(file_name):
        code = row[code_column]
        for spelling in (code, row.get("name") or code, *(row.get("variants") or "").split("|")):
            if spelling and known.setdefault(fold(spelling), code) != code:
                raise ValueError(
                    f"{file_name}: the spelling {spelling!r} stands for both {known[fold(spelling)]} and {code}"
                )
    return known


def resolve(dimension: str, text: str) -> str:
    """Return the code of the member of ``dimension`` that ``text`` spells.

    Raises ValueError where no member is spelled so, naming the nearest ones and the file to edit.
    """
    known = _spellings(dimension)
    folded = fold(text)
    if folded in known:
        return known[folded]
    raise ValueError(_words_for_unknown(dimension, folded[:LIKENED]))


def resolve_attribute(dimension: str, text: str, column: str) -> str | None:
    """Return what the row of the member that ``text`` spells has in a column of its file; None where that is empty.

    For example ``local_authority``, ``E06000001`` and ``force_code``: E23000013, the force in which Hartlepool lies.
    Raises ValueError as ``resolve`` does.
    """
    return _rows_by_code(dimension)[resolve(dimension, text)][column] or None


@cache
def _rows_by_code(dimension: str) -> dict[str, dict[str, str]]:
    file_name, code_column = member_files()[dimension]
    return {row[code_column]: row for row in rows(file_name)}


def name_of(dimension: str, code: str) -> str:
    """Return the name of the member of ``dimension`` that has ``code``; the code itself where none has, or no name."""
    file_name, code_column = member_files()[dimension]
    return next((row.get("name") or code for row in rows(file_name) if row[code_column] == code), code)


@cache
def _most_words(dimension: str) -> int:
    """Return of how many words the longest spelling is."""
    return max(len(spelling.split()) for spelling in _spellings(dimension))


@lru_cache(maxsize=4096)
def _words_for_unknown(dimension: str, folded: str) -> str:
    nearest = ", ".join(repr(name_of(dimension, code)) for code in find_nearest_members(dimension, folded))
    file_name = member_files()[dimension][0]
    return (
        f"a known {dimension.replace('_', ' ')}{f' (nearest: {nearest})' if nearest else ''}; if this is a new "
        f"spelling add it to the variants in msoic_pipeline/model/members/{file_name}, if a new member add a row there"
    )


def find_nearest_members(dimension: str, folded: str) -> list[str]:
    """Return the codes of the members that a folded text most likely means, the likeliest first, at the most three.

    Words that many members share do not count: ``hampshire and isle of wight`` means Hampshire rather than
    ``devon and cornwall``. Words in another order, or more of them, are no difference; what is spelled alike otherwise
    comes after.
    """
    likeness: dict[str, tuple[float, float]] = {}
    wanted = _distinctive_words(folded)
    for spelling, code in _spellings(dimension).items():
        distinctive = _distinctive_words(spelling)
        score = (fuzz.token_set_ratio(wanted, distinctive), fuzz.token_sort_ratio(wanted, distinctive))
        likeness[code] = max(score, likeness.get(code, (0.0, 0.0)))
    ranked = sorted(likeness, key=lambda code: likeness[code], reverse=True)
    return [code for code in ranked[:SUGGESTED] if likeness[code][0] >= LEAST_LIKENESS]


def _distinctive_words(folded: str) -> str:
    """Return a text without the words that tell no member from another; the text itself where nothing is left."""
    kept = [word for word in folded.replace(",", " ").split() if word not in SHARED_WORDS]
    return " ".join(kept) or folded


def resolve_nationality(text: str) -> str:
    """Return a nationality, or a pair of them such as ``Albanian UK``, each a known one.

    Raises ValueError where a part is not known.
    """
    words = text.split()
    if len(words) > 2 * _most_words("nationality"):  # every division of a long text would be tried
        words = []
    for split in range(len(words), 0, -1):
        first, rest = " ".join(words[:split]), " ".join(words[split:])
        if fold(first) in _spellings("nationality") and (not rest or fold(rest) in _spellings("nationality")):
            return " ".join(filter(None, (resolve("nationality", first), resolve("nationality", rest) if rest else "")))
    return resolve("nationality", text)


def combine_exploitation(types: set[str]) -> str:
    """Return the name of a combination of types of exploitation, in the fixed order."""
    return " & ".join(kind for kind in EXPLOITATION_ORDER if kind in types)


def resolve_exploitation(text: str) -> str:
    """Return the combination that a label such as ``Sexual, Labour & Domestic`` names, in the fixed order.

    Raises ValueError where a part is not a known type of exploitation.
    """
    parts = {
        resolve("exploitation", part)
        for part in text.replace("&", ",").replace(" and ", ",").split(",")
        if part.strip()
    }
    if not parts:
        raise ValueError("a type of exploitation")
    if UNKNOWN_EXPLOITATION in parts:
        if len(parts) > 1:
            raise ValueError("types of exploitation, or 'Not specified or unknown' alone")
        return UNKNOWN_EXPLOITATION
    return combine_exploitation(parts)


def list_exploitation_members() -> list[dict[str, Any]]:
    """Return the rows of dim_exploitation_type: every combination, the unknown and All."""
    names = [set(chosen) for size in range(1, 6) for chosen in combinations(EXPLOITATION_ORDER, size)]
    members = [(combine_exploitation(chosen), chosen) for chosen in names]
    members += [(UNKNOWN_EXPLOITATION, set[str]()), (ALL, set[str]())]
    return [
        {"exploitation_type": name}
        | {f"includes_{kind.lower().replace(' ', '_')}": kind in chosen for kind in EXPLOITATION_ORDER}
        for name, chosen in members
    ]
