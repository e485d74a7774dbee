"""What stands behind the figures: releases, vintages, coverage, checks, quarantine, reconciliation, claims."""

from typing import Literal, get_args

from sqlalchemy import true

from msoic_pipeline.model.columns import count, day, flag, key, long_text, moment, number, table, text
from msoic_pipeline.model.dimensions import dim_quarter
from msoic_pipeline.model.values import ClaimKind, Known

ReleaseStatus = Literal["accepted", "rejected", "held", "withdrawn"]

release = table(
    "release",
    "Files as published. A file is known by the SHA-256 of its content and never changed.",
    "one row a landed file that was recognised",
    text("release_id", "Source and the first digits of the SHA-256.", primary_key=True),
    text("source", "Source."),
    text("title", "Title."),
    text("publisher", "Who published it."),
    day("published_on", "When it was published, by its sidecar or its own cover sheet."),
    text("reference_period", "Last period that it is about, such as 2021-Q4."),
    day("reference_start", "First day of the reference period."),
    count("edition", "1 as first published; higher for a re-issue of the same reference period.", "edition", minimum=1),
    text("reporter", "Who made the return, where each reporter sends its own file; else empty."),
    text("file_name", "Path below the raw folder."),
    text("sha256", "SHA-256 of the file.", unique=True),
    text("layout", "Layouts recognised, by sheet."),
    key("superseded_by", "release.release_id", "The re-issue that corrects this file.", nullable=True),
    flag("is_synthetic", "Whether the file says that it is synthetic sample data."),
    text(
        "status",
        "accepted: its figures are loaded; rejected: none of them is; held: the checks reject it now, and the figures "
        "that it had loaded before stand until it is mended or withdrawn; withdrawn: a person took its figures away, "
        "see withdrawal.",
        members=get_args(ReleaseStatus),
    ),
    long_text("note", "What is to be known of the file."),
    day(
        "landed_on",
        "Day on which the file first came in; empty where that was before files were kept.",
        nullable=True,
    ),
    flag("in_raw", "Whether the file still stands in the raw folder.", server_default=true()),
    kind="evidence",
)

# Statuses of a release whose figures are loaded.
IN_FORCE: tuple[ReleaseStatus, ...] = ("accepted", "held")

withdrawal = table(
    "withdrawal",
    "Who took a release's figures away or gave them back, when and why.",
    "one row a decision",
    # No reference: the release may be in no table any more.
    text("release_id", "The release.", primary_key=True),
    moment("decided_at", "When it was decided.", primary_key=True),
    text("action", "What was decided.", members=("withdrawn", "restored")),
    text("decided_by", "Who decided it."),
    long_text("reason", "Why."),
    text("source", "Source of the release."),
    text("file_name", "Path of its file below the raw folder, at that time."),
    kind="evidence",
)

vintage = table(
    "vintage",
    "For how long each release's figures stood: from its publication until a later release covered the same ground.",
    "release × fact × breakdown × period × reporter",
    text("fact", "Fact table.", primary_key=True),
    text("breakdown", "Breakdown of the fact table; empty where it has but one.", primary_key=True),
    day("period_start", "First day of the quarter, or of the month for monthly returns.", primary_key=True),
    text("reporter", "Who made the return, where each reporter sends its own file; else empty.", primary_key=True),
    key("release_id", release.c.release_id, "The release.", primary_key=True),
    key("quarter_start", dim_quarter.c.quarter_start, "Quarter of the period."),
    day("published_on", "When the figures were published."),
    day("superseded_on", "When a later release covered the same ground; empty while current.", nullable=True),
    count("rows", "Rows of the fact table.", "rows"),
    kind="evidence",
)

coverage = table(
    "coverage",
    "Who should have reported and who did. What was not received is missing, never zero.",
    "source × period × reporter",
    text("source", "Source.", primary_key=True),
    day("period_start", "First day of the month or quarter reported.", primary_key=True),
    text("reporter", "Force, CPS Area or publisher.", primary_key=True),
    key("quarter_start", dim_quarter.c.quarter_start, "Quarter of the period."),
    flag("expected", "Whether a report was due."),
    flag("received", "Whether one was received and accepted."),
    kind="evidence",
)

