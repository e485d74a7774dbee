"""A verdict on a claim that rests on synthetic figures has a word of its own."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Upgrade from the revision before.

    The next run judges all claims anew; until then nobody is to take the sample's verdicts for those of real figures.
    """
    for verdict, by_sample in (
        ("reproduced", "reproduced by sample data"),
        ("differs", "differs from sample data"),
        ("contradicted", "contradicted by sample data"),
    ):
        op.execute(f"UPDATE report_claim SET verdict = '{by_sample}' WHERE is_synthetic AND verdict = '{verdict}'")
