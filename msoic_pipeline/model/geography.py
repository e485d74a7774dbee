"""Geography, declared once: its kinds, how facts write places, which place lies in which, and who reports.

A fact names a *place* in one column: a force by its code, a CPS Area by its code, a county by its name, or, where a
person wrote it, a force or a region by its name. From the place follow the geographies that a figure belongs to: a
figure of Bedfordshire is of the force E23000026, of the region Eastern, and of the nation. ``select_place_geographies``
is that mapping as SQL.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, Literal, get_args

import sqlalchemy as sa

from msoic_pipeline.model import members
from msoic_pipeline.model.dimensions import dim_county, dim_cps_area, dim_force

NATIONAL = "national"
# A nation is called by the ground that its source covers.
Nation = Literal["UK", "E&W"]
NATION_NAMES: dict[str, str] = {"UK": "United Kingdom", "E&W": "England and Wales"}
# What a nation is divided into, as kpi_value names it.
Division = Literal["rocu_region", "force", "cps_area", "county"]
KINDS: tuple[str, ...] = (NATIONAL, *get_args(Division))
# How facts write places.
PlaceScheme = Literal["force code", "force name", "region name", "cps area", "county"]
# What rules compare below the nation.
ComparedDivision = Literal["force", "cps_area"]

# Kinds of dim_force that are police forces; only those of a territory have to report.
POLICE_FORCES = ("territorial force", "special force")
TERRITORIAL_FORCE = "territorial force"


@dataclass(frozen=True)
class PlaceColumn:
    """A column in which a fact may name a place.

    ``scheme`` is how places are written in it, as ``select_place_geographies`` calls that, and ``codes`` the column of
    the dimension that has all of them; there is neither where a person writes the name of a force or of a region.
    ``divisions`` are what figures can be divided into by it, ``compared`` those of rules: a force's figures can be
    added up to the area that prosecutes for it.
    """

    name: str
    scheme: PlaceScheme | None
    codes: sa.Column[Any] | None
    divisions: tuple[Division, ...]
    compared: tuple[ComparedDivision, ...] = ()


# In the order in which they are looked for in a fact.
PLACE_COLUMNS: dict[str, PlaceColumn] = {
    column.name: column
    for column in (
        PlaceColumn(
            "force_code", "force code", dim_force.c.force_code, ("force", "rocu_region"), ("force", "cps_area")
        ),
        PlaceColumn("cps_area_code", "cps area", dim_cps_area.c.cps_area_code, ("cps_area",), ("cps_area",)),
        PlaceColumn("county", "county", dim_county.c.county, ("county",)),
        PlaceColumn("geography_code", None, None, ("force", "rocu_region")),
    )
}

# Who may be due to report.
ReporterKind = Literal["territorial_force", "cps_area", "publisher"]
# The one who reports where the publisher itself does.
PUBLISHER = "publisher"


@dataclass(frozen=True)
class Reporter:
    """A kind of those who may be due to report: what one is called, and the dimension whose members they are.

    ``division`` is the geography that one of them reports for. ``kind_of_member`` is the kind of those members that
    have to report; empty where all of them have. Where the publisher itself reports, for all, there is none of these.
    """

    name: str
    dimension: str = ""
    division: Division | None = None
    kind_of_member: str = ""


REPORTERS: dict[ReporterKind, Reporter] = {
    "territorial_force": Reporter("force", dimension="force", division="force", kind_of_member=TERRITORIAL_FORCE),
    "cps_area": Reporter("CPS Area", dimension="cps_area", division="cps_area"),
    "publisher": Reporter("publisher"),
}


def place_column(fact: sa.Table) -> sa.Column[Any] | None:
    """Return the column in which a fact names its places; None where its figures are of the nation alone."""
    return next((fact.c[name] for name in PLACE_COLUMNS if name in fact.columns), None)


def find_place_codes(column: sa.Column[Any]) -> sa.Column[Any]:
    """Return the column of a dimension that has the codes of all places which a fact's column may name.

    Raises ValueError where a person writes names in it.
    """
    codes = PLACE_COLUMNS[column.name].codes
    if codes is None:
        raise ValueError(f"{column} holds names, not codes")
    return codes


def list_divisions_of(fact: sa.Table) -> tuple[Division, ...]:
    """Return the geographies into which a fact's figures can be divided, below the nation."""
    column = place_column(fact)
    return () if column is None else PLACE_COLUMNS[column.name].divisions


def name_place_scheme(fact: sa.Table, divisions: Iterable[str]) -> PlaceScheme:
    """Return how a fact writes its places, as ``select_place_geographies`` calls it.

    Where a person writes names, ``divisions`` tell those of forces from those of regions.
    """
    column = place_column(fact)
    scheme = None if column is None else PLACE_COLUMNS[column.name].scheme
    return scheme or ("force name" if "force" in divisions else "region name")


