"""Which figures of a series are signals and which are noise, by the limits within which the series varies."""

from typing import Literal, get_args

from msoic_pipeline.model import geography
from msoic_pipeline.model.columns import count, day, flag, key, number, table, text
from msoic_pipeline.model.kpi import kpi_definition

# Years are too few for limits.
KINDS_WITH_LIMITS = ("month", "quarter")
Rule = Literal["outside limits", "trend", "near limit", "shift"]
Side = Literal["high", "low"]
Variation = Literal["common cause", "improvement", "concern", "high", "low"]
Assurance = Literal["no target", "passes", "fails", "hit or miss"]
# Of a figure that is no signal.
NO_RULE = "none"

kpi_signal = table(
    "kpi_signal",
    "The months and quarters of each KPI as known today beside the limits of its series (XmR charts by NHS England's "
    "Making Data Count), and which of them are signals. A series of fewer than 12 figures has no rows. A figure that "
    "is incomplete, missing, or expected still to grow is left out, and is a gap.",
    "KPI × period × geography",
    key("kpi_id", kpi_definition.c.kpi_id, "KPI.", primary_key=True),
    text("period_kind", "Kind of period.", members=KINDS_WITH_LIMITS, primary_key=True),
    day("period_start", "First day of the period.", primary_key=True),
    text("geography_kind", "Kind of geography.", members=geography.KINDS, primary_key=True),
    text("geography_code", "Code of the geography; E&W or UK for the nation that the source covers.", primary_key=True),
    number("value", "Value.", "see kpi_definition"),
    number("mean", "Mean of the figures since limits_from.", "see kpi_definition"),
    number("lower_limit", "Mean less 2.66 mean moving ranges; may be below what can occur.", "see kpi_definition"),
    number("upper_limit", "Mean and 2.66 mean moving ranges; may be above what can occur.", "see kpi_definition"),
    day("limits_from", "First day of the period from which on the limits hold: the series' first, or a rebase."),
    text("rebase_reason", "Why limits were worked out anew from then on; empty for the first."),
    count("figures", "Figures that the limits rest on.", "periods"),
    text(
        "rule",
        "Why the figure is a signal: it is outside the limits; one of seven in a row that rise or fall (trend); one of "
        "two in three near a limit; one of seven in a row on one side of the mean (shift). Of several the first.",
        members=(NO_RULE, *get_args(Rule)),
    ),
    flag("is_high", "Whether the signal is upwards; false where it is downwards or there is none."),
    text(
        "variation",
        "What the figure tells: common cause (noise), improvement or concern by the KPI's direction, or high or low "
        "where neither is better.",
        members=get_args(Variation),
    ),
    text(
        "assurance",
        "Whether the limits lie wholly on the right side of the KPI's target or reach it (passes), wholly on the wrong "
        "one (fails), or about it (hit or miss).",
        members=get_args(Assurance),
    ),
    kind="kpi",
)