# Stands as table_name where a check looked at the loaded warehouse as a whole.
WHOLE_WAREHOUSE = "warehouse"
# Stand as source where a check is about no source alone: about all of them, or about the KPIs.
ALL_SOURCES, OF_KPIS = "all", "kpi"

validation_result = table(
    "validation_result",
    "What the checks found, with history: a finding stands from the day of the run that made it until that of a run "
    "which found something else. current_validation_result has those that stand.",
    "source × table × check × release × day found",
    text("source", "Source.", primary_key=True),
    text("table_name", "Table or stage that was checked.", primary_key=True),
    text("check_name", "Check.", primary_key=True),
    text("release_id", "The release that the finding is about; empty for all of the source's.", primary_key=True),
    day("found_on", "Day of the run that made the finding.", primary_key=True),
    day("superseded_on", "Day of the run that found something else; empty while the finding stands.", nullable=True),
    text("severity", "block: the release is not loaded; warn: it is.", members=("block", "warn")),
    flag("success", "Whether the check held."),
    count("rows_checked", "Rows looked at.", "rows"),
    count("rows_failed", "Rows that failed.", "rows"),
    long_text("detail", "What was found, in words; for force returns without the values."),
    kind="evidence",
)

quarantine = table(
    "quarantine",
    "What was not loaded, and why: files that could not be read, and rows that broke a rule.",
    "one row a rejected row or file",
    text("source", "Source.", primary_key=True),
    text("file_name", "Path below the raw folder.", primary_key=True),
    text("sheet", "Sheet; empty where the whole file was rejected.", primary_key=True),
    text("cell", "Cell; empty where the whole file was rejected.", primary_key=True),
    text("rule", "The rule that was broken.", primary_key=True),
    text("release_id", "The release, where the file was recognised.", nullable=True),
    long_text("reason", "What was expected, what was found, what to do."),
    long_text("raw_text", "The row as found; withheld for force returns."),
    flag("is_declared", "Whether the fault is declared in the reviewed file of known faults."),
    text("treatment", "What was done: rejected, or the treatment that the declaration names."),
    kind="evidence",
)

reconciliation_rule = table(
    "reconciliation_rule",
    "What is held against what, and why the two sides may honestly differ.",
    "one row a rule",
    text("rule_id", "Rule.", primary_key=True),
    text("title", "Title: what should hold."),
    long_text("compares", "What is compared."),
    long_text("may_differ", "Why the two sides may honestly differ."),
    text("severity", "block: a break makes the run red; warn: it does not.", members=("block", "warn")),
    text(
        "releases",
        "current: latest figures; same: both sides of one release; same day: releases of one day; consecutive: each "
        "release against the one before.",
        members=("current", "same", "same day", "consecutive"),
    ),
    long_text("tolerances", "Difference allowed, for each thing compared."),
    flag("is_sensitive", "Whether its results hold figures of force returns."),
    kind="evidence",
)

reconciliation_result = table(
    "reconciliation_result",
    "Sources held against themselves and against each other.",
    "rule × period × geography × item × release",
    text("rule_id", "Rule; its words are in reconciliation_rule.", primary_key=True),
    text("period_kind", "Kind of period.", primary_key=True),
    day("period_start", "First day of the period.", primary_key=True),
    text("period_label", "Label of the period."),
    text("geography_kind", "national, force, cps_area.", primary_key=True),
    text("geography_code", "Code of the geography.", primary_key=True),
    text("item", "What is compared, where the rule compares several things.", primary_key=True),
    text("left_release", "Release of the left side; of two both, with a comma; of more how many.", primary_key=True),
    text("right_release", "Release of the right side.", primary_key=True),
    key("quarter_start", dim_quarter.c.quarter_start, "Quarter with which the result is computed."),
    number("left_value", "Left side.", "see rule", nullable=True),
    number("right_value", "Right side.", "see rule", nullable=True),
    number("difference", "Left less right.", "see rule", nullable=True),
    number("tolerance", "Difference that the rule allows here.", "see rule", nullable=True),
    text("severity", "block or warn.", members=("block", "warn")),
    text(
        "status",
        "Verdict.",
        members=("agrees", "within tolerance", "explained", "breaks", "not comparable"),
    ),
    long_text("explanation", "Why the two sides may honestly differ, or who accepted the difference and why."),
    kind="evidence",
)

