"""National Referral Mechanism (NRM) and Duty to Notify (DtN) releases, as ODS workbooks.

``nrm_published.csv`` holds the published series of the four 2023 releases (referrals by age and location, decisions by
age and outcome, DtN reports): each release lists what it added or changed. Everything that neither that file nor a
constant with a source beside it states is synthetic.
"""

from __future__ import annotations

import csv
import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from msoic_pipeline.model import members
from msoic_pipeline.wording import tell_day
from sample_data.allocate import allocate
from sample_data.writers import SYNTHETIC, Row, write_ods, write_sidecar

ADULT, CHILD, UNKNOWN = AGES = ("Adult (18 or over)", "Child (17 or under)", "Age not specified or unknown")
AUTHORITIES = ("Single Competent Authority", "Immigration Enforcement Competent Authority")
LOCATIONS = ("Overseas", "UK", "UK and Overseas", "Not specified or unknown")
MONTHS = {"Q1": "January to March", "Q2": "April to June", "Q3": "July to September", "Q4": "October to December"}

# By period ("2021-Q4", or "2023-Total" for a published annual row) the figures of a row.
FiguresByPeriod = dict[str, list[int]]
# Where some figures stand in a row: of referrals each age has four locations, of decisions each age has two outcomes.
ADULT_UK_AND_OVERSEAS = LOCATIONS.index("UK and Overseas")
ADULT_LOCATION_UNKNOWN = LOCATIONS.index("Not specified or unknown")
OUTCOMES = ("Negative", "Positive")
ADULT_NEGATIVE, ADULT_POSITIVE = range(len(OUTCOMES))
IN_UK_ALONE = slice(LOCATIONS.index("UK"), None, len(LOCATIONS))  # of every age

# The releases of which nrm_published.csv has the series.
FIRST_KNOWN, LAST_KNOWN = "2023-Q1", "2023-Q4"
# Since this quarter there are two competent authorities.
FIRST_OF_TWO_AUTHORITIES = "2021-Q4"


class Referred(NamedTuple):
    """What is known of a person who was referred."""

    responder: str
    exploitation: str
    age: str
    gender: str
    nationality: str


People = Counter[Referred]
# By some of what is known of a person, ending in what columns are made of, how many there are.
Counts = Mapping[tuple[str, ...], int]

# ------------------------------------------------------------------------------------------------- releases and layout

# Table numbers. Detail by first responder stood in 10-13 to 2022 Q3 and in 11-14 from 2022 Q4; DtN by nationality in
# 25, 26, 26, 35 and 41, conclusive grounds in 19 and 28; the 2025 release had UK county in Table_12: as in the releases
# themselves. The other numbers are invented.
_TO_2022_Q3 = {
    "summary": 1, "referrals": 2, "nationality": 3, "competent_authority": 4, "region": 5, "county": 6,
    "responder_type": 9,
    "government": 10, "ngo": 11, "police": 12, "local_authority": 13,
    "reasonable_grounds": 15, "immigration_reasonable_grounds": 16, "conclusive_grounds": 18,
    "duty_to_notify": 24, "duty_to_notify_nationality": 25,
}  # fmt: skip
_FROM_2022_Q4 = _TO_2022_Q3 | {
    "responder_type": 10, "government": 11, "ngo": 12, "police": 13, "local_authority": 14,
    "reasonable_grounds": 16, "immigration_reasonable_grounds": 17, "conclusive_grounds": 19,
    "duty_to_notify": 25, "duty_to_notify_nationality": 26,
}  # fmt: skip
_2023_Q2 = _FROM_2022_Q4 | {"conclusive_grounds": 28, "duty_to_notify": 34, "duty_to_notify_nationality": 35}
_2023_Q3 = _2023_Q2 | {"duty_to_notify": 40, "duty_to_notify_nationality": 41}
_2024 = _2023_Q3 | {
    "county": 12, "government": 13, "ngo": 14, "police": 15, "local_authority": 16,
    "reasonable_grounds": 18, "immigration_reasonable_grounds": 19, "conclusive_grounds": 30,
    "duty_to_notify": 42, "duty_to_notify_nationality": 43,
}  # fmt: skip
_2025 = _2024 | {
    "responder_type": 13, "government": 14, "ngo": 15, "police": 16, "local_authority": 17,
    "reasonable_grounds": 20, "immigration_reasonable_grounds": 21, "conclusive_grounds": 32,
    "duty_to_notify": 45, "duty_to_notify_nationality": 46,
}  # fmt: skip


@dataclass(frozen=True)
class Release:
    """One published workbook: the quarter it is about, its table numbers, and how it is laid out."""

    period: str
    published: dt.date
    tables: Mapping[str, int]
    edition: int = 1

    @property
    def has_old_layout(self) -> bool:
        """Whether the layout is the one used to 2022 Q3: header on row 4, column A empty."""
        return self.period < "2022-Q4"

    @property
    def has_total_first(self) -> bool:
        """Whether the total of a table by first responder stands above its parts."""
        return self.period < "2021-Q4" or self.period >= "2024"

    @property
    def has_two_authorities(self) -> bool:
        """Whether there was the Immigration Enforcement Competent Authority, and a table of its decisions."""
        return self.period >= FIRST_OF_TWO_AUTHORITIES

    @property
    def has_referrals_by_authority(self) -> bool:
        """Whether referrals are given by competent authority."""
        return self.period >= "2022-Q1"

    @property
    def has_counties_alone(self) -> bool:
        """Whether referrals by county are not divided further."""
        return self.period >= "2025"

    @property
    def has_note_on_age(self) -> bool:
        """Whether the header of ages bears the marker of a note."""
        return self.period >= "2023-Q3"

    @property
    def unknown_age_label(self) -> str:
        """What it calls an age that is not known, in the tables by first responder."""
        return UNKNOWN if self.period >= "2024" else "Not specified or unknown"

    @property
    def unknown_gender_label(self) -> str:
        """What it calls a gender that is not known."""
        return "Not Recorded" if self.has_old_layout else "Not specified or unknown"

    @property
    def mislabels_newest_quarter(self) -> bool:
        """Whether it calls January to March 2023 a quarter of 2022, by the publisher's own fault."""
        return (self.period, self.edition) == ("2023-Q1", 1)

    @property
    def is_before_known(self) -> bool:
        """Whether it is older than those of which nrm_published.csv has the series."""
        return self.period < FIRST_KNOWN

    @property
    def is_after_known(self) -> bool:
        """Whether it is newer than those of which nrm_published.csv has the series."""
        return self.period > LAST_KNOWN

    @property
    def nearest_known(self) -> str:
        """The release nearest to it of which nrm_published.csv has the series."""
        return min(max(self.period, FIRST_KNOWN), LAST_KNOWN)

    @property
    def file_name(self) -> str:
        """A name as irregular as the publisher's."""
        year, quarter = self.period.split("-")
        months = "jul to sep" if self.period == "2023-Q3" else MONTHS[quarter]
        name = f"national referral mechanism statistics uk quarter {quarter[1]} {year} {months} tables"
        if self.period in ("2020-Q4", "2024-Q4", "2025-Q4"):
            name = f"national referral mechanism statistics uk end of year summary {year} tables"
        if self.period == "2023-Q1" or self.period >= "2024":
            name = f"modern slavery {name}"
        if self.edition > 1:
            name += " revised"
        return name.lower().replace(" ", "-") + ".ods"


