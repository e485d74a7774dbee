"""NRM referrals by competent authority, and by county: new tables alone."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Upgrade from the revision before."""
    op.create_table(
        "dim_county",
        sa.Column("county", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("county", name=op.f("pk_dim_county")),
    )
    op.create_table(
        "fact_nrm_referral_authority",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("competent_authority", sa.String(), nullable=False),
        sa.Column("referrals", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_fact_nrm_referral_authority_quarter_start")
        ),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_fact_nrm_referral_authority_release_id")
        ),
        sa.PrimaryKeyConstraint(
            "quarter_start", "release_id", "competent_authority", name=op.f("pk_fact_nrm_referral_authority")
        ),
    )
    op.create_table(
        "fact_nrm_referral_county",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("county", sa.String(), nullable=False),
        sa.Column("referrals", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["county"], ["dim_county.county"], name=op.f("fk_fact_nrm_referral_county_county")),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_fact_nrm_referral_county_quarter_start")
        ),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_fact_nrm_referral_county_release_id")
        ),
        sa.PrimaryKeyConstraint("quarter_start", "release_id", "county", name=op.f("pk_fact_nrm_referral_county")),
    )
