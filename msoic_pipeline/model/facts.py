"""Facts: every published figure at its grain, with the release that said it and the cell where it stands.

A published table is a margin, not a cube: where one fact table holds several breakdowns of the same cases, each row
names its ``breakdown``, and columns that the breakdown does not use hold ``All``. Rows of two breakdowns never add up.
"""

from typing import Any

from sqlalchemy import Column, Index, Table

from msoic_pipeline.model.columns import ALL, count, day, fact_table, key, metadata, number, text
from msoic_pipeline.model.dimensions import (
    dim_county,
    dim_cps_case_area,
    dim_entry_method,
    dim_exploitation_type,
    dim_force,
    dim_local_authority,
    dim_offence,
    dim_outcome,
    dim_quarter,
)
from msoic_pipeline.model.evidence import release
from msoic_pipeline.model.traits import traits_of_fact, traits_of_table
from msoic_pipeline.periods import PERIOD_MONTHS

# Columns that tell which published table a row belongs to, in the order in which they are looked for.
_BREAKDOWN_COLUMNS = ("breakdown", "series", "case_type", "stage")
AGE_GROUPS = ("Adult (18 or over)", "Child (17 or under)", "Age not specified or unknown")


def _times(month: bool = False) -> list[Column[Any]]:
    columns = [
        key("quarter_start", dim_quarter.c.quarter_start, "First day of the reference quarter.", primary_key=True)
    ]
    if month:
        columns.append(day("month_start", "First day of the reference month.", primary_key=True))
    return [*columns, key("release_id", release.c.release_id, "The release that said it.", primary_key=True)]


def _sheet_and_cell() -> list[Column[Any]]:
    return [
        text("sheet", "Sheet of the release's file."),
        text("cell", "Cell of that sheet; several, separated by commas, where published rows were summed."),
    ]


fact_nrm_referral = fact_table(
    "fact_nrm_referral",
    "Referrals to the National Referral Mechanism (NRM) and Duty to Notify (DtN) reports.",
    "release × quarter × breakdown members",
    *_times(),
    text(
        "breakdown",
        "Which published table: age_location, first_responder or duty_to_notify.",
        members=("age_location", "first_responder", "duty_to_notify"),
        primary_key=True,
    ),
    text("age_group", "Age at exploitation.", members=(*AGE_GROUPS, ALL), primary_key=True),
    text(
        "location",
        "Location of exploitation.",
        members=("Overseas", "UK", "UK and Overseas", "Not specified or unknown", ALL),
        primary_key=True,
    ),
    text(
        "first_responder_type",
        "Kind of first responder.",
        members=("Government agency", "NGO and third sector", "Police", "Local authority", ALL),
        primary_key=True,
    ),
    text("first_responder", "First responder as published; for police the force's name.", primary_key=True),
    key("force_code", dim_force.c.force_code, "Force or unit, where the first responder is one.", nullable=True),
    key(
        "exploitation_type",
        dim_exploitation_type.c.exploitation_type,
        "Claimed exploitation types.",
        primary_key=True,
    ),
    text("gender", "Gender.", members=("Female", "Male", "Other", "Not specified or unknown", ALL), primary_key=True),
    text("nationality", "Nationality or pair of nationalities.", primary_key=True),
    count("referrals", "Potential victims referred (for duty_to_notify: adults reported without consent).", "people"),
    *_sheet_and_cell(),
    source="nrm",
    measures=("referrals",),
)

# Facts of their own, not breakdowns of fact_nrm_referral: no column of that one would be used but the figure, and a
# county is a place of another kind than the force that it has.
fact_nrm_referral_authority = fact_table(
    "fact_nrm_referral_authority",
    "NRM referrals by the competent authority to which they went: a coarser margin of fact_nrm_referral, from the last "
    "quarter of 2021, when there came to be two.",
    "release × quarter × competent authority",
    *_times(),
    text(
        "competent_authority",
        "SCA: Single Competent Authority. IECA: Immigration Enforcement Competent Authority.",
        members=("SCA", "IECA"),
        primary_key=True,
    ),
    count("referrals", "Potential victims referred.", "people"),
    *_sheet_and_cell(),
    source="nrm",
    measures=("referrals",),
)

