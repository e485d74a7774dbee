"""Population by local authority and by force, and CPS case outcomes by principal offence category: new tables alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Upgrade from the revision before."""
    op.create_table(
        "dim_cps_case_area",
        sa.Column("cps_case_area_code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("force_code", sa.String(), nullable=False),
        sa.Column("cps_area", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["force_code"], ["dim_force.force_code"], name=op.f("fk_dim_cps_case_area_force_code")),
        sa.PrimaryKeyConstraint("cps_case_area_code", name=op.f("pk_dim_cps_case_area")),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "dim_local_authority",
        sa.Column("local_authority_code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("force_code", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["force_code"], ["dim_force.force_code"], name=op.f("fk_dim_local_authority_force_code")
        ),
        sa.PrimaryKeyConstraint("local_authority_code", name=op.f("pk_dim_local_authority")),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "fact_force_population",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("force_code", sa.String(), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["force_code"], ["dim_force.force_code"], name=op.f("fk_fact_force_population_force_code")
        ),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_fact_force_population_quarter_start")
        ),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_fact_force_population_release_id")
        ),
        sa.PrimaryKeyConstraint("quarter_start", "release_id", "force_code", name=op.f("pk_fact_force_population")),
    )
    op.create_table(
        "fact_cps_case_outcome",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("month_start", sa.Date(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("case_area", sa.String(), nullable=False),
        sa.Column("force_code", sa.String(), nullable=False),
        sa.Column("offence_category", sa.String(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["case_area"], ["dim_cps_case_area.cps_case_area_code"], name=op.f("fk_fact_cps_case_outcome_case_area")
        ),
        sa.ForeignKeyConstraint(
            ["force_code"], ["dim_force.force_code"], name=op.f("fk_fact_cps_case_outcome_force_code")
        ),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_fact_cps_case_outcome_quarter_start")
        ),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_fact_cps_case_outcome_release_id")
        ),
        sa.PrimaryKeyConstraint(
            "quarter_start",
            "month_start",
            "release_id",
            "case_area",
            "offence_category",
            "measure",
            name=op.f("pk_fact_cps_case_outcome"),
        ),
    )
    op.create_table(
        "fact_population",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("local_authority", sa.String(), nullable=False),
        sa.Column("force_code", sa.String(), nullable=False),
        sa.Column("population", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["force_code"], ["dim_force.force_code"], name=op.f("fk_fact_population_force_code")),
        sa.ForeignKeyConstraint(
            ["local_authority"],
            ["dim_local_authority.local_authority_code"],
            name=op.f("fk_fact_population_local_authority"),
        ),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_fact_population_quarter_start")
        ),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_fact_population_release_id")),
        sa.PrimaryKeyConstraint("quarter_start", "release_id", "local_authority", name=op.f("pk_fact_population")),
    )