def select_place_geographies() -> sa.CompoundSelect[Any]:
    """Return the geographies below the nation to which places belong.

    Columns: scheme, place, geography_kind, geography_code; a row a scheme, place and geography. For example
    ``force code, E23000026, rocu_region, Eastern``. Bodies that are no police forces are in none.
    """
    force, area = dim_force.c, dim_cps_area.c
    is_police = force.kind.in_(POLICE_FORCES)
    has_region = force.rocu_region.is_not(None)

    def select_rows(scheme: PlaceScheme, place: Any, kind: Division, code: Any) -> sa.Select[Any]:
        return sa.select(
            sa.literal(scheme).label("scheme"),
            place.label("place"),
            sa.literal(kind).label("geography_kind"),
            code.label("geography_code"),
        )

    return sa.union_all(
        select_rows("force code", force.force_code, "force", force.force_code).where(is_police),
        select_rows("force code", force.force_code, "rocu_region", force.rocu_region).where(has_region),
        select_rows("force name", force.name, "force", force.force_code).where(is_police),
        select_rows("force name", force.name, "rocu_region", force.rocu_region).where(has_region),
        select_rows("region name", force.rocu_region, "rocu_region", force.rocu_region).where(has_region).distinct(),
        select_rows("cps area", area.cps_area_code, "cps_area", area.cps_area_code),
        select_rows("county", dim_county.c.county, "county", dim_county.c.county),
    )


def select_geography_names() -> sa.CompoundSelect[Any]:
    """Return the names of all geographies. Columns: geography_kind, geography_code, geography_name."""
    force, area, county = dim_force.c, dim_cps_area.c, dim_county.c

    def select_names(kind: str, code: Any, name: Any) -> sa.Select[Any]:
        return sa.select(
            sa.literal(kind).label("geography_kind"), code.label("geography_code"), name.label("geography_name")
        )

    nations = [select_names(NATIONAL, sa.literal(code), sa.literal(name)) for code, name in NATION_NAMES.items()]
    has_region = force.rocu_region.is_not(None)
    return sa.union_all(
        *nations,
        select_names("rocu_region", force.rocu_region, force.rocu_region).where(has_region).distinct(),
        select_names("force", force.force_code, force.name).where(force.kind.in_(POLICE_FORCES)),
        select_names("cps_area", area.cps_area_code, area.name),
        select_names("county", county.county, county.county),
    )


@dataclass(frozen=True, order=True)
class GeographyKey:
    """What tells one geography from another, as ``kpi_value`` has it: ``rocu_region`` and ``West Midlands``."""

    kind: str
    code: str

    @property
    def written(self) -> str:
        """The key as people can write it, which ``find_geographies`` reads: ``rocu_region:West Midlands``."""
        return f"{self.kind}:{self.code}"


def find_geographies(text: str) -> list[GeographyKey]:
    """Return the geographies that a text means, of which there may be several.

    A text is a kind of geography (``national``, ``force``), a code, a name, or a name or code with its kind. Raises
    LookupError where it means none.

    Example: ``West Midlands`` is the force E23000014 and the region that is called so; ``rocu_region:West Midlands`` is
    the region alone.
    """
    kind, colon, name = text.partition(":")
    found = []
    for key, its_name in _list_names_of_geographies():
        is_meant = text in (key.kind, key.code, its_name)
        is_meant_with_kind = bool(colon) and kind == key.kind and name in (key.code, its_name)
        if is_meant or is_meant_with_kind:
            found.append(key)
    if not found:
        raise LookupError(
            f"no geography is called {text!r}: expected a kind ({', '.join(KINDS)}), a code, a name, or a name with "
            "its kind such as 'rocu_region:West Midlands'"
        )
    return found


@cache
def _list_names_of_geographies() -> tuple[tuple[GeographyKey, str], ...]:
    """Return every geography with its name, in the order of their kinds."""
    forces = members.read_rows("forces.csv")
    police = [row for row in forces if row["kind"] in POLICE_FORCES]
    named = [(GeographyKey(NATIONAL, code), name) for code, name in NATION_NAMES.items()]
    regions = sorted({row["rocu_region"] for row in forces} - {""})
    named += [(GeographyKey("rocu_region", region), region) for region in regions]
    named += [(GeographyKey("force", row["force_code"]), row["name"]) for row in police]
    named += [
        (GeographyKey("cps_area", row["cps_area_code"]), row["name"]) for row in members.read_rows("cps_areas.csv")
    ]
    named += [(GeographyKey("county", row["county"]), row["county"]) for row in members.read_rows("counties.csv")]
    return tuple(named)


def select_forces_of(geography: GeographyKey) -> sa.Select[Any]:
    """Return the query of the codes of the forces that a geography has: itself, or those of a region."""
    column = {"force": dim_force.c.force_code, "rocu_region": dim_force.c.rocu_region}[geography.kind]
    return sa.select(dim_force.c.force_code).where(column == geography.code)


def list_reporters_due(kind: ReporterKind) -> frozenset[str]:
    """Return the codes of those who have to report, where they are of a kind."""
    reporter = REPORTERS[kind]
    if not reporter.dimension:
        return frozenset({PUBLISHER})
    file_name, code_column = members.list_member_files()[reporter.dimension]
    due = set()
    for row in members.read_rows(file_name):
        if not reporter.kind_of_member or row["kind"] == reporter.kind_of_member:
            due.add(row[code_column])
    return frozenset(due)


def name_reporter(kind: ReporterKind, code: str) -> str:
    """Return the name of one who reports; the code itself where it has none."""
    dimension = REPORTERS[kind].dimension
    return members.find_name(dimension, code) if dimension else code


def name_geography(geography_kind: str, code: str) -> str:
    """Return the name of a geography as readers know it: ``England and Wales``, ``Bedfordshire``, ``Eastern``."""
    if geography_kind == NATIONAL:
        return NATION_NAMES[code]
    return code if geography_kind == "rocu_region" else members.find_name(geography_kind, code)