fact_nrm_referral_county = fact_table(
    "fact_nrm_referral_county",
    "NRM referrals of those exploited in the UK, by county where that is known: far fewer than all referrals.",
    "release × quarter × county",
    *_times(),
    key("county", dim_county.c.county, "County of exploitation.", primary_key=True),
    count("referrals", "Potential victims referred.", "people"),
    *_sheet_and_cell(),
    source="nrm",
    measures=("referrals",),
)

fact_nrm_decision = fact_table(
    "fact_nrm_decision",
    "Reasonable grounds and conclusive grounds decisions of the NRM.",
    "release × quarter × stage × age group × decision",
    *_times(),
    text("stage", "Stage of the decision.", members=("reasonable_grounds", "conclusive_grounds"), primary_key=True),
    text("age_group", "Age at exploitation.", members=AGE_GROUPS, primary_key=True),
    text("decision", "Decision.", members=("positive", "negative"), primary_key=True),
    count("decisions", "Decisions made in the quarter.", "decisions"),
    *_sheet_and_cell(),
    source="nrm",
    measures=("decisions",),
)

fact_recorded_crime = fact_table(
    "fact_recorded_crime",
    "Police recorded crime, open data tables by force. Later cancellations make some counts negative.",
    "release × quarter × force × offence",
    *_times(),
    key("force_code", dim_force.c.force_code, "Force or fraud reporting body.", primary_key=True),
    key("offence_code", dim_offence.c.offence_code, "Home Office offence code.", primary_key=True),
    count("offences", "Offences recorded in the quarter.", "offences", minimum=None),
    *_sheet_and_cell(),
    source="recorded_crime",
    measures=("offences",),
)

fact_recorded_crime_partnership = fact_table(
    "fact_recorded_crime_partnership",
    "Police recorded crime, open data tables by community safety partnership: a finer margin of the force tables.",
    "release × quarter × force × partnership × offence",
    *_times(),
    key("force_code", dim_force.c.force_code, "Force.", primary_key=True),
    text("partnership", "Community safety partnership; Unassigned where the force could not tell.", primary_key=True),
    key("offence_code", dim_offence.c.offence_code, "Home Office offence code.", primary_key=True),
    count("offences", "Offences recorded in the quarter.", "offences", minimum=None),
    *_sheet_and_cell(),
    source="recorded_crime",
    measures=("offences",),
)

fact_crime_outcome = fact_table(
    "fact_crime_outcome",
    "Outcomes of recorded crimes, by the quarter in which the offence was recorded: recent ones keep growing.",
    "release × quarter × force × offence × outcome",
    *_times(),
    key("force_code", dim_force.c.force_code, "Force.", primary_key=True),
    key("offence_code", dim_offence.c.offence_code, "Home Office offence code.", primary_key=True),
    key("outcome_code", dim_outcome.c.outcome_code, "Outcome type.", primary_key=True),
    count(
        "outcomes_recorded",
        "Outcomes of offences recorded in the quarter.",
        "outcomes",
        minimum=None,
        nullable=True,
    ),
    count(
        "outcomes_closed",
        "Outcomes of investigations closed in the quarter, whenever the offence was recorded.",
        "outcomes",
        minimum=None,
        nullable=True,
    ),
    *_sheet_and_cell(),
    text("closed_cell", "Cell of outcomes_closed; cell is that of outcomes_recorded."),
    source="crime_outcomes",
    measures=("outcomes_recorded", "outcomes_closed"),
    cell_columns={"outcomes_closed": "closed_cell"},
)

fact_cps_outcome = fact_table(
    "fact_cps_outcome",
    "CPS quarterly data summaries: management information on prosecutions, provisional, revised without notice.",
    "release × quarter × CPS Area × measure",
    *_times(),
    text(
        "case_type",
        "Cases flagged modern slavery and human trafficking, or all crime.",
        members=("modern_slavery", "all_crime"),
        primary_key=True,
    ),
    text("cps_area_code", "CPS Area; National for published national figures of all crime.", primary_key=True),
    text("measure", "What is counted, by its name in the layout; rates are not loaded.", primary_key=True),
    number(
        "value",
        "Count of suspects (pre-charge) or defendants (prosecutions), or days where the measure is one.",
        "see measure",
        minimum=0,
    ),
    *_sheet_and_cell(),
    source="cps",
    measures=("value",),
    series_columns=("measure",),
)

