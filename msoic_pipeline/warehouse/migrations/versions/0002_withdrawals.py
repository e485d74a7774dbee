"""Figures may be held or withdrawn, releases outlive their files, and every KPI says whether it is synthetic."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Upgrade from the revision before."""
    op.add_column("release", sa.Column("landed_on", sa.Date(), nullable=True))
    op.add_column("release", sa.Column("in_raw", sa.Boolean(), server_default=sa.true(), nullable=False))
    op.add_column("kpi_definition", sa.Column("is_synthetic", sa.Boolean(), server_default=sa.false(), nullable=False))
    # Which sources stand behind a KPI is not said in the database: until the next run works it out, all are marked
    # where any file is synthetic, rather than none.
    op.execute("UPDATE kpi_definition SET is_synthetic = EXISTS (SELECT 1 FROM release WHERE is_synthetic)")
    op.create_table(
        "withdrawal",
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=False),
        sa.Column("action", sa.String(), nullable=False),
        sa.Column("decided_by", sa.String(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("release_id", "decided_at", name=op.f("pk_withdrawal")),
    )
