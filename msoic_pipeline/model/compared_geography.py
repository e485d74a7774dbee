"""At which geographies rules compare figures of different publishers, and who has to report for each.

Forces and CPS Areas do not lie in each other as published: both map to the area that prosecutes for them.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from msoic_pipeline.model import members
from msoic_pipeline.model.dimensions import dim_cps_area, dim_force
from msoic_pipeline.model.geography import (
    PLACE_COLUMNS,
    POLICE_FORCES,
    TERRITORIAL_FORCE,
    ComparedDivision,
    ReporterKind,
    place_column,
)


def list_compared_divisions(fact: sa.Table) -> tuple[ComparedDivision, ...]:
    """Return the geographies below the nation at which rules can compare a fact's figures."""
    column = place_column(fact)
    return () if column is None else PLACE_COLUMNS[column.name].compared


def select_compared_geographies(geography: str, fact: sa.Table) -> sa.Subquery | None:
    """Return the geographies at which rules compare the places of a fact; None where they compare the nation.

    Columns: place, geography_code. Forces and CPS Areas are compared at the area that both map to, in which both London
    areas are one: ``metropolitan`` → London for a force, ``london-north`` → London for an area.
    """
    if geography not in list_compared_divisions(fact):
        return None
    force, area = dim_force.c, dim_cps_area.c
    if "force_code" not in fact.columns:
        places = sa.select(area.cps_area_code.label("place"), area.area_group.label("geography_code"))
    else:
        code = force.force_code if geography == "force" else force.cps_area_code
        places = sa.select(force.force_code.label("place"), code.label("geography_code"))
        places = places.where(force.kind.in_(POLICE_FORCES), code.is_not(None))
    return places.subquery("place")


def list_compared_codes(geography: str) -> frozenset[str]:
    """Return the codes of the geographies at which rules compare: of a nation its own name alone."""
    if geography == "force":
        forces = members.read_rows("forces.csv")
        return frozenset(row["force_code"] for row in forces if row["kind"] in POLICE_FORCES)
    if geography == "cps_area":
        return frozenset(row["area_group"] for row in members.read_rows("cps_areas.csv"))
    return frozenset({geography})


def select_compared_reporters(kind: ReporterKind, geography: str) -> sa.Subquery:
    """Return who has to report, with the geography of a rule that each reports for: reporter, geography_code.

    The British Transport Police need not report, but where a force stands alone it may.
    """
    force, area = dim_force.c, dim_cps_area.c
    nation: sa.ColumnElement[Any] = sa.literal(geography)
    if kind == "cps_area":
        code = {"cps_area": area.area_group}.get(geography, nation)
        reporters = sa.select(area.cps_area_code.label("reporter"), code.label("geography_code"))
    else:
        due = POLICE_FORCES if geography == "force" else (TERRITORIAL_FORCE,)
        code = {"force": force.force_code, "cps_area": force.cps_area_code}.get(geography, nation)
        reporters = sa.select(force.force_code.label("reporter"), code.label("geography_code"))
        reporters = reporters.where(force.kind.in_(due))
    return reporters.subquery("due_to_report")