fact_cps_case_outcome = fact_table(
    "fact_cps_case_outcome",
    "CPS case outcomes by principal offence category: defendants whose case ended in the month, not only of modern "
    "slavery.",
    "release × month × area × offence category × measure",
    *_times(month=True),
    key("cps_case_area_code", dim_cps_case_area.c.cps_case_area_code, "Area of the CPS.", primary_key=True),
    key("force_code", dim_force.c.force_code, "Force of the area; that of Metropolitan and City is the Metropolitan."),
    text(
        "offence_category",
        "Principal offence category; admin_finalised are cases that the CPS could not proceed with, of any category.",
        members=(
            "homicide",
            "offences_against_the_person",
            "sexual_offences",
            "burglary",
            "robbery",
            "theft_and_handling",
            "fraud_and_forgery",
            "criminal_damage",
            "drugs_offences",
            "public_order_offences",
            "all_other_offences",
            "motoring_offences",
            "admin_finalised",
        ),
        primary_key=True,
    ),
    text(
        "measure",
        "convictions, or unsuccessful: every other ending.",
        members=("convictions", "unsuccessful"),
        primary_key=True,
    ),
    count("value", "Defendants whose case ended so in the month.", "defendants"),
    *_sheet_and_cell(),
    source="cps_case_outcomes",
    measures=("value",),
    series_columns=("measure",),
)

fact_population = fact_table(
    "fact_population",
    "Mid-year population estimates by local authority. A year's estimate stands with the quarter that holds 30 June.",
    "release × year × local authority",
    *_times(),
    key("local_authority_code", dim_local_authority.c.local_authority_code, "Local authority.", primary_key=True),
    key("force_code", dim_force.c.force_code, "Force in which the local authority lies."),
    count("population", "People who live there on 30 June.", "people"),
    *_sheet_and_cell(),
    source="population",
    measures=("population",),
)

fact_force_population = fact_table(
    "fact_force_population",
    "Mid-year population of police force areas as the ONS gives it with crime rates, rounded to 100. It is as it was "
    "estimated then: fact_population has the later estimates.",
    "release × year × force",
    *_times(),
    key("force_code", dim_force.c.force_code, "Force.", primary_key=True),
    count("population", "People who live there on 30 June, rounded to 100.", "people"),
    *_sheet_and_cell(),
    source="population",
    measures=("population",),
)

fact_irregular_arrival = fact_table(
    "fact_irregular_arrival",
    "Detections of irregular arrivals, and asylum and NRM figures of those who came by small boat.",
    "release × quarter × breakdown × method × nationality × sex × age group",
    *_times(),
    text(
        "breakdown",
        "detections (Irr_D01), or nrm_referral (Irr_D04: small boat arrivals by whether an NRM referral was raised).",
        members=("detections", "nrm_referral"),
        primary_key=True,
    ),
    key("method", dim_entry_method.c.method, "Method of entry.", primary_key=True),
    text(
        "nrm_referral", "Whether an NRM referral was raised.", members=("raised", "not raised", ALL), primary_key=True
    ),
    text("nationality", "Country of nationality as published.", primary_key=True),
    text("region", "World region of the nationality."),
    text("sex", "Sex.", primary_key=True),
    text("age_group", "Age group, in the labels of the latest layout.", primary_key=True),
    count("arrivals", "People detected.", "people"),
    *_sheet_and_cell(),
    source="irregular_migration",
    measures=("arrivals",),
    series_columns=("method",),
)

fact_small_boat_arrival = fact_table(
    "fact_small_boat_arrival",
    "Small boats, operational series by day and week: provisional, so totals differ from the quarterly dataset.",
    "release × series × day × measure",
    *_times(),
    text(
        "series",
        "daily (SB_01) or weekly (SB_02): two breakdowns of the same arrivals.",
        members=("daily", "weekly"),
        primary_key=True,
    ),
    day("day", "The day; for the weekly series the last day of the week.", primary_key=True),
    text(
        "measure",
        "What is counted.",
        members=("people_arrived", "boats_arrived", "boats_uncontrolled", "people_prevented", "events_prevented"),
        primary_key=True,
    ),
    count("value", "People, boats or events, by measure.", "see measure"),
    *_sheet_and_cell(),
    source="small_boats",
    measures=("value",),
    series_columns=("measure",),
)

