"""Members of the dimensions that are known beforehand, and the spellings under which publishers write them."""

from __future__ import annotations

import csv
import hashlib
import io
from functools import cache, lru_cache
from importlib.resources import files
from itertools import combinations

from rapidfuzz import process

from msoic_pipeline.model.columns import ALL
from msoic_pipeline.texts import fold

FILES = {
    "force": ("forces.csv", "force_code"),
    "cps_area": ("cps_areas.csv", "cps_area_code"),
    "outcome": ("outcomes.csv", "outcome_code"),
    "entry_method": ("entry_methods.csv", "method"),
    "nationality": ("nationalities.csv", "nationality"),
    "exploitation": ("exploitation_types.csv", "exploitation"),
}
# Order in which combined types of exploitation are named.
EXPLOITATION_ORDER = ("Criminal", "Domestic", "Labour", "Sexual", "Organ Harvesting")
UNKNOWN_EXPLOITATION = "Not specified or unknown"
# Of a text that no member is called by, so much is likened to the members.
LIKENED = 200


@cache
def rows(file_name: str) -> tuple[dict[str, str], ...]:
    """Return the rows of a file of members as text."""
    text = files(__package__).joinpath(file_name).read_text(encoding="utf-8")
    return tuple(csv.DictReader(io.StringIO(text)))


@cache
def digest() -> str:
    """Return a digest of all members, which changes when a spelling is added."""
    hasher = hashlib.sha256()
    for path in sorted(files(__package__).iterdir(), key=lambda path: path.name):
        if path.name.endswith(".csv"):
            hasher.update(path.read_bytes())
    return hasher.hexdigest()


@cache
def _spellings(dimension: str) -> dict[str, str]:
    file_name, code_column = FILES[dimension]
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


def name_of(dimension: str, code: str) -> str:
    """Return the name of the member of ``dimension`` that has ``code``; the code itself where none has, or no name."""
    file_name, code_column = FILES[dimension]
    return next((row.get("name") or code for row in rows(file_name) if row[code_column] == code), code)


@cache
def _most_words(dimension: str) -> int:
    """Return of how many words the longest spelling is."""
    return max(len(spelling.split()) for spelling in _spellings(dimension))


@lru_cache(maxsize=4096)
def _words_for_unknown(dimension: str, folded: str) -> str:
    known = list(_spellings(dimension))
    nearest = ", ".join(repr(match) for match, *_ in process.extract(folded, known, limit=3, score_cutoff=60))
    file_name = FILES[dimension][0]
    return (
        f"a known {dimension.replace('_', ' ')}{f' (nearest: {nearest})' if nearest else ''}; if this is a new "
        f"spelling add it to the variants in msoic_pipeline/model/members/{file_name}, if a new member add a row there"
    )


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


def exploitation_members() -> list[dict[str, object]]:
    """Return the rows of dim_exploitation_type: every combination, the unknown and All."""
    names = [set(chosen) for size in range(1, 6) for chosen in combinations(EXPLOITATION_ORDER, size)]
    members = [(combine_exploitation(chosen), chosen) for chosen in names]
    members += [(UNKNOWN_EXPLOITATION, set[str]()), (ALL, set[str]())]
    return [
        {"exploitation_type": name}
        | {f"includes_{kind.lower().replace(' ', '_')}": kind in chosen for kind in EXPLOITATION_ORDER}
        for name, chosen in members
    ]
