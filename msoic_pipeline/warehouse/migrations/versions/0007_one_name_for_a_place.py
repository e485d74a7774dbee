"""A place has one name wherever it stands, and what is counted the name that its fact has."""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"

# By table: the column as it was called, and as it is.
RENAMED = {
    "dim_force": ("cps_area", "cps_area_code"),
    "dim_cps_case_area": ("cps_area", "cps_area_code"),
    "fact_cps_outcome": ("cps_area", "cps_area_code"),
    "fact_cps_case_outcome": ("case_area", "cps_case_area_code"),
    "fact_population": ("local_authority", "local_authority_code"),
    "fact_programme_activity": ("geography", "geography_code"),
    "fact_irregular_arrival": ("people", "arrivals"),
}


# Foreign keys are called as their columns.
REFERRED = {"fact_cps_case_outcome": "dim_cps_case_area", "fact_population": "dim_local_authority"}


def upgrade() -> None:
    """Upgrade from the revision before."""
    for table, (former, name) in RENAMED.items():
        op.alter_column(table, former, new_column_name=name)
    for table, referred in REFERRED.items():
        former, name = RENAMED[table]
        with op.batch_alter_table(table) as batch:
            batch.drop_constraint(op.f(f"fk_{table}_{former}"), type_="foreignkey")
            batch.create_foreign_key(op.f(f"fk_{table}_{name}"), referred, [name], [_key_of(referred)])


def _key_of(referred: str) -> str:
    return f"{referred.removeprefix('dim_')}_code"