fact_investigation = fact_table(
    "fact_investigation",
    "Live modern slavery investigations as forces return them each month. A missing return is missing, never zero.",
    "release × month × force × breakdown × exploitation type × … × measure",
    *_times(month=True),
    key("force_code", dim_force.c.force_code, "Force that made the return.", primary_key=True),
    text(
        "breakdown",
        "exploitation or nationality: two breakdowns of the same investigations.",
        members=("exploitation", "nationality"),
        primary_key=True,
    ),
    key(
        "exploitation_type",
        dim_exploitation_type.c.exploitation_type,
        "Exploitation types.",
        primary_key=True,
    ),
    text("county_lines", "Whether flagged as county lines.", members=("Yes", "No", ALL), primary_key=True),
    text("role", "Whose nationality.", members=("Victim", "Suspect", ALL), primary_key=True),
    text("nationality", "Principal nationality; Unknown where the force does not know.", primary_key=True),
    text("measure", "What is counted; see the return template.", primary_key=True),
    count("value", "Investigations, or victims, by measure.", "see measure"),
    *_sheet_and_cell(),
    source="force_returns",
    measures=("value",),
    series_columns=("measure",),
)

fact_programme_activity = fact_table(
    "fact_programme_activity",
    "The programme's own record of its work.",
    "release × month × activity × category × geography × measure",
    *_times(month=True),
    text("activity", "Activity.", primary_key=True),
    text("category", "Course, audience, level or other division of the activity.", primary_key=True),
    text("geography_code", "National, a force or a ROCU region.", primary_key=True),
    text("measure", "What is counted.", primary_key=True),
    number("value", "The figure, in the unit of dim_activity.", "see dim_activity", minimum=0),
    *_sheet_and_cell(),
    source="programme_activity",
    measures=("value",),
    series_columns=("activity", "measure"),
)

published_total = fact_table(
    "published_total",
    "Totals as published, apart from facts so that nothing is added twice, and held against the sum of their parts.",
    "release × fact × breakdown × period × fixed member",
    key("release_id", release.c.release_id, "The release that said it.", primary_key=True),
    text("fact", "Fact table whose parts the total sums.", primary_key=True),
    text(
        "breakdown",
        "Breakdown of the fact table, with the type of first responder where the total is of one; else empty.",
        primary_key=True,
    ),
    text("period_kind", "Kind of period.", members=tuple(PERIOD_MONTHS), primary_key=True),
    day("period_start", "First day of the period.", primary_key=True),
    text("members", "The members that the total is of, as column=member; empty for the grand total.", primary_key=True),
    key("quarter_start", dim_quarter.c.quarter_start, "Quarter with which the total is loaded: the period's last."),
    text("measure", "Measure of the fact table.", primary_key=True),
    number("value", "The total as published.", "see fact"),
    count("parts_unavailable", "Parts of it that the publisher does not make available.", "figures"),
    *_sheet_and_cell(),
    source="",
    measures=("value",),
)

# published_total holds what publishers give beside the facts, and is none itself.
FACTS = {
    table.name: table
    for table in metadata.tables.values()
    if traits_of_table(table).kind == "fact" and table is not published_total
}


def breakdown_column(fact: Table) -> str | None:
    """Return the column that tells which published table a row of a fact belongs to; None where there is but one."""
    return next((name for name in _BREAKDOWN_COLUMNS if name in fact.columns), None)


def finest_period(fact: Table) -> str:
    """Return the finest kind of period, month or quarter, of which a fact tells the start."""
    return "month" if "month_start" in fact.columns else "quarter"


def finest_period_column(fact: Table) -> str:
    """Return the column with the first day of a fact's finest period."""
    return f"{finest_period(fact)}_start"


def cell_column(fact: Table, measure: str) -> str:
    """Return the column with the cells of a measure: ``cell``, unless the fact declares one of the measure's own."""
    return traits_of_fact(fact).cell_columns.get(measure, "cell")


def cell_columns(fact: Table) -> list[str]:
    """Return all columns with cells of a fact table, ``cell`` first."""
    return ["cell", *traits_of_fact(fact).cell_columns.values()]


Index(None, fact_recorded_crime.c.offence_code, fact_recorded_crime.c.quarter_start)
Index(None, fact_crime_outcome.c.offence_code, fact_crime_outcome.c.quarter_start)
