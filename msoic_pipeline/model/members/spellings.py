"""Which member a text spells; and where it spells none, which ones it most likely means."""

from __future__ import annotations

from functools import cache, lru_cache

from rapidfuzz import fuzz

from msoic_pipeline.declarations import DeclarationError
from msoic_pipeline.model.members.files import list_member_files, read_rows
from msoic_pipeline.texts import fold

# Of a text that no member is called by, so much is likened to the members.
LIKENED = 200
# So many members are suggested for it, which are alike to so many hundredths.
SUGGESTED, LEAST_LIKENESS = 3, 60
SHARED_WORDS = frozenset({"and", "constabulary", "force", "of", "police", "service", "the"})


class UnknownMemberError(ValueError):
    """A text that no member is called by: says what is read in its place, the nearest members and the file to edit.

    ``without_nearest`` says the same without the nearest members, which would tell what stands there.
    """

    def __init__(self, words: str, without_nearest: str) -> None:
        super().__init__(words)
        self.without_nearest = without_nearest


@cache
def _spellings(dimension: str) -> dict[str, str]:
    file_name, code_column = list_member_files()[dimension]
    known: dict[str, str] = {}
    for row in read_rows(file_name):
        code = row[code_column]
        for spelling in (code, row.get("name") or code, *(row.get("variants") or "").split("|")):
            if spelling and known.setdefault(fold(spelling), code) != code:
                wrong = f"the spelling {spelling!r} stands for both {known[fold(spelling)]} and {code}"
                raise DeclarationError.of(f"msoic_pipeline/model/members/{file_name}", wrong)
    return known


def resolve(dimension: str, text: str) -> str:
    """Return the code of the member of ``dimension`` that ``text`` spells.

    Raises UnknownMemberError where no member is spelled so, naming the nearest ones and the file to edit.
    """
    known = _spellings(dimension)
    folded = fold(text)
    if folded in known:
        return known[folded]
    nearest = _tell_nearest(dimension, folded[:LIKENED])
    raise UnknownMemberError(_words_for_unknown(dimension, nearest), without_nearest=_words_for_unknown(dimension))


def resolve_attribute(dimension: str, text: str, column: str) -> str | None:
    """Return what the row of the member that ``text`` spells has in a column of its file; None where that is empty.

    For example ``local_authority``, ``E06000001`` and ``force_code``: E23000013, the force in which Hartlepool lies.
    Raises UnknownMemberError as ``resolve`` does.
    """
    return _rows_by_code(dimension)[resolve(dimension, text)][column] or None


@cache
def _rows_by_code(dimension: str) -> dict[str, dict[str, str]]:
    file_name, code_column = list_member_files()[dimension]
    return {row[code_column]: row for row in read_rows(file_name)}


def find_name(dimension: str, code: str) -> str:
    """Return the name of the member of ``dimension`` that has ``code``; the code itself where none has, or no name."""
    file_name, code_column = list_member_files()[dimension]
    return next((row.get("name") or code for row in read_rows(file_name) if row[code_column] == code), code)


@lru_cache(maxsize=4096)
def _tell_nearest(dimension: str, folded: str) -> str:
    """Return the names of the nearest members as they are told behind what was expected; empty where none is near."""
    nearest = ", ".join(repr(find_name(dimension, code)) for code in find_nearest_members(dimension, folded))
    return f" (nearest: {nearest})" if nearest else ""


def _words_for_unknown(dimension: str, nearest: str = "") -> str:
    file_name = list_member_files()[dimension][0]
    return (
        f"a known {dimension.replace('_', ' ')}{nearest}; if this is a new spelling add it to the variants in "
        f"msoic_pipeline/model/members/{file_name}, if a new member add a row there"
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


# ---- places that a person names --------------------------------------------------------------------------------------

NATION = "National"


def resolve_place(text: str) -> str:
    """Return the name of the nation, a ROCU region or a force: ``Kent`` of ``Kent Police``, or of ``Kent``.

    ``West Midlands`` is a region and a force, whose name is the same. Raises UnknownMemberError for anything else.
    """
    regions = {row["rocu_region"] for row in read_rows("forces.csv")} - {""}
    name_of_folded = {fold(name): name for name in (NATION, *regions)}
    if fold(text) in name_of_folded:
        return name_of_folded[fold(text)]
    try:
        return find_name("force", resolve("force", text))
    except UnknownMemberError as error:
        or_else = f"{NATION}, a ROCU region or "
        raise UnknownMemberError(f"{or_else}{error}", f"{or_else}{error.without_nearest}") from None


# ---- pairs of nationalities ------------------------------------------------------------------------------------------


@cache
def _most_words(dimension: str) -> int:
    """Return of how many words the longest spelling is."""
    return max(len(spelling.split()) for spelling in _spellings(dimension))


def resolve_nationality(text: str) -> str:
    """Return a nationality, or a pair of them such as ``Albanian UK``, each a known one.

    Raises UnknownMemberError where a part is not known.
    """
    words = text.split()
    if len(words) > 2 * _most_words("nationality"):  # every division of a long text would be tried
        words = []
    for split in range(len(words), 0, -1):
        first, rest = " ".join(words[:split]), " ".join(words[split:])
        if fold(first) in _spellings("nationality") and (not rest or fold(rest) in _spellings("nationality")):
            return " ".join(filter(None, (resolve("nationality", first), resolve("nationality", rest) if rest else "")))
    return resolve("nationality", text)