RELEASES = (
    Release("2020-Q4", dt.date(2021, 3, 18), _TO_2022_Q3),
    Release("2021-Q1", dt.date(2021, 5, 6), _TO_2022_Q3),
    Release("2021-Q2", dt.date(2021, 8, 5), _TO_2022_Q3),
    Release("2021-Q3", dt.date(2021, 11, 4), _TO_2022_Q3),
    Release("2021-Q4", dt.date(2022, 3, 3), _TO_2022_Q3),
    Release("2022-Q1", dt.date(2022, 5, 5), _TO_2022_Q3),
    Release("2022-Q2", dt.date(2022, 8, 4), _TO_2022_Q3),
    Release("2022-Q3", dt.date(2022, 11, 3), _TO_2022_Q3),
    Release("2022-Q4", dt.date(2023, 3, 2), _FROM_2022_Q4),
    Release("2023-Q1", dt.date(2023, 5, 4), _FROM_2022_Q4),
    Release("2023-Q1", dt.date(2023, 5, 11), _FROM_2022_Q4, edition=2),
    Release("2023-Q2", dt.date(2023, 8, 10), _2023_Q2),
    Release("2023-Q3", dt.date(2023, 11, 9), _2023_Q3),
    Release("2023-Q4", dt.date(2024, 3, 7), _2023_Q3),
    Release("2024-Q4", dt.date(2025, 3, 6), _2024),
    Release("2025-Q4", dt.date(2026, 2, 19), _2025),
)
REISSUE_NOTE = "Re-issued to correct Table 2, where January to March 2023 was labelled as 2022."

# Titles to 2022 Q3, and from 2022 Q4.
TITLES = {
    "summary": (
        "Number of NRM referrals, by claimed exploitation type, age group at exploitation and gender",
        "NRM referrals by exploitation type, age at exploitation and gender",
    ),
    "referrals": (
        "Number of NRM referrals, by quarter, age group at exploitation and location of exploitation",
        "NRM referrals by quarter, age at exploitation and location of exploitation",
    ),
    "nationality": (
        "Number of NRM referrals, by nationality and age group at exploitation",
        "NRM referrals by nationality and age at exploitation",
    ),
    "competent_authority": (
        "Number of NRM referrals, by quarter and competent authority",
        "NRM referrals by quarter and competent authority",
    ),
    "region": (
        "Number of NRM referrals, by UK region and age group at exploitation",
        "NRM referrals by UK region and age at exploitation",
    ),
    "county": (
        "Number of NRM referrals, by UK county, claimed exploitation type and age group at exploitation",
        "NRM referrals by UK county, exploitation type and age at exploitation",
    ),
    "responder_type": (
        "Number of NRM referrals, by first responder type and age group at exploitation",
        "NRM referrals by first responder type and age at exploitation",
    ),
    "government": (
        "Details of NRM referrals by governmental first responders",
        "NRM referrals by government agency first responder, exploitation type, age at exploitation, gender and "
        "nationality",
    ),
    "ngo": (
        "Details of NRM referrals by NGO first responders",
        "NRM referrals by NGO and third sector organisation first responder, exploitation type, age at exploitation, "
        "gender and nationality",
    ),
    "police": (
        "Details of NRM referrals by police first responders",
        "NRM referrals by police first responder, exploitation type, age at exploitation, gender and nationality",
    ),
    "local_authority": (
        "Details of NRM referrals by local authorities",
        "NRM referrals from local authority first responder by exploitation type, age at exploitation, gender and "
        "nationality",
    ),
    "reasonable_grounds": (
        "Number of NRM reasonable grounds decisions, by quarter, outcome and age group at exploitation",
        "NRM reasonable grounds decisions made by both competent authorities by quarter, outcome and age at "
        "exploitation",
    ),
    "immigration_reasonable_grounds": (
        "Number of NRM reasonable grounds decisions made by the Immigration Enforcement Competent Authority, by "
        "quarter, outcome and age group at exploitation",
        "NRM reasonable grounds decisions made by the Immigration Enforcement Competent Authority by quarter, outcome "
        "and age at exploitation",
    ),
    "conclusive_grounds": (
        "Number of NRM conclusive grounds decisions, by quarter, outcome and age group at exploitation",
        "NRM conclusive grounds decisions made by both competent authorities by quarter, outcome and age at "
        "exploitation",
    ),
    "duty_to_notify": ("Number of Duty to Notify (DtN) reports, by quarter", "DtN reports by quarter"),
    "duty_to_notify_nationality": (
        "Number of Duty to Notify (DtN) reports, by nationality",
        "DtN reports by nationality",
    ),
}
TITLES_FROM_2025 = {"county": "NRM referrals by UK county"}
NOTED = {"referrals": 1, "police": 2, "reasonable_grounds": 3, "duty_to_notify": 4}  # titles that carry a note
NOTES = (
    SYNTHETIC,
    "[note 1] Figures are as recorded when the data were taken and are revised in later releases.",
    "[note 2] A first responder that made no referral in the quarter is not shown.",
    "[note 3] A decision is counted in the quarter in which it was made, not that of the referral.",
    "[note 4] Duty to Notify reports are of adults who did not consent to a referral.",
)

# ------------------------------------------------------------------------------------------- national series by vintage

