"""The members that facts speak of: periods, forces, offences, outcomes and the rest.

Members that are known beforehand stand in ``members/*.csv``, with the spellings in which publishers write them: the
file that a dimension names as ``members_file`` is loaded into it, and a fact may hold no other member. Others come with
the releases: see ``DimensionTraits``.
"""

from msoic_pipeline.model.columns import count, day, dimension_table, flag, key, metadata, text
from msoic_pipeline.model.traits import DimensionTraits, traits_of_table
from msoic_pipeline.periods import PERIOD_MONTHS

dim_quarter = dimension_table(
    "dim_quarter",
    "Quarters. One quarter is one window of three months; calendar and financial labels name the same window.",
    "one row a quarter",
    day("quarter_start", "First day of the quarter; also the partition key.", primary_key=True),
    day("quarter_end", "Last day of the quarter."),
    text("calendar_label", "Label by calendar year, such as 2021-Q4.", unique=True),
    text("financial_label", "Label by financial year, such as 2021/22 Q3.", unique=True),
    day("calendar_year_start", "1 January of the quarter's calendar year."),
    day("financial_year_start", "1 April of the quarter's financial year."),
)

dim_period = dimension_table(
    "dim_period",
    "Every period that a KPI can be about, with the periods it is compared with.",
    "one row a kind of period and start",
    text("period_kind", "Kind of period.", members=tuple(PERIOD_MONTHS), primary_key=True),
    day("period_start", "First day of the period.", primary_key=True),
    day("period_end", "Last day of the period."),
    text("period_label", "Label: 2021-11, 2021-Q4, 2021 or 2021/22."),
    count("months", "Months in the period.", "months", minimum=1),
    day("previous_start", "First day of the period before."),
    day("year_before_start", "First day of the same period a year before."),
)

dim_force = dimension_table(
    "dim_force",
    "Police forces and the other bodies that appear where a force would: regional units, fraud reporting bodies.",
    "one row a force or body",
    text("force_code", "ONS police force area code; a short name for bodies that have none.", primary_key=True),
    text("name", "Name.", unique=True),
    text(
        "kind",
        "What the body is.",
        members=(
            "territorial force",
            "special force",
            "regional organised crime unit",
            "outside England and Wales",
            "fraud reporting body",
        ),
    ),
    text("country", "Country of a territorial force.", nullable=True),
    text("rocu_region", "Region of the regional organised crime unit (ROCU) that serves the force.", nullable=True),
    text("cps_area_code", "CPS Area that prosecutes for the force; both London areas stand as London.", nullable=True),
    members_file="forces.csv",
)

dim_cps_area = dimension_table(
    "dim_cps_area",
    "Areas of the Crown Prosecution Service (CPS).",
    "one row a CPS Area",
    text("cps_area_code", "Short code.", primary_key=True),
    text("name", "Name as published.", unique=True),
    text("area_group", "The area as forces map to it: London North and London South are London."),
    members_file="cps_areas.csv",
)

dim_cps_case_area = dimension_table(
    "dim_cps_case_area",
    "Areas of the CPS case outcomes by principal offence category: finer than CPS Areas, mostly one a force.",
    "one row an area",
    text("cps_case_area_code", "Short code.", primary_key=True),
    text("name", "Name.", unique=True),
    key("force_code", dim_force.c.force_code, "Its force; Metropolitan and City stands with the Metropolitan Police."),
    text("cps_area_code", "CPS Area in which it lies; both London areas stand as London."),
    members_file="cps_case_areas.csv",
)

dim_local_authority = dimension_table(
    "dim_local_authority",
    "Lower-tier local authorities of England and Wales as at December 2023, each with the force in which it lies.",
    "one row a local authority",
    text("local_authority_code", "ONS code.", primary_key=True),
    text("name", "Name.", unique=True),
    key("force_code", dim_force.c.force_code, "Force in which it lies."),
    members_file="local_authorities.csv",
)

dim_county = dimension_table(
    "dim_county",
    "Counties of the UK as the NRM statistics name them or may: historic, metropolitan and former ones, some of which "
    "lie within others.",
    "one row a county",
    text("county", "Name.", primary_key=True),
    text("country", "Country of the UK."),
    members_file="counties.csv",
)

dim_offence = dimension_table(
    "dim_offence",
    "Offences by Home Office code. Labels drift between releases; these are the latest ones seen.",
    "one row an offence code",
    text("offence_code", "Home Office offence code, a text: 106, 3A, 4.10.", primary_key=True),
    text("description", "Latest description published."),
    text("offence_group", "Latest group published."),
    text("offence_subgroup", "Latest subgroup published."),
    labels={"description": "offence_description"},
)

dim_outcome = dimension_table(
    "dim_outcome",
    "Outcomes of recorded crimes, by the Home Office's outcome types.",
    "one row an outcome type",
    text("outcome_code", "Outcome type; 0 is not yet assigned an outcome.", primary_key=True),
    text("name", "What the outcome means."),
    text("outcome_group", "Group of outcomes."),
    members_file="outcomes.csv",
)

dim_exploitation_type = dimension_table(
    "dim_exploitation_type",
    "Types of exploitation. A referral or investigation can name several: each combination is a member.",
    "one row a combination of types",
    text("exploitation_type", "The types in a fixed order, joined by ' & '.", primary_key=True),
    flag("includes_criminal", "Whether criminal exploitation is among them."),
    flag("includes_domestic", "Whether domestic servitude is among them."),
    flag("includes_labour", "Whether labour exploitation is among them."),
    flag("includes_sexual", "Whether sexual exploitation is among them."),
    flag("includes_organ_harvesting", "Whether organ harvesting is among them."),
    combines="exploitation_types.csv",
)

dim_entry_method = dimension_table(
    "dim_entry_method",
    "Methods of irregular entry.",
    "one row a method",
    text("method", "Short name.", primary_key=True),
    text("name", "Name as published."),
    members_file="entry_methods.csv",
)

dim_activity = dimension_table(
    "dim_activity",
    "What the programme records of its own work.",
    "one row an activity, category and measure",
    text("activity", "Activity.", primary_key=True),
    text("category", "Course, audience, level or other division of the activity.", primary_key=True),
    text("measure", "What is counted.", primary_key=True),
    text("unit", "Unit of the measure."),
    text("aggregation", "How months combine: summed, or the last one standing.", members=("sum", "last")),
    text("description", "Definition."),
    members_file="activities.csv",
)

DIMENSIONS = tuple(table for table in metadata.tables.values() if isinstance(traits_of_table(table), DimensionTraits))