# What is concluded of a claim by published figures, and what the same is called where any figure behind it is
# synthetic: a word of its own, so that nobody who counts verdicts can take the sample for a confirmation.
SAMPLE_VERDICTS = {
    "reproduced": "reproduced by sample data",
    "differs": "differs from sample data",
    "contradicted": "contradicted by sample data",
}

report_claim = table(
    "report_claim",
    "Quantitative statements of the programme's reports and the verdict on each: as known when the report was "
    "published, and as known today.",
    "report × claim × when published or today",
    text("report", "Report.", primary_key=True),
    text("claim_id", "Claim.", primary_key=True),
    text("known", "As known when.", members=get_args(Known), primary_key=True),
    day("as_at", "The day as at which it is known; for today the latest day on which anything was published."),
    count("position", "Place of the claim among the report's.", "position", minimum=1),
    text("section", "Section of the report."),
    text("place", "Where in the section, such as a box; empty for the running text."),
    long_text("words", "The statement, in the report's words."),
    text("topics", "What it speaks of, separated by semicolons: claims of a topic are held against each other."),
    text("kind", "Kind of statement.", members=get_args(ClaimKind)),
    text("period_label", "Period that it is about; empty where that does not matter."),
    text("base_label", "Period from which a change is; empty for a level."),
    text("geography", "Geography; national where it is the nation."),
    text("comparator", "The word that limits the value, such as over or almost; exactly where there is none."),
    number("claimed_value", "The value claimed.", "see unit", nullable=True),
    text("unit", "Unit of the value."),
    long_text("measure", "What is counted, as KPI or as facts and conditions; empty where no source holds it."),
    number(
        "computed_value",
        "Our value: of the reading that bears the claim out, else of the claim as stated; empty where it would tell a "
        "force's return.",
        "see unit",
        nullable=True,
    ),
    text(
        "verdict",
        "reproduced: the data bear it out; differs: they do not; contradicted: they do not, or no source holds it, and "
        "another claim which says otherwise is reproduced or of no better standing; reproduced by sample data: figures "
        "bear it out of which any is synthetic, which confirms nothing; differs from sample data: such figures do not; "
        "contradicted by sample data: such figures do not, and another claim which says otherwise is reproduced; not "
        "computable: what it would rest on is missing; not a figure: the report leaves the figure out.",
        members=(*SAMPLE_VERDICTS, *SAMPLE_VERDICTS.values(), "not computable", "not a figure"),
    ),
    text(
        "holds_for", "Other period, measure or vintage for which the value holds; empty where there is none or no need."
    ),
    text("contradicts", "Claims of the same report that say otherwise, separated by commas."),
    text("release_ids", "Releases that our value rests on, separated by commas; of more than a dozen how many."),
    flag("is_synthetic", "Whether our value rests on synthetic sample data."),
    text("trace", "Command or condition that leads to the cells of our value."),
    long_text("explanation", "Why."),
    kind="evidence",
)

load_log = table(
    "load_log",
    "What each quarter was last computed from, so that unchanged work is not done again.",
    "stage × quarter",
    text("stage", "Stage, and the source where a stage has several.", primary_key=True),
    day("quarter_start", "Quarter.", primary_key=True),
    text("fingerprint", "Digest of all that went in."),
    kind="evidence",
)

pipeline_run = table(
    "pipeline_run",
    "When the warehouse was last brought up to date and how that ended.",
    "one row a run",
    text("run_id", "Dagster's run.", primary_key=True),
    moment("finished_at", "End of the run."),
    text("status", "succeeded, or failed.", members=("succeeded", "failed")),
    long_text("summary", "What failed, in words."),
    kind="evidence",
    is_volatile=True,
)

data_dictionary = table(
    "data_dictionary",
    "Every table and column of the warehouse, in words, for engines that keep no comments.",
    "table × column",
    text("table_name", "Table or view.", primary_key=True),
    text("column_name", "Column; empty for the table itself.", primary_key=True),
    count("position", "Position of the column.", "position"),
    text("type", "Type."),
    text("unit", "Unit."),
    flag("is_key", "Whether it is part of the primary key."),
    long_text("description", "Description."),
    kind="evidence",
)