# Annual referrals, by release: from the Home Office's bulletins and tables.
PUBLISHED_ANNUAL = {
    "2020-Q4": {"2019": 10616, "2020": 10613},
    "2021-Q4": {"2019": 10611, "2020": 10601, "2021": 12727},
    "2022-Q4": {"2021": 12706, "2022": 16938},
    "2023-Q1": {"2019": 10608, "2020": 10584, "2021": 12704, "2022": 16932},
    "2023-Q2": {"2021": 12705},
    "2023-Q3": {"2021": 12701},
    "2023-Q4": {"2019": 10606, "2020": 10582, "2021": 12700, "2022": 16921, "2023": 17004},
    "2024-Q4": {"2023": 16990, "2024": 19125},
    "2025-Q4": {"2025": 23411},
}
# Quarters as first published, each in the release about it.
PUBLISHED_FIRST = {"2022-Q2": 4171, "2022-Q3": 4586, "2022-Q4": 4418, "2023-Q4": 4142, "2024-Q4": 5538, "2025-Q4": 6021}
# Referrals of a quarter in the releases that nrm_published.csv lacks; a release between two of these is interpolated.
# Chosen so as to give the published years and quarters above.
REFERRALS = {
    "2019-Q1": {"2020-Q4": 2155, "2021-Q4": 2154},
    "2019-Q2": {"2020-Q4": 2310, "2021-Q4": 2309},
    "2019-Q3": {"2020-Q4": 2805, "2021-Q4": 2804},
    "2019-Q4": {"2020-Q4": 3346, "2021-Q4": 3344},
    "2020-Q1": {"2020-Q4": 2863, "2021-Q4": 2860},
    "2020-Q2": {"2020-Q4": 2203, "2021-Q4": 2201},
    "2020-Q3": {"2020-Q4": 2499, "2021-Q4": 2496},
    "2020-Q4": {"2020-Q4": 3048, "2021-Q4": 3044},
    "2021-Q1": {"2021-Q1": 2945, "2021-Q4": 2940, "2022-Q4": 2937},
    "2021-Q2": {"2021-Q2": 3131, "2021-Q4": 3126, "2022-Q4": 3121},
    "2021-Q3": {"2021-Q3": 3330, "2021-Q4": 3325, "2022-Q4": 3318},
    "2021-Q4": {"2021-Q4": 3336, "2022-Q4": 3330},
    "2022-Q1": {"2022-Q1": 3777, "2022-Q4": 3774},
    "2022-Q2": {"2022-Q2": 4171, "2022-Q4": 4163},
    "2022-Q3": {"2022-Q3": 4586, "2022-Q4": 4583},
    "2022-Q4": {"2022-Q4": 4418, "2024-Q4": 4411, "2025-Q4": 4410},
    "2023-Q1": {"2024-Q4": 4735, "2025-Q4": 4733},
    "2023-Q2": {"2024-Q4": 3990, "2025-Q4": 3989},
    "2023-Q3": {"2024-Q4": 4128, "2025-Q4": 4127},
    "2023-Q4": {"2024-Q4": 4137, "2025-Q4": 4136},
    "2024-Q1": {"2024-Q4": 4522, "2025-Q4": 4521},
    "2024-Q2": {"2024-Q4": 4312, "2025-Q4": 4312},
    "2024-Q3": {"2024-Q4": 4753, "2025-Q4": 4752},
    "2024-Q4": {"2024-Q4": 5538, "2025-Q4": 5534},
    "2025-Q1": {"2025-Q4": 5294},
    "2025-Q2": {"2025-Q4": 5689},
    "2025-Q3": {"2025-Q4": 6407},
    "2025-Q4": {"2025-Q4": 6021},
}
# Referrals to the Single Competent Authority and to the Immigration Enforcement one, as the bulletins first gave them.
# Of other quarters the shares are invented.
PUBLISHED_AUTHORITIES = {
    "2023-Q1": (3768, 978),
    "2023-Q4": (3317, 825),
    "2024-Q1": (3628, 896),
    "2024-Q2": (3521, 795),
    "2024-Q3": (4127, 631),
    "2025-Q4": (4757, 1264),
}
AUTHORITY_SHARES = {"2021": (92, 8), "2022": (84, 16), "2023": (80, 20), "2024": (86, 14), "2025": (81, 19)}
# Decisions and reports of the quarters after 2023: invented.
LATER_REASONABLE_GROUNDS = (4610, 4890, 5120, 5480, 5690, 5930, 6310, 6080)
LATER_CONCLUSIVE_GROUNDS = (3920, 4180, 4460, 4740, 4390, 4210, 4030, 3910)
LATER_DUTY_TO_NOTIFY = (1250, 1380, 1420, 1550, 1600, 1700, 1750, 1720)
LATER_QUARTERS = tuple(f"{year}-Q{quarter}" for year in (2024, 2025) for quarter in range(1, 5))


def _is_annual(period: str) -> bool:
    return period.endswith("Total")


