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

from sample_data.allocate import allocate
from sample_data.writers import SYNTHETIC, Row, write_ods, write_sidecar

HERE = Path(__file__).parent
FORCES = HERE.parent / "msoic_pipeline" / "model" / "members" / "forces.csv"

ADULT, CHILD, UNKNOWN = AGES = ("Adult (18 or over)", "Child (17 or under)", "Age not specified or unknown")
AUTHORITIES = ("Single Competent Authority", "Immigration Enforcement Competent Authority")
LOCATIONS = ("Overseas", "UK", "UK and Overseas", "Not specified or unknown")
MONTHS = {"Q1": "January to March", "Q2": "April to June", "Q3": "July to September", "Q4": "October to December"}

Series = dict[str, list[int]]  # period ("2021-Q4", or "2023-Total" for a published annual row) → figures
People = Counter[tuple[str, ...]]  # (first responder, exploitation type, age, gender, nationality) → referrals

# ------------------------------------------------------------------------------------------------- releases and layout

# Table numbers. Detail by first responder stood in 10-13 to 2022 Q3 and in 11-14 from 2022 Q4; DtN by nationality in
# 25, 26, 26, 35 and 41, conclusive grounds in 19 and 28; the 2025 release had UK county in Table_12 (domain.md §1).
# The other numbers are invented.
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
    period: str
    published: dt.date
    tables: Mapping[str, int]
    edition: int = 1

    @property
    def old(self) -> bool:
        """Whether the layout is the one used to 2022 Q3: header on row 4, column A empty."""
        return self.period < "2022-Q4"

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

# Annual referrals, by release: nrm_total_revisions.csv, each row there with its source.
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
# Quarters as first published: domain.md §1.
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
FIRST_OF_TWO_AUTHORITIES = "2021-Q4"
# Decisions and reports after 2023: invented.
LATER = {
    "reasonable_grounds": (4610, 4890, 5120, 5480, 5690, 5930, 6310, 6080),
    "conclusive_grounds": (3920, 4180, 4460, 4740, 4390, 4210, 4030, 3910),
    "duty_to_notify": (1250, 1380, 1420, 1550, 1600, 1700, 1750, 1720),
}


