"""The tables as they were before there were revisions: those of commit 110197f."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables in an empty database."""
    op.create_table(
        "data_dictionary",
        sa.Column("table_name", sa.String(), nullable=False),
        sa.Column("column_name", sa.String(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("is_key", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("table_name", "column_name", name=op.f("pk_data_dictionary")),
    )
    op.create_table(
        "dim_activity",
        sa.Column("activity", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("aggregation", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("activity", "category", "measure", name=op.f("pk_dim_activity")),
    )
    op.create_table(
        "dim_cps_area",
        sa.Column("cps_area_code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("area_group", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("cps_area_code", name=op.f("pk_dim_cps_area")),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "dim_entry_method",
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("method", name=op.f("pk_dim_entry_method")),
    )
    op.create_table(
        "dim_exploitation_type",
        sa.Column("exploitation_type", sa.String(), nullable=False),
        sa.Column("includes_criminal", sa.Boolean(), nullable=False),
        sa.Column("includes_domestic", sa.Boolean(), nullable=False),
        sa.Column("includes_labour", sa.Boolean(), nullable=False),
        sa.Column("includes_sexual", sa.Boolean(), nullable=False),
        sa.Column("includes_organ_harvesting", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("exploitation_type", name=op.f("pk_dim_exploitation_type")),
    )
    op.create_table(
        "dim_force",
        sa.Column("force_code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("country", sa.String(), nullable=True),
        sa.Column("rocu_region", sa.String(), nullable=True),
        sa.Column("cps_area", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("force_code", name=op.f("pk_dim_force")),
        sa.UniqueConstraint("name"),
    )
    op.create_table(
        "dim_offence",
        sa.Column("offence_code", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=False),
        sa.Column("offence_group", sa.String(), nullable=False),
        sa.Column("offence_subgroup", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("offence_code", name=op.f("pk_dim_offence")),
    )
    op.create_table(
        "dim_outcome",
        sa.Column("outcome_code", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("outcome_group", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("outcome_code", name=op.f("pk_dim_outcome")),
    )
    op.create_table(
        "dim_period",
        sa.Column("period_kind", sa.String(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_end", sa.Date(), nullable=False),
        sa.Column("period_label", sa.String(), nullable=False),
        sa.Column("months", sa.Integer(), nullable=False),
        sa.Column("previous_start", sa.Date(), nullable=False),
        sa.Column("year_before_start", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("period_kind", "period_start", name=op.f("pk_dim_period")),
    )
    op.create_table(
        "dim_quarter",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("quarter_end", sa.Date(), nullable=False),
        sa.Column("calendar_label", sa.String(), nullable=False),
        sa.Column("financial_label", sa.String(), nullable=False),
        sa.Column("calendar_year_start", sa.Date(), nullable=False),
        sa.Column("financial_year_start", sa.Date(), nullable=False),
        sa.PrimaryKeyConstraint("quarter_start", name=op.f("pk_dim_quarter")),
        sa.UniqueConstraint("calendar_label"),
        sa.UniqueConstraint("financial_label"),
    )
    op.create_table(
        "kpi_definition",
        sa.Column("kpi_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("numerator", sa.Text(), nullable=False),
        sa.Column("denominator", sa.Text(), nullable=False),
        sa.Column("direction", sa.String(), nullable=False),
        sa.Column("caveat", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("kpi_id", name=op.f("pk_kpi_definition")),
    )
    op.create_table(
        "load_log",
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("stage", "quarter_start", name=op.f("pk_load_log")),
    )
    op.create_table(
        "pipeline_run",
        sa.Column("run_id", sa.String(), nullable=False),
        sa.Column("finished_at", sa.DateTime(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("summary", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_pipeline_run")),
    )
    op.create_table(
        "quarantine",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.Column("rule", sa.String(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("raw_text", sa.Text(), nullable=False),
        sa.Column("is_declared", sa.Boolean(), nullable=False),
        sa.Column("treatment", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("source", "file_name", "sheet", "cell", "rule", name=op.f("pk_quarantine")),
    )
    op.create_table(
        "reconciliation_rule",
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("compares", sa.Text(), nullable=False),
        sa.Column("may_differ", sa.Text(), nullable=False),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("releases", sa.String(), nullable=False),
        sa.Column("tolerances", sa.Text(), nullable=False),
        sa.Column("is_sensitive", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("rule_id", name=op.f("pk_reconciliation_rule")),
    )
    op.create_table(
        "release",
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("publisher", sa.String(), nullable=False),
        sa.Column("published_on", sa.Date(), nullable=False),
        sa.Column("reference_period", sa.String(), nullable=False),
        sa.Column("reference_start", sa.Date(), nullable=False),
        sa.Column("edition", sa.Integer(), nullable=False),
        sa.Column("reporter", sa.String(), nullable=False),
        sa.Column("file_name", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("layout", sa.String(), nullable=False),
        sa.Column("superseded_by", sa.String(), nullable=True),
        sa.Column("is_synthetic", sa.Boolean(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("release_id", name=op.f("pk_release")),
        sa.UniqueConstraint("sha256"),
        sa.ForeignKeyConstraint(["superseded_by"], ["release.release_id"], name=op.f("fk_release_superseded_by")),
    )
    op.create_table(
        "report_claim",
        sa.Column("report", sa.String(), nullable=False),
        sa.Column("claim_id", sa.String(), nullable=False),
        sa.Column("known", sa.String(), nullable=False),
        sa.Column("as_at", sa.Date(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("section", sa.String(), nullable=False),
        sa.Column("place", sa.String(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.Column("topics", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("period_label", sa.String(), nullable=False),
        sa.Column("base_label", sa.String(), nullable=False),
        sa.Column("geography", sa.String(), nullable=False),
        sa.Column("comparator", sa.String(), nullable=False),
        sa.Column("claimed_value", sa.Double(), nullable=True),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("measure", sa.Text(), nullable=False),
        sa.Column("computed_value", sa.Double(), nullable=True),
        sa.Column("verdict", sa.String(), nullable=False),
        sa.Column("holds_for", sa.String(), nullable=False),
        sa.Column("contradicts", sa.String(), nullable=False),
        sa.Column("release_ids", sa.String(), nullable=False),
        sa.Column("is_synthetic", sa.Boolean(), nullable=False),
        sa.Column("trace", sa.String(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("report", "claim_id", "known", name=op.f("pk_report_claim")),
    )
    op.create_table(
        "validation_result",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("table_name", sa.String(), nullable=False),
        sa.Column("check_name", sa.String(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("found_on", sa.Date(), nullable=False),
        sa.Column("superseded_on", sa.Date(), nullable=True),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("success", sa.Boolean(), nullable=False),
        sa.Column("rows_checked", sa.Integer(), nullable=False),
        sa.Column("rows_failed", sa.Integer(), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "source", "table_name", "check_name", "release_id", "found_on", name=op.f("pk_validation_result")
        ),
    )
    op.create_table(
        "coverage",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("reporter", sa.String(), nullable=False),
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("expected", sa.Boolean(), nullable=False),
        sa.Column("received", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("source", "period_start", "reporter", name=op.f("pk_coverage")),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_coverage_quarter_start")
        ),
    )
    op.create_table(
        "fact_cps_outcome",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("case_type", sa.String(), nullable=False),
        sa.Column("cps_area", sa.String(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "quarter_start", "release_id", "case_type", "cps_area", "measure", name=op.f("pk_fact_cps_outcome")
        ),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_fact_cps_outcome_quarter_start")
        ),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_fact_cps_outcome_release_id")),
    )
    op.create_table(
        "fact_crime_outcome",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("force_code", sa.String(), nullable=False),
        sa.Column("offence_code", sa.String(), nullable=False),
        sa.Column("outcome_code", sa.String(), nullable=False),
        sa.Column("outcomes_recorded", sa.Integer(), nullable=True),
        sa.Column("outcomes_closed", sa.Integer(), nullable=True),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.Column("closed_cell", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "quarter_start",
            "release_id",
            "force_code",
            "offence_code",
            "outcome_code",
            name=op.f("pk_fact_crime_outcome"),
        ),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_fact_crime_outcome_quarter_start")
        ),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_fact_crime_outcome_release_id")),
        sa.ForeignKeyConstraint(
            ["force_code"], ["dim_force.force_code"], name=op.f("fk_fact_crime_outcome_force_code")
        ),
        sa.ForeignKeyConstraint(
            ["offence_code"], ["dim_offence.offence_code"], name=op.f("fk_fact_crime_outcome_offence_code")
        ),
        sa.ForeignKeyConstraint(
            ["outcome_code"], ["dim_outcome.outcome_code"], name=op.f("fk_fact_crime_outcome_outcome_code")
        ),
    )
    op.create_index(
        op.f("ix_fact_crime_outcome_offence_code_quarter_start"),
        "fact_crime_outcome",
        ["offence_code", "quarter_start"],
    )
    op.create_table(
        "fact_investigation",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("month_start", sa.Date(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("force_code", sa.String(), nullable=False),
        sa.Column("breakdown", sa.String(), nullable=False),
        sa.Column("exploitation_type", sa.String(), nullable=False),
        sa.Column("county_lines", sa.String(), nullable=False),
        sa.Column("role", sa.String(), nullable=False),
        sa.Column("nationality", sa.String(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "quarter_start",
            "month_start",
            "release_id",
            "force_code",
            "breakdown",
            "exploitation_type",
            "county_lines",
            "role",
            "nationality",
            "measure",
            name=op.f("pk_fact_investigation"),
        ),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_fact_investigation_quarter_start")
        ),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_fact_investigation_release_id")),
        sa.ForeignKeyConstraint(
            ["force_code"], ["dim_force.force_code"], name=op.f("fk_fact_investigation_force_code")
        ),
        sa.ForeignKeyConstraint(
            ["exploitation_type"],
            ["dim_exploitation_type.exploitation_type"],
            name=op.f("fk_fact_investigation_exploitation_type"),
        ),
    )
    op.create_table(
        "fact_irregular_arrival",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("breakdown", sa.String(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.Column("nrm_referral", sa.String(), nullable=False),
        sa.Column("nationality", sa.String(), nullable=False),
        sa.Column("region", sa.String(), nullable=False),
        sa.Column("sex", sa.String(), nullable=False),
        sa.Column("age_group", sa.String(), nullable=False),
        sa.Column("people", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "quarter_start",
            "release_id",
            "breakdown",
            "method",
            "nrm_referral",
            "nationality",
            "sex",
            "age_group",
            name=op.f("pk_fact_irregular_arrival"),
        ),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_fact_irregular_arrival_quarter_start")
        ),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_fact_irregular_arrival_release_id")
        ),
        sa.ForeignKeyConstraint(["method"], ["dim_entry_method.method"], name=op.f("fk_fact_irregular_arrival_method")),
    )
    op.create_table(
        "fact_nrm_decision",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("age_group", sa.String(), nullable=False),
        sa.Column("decision", sa.String(), nullable=False),
        sa.Column("decisions", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "quarter_start", "release_id", "stage", "age_group", "decision", name=op.f("pk_fact_nrm_decision")
        ),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_fact_nrm_decision_quarter_start")
        ),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_fact_nrm_decision_release_id")),
    )
    op.create_table(
        "fact_nrm_referral",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("breakdown", sa.String(), nullable=False),
        sa.Column("age_group", sa.String(), nullable=False),
        sa.Column("location", sa.String(), nullable=False),
        sa.Column("first_responder_type", sa.String(), nullable=False),
        sa.Column("first_responder", sa.String(), nullable=False),
        sa.Column("force_code", sa.String(), nullable=True),
        sa.Column("exploitation_type", sa.String(), nullable=False),
        sa.Column("gender", sa.String(), nullable=False),
        sa.Column("nationality", sa.String(), nullable=False),
        sa.Column("referrals", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "quarter_start",
            "release_id",
            "breakdown",
            "age_group",
            "location",
            "first_responder_type",
            "first_responder",
            "exploitation_type",
            "gender",
            "nationality",
            name=op.f("pk_fact_nrm_referral"),
        ),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_fact_nrm_referral_quarter_start")
        ),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_fact_nrm_referral_release_id")),
        sa.ForeignKeyConstraint(["force_code"], ["dim_force.force_code"], name=op.f("fk_fact_nrm_referral_force_code")),
        sa.ForeignKeyConstraint(
            ["exploitation_type"],
            ["dim_exploitation_type.exploitation_type"],
            name=op.f("fk_fact_nrm_referral_exploitation_type"),
        ),
    )
    op.create_table(
        "fact_programme_activity",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("month_start", sa.Date(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("activity", sa.String(), nullable=False),
        sa.Column("category", sa.String(), nullable=False),
        sa.Column("geography", sa.String(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "quarter_start",
            "month_start",
            "release_id",
            "activity",
            "category",
            "geography",
            "measure",
            name=op.f("pk_fact_programme_activity"),
        ),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_fact_programme_activity_quarter_start")
        ),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_fact_programme_activity_release_id")
        ),
    )
    op.create_table(
        "fact_recorded_crime",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("force_code", sa.String(), nullable=False),
        sa.Column("offence_code", sa.String(), nullable=False),
        sa.Column("offences", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "quarter_start", "release_id", "force_code", "offence_code", name=op.f("pk_fact_recorded_crime")
        ),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_fact_recorded_crime_quarter_start")
        ),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_fact_recorded_crime_release_id")),
        sa.ForeignKeyConstraint(
            ["force_code"], ["dim_force.force_code"], name=op.f("fk_fact_recorded_crime_force_code")
        ),
        sa.ForeignKeyConstraint(
            ["offence_code"], ["dim_offence.offence_code"], name=op.f("fk_fact_recorded_crime_offence_code")
        ),
    )
    op.create_index(
        op.f("ix_fact_recorded_crime_offence_code_quarter_start"),
        "fact_recorded_crime",
        ["offence_code", "quarter_start"],
    )
    op.create_table(
        "fact_recorded_crime_partnership",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("force_code", sa.String(), nullable=False),
        sa.Column("partnership", sa.String(), nullable=False),
        sa.Column("offence_code", sa.String(), nullable=False),
        sa.Column("offences", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "quarter_start",
            "release_id",
            "force_code",
            "partnership",
            "offence_code",
            name=op.f("pk_fact_recorded_crime_partnership"),
        ),
        sa.ForeignKeyConstraint(
            ["quarter_start"],
            ["dim_quarter.quarter_start"],
            name=op.f("fk_fact_recorded_crime_partnership_quarter_start"),
        ),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_fact_recorded_crime_partnership_release_id")
        ),
        sa.ForeignKeyConstraint(
            ["force_code"], ["dim_force.force_code"], name=op.f("fk_fact_recorded_crime_partnership_force_code")
        ),
        sa.ForeignKeyConstraint(
            ["offence_code"], ["dim_offence.offence_code"], name=op.f("fk_fact_recorded_crime_partnership_offence_code")
        ),
    )
    op.create_table(
        "fact_small_boat_arrival",
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("series", sa.String(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("value", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "quarter_start", "release_id", "series", "day", "measure", name=op.f("pk_fact_small_boat_arrival")
        ),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_fact_small_boat_arrival_quarter_start")
        ),
        sa.ForeignKeyConstraint(
            ["release_id"], ["release.release_id"], name=op.f("fk_fact_small_boat_arrival_release_id")
        ),
    )
    op.create_table(
        "kpi_value",
        sa.Column("kpi_id", sa.String(), nullable=False),
        sa.Column("period_kind", sa.String(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("geography_kind", sa.String(), nullable=False),
        sa.Column("geography_code", sa.String(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("period_label", sa.String(), nullable=False),
        sa.Column("numerator", sa.Double(), nullable=True),
        sa.Column("denominator", sa.Double(), nullable=True),
        sa.Column("value", sa.Double(), nullable=True),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("parts_expected", sa.Integer(), nullable=False),
        sa.Column("parts_received", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(
            "kpi_id",
            "period_kind",
            "period_start",
            "geography_kind",
            "geography_code",
            "as_of",
            name=op.f("pk_kpi_value"),
        ),
        sa.ForeignKeyConstraint(["kpi_id"], ["kpi_definition.kpi_id"], name=op.f("fk_kpi_value_kpi_id")),
    )
    op.create_table(
        "maturity_estimate",
        sa.Column("kpi_id", sa.String(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("period_kind", sa.String(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("age", sa.Integer(), nullable=False),
        sa.Column("observed", sa.Double(), nullable=False),
        sa.Column("estimate", sa.Double(), nullable=False),
        sa.Column("standard_error", sa.Double(), nullable=True),
        sa.Column("ultimate_age", sa.Integer(), nullable=False),
        sa.Column("method", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("kpi_id", "measure", "period_kind", "period_start", name=op.f("pk_maturity_estimate")),
        sa.ForeignKeyConstraint(["kpi_id"], ["kpi_definition.kpi_id"], name=op.f("fk_maturity_estimate_kpi_id")),
    )
    op.create_table(
        "published_total",
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("fact", sa.String(), nullable=False),
        sa.Column("breakdown", sa.String(), nullable=False),
        sa.Column("period_kind", sa.String(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("members", sa.String(), nullable=False),
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("value", sa.Double(), nullable=False),
        sa.Column("parts_unavailable", sa.Integer(), nullable=False),
        sa.Column("sheet", sa.String(), nullable=False),
        sa.Column("cell", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint(
            "release_id",
            "fact",
            "breakdown",
            "period_kind",
            "period_start",
            "members",
            "measure",
            name=op.f("pk_published_total"),
        ),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_published_total_release_id")),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_published_total_quarter_start")
        ),
    )
    op.create_table(
        "reconciliation_result",
        sa.Column("rule_id", sa.String(), nullable=False),
        sa.Column("period_kind", sa.String(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("period_label", sa.String(), nullable=False),
        sa.Column("geography_kind", sa.String(), nullable=False),
        sa.Column("geography_code", sa.String(), nullable=False),
        sa.Column("item", sa.String(), nullable=False),
        sa.Column("left_release", sa.String(), nullable=False),
        sa.Column("right_release", sa.String(), nullable=False),
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("left_value", sa.Double(), nullable=True),
        sa.Column("right_value", sa.Double(), nullable=True),
        sa.Column("difference", sa.Double(), nullable=True),
        sa.Column("tolerance", sa.Double(), nullable=True),
        sa.Column("severity", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "rule_id",
            "period_kind",
            "period_start",
            "geography_kind",
            "geography_code",
            "item",
            "left_release",
            "right_release",
            name=op.f("pk_reconciliation_result"),
        ),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_reconciliation_result_quarter_start")
        ),
    )
    op.create_table(
        "revision_triangle",
        sa.Column("kpi_id", sa.String(), nullable=False),
        sa.Column("measure", sa.String(), nullable=False),
        sa.Column("period_kind", sa.String(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("age", sa.Integer(), nullable=False),
        sa.Column("as_of", sa.Date(), nullable=False),
        sa.Column("observed", sa.Double(), nullable=False),
        sa.PrimaryKeyConstraint(
            "kpi_id", "measure", "period_kind", "period_start", "age", name=op.f("pk_revision_triangle")
        ),
        sa.ForeignKeyConstraint(["kpi_id"], ["kpi_definition.kpi_id"], name=op.f("fk_revision_triangle_kpi_id")),
    )
    op.create_table(
        "vintage",
        sa.Column("fact", sa.String(), nullable=False),
        sa.Column("breakdown", sa.String(), nullable=False),
        sa.Column("period_start", sa.Date(), nullable=False),
        sa.Column("reporter", sa.String(), nullable=False),
        sa.Column("release_id", sa.String(), nullable=False),
        sa.Column("quarter_start", sa.Date(), nullable=False),
        sa.Column("published_on", sa.Date(), nullable=False),
        sa.Column("superseded_on", sa.Date(), nullable=True),
        sa.Column("rows", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("fact", "breakdown", "period_start", "reporter", "release_id", name=op.f("pk_vintage")),
        sa.ForeignKeyConstraint(["release_id"], ["release.release_id"], name=op.f("fk_vintage_release_id")),
        sa.ForeignKeyConstraint(
            ["quarter_start"], ["dim_quarter.quarter_start"], name=op.f("fk_vintage_quarter_start")
        ),
    )