def _read_published(series: str, release: str) -> FiguresByPeriod:
    """Return a published series as the given 2023 release had it."""
    found: FiguresByPeriod = {}
    with (Path(__file__).parent / "nrm_published.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["series"] == series and row["release"] <= release:
                if _is_annual(row["period"]) and row["release"] != release:
                    continue
                found[row["period"]] = [int(figure) for figure in row["figures"].split()]
    return dict(sorted(found.items()))


def _extend_published(series: str, release: Release, later_totals: Sequence[int] = ()) -> FiguresByPeriod:
    """Return a series as it stands in a release, the quarters after 2023 in the proportions of that year.

    ``later_totals`` are the totals of these; where there are none, 2023 stands again.
    """
    published = _read_published(series, release.nearest_known)
    found = {period: figures for period, figures in published.items() if period <= release.period or _is_annual(period)}
    if release.is_after_known:
        for place, period in enumerate(LATER_QUARTERS):
            pattern = published[f"2023{period[4:]}"]
            if period <= release.period:
                found[period] = allocate(later_totals[place] if later_totals else sum(pattern), pattern)
    return found


def _count_releases_between(earlier: str, later: str) -> int:
    """Return how many releases on from one the other is."""
    order = sorted({release.period for release in RELEASES})
    return order.index(later) - order.index(earlier)


def _interpolate(values: Mapping[str, int], release: str) -> int:
    """Return the value at a release, in a straight line between those that are given."""
    for (earlier, first), (later, last) in pairwise(sorted(values.items())):
        if earlier <= release <= later:
            passed, whole = _count_releases_between(earlier, release), _count_releases_between(earlier, later)
            return first + round((last - first) * passed / whole)
    return values[max(key for key in values if key <= release)]


def make_referrals(release: Release) -> FiguresByPeriod:
    """Return referrals by quarter: four locations for each of three ages."""
    series = _extend_published("referrals", release)
    if not release.is_before_known and not release.is_after_known:
        return series
    return {period: _vary_referrals(release, period, cells) for period, cells in series.items()}


def _vary_referrals(release: Release, period: str, cells: list[int]) -> list[int]:
    """Return the referrals of a quarter as a release had them, of which nrm_published.csv has but the nearest one's."""
    varied = list(cells)
    if period in REFERRALS:
        values = dict(REFERRALS[period])
        if period <= release.nearest_known:
            values[release.nearest_known] = sum(cells)
        varied = allocate(_interpolate(values, release.period), cells)
    if release.is_before_known and period >= "2014":  # the location became known later, as in the real revisions
        settled = min(varied[ADULT_UK_AND_OVERSEAS], _count_releases_between(release.period, FIRST_KNOWN))
        varied[ADULT_UK_AND_OVERSEAS] -= settled
        varied[ADULT_LOCATION_UNKNOWN] += settled
    return varied


def divide_by_authority(referrals: FiguresByPeriod) -> FiguresByPeriod:
    """Return referrals by quarter to each of the two competent authorities, since there are two."""
    found: FiguresByPeriod = {}
    for period, cells in referrals.items():
        if period >= FIRST_OF_TWO_AUTHORITIES and not _is_annual(period):
            shares = PUBLISHED_AUTHORITIES.get(period) or AUTHORITY_SHARES[period[:4]]
            found[period] = allocate(sum(cells), shares)
    return found


def make_reasonable_grounds(release: Release) -> FiguresByPeriod:
    """Return reasonable grounds decisions by quarter: negative and positive for each of three ages."""
    return _vary_decisions(release, _extend_published("reasonable_grounds", release, LATER_REASONABLE_GROUNDS))


def make_conclusive_grounds(release: Release) -> FiguresByPeriod:
    """Return conclusive grounds decisions by quarter: negative and positive for each of three ages."""
    return _vary_decisions(release, _extend_published("conclusive_grounds", release, LATER_CONCLUSIVE_GROUNDS))


def _vary_decisions(release: Release, decisions: FiguresByPeriod) -> FiguresByPeriod:
    """Return decisions as revised a little from release to release."""
    varied = {period: list(cells) for period, cells in decisions.items()}
    for period, cells in varied.items():
        if release.is_before_known and period >= "2018":
            cells[ADULT_POSITIVE] += _count_releases_between(release.period, FIRST_KNOWN) // 2
        elif release.period > "2024-Q4" and "2018" <= period <= "2024-Q4":
            cells[ADULT_NEGATIVE] -= min(cells[ADULT_NEGATIVE], 2)
    return varied


def divide_from_immigration(decisions: FiguresByPeriod) -> FiguresByPeriod:
    """Return those of all decisions that the Immigration Enforcement Competent Authority made: invented."""
    return {
        quarter: [cell // 5 for cell in cells]
        for quarter, cells in decisions.items()
        if quarter >= FIRST_OF_TWO_AUTHORITIES and not _is_annual(quarter)
    }


def make_duty_to_notify(release: Release) -> FiguresByPeriod:
    """Return DtN reports; to 2022 Q3 the newest quarter is a little short, as late reports come in."""
    series = _extend_published("duty_to_notify", release, LATER_DUTY_TO_NOTIFY)
    added = Counter({release.period: -3}) if release.has_old_layout else Counter[str]()
    if release.period > "2024-Q4":
        added["2024-Q4"] = 4
    return {period: [reports + added[period]] for period, (reports,) in series.items()}


def _check_published(release: Release, referrals: FiguresByPeriod) -> None:
    """Refuse referrals that do not sum to what the release published."""
    annual: Counter[str] = Counter()
    for period, cells in referrals.items():
        annual[period[:4]] += sum(cells)
    for year, total in PUBLISHED_ANNUAL.get(release.period, {}).items():
        if annual[year] != total:
            raise ValueError(f"NRM referrals of {year} in {release.period}: {annual[year]}, published {total}")
    newest = sum(referrals[release.period])
    if newest != PUBLISHED_FIRST.get(release.period, newest):
        raise ValueError(f"NRM referrals of {release.period} differ from the figure first published")


# ------------------------------------------------------------------------------------- people, by first responder table

TYPES = {
    "government": "Government agency",
    "ngo": "NGO and third sector",
    "police": "Police",
    "local_authority": "Local authority",
}
# As first published, each in the release about it, in the order of TYPES. 2022 Q4 and 2023 Q4 sum to 1 below the
# headline, as published.
PUBLISHED_TYPES = {
    "2022-Q2": (2104, 265, 950, 852),
    "2022-Q3": (2394, 265, 969, 958),
    "2022-Q4": (2140, 231, 1034, 1012),
    "2023-Q1": (2374, 249, 1043, 1080),
    "2023-Q2": (1967, 198, 938, 895),
    "2023-Q3": (1995, 210, 970, 963),
    "2023-Q4": (1908, 221, 995, 1017),
}
# Shares where nothing is published here: invented, police just over 27% in 2021.
TYPE_SHARES = {"2020": (47, 5.5, 28.5, 19), "2021": (49.6, 4.1, 27.2, 19.1), "2022": (50, 6, 23.5, 20.5)}
LATER_SHARES = (44, 5, 23, 28)
UNKNOWN_AGE_WEIGHT = (1.6, 0.5, 0.3, 0.2)
CHILD_WEIGHT = (0.45, 0.15, 0.9, 1.8)

GOVERNMENT: dict[str, float] = {
    "Border Force": 14,
    "Gangmasters and Labour Abuse Authority": 2,
    "Immigration Enforcement": 30,
    "National Crime Agency": 1,
    "UK Visas and Immigration": 53,
}
NGO: dict[str, float] = {
    "Barnardo's": 6,
    "BAWSO": 3,
    "Kalayaan": 4,
    "Medaille Trust": 5,
    "Migrant Help": 38,
    "NSPCC": 1,
    "Refugee Council": 2,
    "The Salvation Army": 45,
    "Trafficking Awareness Raising Alliance TARA": 2,
    "Unseen": 4,
}
BIG_FORCES = {
    "Metropolitan Police Service": 160,
    "Police Scotland": 55,
    "West Yorkshire Police": 54,
    "West Midlands Police": 50,
    "Essex Police": 48,
    "Greater Manchester Police": 44,
    "Thames Valley Police": 42,
    "South Yorkshire Police": 26,
    "Merseyside Police": 24,
    "Kent Police": 22,
}
SMALL_FORCES = ("City of London Police", "Cumbria Constabulary", "Dorset Police", "Wiltshire Police")
FORCE_SPELLINGS = {"Devon and Cornwall": "Devon & Cornwall Police", "Hampshire": "Hampshire Constabulary"}

EXPLOITATION: dict[str, dict[str, float]] = {
    ADULT: {
        "Labour": 34, "Criminal": 20, "Labour & Criminal": 16, "Sexual": 12, "Not specified or unknown": 4,
        "Labour & Domestic": 3, "Domestic": 2, "Sexual & Labour": 2, "Sexual & Criminal": 1.5, "Sexual & Domestic": 1,
        "Sexual, Labour & Criminal": 1, "Sexual, Labour & Domestic": 0.7, "Labour, Domestic & Criminal": 0.7,
        "Organ Harvesting": 0.3, "Sexual, Labour, Domestic & Criminal": 0.2, "Domestic & Organ Harvesting": 0.1,
        "Labour, Domestic, Organ Harvesting": 0.2,
    },
    CHILD: {
        "Criminal": 56, "Labour": 14, "Sexual": 7, "Not specified or unknown": 7, "Labour & Criminal": 6,
        "Sexual & Criminal": 2, "Labour & Domestic": 1.2, "Domestic": 1, "Domestic & Criminal": 0.5,
        "Sexual & Labour": 0.5, "Sexual, Domestic & Criminal": 0.2,
    },
    UNKNOWN: {"Labour": 40, "Criminal": 20, "Sexual": 15, "Labour & Criminal": 15, "Not specified or unknown": 10},
}  # fmt: skip
# Where a responder refers few people, they are of fewer kinds.
FEWER = {age: {label: weight**3 for label, weight in weights.items()} for age, weights in EXPLOITATION.items()}
# Weight for government agencies and NGOs, and for police and local authorities.
OF_AGENCIES_AND_NGOS, OF_POLICE_AND_COUNCILS = 0, 1
NATIONALITIES = {
    "Afghan": (5, 1.2), "Albanian": (24, 9), "Algerian": (0.8, 0.3), "Bangladeshi": (1.5, 0.8), "Brazilian": (0.7, 1),
    "Bulgarian": (0.4, 0.8), "Chinese": (1.5, 1.5), "Czech": (0.1, 0.8), "Egyptian": (2, 0.2), "Eritrean": (11, 1.5),
    "Ethiopian": (4, 0.6), "Filipino": (0.6, 0.3), "Ghanaian": (1, 0.4), "Hungarian": (0.1, 0.6), "Indian": (6, 1.6),
    "Iranian": (5, 1), "Iraqi": (4, 0.8), "Jamaican": (0.4, 0.4), "Kuwaiti": (0.6, 0.1), "Latvian": (0.1, 0.4),
    "Lithuanian": (0.1, 0.6), "Namibian": (2, 0.1), "Nigerian": (4, 1), "Pakistani": (3, 1), "Polish": (0.2, 1.2),
    "Portuguese": (0.1, 0.5), "Romanian": (0.7, 4), "Sierra Leonean": (0.5, 0.1), "Slovak": (0.1, 0.6),
    "Somali": (2, 0.4), "Sri Lankan": (1, 0.2), "Sudanese": (9, 1.5), "Syrian": (1, 0.2), "Turkish": (1, 0.3),
    "UK": (1.2, 46), "Ukrainian": (0.2, 0.3), "Unknown": (0.3, 0.7), "Vietnamese": (9, 4), "Zimbabwean": (0.7, 0.2),
}  # fmt: skip
RARE_NATIONALITIES = (
    "Afghan UK", "Albanian Greek", "Albanian Italian", "Albanian UK", "Bangladeshi UK", "Bolivian", "Botswanan",
    "Cameroonian", "Central African", "Colombian", "Congolese (Congo)", "Congolese (DRC)", "Dutch UK",
    "Eritrean Ethiopian", "Gambian", "German UK", "Hong Konger UK", "Italian Nigerian", "Jamaican UK", "Kenyan",
    "Kosovan", "Libyan", "Malawian", "Mongolian", "Moroccan", "Nigerian UK", "Pakistani UK", "Polish UK",
    "Portuguese UK", "Romanian UK", "Slovak UK", "Somali UK", "Spanish", "Syrian Swedish", "Thai", "Ugandan",
    "UK Zimbabwean", "Unknown UK", "Unknown Vietnamese", "Yemeni",
)  # fmt: skip
REGIONS = {
    "East Midlands": 7, "East of England": 8, "London": 25, "North East": 4, "North West": 11, "Northern Ireland": 4,
    "Scotland": 6, "South East": 14, "South West": 5, "Wales": 4, "West Midlands": 9, "Yorkshire and the Humber": 8,
}  # fmt: skip
COUNTIES = {
    "Essex": 6, "Greater London": 26, "Greater Manchester": 9, "Hertfordshire": 3, "Kent": 14, "Lancashire": 4,
    "Merseyside": 5, "South Yorkshire": 5, "West Midlands": 11, "West Yorkshire": 9, "Not specified or unknown": 8,
}  # fmt: skip
# The weights are invented; so many counties were listed, Greater London far before all others.
COUNTIES_FROM_2025 = {
    "Aberdeenshire": 9, "Avon": 31, "Bedfordshire": 34, "Berkshire": 30, "Borders": 2, "Buckinghamshire": 22,
    "Cambridgeshire": 33, "Central": 6, "Cheshire": 27, "Cleveland": 18, "Clwyd": 8, "Cornwall": 9, "County Antrim": 42,
    "County Armagh": 12, "County Down": 15, "County Durham": 16, "County Fermanagh": 3, "County Londonderry": 9,
    "County Tyrone": 11, "Cumbria": 8, "Derbyshire": 34, "Devon": 24, "Dorset": 17, "Dumfries and Galloway": 4,
    "Dyfed": 6, "East Sussex": 21, "Essex": 84, "Fife": 8, "Gloucestershire": 16, "Grampian": 11, "Greater London": 618,
    "Greater Manchester": 145, "Gwent": 16, "Gwynedd": 3, "Hampshire": 47, "Hereford and Worcester": 15,
    "Hertfordshire": 41, "Highland": 6, "Humberside": 24, "Isle of Wight": 3, "Kent": 92, "Lancashire": 41,
    "Leicestershire": 38, "Lincolnshire": 29, "Lothian": 24, "Merseyside": 71, "Mid Glamorgan": 9, "Norfolk": 24,
    "North Yorkshire": 17, "Northamptonshire": 27, "Northumberland": 6, "Nottinghamshire": 36, "Orkney": 1,
    "Oxfordshire": 22, "Powys": 2, "Rutland": 1, "Shetland": 1, "Shropshire": 14, "Somerset": 13,
    "South Glamorgan": 38, "South Yorkshire": 62, "Staffordshire": 31, "Strathclyde": 74, "Suffolk": 22, "Surrey": 24,
    "Tayside": 13, "Tyne and Wear": 38, "Warwickshire": 14, "West Glamorgan": 13, "West Midlands": 209,
    "West Sussex": 23, "West Yorkshire": 118, "Western Isles": 1, "Wiltshire": 18,
}  # fmt: skip
KNOWN_COUNTY_SHARE = 0.9  # of those exploited in the UK alone: invented


def _weigh_police(period: str, rng: random.Random) -> dict[str, float]:
    """Return the police responders of a quarter, as organisations are spelled; one small force refers nobody."""
    weights: dict[str, float] = {}
    units: list[str] = []
    for row in members.read_rows("forces.csv"):
        names = [*filter(None, row["variants"].split("|")), row["name"]]
        if row["kind"] == "regional organised crime unit":
            units.append(names[0])
        elif row["kind"] != "fraud reporting body":
            spelled = [name for name in names if name.endswith(("Police", "Constabulary", "Service"))]
            name = FORCE_SPELLINGS.get(row["name"], (spelled or [row["name"]])[0])
            if name == "Hampshire Constabulary" and period >= "2024":
                name = "Hampshire and Isle of Wight Constabulary"
            weights[name] = BIG_FORCES.get(name, 5 if name in SMALL_FORCES else 13)
    del weights[rng.choice(SMALL_FORCES)]
    return weights | dict.fromkeys(rng.sample(units, 2), 4.0)


def _weigh_responders(kind: str, period: str, rng: random.Random) -> Mapping[str, float]:
    if kind == "police":
        return _weigh_police(period, rng)
    return {"government": GOVERNMENT, "ngo": NGO}.get(kind, {"": 1})


def _sum_by_age(cells: Sequence[int]) -> list[int]:
    size = len(LOCATIONS)
    return [sum(cells[start : start + size]) for start in range(0, len(cells), size)]


def _pick(rng: random.Random, weights: Mapping[str, float]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def _draw_gender(rng: random.Random, exploitation: str, unknown_label: str) -> str:
    female = 0.85 if "Sexual" in exploitation else 0.6 if "Domestic" in exploitation else 0.08
    return _pick(rng, {"Female": female, "Male": 1 - female, "Other": 0.002, unknown_label: 0.001})


def draw_people(release: Release, cells: Sequence[int]) -> dict[str, People]:
    """Return everyone referred in the quarter, by type of first responder; ``cells`` are the quarter's referrals."""
    shares = TYPE_SHARES.get(release.period[:4], LATER_SHARES)
    totals = PUBLISHED_TYPES.get(release.period) or allocate(sum(cells), shares)
    _, children, unknown = _sum_by_age(cells)
    unknowns = allocate(unknown, [total * weight for total, weight in zip(totals, UNKNOWN_AGE_WEIGHT, strict=True)])
    minors = allocate(children, [total * weight for total, weight in zip(totals, CHILD_WEIGHT, strict=True)])
    return {
        kind: _draw_people_of_type(release, kind, total, of_type_children, of_type_unknown)
        for kind, total, of_type_children, of_type_unknown in zip(TYPES, totals, minors, unknowns, strict=True)
    }


def _draw_people_of_type(release: Release, kind: str, total: int, children: int, unknown: int) -> People:
    """Return so many people whom first responders of a type referred, children and those of unknown age among them.

    One generator of random numbers draws all: in another order every figure would be another one.
    """
    rng = random.Random(f"nrm:{release.period}:{kind}")
    responders = _weigh_responders(kind, release.period, rng)
    counts = allocate(total, [weight * rng.lognormvariate(0, 0.25) for weight in responders.values()])
    nationalities = _weigh_nationalities(kind, rng)
    ages = [CHILD] * children + [UNKNOWN] * unknown
    ages += [ADULT] * (total - len(ages))
    rng.shuffle(ages)
    people: People = Counter()
    for responder, count in zip(responders, counts, strict=True):
        for _ in range(count):
            age = ages.pop()
            exploitation = _pick(rng, (FEWER if count < 45 else EXPLOITATION)[age])
            gender = _draw_gender(rng, exploitation, release.unknown_gender_label)
            british = 2 if age == CHILD and "Criminal" in exploitation else 1
            nationality = _pick(rng, nationalities | {"UK": nationalities["UK"] * british})
            label = release.unknown_age_label if age == UNKNOWN else age
            people[Referred(responder, exploitation, label, gender, nationality)] += 1
    return people


def _weigh_nationalities(kind: str, rng: random.Random) -> dict[str, float]:
    """Return how common nationalities are among those whom a type of first responder refers, with a few rare ones."""
    column = OF_AGENCIES_AND_NGOS if kind in ("government", "ngo") else OF_POLICE_AND_COUNCILS
    weights = {name: float(weight[column]) for name, weight in NATIONALITIES.items()}
    return weights | dict.fromkeys(rng.sample(RARE_NATIONALITIES, 8), 0.1)


# --------------------------------------------------------------------------------------------------------------- tables


def _list_label_headers(release: Release, kind: str) -> list[str]:
    """Return the label columns of a first-responder table; that of local authorities has no responder column."""
    first = {
        "government": ("First responder (government agencies)", "Government agency first responder"),
        "ngo": ("First Responder (NGO and Third Sector)", "NGO and third sector first responder"),
        "police": (
            "First responder (Police)",
            "Police and ROCUs first responder" if release.period == "2022-Q4" else "Police first responder",
        ),
        "county": ("UK county", "UK county"),
        "responder_type": ("First responder type", "First responder type"),
    }
    old, new = first.get(kind, ("", ""))
    responder = old if release.has_old_layout else new
    exploitation = "Claimed exploitation type" if release.has_old_layout else "Exploitation type"
    age = "Age group at exploitation" if release.has_old_layout else "Age at exploitation"
    if release.has_note_on_age:
        age += " [note 1]"
    if kind == "responder_type":
        return [responder, age]
    if kind == "county":
        return [responder, exploitation, age]
    return [*([responder] if responder else []), exploitation, age, "Gender"]


def _make_hierarchy(counts: Counts, labels: Sequence[str], has_total_first: bool) -> list[Row]:
    """Return sparse rows: every group's total, named in its own column alone, stands above the group's parts.

    The last part of a key is the column (a nationality); where all are empty there is only a total.
    """
    sums: defaultdict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for key, count in counts.items():
        for depth in range(len(labels) + 1):
            sums[key[:depth]][key[-1]] += count
    columns = sorted(filter(None, sums[()]), key=str.casefold)
    header: Row = [*labels, *columns, "Total"]
    body: list[Row] = []
    for group in sorted(filter(None, sums), key=lambda group: [label.casefold() for label in group]):
        body.append(_make_group_row(group, len(labels), columns, sums[group]))
    total = _make_group_row(("Total",), len(labels), columns, sums[()])
    return [header, total, *body] if has_total_first else [header, *body, total]


def _make_group_row(group: Sequence[str], width: int, columns: Iterable[str], counts: Counter[str]) -> Row:
    """Return the row of a group, whose own name stands in the column of its depth."""
    cells: Row = [None] * width
    cells[len(group) - 1] = group[-1]
    return [*cells, *(counts[column] for column in columns), counts.total()]


RESPONDER_TYPE = "responder_type"


def _regroup(people: Mapping[str, People], *parts: str) -> Counts:
    """Return everyone by some of what is known of them, or by the type of first responder, and by no column."""
    counts: Counter[tuple[str, ...]] = Counter()
    for kind, of_type in people.items():
        for person, count in of_type.items():
            known = person._asdict() | {RESPONDER_TYPE: TYPES[kind]}
            counts[(*(known[part] for part in parts), "")] += count
    return counts


def _make_two_tiers(blocks: Sequence[str]) -> list[Row]:
    """Return two rows of headers: each age over its blocks and their total."""
    top: Row = [None, None]
    bottom: Row = ["Year", "Quarter"]
    for age in AGES:
        top += [age, *([None] * len(blocks))]
        bottom += [*blocks, "Total"]
    return [[*top, "Total"], [*bottom, None]]


def _add_totals(cells: Sequence[int], size: int) -> Row:
    """Return the figures with a total after each block of so many and a grand total at the end."""
    row: Row = []
    for start in range(0, len(cells), size):
        block = cells[start : start + size]
        row += [*block, sum(block)]
    return [*row, sum(cells)]


def _make_annual_rows(series: FiguresByPeriod, block: int | None = None) -> list[Row]:
    """Return quarters with a blank year under an annual total that has one; a published annual row wins over the sum.

    With ``block``, a total follows each block of so many figures.
    """
    rows: list[Row] = []
    for year in sorted({period[:4] for period in series}):
        quarters = {period: cells for period, cells in series.items() if period.startswith(f"{year}-Q")}
        total = series.get(f"{year}-Total") or [sum(column) for column in zip(*quarters.values(), strict=True)]
        rows.append([int(year), None, *(_add_totals(total, block) if block else total)])
        for period, cells in quarters.items():
            rows.append([None, period[5:], *(_add_totals(cells, block) if block else cells)])
    return rows


def _make_decision_table(release: Release, grounds: str, series: FiguresByPeriod) -> list[Row]:
    suffix = f" {grounds}" if release.has_old_layout else ""
    return [
        *_make_two_tiers([f"{outcome}{suffix}" for outcome in OUTCOMES]),
        *_make_annual_rows(series, len(OUTCOMES)),
    ]


def _make_referral_table(release: Release, series: FiguresByPeriod) -> list[Row]:
    rows: list[Row] = []
    for period, cells in series.items():
        year = int(period[:4])
        if release.mislabels_newest_quarter and period == release.period:
            year -= 1
        rows.append([year, period[5:], *_add_totals(cells, len(LOCATIONS))])
    return [*_make_two_tiers(LOCATIONS), *rows]


def _make_authority_table(referrals: FiguresByPeriod) -> list[Row]:
    rows: list[Row] = [
        [int(quarter[:4]), quarter[5:], *cells, sum(cells)] for quarter, cells in divide_by_authority(referrals).items()
    ]
    return [["Year", "Quarter", *AUTHORITIES, "Total"], *rows]


def _share_out(counts: Counts, places: Mapping[str, float]) -> Counts:
    """Return counts spread over places, the place becoming the first part of the key."""
    shared: Counter[tuple[str, ...]] = Counter()
    for key, count in sorted(counts.items()):
        rng = random.Random(f"nrm:places:{key}:{count}")
        weights = [weight * rng.uniform(0.6, 1.4) for weight in places.values()]
        for place, part in zip(places, allocate(count, weights), strict=True):
            if part:
                shared[(place, *key)] += part
    return shared


def _make_age_table(header: str, cells_by_label: Mapping[str, Sequence[int]]) -> list[Row]:
    rows: list[Row] = [[header, *AGES, "Total"]]
    rows += [[label, *cells, sum(cells)] for label, cells in cells_by_label.items()]
    totals = [sum(column) for column in zip(*cells_by_label.values(), strict=True)]
    return [*rows, ["Total", *totals, sum(totals)]]


def _make_nationality_table(people: Mapping[str, People]) -> list[Row]:
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for of_type in people.values():
        for person, count in of_type.items():
            age = person.age if person.age in (ADULT, CHILD) else UNKNOWN
            counts[person.nationality][age] += count
    names = sorted(counts, key=str.casefold)
    return _make_age_table("Nationality", {name: [counts[name][age] for age in AGES] for name in names})


def _make_region_table(cells: Sequence[int]) -> list[Row]:
    parts_by_age = [allocate(total, list(REGIONS.values())) for total in _sum_by_age(cells)]
    return _make_age_table("UK region", dict(zip(REGIONS, zip(*parts_by_age, strict=True), strict=True)))


def _make_county_table(release: Release, people: Mapping[str, People], cells: Sequence[int]) -> list[Row]:
    """Return referrals by county, type of exploitation and age, or by county alone."""
    if not release.has_counties_alone:
        counts = _share_out(_regroup(people, "exploitation", "age"), COUNTIES)
        return _make_hierarchy(counts, _list_label_headers(release, "county"), release.has_total_first)
    # Of those exploited in the UK alone and of known county.
    of_known_county = round(sum(cells[IN_UK_ALONE]) * KNOWN_COUNTY_SHARE)
    parts = allocate(of_known_county, list(COUNTIES_FROM_2025.values()))
    rows: list[Row] = [[county, count] for county, count in zip(COUNTIES_FROM_2025, parts, strict=True)]
    return [["UK County", "Total"], *rows, ["Total", of_known_county]]


def _make_notify_nationality_table(reports: int) -> list[Row]:
    weights = [weight[OF_AGENCIES_AND_NGOS] for weight in NATIONALITIES.values()]
    rows: list[Row] = [[name, count] for name, count in zip(NATIONALITIES, allocate(reports, weights), strict=True)]
    return [["Nationality", "Total"], *rows, ["Total", reports]]


def _make_responder_table(release: Release, kind: str, people: People) -> list[Row]:
    """Return the table of first responders of a type; local authorities are not named."""
    first_label = 1 if kind == "local_authority" else 0
    counts: Counts = {person[first_label:]: count for person, count in people.items()}
    return _make_hierarchy(counts, _list_label_headers(release, kind), release.has_total_first)


def _make_tables(release: Release) -> dict[str, list[Row]]:
    """Return header and body rows of every table of a release."""
    referrals = make_referrals(release)
    _check_published(release, referrals)
    cells = referrals[release.period]
    people = draw_people(release, cells)
    reasonable, conclusive = make_reasonable_grounds(release), make_conclusive_grounds(release)
    reports = make_duty_to_notify(release)

    def make_hierarchy(kind: str, *parts: str) -> list[Row]:
        return _make_hierarchy(_regroup(people, *parts), _list_label_headers(release, kind), release.has_total_first)

    tables: dict[str, list[Row]] = {
        "summary": make_hierarchy("summary", "exploitation", "age", "gender"),
        "referrals": _make_referral_table(release, referrals),
        "nationality": _make_nationality_table(people),
        "region": _make_region_table(cells),
        "county": _make_county_table(release, people, cells),
        "responder_type": make_hierarchy("responder_type", RESPONDER_TYPE, "age"),
        "reasonable_grounds": _make_decision_table(release, "reasonable grounds", reasonable),
        "conclusive_grounds": _make_decision_table(release, "conclusive grounds", conclusive),
        "duty_to_notify": [["Year", "Quarter", "Total"], *_make_annual_rows(reports)],
        "duty_to_notify_nationality": _make_notify_nationality_table(reports[release.period][0]),
    }
    if release.has_referrals_by_authority:
        tables["competent_authority"] = _make_authority_table(referrals)
    if release.has_two_authorities:
        of_one_authority = divide_from_immigration(reasonable)
        tables["immigration_reasonable_grounds"] = _make_decision_table(release, "reasonable grounds", of_one_authority)
    for kind, of_type in people.items():
        tables[kind] = _make_responder_table(release, kind, of_type)
    return tables


def _make_title(release: Release, kind: str) -> str:
    note = f" [note {NOTED[kind]}]" if kind in NOTED else ""
    old, new = TITLES[kind]
    words = old if release.has_old_layout else new
    if release.has_counties_alone:
        words = TITLES_FROM_2025.get(kind, words)
    return f"Table {release.tables[kind]}: {words}{note}"


def _add_title(release: Release, title: str, rows: Sequence[Row]) -> list[Row]:
    """Return the rows of a sheet: title on row 1, header on row 4 or row 6."""
    if release.has_old_layout:
        top: list[Row] = [[title], ["Source: Home Office"], []]
        return [[None, *row] for row in (*top, *rows)]
    top = [
        [title],
        ["This worksheet contains one table. Notes are on the worksheet named Notes."],
        ["Source: Home Office"],
        ["Contents"],
        [],
    ]
    return [*top, *rows]


def _make_heading(release: Release) -> str:
    year, quarter = release.period.split("-")
    return (
        "Modern slavery: National Referral Mechanism and Duty to Notify statistics UK, "
        f"quarter {quarter[1]} {year}, {MONTHS[quarter]}"
    )


def _make_sheets(release: Release) -> dict[str, list[Row]]:
    """Return all sheets of a release, its tables in the order of their numbers."""
    cover: list[Row] = [[_make_heading(release)], ["Data tables"], [f"Published: {tell_day(release.published)}"]]
    cover.append([SYNTHETIC])
    if release.edition > 1:
        cover.append([REISSUE_NOTE])
    contents: list[Row] = [["Contents"], ["Worksheet", "Title"]]
    notes: list[Row] = [["Notes"]]
    notes += [[note] for note in NOTES]
    sheets = {"Cover_sheet": cover, "Contents": contents, "Notes": notes}
    tables = _make_tables(release)
    for kind in sorted(tables, key=lambda kind: release.tables[kind]):
        name, title = f"Table_{release.tables[kind]}", _make_title(release, kind)
        contents.append([name, title])
        sheets[name] = _add_title(release, title, tables[kind])
    return sheets


def write(raw: Path) -> None:
    """Write every NRM release under ``raw/nrm``."""
    for release in RELEASES:
        path = raw / "nrm" / release.file_name
        write_ods(path, _make_sheets(release))
        write_sidecar(
            path,
            title=_make_heading(release),
            published_on=release.published,
            reference_period=release.period,
            edition=release.edition,
            note=REISSUE_NOTE if release.edition > 1 else None,
        )