def _published(series: str, release: str) -> Series:
    """A published series as the given 2023 release had it."""
    found: Series = {}
    with (HERE / "nrm_published.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["series"] == series and row["release"] <= release:
                if row["period"].endswith("Total") and row["release"] != release:
                    continue
                found[row["period"]] = [int(figure) for figure in row["figures"].split()]
    return dict(sorted(found.items()))


def _series(name: str, release: str) -> Series:
    """A series as it stands in a release, the years after 2023 in proportion to 2023."""
    found = _published(name, min(max(release, "2023-Q1"), "2023-Q4"))
    found = {period: figures for period, figures in found.items() if period <= release or period.endswith("Total")}
    if release > "2023-Q4":
        for position in range(8):
            period = f"{2024 + position // 4}-Q{position % 4 + 1}"
            pattern = found[f"2023-Q{position % 4 + 1}"]
            if period <= release:
                total = sum(pattern) if name == "referrals" else LATER[name][position]
                found[period] = allocate(total, pattern)
    return found


def _steps(earlier: str, later: str) -> int:
    """How many releases lie between two."""
    order = sorted({release.period for release in RELEASES})
    return order.index(later) - order.index(earlier)


def _interpolate(values: Mapping[str, int], release: str) -> int:
    """The value at a release, in a straight line between those that are given."""
    for (earlier, first), (later, last) in pairwise(sorted(values.items())):
        if earlier <= release <= later:
            return first + round((last - first) * _steps(earlier, release) / _steps(earlier, later))
    return values[max(key for key in values if key <= release)]


def referrals(release: str) -> Series:
    """Referrals by quarter: four locations for each of three ages."""
    found = _series("referrals", release)
    if "2023-Q1" <= release <= "2023-Q4":
        return found
    nearest = "2023-Q1" if release < "2023-Q1" else "2023-Q4"
    for period, cells in found.items():
        if period in REFERRALS:
            values = dict(REFERRALS[period])
            if period <= nearest:
                values[nearest] = sum(cells)
            cells[:] = allocate(_interpolate(values, release), cells)
        if release < "2023-Q1" and period >= "2014":  # the location became known later, as in the real revisions
            settled = min(cells[2], _steps(release, "2023-Q1"))
            cells[2] -= settled
            cells[3] += settled
    return found


def by_authority(series: Series) -> Series:
    """Referrals by quarter to each of the two competent authorities, since there are two."""
    found: Series = {}
    for period, cells in series.items():
        if period >= FIRST_OF_TWO_AUTHORITIES and not period.endswith("Total"):
            shares = PUBLISHED_AUTHORITIES.get(period) or AUTHORITY_SHARES[period[:4]]
            found[period] = allocate(sum(cells), shares)
    return found


def decisions(name: str, release: str) -> Series:
    """Reasonable or conclusive grounds decisions: negative and positive for each of three ages."""
    found = _series(name, release)
    for period, cells in found.items():
        if release < "2023-Q1" and period >= "2018":
            cells[1] += _steps(release, "2023-Q1") // 2
        elif release > "2024-Q4" and "2018" <= period <= "2024-Q4":
            cells[0] -= min(cells[0], 2)
    return found


def duty_to_notify(release: str) -> Series:
    """DtN reports; to 2022 Q3 the newest quarter is a little short, as late reports come in."""
    found = _series("duty_to_notify", release)
    if release < "2022-Q4":
        found[release][0] -= 3
    if release > "2024-Q4":
        found["2024-Q4"][0] += 4
    return found


def _check_published(release: str, found: Series) -> None:
    annual: Counter[str] = Counter()
    for period, cells in found.items():
        annual[period[:4]] += sum(cells)
    for year, total in PUBLISHED_ANNUAL.get(release, {}).items():
        if annual[year] != total:
            raise ValueError(f"NRM referrals of {year} in the release of {release}: {annual[year]}, published {total}")
    if sum(found[release]) != PUBLISHED_FIRST.get(release, sum(found[release])):
        raise ValueError(f"NRM referrals of {release} differ from the figure first published")


# ------------------------------------------------------------------------------------- people, by first responder table

TYPES = {
    "government": "Government agency",
    "ngo": "NGO and third sector",
    "police": "Police",
    "local_authority": "Local authority",
}
# First published, in the order of TYPES: domain.md §1. 2022 Q4 and 2023 Q4 sum to 1 below the headline, as published.
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


def _police(period: str, rng: random.Random) -> dict[str, float]:
    """The police responders of a quarter, spelled as organisations; one small force has no referral and is absent."""
    weights: dict[str, float] = {}
    units: list[str] = []
    with FORCES.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
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


def _responders(kind: str, period: str, rng: random.Random) -> Mapping[str, float]:
    if kind == "police":
        return _police(period, rng)
    return {"government": GOVERNMENT, "ngo": NGO}.get(kind, {"": 1})


def _by_age(cells: Sequence[int]) -> list[int]:
    return [sum(cells[start : start + 4]) for start in (0, 4, 8)]


def _pick(rng: random.Random, weights: Mapping[str, float]) -> str:
    return rng.choices(list(weights), list(weights.values()))[0]


def _gender(rng: random.Random, exploitation: str, unrecorded: str) -> str:
    female = 0.85 if "Sexual" in exploitation else 0.6 if "Domestic" in exploitation else 0.08
    return _pick(rng, {"Female": female, "Male": 1 - female, "Other": 0.002, unrecorded: 0.001})


def people(release: Release, cells: Sequence[int]) -> dict[str, People]:
    """Everyone referred in the quarter, by type of first responder."""
    period, headline = release.period, sum(cells)
    shares = TYPE_SHARES.get(period[:4], LATER_SHARES)
    totals = PUBLISHED_TYPES.get(period) or allocate(headline, shares)
    unknown_label = UNKNOWN if period >= "2024" else "Not specified or unknown"
    unrecorded = "Not Recorded" if release.old else "Not specified or unknown"
    _, children, unknown = _by_age(cells)
    unknowns = allocate(unknown, [total * weight for total, weight in zip(totals, UNKNOWN_AGE_WEIGHT, strict=True)])
    minors = allocate(children, [total * weight for total, weight in zip(totals, CHILD_WEIGHT, strict=True)])

    found: dict[str, People] = {}
    for position, kind in enumerate(TYPES):
        rng = random.Random(f"nrm:{period}:{kind}")
        civil = kind in ("government", "ngo")
        responders = _responders(kind, period, rng)
        weights = [weight * rng.lognormvariate(0, 0.25) for weight in responders.values()]
        counts = allocate(totals[position], weights)
        nationalities = {name: float(weight[0 if civil else 1]) for name, weight in NATIONALITIES.items()}
        nationalities |= dict.fromkeys(rng.sample(RARE_NATIONALITIES, 8), 0.1)
        ages = [CHILD] * minors[position] + [UNKNOWN] * unknowns[position]
        ages += [ADULT] * (totals[position] - len(ages))
        rng.shuffle(ages)
        found[kind] = Counter()
        for responder, count in zip(responders, counts, strict=True):
            for _ in range(count):
                age = ages.pop()
                exploitation = _pick(rng, (FEWER if count < 45 else EXPLOITATION)[age])
                gender = _gender(rng, exploitation, unrecorded)
                british = 2 if age == CHILD and "Criminal" in exploitation else 1
                nationality = _pick(rng, nationalities | {"UK": nationalities["UK"] * british})
                label = unknown_label if age == UNKNOWN else age
                found[kind][responder, exploitation, label, gender, nationality] += 1
    return found


# --------------------------------------------------------------------------------------------------------------- tables


def _headers(release: Release, kind: str) -> list[str]:
    """The label columns of a first-responder table; that of local authorities has no responder column."""
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
    exploitation = "Claimed exploitation type" if release.old else "Exploitation type"
    age = "Age group at exploitation" if release.old else "Age at exploitation"
    if release.period >= "2023-Q3":
        age += " [note 1]"
    labels = [first[kind][0 if release.old else 1]] if kind in first else []
    labels += [age] if kind == "responder_type" else [exploitation, age]
    return labels if kind in ("county", "responder_type") else [*labels, "Gender"]


def _hierarchy(counts: Mapping[tuple[str, ...], int], labels: Sequence[str], total_first: bool) -> list[Row]:
    """Sparse rows: every group's total, named in its own column alone, stands above the group's parts.

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
        body.append(_labelled(group, len(labels), columns, sums[group]))
    total = _labelled(("Total",), len(labels), columns, sums[()])
    return [header, total, *body] if total_first else [header, *body, total]


def _labelled(group: Sequence[str], width: int, columns: Iterable[str], counts: Counter[str]) -> Row:
    cells: Row = [None] * width
    cells[len(group) - 1] = group[-1]
    return [*cells, *(counts[column] for column in columns), counts.total()]


def _regroup(people: Mapping[str, People], *parts: int) -> People:
    """Everyone by some parts of their key, the first responder's type being part -1 and no column kept."""
    counts: People = Counter()
    for kind, found in people.items():
        for key, count in found.items():
            counts[(*((TYPES[kind] if part < 0 else key[part]) for part in parts), "")] += count
    return counts


def _two_tier(blocks: Sequence[str]) -> list[Row]:
    top: Row = [None, None]
    bottom: Row = ["Year", "Quarter"]
    for age in AGES:
        top += [age, *([None] * len(blocks))]
        bottom += [*blocks, "Total"]
    return [[*top, "Total"], [*bottom, None]]


def _in_blocks(cells: Sequence[int], size: int) -> Row:
    """The figures with a total after each block and a grand total at the end."""
    row: Row = []
    for start in range(0, len(cells), size):
        block = cells[start : start + size]
        row += [*block, sum(block)]
    return [*row, sum(cells)]


def _annual(series: Series, block: int | None = None) -> list[Row]:
    """Quarters with a blank year under an annual total that has one; a published annual row wins over the sum."""
    rows: list[Row] = []
    for year in sorted({period[:4] for period in series}):
        quarters = {period: cells for period, cells in series.items() if period.startswith(f"{year}-Q")}
        total = series.get(f"{year}-Total") or [sum(column) for column in zip(*quarters.values(), strict=True)]
        rows.append([int(year), None, *(_in_blocks(total, block) if block else total)])
        for period, cells in quarters.items():
            rows.append([None, period[5:], *(_in_blocks(cells, block) if block else cells)])
    return rows


def _decision_rows(release: Release, grounds: str, series: Series) -> list[Row]:
    suffix = f" {grounds}" if release.old else ""
    return [*_two_tier([f"Negative{suffix}", f"Positive{suffix}"]), *_annual(series, 2)]


def _referral_rows(release: Release, series: Series) -> list[Row]:
    rows: list[Row] = [[int(period[:4]), period[5:], *_in_blocks(cells, 4)] for period, cells in series.items()]
    if release.period == "2023-Q1" and release.edition == 1:
        rows[-1][0] = 2022  # the publisher's own fault: January to March 2023 was labelled 2022
    return rows


def _share_out(counts: Mapping[tuple[str, ...], int], places: Mapping[str, float]) -> People:
    """Counts by (…, column) spread over places, the place becoming the first part of the key."""
    shared: People = Counter()
    for key, count in sorted(counts.items()):
        rng = random.Random(f"nrm:places:{key}:{count}")
        weights = [weight * rng.uniform(0.6, 1.4) for weight in places.values()]
        for place, part in zip(places, allocate(count, weights), strict=True):
            if part:
                shared[(place, *key)] += part
    return shared


def _ages_across(header: str, cells_by_label: Mapping[str, Sequence[int]]) -> list[Row]:
    rows: list[Row] = [[header, *AGES, "Total"]]
    rows += [[label, *cells, sum(cells)] for label, cells in cells_by_label.items()]
    totals = [sum(column) for column in zip(*cells_by_label.values(), strict=True)]
    return [*rows, ["Total", *totals, sum(totals)]]


def _nationality_rows(people: Mapping[str, People]) -> list[Row]:
    counts: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    for found in people.values():
        for key, count in found.items():
            counts[key[4]][0 if key[2] == ADULT else 1 if key[2] == CHILD else 2] += count
    return _ages_across("Nationality", {name: counts[name] for name in sorted(counts, key=str.casefold)})


def _county_rows(cells: Sequence[int]) -> list[Row]:
    """Referrals by county, of those exploited in the UK alone and of known county, the total in the last row."""
    of_known_county = round(sum(cells[1::4]) * KNOWN_COUNTY_SHARE)
    counts = allocate(of_known_county, list(COUNTIES_FROM_2025.values()))
    rows: list[Row] = [[county, count] for county, count in zip(COUNTIES_FROM_2025, counts, strict=True)]
    return [["UK County", "Total"], *rows, ["Total", of_known_county]]


def _tables(release: Release) -> dict[str, list[Row]]:
    """Header and body rows of every table of a release."""
    period = release.period
    series = referrals(period)
    _check_published(period, series)
    found = people(release, series[period])
    total_first = period < "2021-Q4" or period >= "2024"
    reasonable = decisions("reasonable_grounds", period)
    reports = duty_to_notify(period)
    by_age = _by_age(series[period])
    regions = zip(*(allocate(total, list(REGIONS.values())) for total in by_age), strict=True)
    shares = allocate(reports[period][0], [weight[0] for weight in NATIONALITIES.values()])
    shared: list[Row] = [[name, count] for name, count in zip(NATIONALITIES, shares, strict=True)]

    tables: dict[str, list[Row]] = {
        "summary": _hierarchy(_regroup(found, 1, 2, 3), _headers(release, "summary"), total_first),
        "referrals": [*_two_tier(LOCATIONS), *_referral_rows(release, series)],
        "nationality": _nationality_rows(found),
        "region": _ages_across("UK region", dict(zip(REGIONS, regions, strict=True))),
        "county": _hierarchy(_share_out(_regroup(found, 1, 2), COUNTIES), _headers(release, "county"), total_first),
        "responder_type": _hierarchy(_regroup(found, -1, 2), _headers(release, "responder_type"), total_first),
        "reasonable_grounds": _decision_rows(release, "reasonable grounds", reasonable),
        "conclusive_grounds": _decision_rows(release, "conclusive grounds", decisions("conclusive_grounds", period)),
        "duty_to_notify": [["Year", "Quarter", "Total"], *_annual(reports)],
        "duty_to_notify_nationality": [["Nationality", "Total"], *shared, ["Total", reports[period][0]]],
    }
    if period >= "2022-Q1":
        quarters: list[Row] = [
            [int(quarter[:4]), quarter[5:], *cells, sum(cells)] for quarter, cells in by_authority(series).items()
        ]
        tables["competent_authority"] = [["Year", "Quarter", *AUTHORITIES, "Total"], *quarters]
    if period >= "2025":
        tables["county"] = _county_rows(series[period])
    if period >= "2021-Q4":
        of_one_authority = {
            quarter: [cell // 5 for cell in cells]
            for quarter, cells in reasonable.items()
            if quarter >= "2021-Q4" and not quarter.endswith("Total")
        }
        tables["immigration_reasonable_grounds"] = _decision_rows(release, "reasonable grounds", of_one_authority)
    for kind in TYPES:
        counts: Mapping[tuple[str, ...], int] = found[kind]
        if kind == "local_authority":
            counts = {key[1:]: count for key, count in counts.items()}
        tables[kind] = _hierarchy(counts, _headers(release, kind), total_first)
    return tables


def _sheet(release: Release, kind: str, rows: Sequence[Row]) -> tuple[str, str, list[Row]]:
    """The sheet's name, its title, and its rows: title on row 1, header on row 4 or row 6."""
    number = release.tables[kind]
    note = f" [note {NOTED[kind]}]" if kind in NOTED else ""
    words = TITLES_FROM_2025.get(kind, "") if release.period >= "2025" else ""
    title = f"Table {number}: {words or TITLES[kind][0 if release.old else 1]}{note}"
    if release.old:
        top: list[Row] = [[title], ["Source: Home Office"], []]
        return f"Table_{number}", title, [[None, *row] for row in (*top, *rows)]
    top = [
        [title],
        ["This worksheet contains one table. Notes are on the worksheet named Notes."],
        ["Source: Home Office"],
        ["Contents"],
        [],
    ]
    return f"Table_{number}", title, [*top, *rows]


def _heading(release: Release) -> str:
    year, quarter = release.period.split("-")
    return (
        "Modern slavery: National Referral Mechanism and Duty to Notify statistics UK, "
        f"quarter {quarter[1]} {year}, {MONTHS[quarter]}"
    )


def write(raw: Path) -> None:
    """Write every NRM release under ``raw/nrm``."""
    for release in RELEASES:
        tables = _tables(release)
        ordered = sorted(tables, key=lambda kind: release.tables[kind])
        sheets = [_sheet(release, kind, tables[kind]) for kind in ordered]
        published = f"{release.published.day} {release.published:%B %Y}"
        cover: list[Row] = [[_heading(release)], ["Data tables"], [f"Published: {published}"], [SYNTHETIC]]
        if release.edition > 1:
            cover.append([REISSUE_NOTE])
        contents: list[Row] = [["Contents"], ["Worksheet", "Title"]]
        contents += [[name, title] for name, title, _ in sheets]
        notes: list[Row] = [["Notes"]]
        notes += [[note] for note in NOTES]
        path = raw / "nrm" / release.file_name
        front = {"Cover_sheet": cover, "Contents": contents, "Notes": notes}
        write_ods(path, front | {name: rows for name, _, rows in sheets})
        write_sidecar(
            path,
            title=_heading(release),
            published_on=release.published,
            reference_period=release.period,
            edition=release.edition,
            note=REISSUE_NOTE if release.edition > 1 else None,
        )
