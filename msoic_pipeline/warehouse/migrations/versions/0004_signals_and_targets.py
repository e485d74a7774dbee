"""Signals of KPIs, and their targets."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Upgrade from the revision before."""
    op.create_table(
        "kpi_signal",
        sa.Column("kpi_id", sa.String(), nullable=False),
        sa.Column("period_kind", sa.String(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("geography_kind", sa.String(), nullable=False),
        sa.Column("geography_code", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("mean", sa.Double(), nullable=False),
        sa.Column("lower_limit", sa.Double(), nullable=False),
        sa.Column("upper_limit", sa.Double(), nullable=False),
        sa.Column("limits_from", sa.Date(), nullable=False),
        sa.Column("rebase_reason", sa.String(), nullable=False),
        sa.Column("figures", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("is_high", sa.Boolean(), nullable=False),
        sa.Column("variation", sa.String(), nullable=False),
        sa.Column("assurance", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(["kpi_id"], ["kpi_definition.kpi_id"], name=op.f("fk_kpi_signal_kpi_id")),
        sa.PrimaryKeyConstraint(
            "kpi_id", "period_kind", "period_start", "geography_kind", "geography_code", name=op.f("pk_kpi_signal")
        ),
    )
    op.add_column("kpi_definition", sa.Column("target", sa.Double(), nullable=True))
    op.add_column("kpi_definition", sa.Column("target_source", sa.Text(), nullable=True))
