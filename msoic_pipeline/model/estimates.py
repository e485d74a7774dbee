"""How figures move after they are first published, and what the unfinished ones may come to. Estimates stand apart from
observed values and are never mixed with them.
"""

from msoic_pipeline.model.columns import count, day, key, number, table, text
from msoic_pipeline.model.kpi import kpi_definition

revision_triangle = table(
    "revision_triangle",
    "Figures that keep growing after they are first published, by their age in whole years at each release.",
    "KPI × measure × period × age",
    key("kpi_id", kpi_definition.c.kpi_id, "KPI, national.", primary_key=True),
    text("measure", "value or numerator of the KPI.", members=("value", "numerator"), primary_key=True),
    text("period_kind", "Kind of period.", members=("quarter",), primary_key=True),
    day("period_start", "First day of the period.", primary_key=True),
    count("age", "Whole years from the end of the period to the release.", "years", primary_key=True),
    day("as_of", "The last release of that age."),
    number("observed", "The figure as published then.", "see kpi_definition"),
    kind="kpi",
)

maturity_estimate = table(
    "maturity_estimate",
    "ESTIMATES, never observed values: what a period's figure may come to once it has matured, by the chain-ladder "
    "method with Mack's standard error (T. Mack, ASTIN Bulletin 23/2, 1993).",
    "KPI × measure × period",
    key("kpi_id", kpi_definition.c.kpi_id, "KPI, national.", primary_key=True),
    text("measure", "value or numerator of the KPI.", members=("value", "numerator"), primary_key=True),
    text("period_kind", "Kind of period.", members=("quarter",), primary_key=True),
    day("period_start", "First day of the period.", primary_key=True),
    count("age", "Age in whole years of the latest figure.", "years"),
    number("observed", "The latest figure as published.", "see kpi_definition"),
    number("estimate", "Estimated figure at the highest age that any period has reached.", "see kpi_definition"),
    number(
        "standard_error",
        "Mack's standard error of the estimate; empty where too few periods have reached the age.",
        "see kpi_definition",
        nullable=True,
    ),
    count("ultimate_age", "The age that the estimate is for.", "years"),
    text("method", "Method.", members=("chain ladder",)),
    kind="kpi",
)
