"""How the text of a cell becomes a value; a text that is none is refused with the words for what was expected."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msoic_pipeline.model import members
from msoic_pipeline.model.members import exploitation
from msoic_pipeline.model.members.exploitation import UNKNOWN_EXPLOITATION, list_exploitation_types
from msoic_pipeline.workbooks.values import MAX_COUNT, PARSERS, find_parser, parser_of_members

numbers = st.integers(-(10**9), 10**9)
anything = st.one_of(
    st.text(max_size=20), st.integers(), st.floats(), st.booleans(), st.dates(), st.datetimes(), st.none(), st.times()
)


@given(numbers, st.sampled_from(["{:d}", "{:,d}", " {:,d} ", "{:d}.0", "{:,d} [r]", "{:,d}[note 2]"]))
def test_a_count_however_it_is_written(number: int, spelling: str):
    assert find_parser("count")(spelling.format(number)) == number
    assert find_parser("count")(float(number)) == number
    assert find_parser("count")(f"{number:,}".replace(",", " ")) == number


@given(st.floats(-1e9, 1e9))
def test_a_number_is_itself(number: float):
    assert find_parser("number")(number) == number
    assert find_parser("number")(f"{number:.4f}") == pytest.approx(number, abs=1e-4)


@given(st.integers(0, 1000))
def test_a_share_with_and_without_its_sign(permille: int):
    assert find_parser("share")(f"{permille / 10:.1f}%") == pytest.approx(permille / 1000)
    assert find_parser("share")(permille / 1000) == permille / 1000


@pytest.mark.parametrize("text", ["82.4", 82.4, "824%", -0.1, "-1%", "x"])
def test_what_is_no_share(text: Any):
    with pytest.raises(ValueError, match="a share between 0 and 1"):
        find_parser("share")(text)


@pytest.mark.parametrize(
    ("text", "number"), [("-00", 0), ("£1,234.50", 1234.5), ("-£5", -5), ("1 234", 1234), ("-0", 0)]
)
def test_numbers_as_they_are_written(text: str, number: float):
    assert find_parser("number")(text) == number
    assert str(find_parser("number")(text)) == str(float(number)), "no minus before a zero"


@pytest.mark.parametrize(
    "text",
    ["1,23", "12,34", "1,2345", "0,824", "1.234.567", "1 23", "1,234 567", "(45)", "+5", "1e5", "", "ten", "5 [x]",
     "5 [c]", "[x]", "[note 1]", "12 to 15", "<5", "5*", "٣", True, float("inf"), float("nan"), None],
)  # fmt: skip
def test_what_is_no_number(text: Any):
    with pytest.raises(ValueError, match="a number"):
        find_parser("number")(text)
    with pytest.raises(ValueError, match="a whole number"):
        find_parser("count")(text)


@pytest.mark.parametrize("value", [1.5, "1.5", MAX_COUNT + 1, f"{MAX_COUNT + 1:,}", -(10**12), 1e300])
def test_what_is_no_count(value: Any):
    with pytest.raises(ValueError, match="a whole number"):
        find_parser("count")(value)


@pytest.mark.parametrize(
    ("value", "code"), [("3A", "3A"), (106, "106"), (106.0, "106"), (" 4.10 ", "4.10"), ("AF", "AF")]
)
def test_codes_are_texts(value: Any, code: str):
    assert find_parser("code")(value) == code


@pytest.mark.parametrize("value", [4.1, "", None, True, "[note 1]"])
def test_what_is_no_code(value: Any):
    with pytest.raises(ValueError, match="a code"):
        find_parser("code")(value)


@given(
    st.dates(dt.date(1950, 1, 1), dt.date(2090, 1, 1)),
    st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%d %B %Y", "%d %b %Y"]),
)
def test_days_and_months(day: dt.date, pattern: str):
    assert find_parser("date")(day.strftime(pattern)) == day
    assert find_parser("date")(dt.datetime(day.year, day.month, day.day, 12)) == day
    assert find_parser("month")(day.strftime(pattern)) == day.replace(day=1)
    assert find_parser("month")(day.strftime("%B %Y")) == day.replace(day=1)


@pytest.mark.parametrize("value", [44_562, "44562", "31/02/2021", "13/13/2021", "last week", ""])
def test_what_is_no_day(value: Any):
    with pytest.raises(ValueError, match="a date such as"):
        find_parser("date")(value)


@pytest.mark.parametrize(("value", "quarter"), [("Q1", 1), ("1", 1), (2.0, 2), ("Quarter 3", 3), ("q4 [note 1]", 4)])
def test_quarters_of_a_year(value: Any, quarter: int):
    assert find_parser("quarter_number")(value) == quarter


@pytest.mark.parametrize("value", ["Q5", 0, "first", "", 1.5])
def test_what_is_no_quarter_of_a_year(value: Any):
    with pytest.raises(ValueError, match="a quarter from 1 to 4"):
        find_parser("quarter_number")(value)


@pytest.mark.parametrize("text", ["Total", "total", " Grand Total ", "NGO and third sector total", "Total (all ages)"])
def test_the_word_for_a_total_is_no_label(text: str):
    with pytest.raises(ValueError, match="not a total"):
        find_parser("text")(text)


def test_one_of_a_few():
    read = parser_of_members({"Female": (), "Male": (), "Not specified or unknown": ("Not recorded", "Unknown")})
    assert read("FEMALE [note 1]") == "Female"
    assert read("not recorded") == read("Unknown") == "Not specified or unknown"
    with pytest.raises(ValueError, match="one of Female, Male, Not specified or unknown"):
        read("f")


@given(st.sampled_from(sorted(PARSERS)), anything)
def test_any_value_is_read_or_refused_in_words(name: str, value: Any):
    try:
        assert find_parser(name)(value) is not None
    except ValueError as error:
        assert str(error)


@pytest.mark.parametrize(
    "text", ["Estimated Population mid-2023", "population  mid-2023", "Population mid-2023 [note 1]"]
)
def test_a_middle_of_a_year_is_the_quarter_that_holds_30_june(text: str):
    assert find_parser("mid_year")(text) == dt.date(2023, 4, 1)


@pytest.mark.parametrize("text", ["Mid-2023", "2023 people per sq. km", "Estimated Population mid-2203", 2023])
def test_what_is_no_middle_of_a_year(text: Any):
    with pytest.raises(ValueError, match="such as Estimated population mid-2023"):
        find_parser("mid_year")(text)


# ---- members of dimensions -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("London, City of", "E23000034"), ("Devon & Cornwall", "E23000035"), ("Devon and Cornwall ", "E23000035"),
        ("Metropolitan Police[Note 6]", "E23000001"), ("Metropolitan Police Service", "E23000001"),
        ("Avon and Somerset Constabulary", "E23000036"), ("Action Fraud", "AF"), ("Cifas", "CIFAS"),
    ],
)  # fmt: skip
def test_forces_however_they_are_spelled(text: str, code: str):
    assert members.resolve("force", text) == code


def test_what_else_a_members_row_says():
    assert find_parser("local_authority.force_code")("E06000001") == "E23000013"
    assert find_parser("force.cps_area_code")("BTP") is None, "an empty field"
    with pytest.raises(ValueError, match=r"model/members/local_authorities\.csv"):
        find_parser("local_authority.force_code")("E99999999")


def test_an_unknown_force_names_the_nearest_and_the_file_to_edit():
    with pytest.raises(ValueError, match=r"a known force \(nearest: .*Kent.*\).*model/members/forces\.csv"):
        members.resolve("force", "Kentt")


@given(
    st.sets(st.sampled_from(list_exploitation_types()), min_size=1), st.randoms(), st.sampled_from([", ", " & ", ","])
)
def test_combined_exploitation_is_one_set_in_whatever_order(types: set[str], rng: Any, mark: str):
    shuffled = list(types)
    rng.shuffle(shuffled)
    assert members.resolve_exploitation(mark.join(shuffled)) == members.combine_exploitation(types)
    assert members.resolve_exploitation(members.combine_exploitation(types)) == members.combine_exploitation(types)


@pytest.mark.parametrize("text", ["", "&", "Labour & Fishing", "Labour, Not specified or unknown"])
def test_what_is_no_exploitation(text: str):
    with pytest.raises(ValueError, match=r"\w"):
        members.resolve_exploitation(text)


nationalities = st.sampled_from([row["nationality"] for row in members.read_rows("nationalities.csv")])


@given(nationalities)
def test_a_nationality_is_itself(nationality: str):
    assert members.resolve_nationality(nationality) == nationality


@given(nationalities, nationalities)
def test_a_pair_of_nationalities(first: str, second: str):
    pair = members.resolve_nationality(f"{first} {second}")
    assert members.resolve_nationality(pair) == pair
    assert set(f"{first} {second}".split()) == set(pair.split())


def test_every_combination_of_exploitation_is_a_member():
    names = [row["exploitation_type"] for row in members.list_exploitation_members()]
    assert len(names) == len(set(names)) == 2**5 - 1 + 2


@pytest.mark.parametrize("types", [{"Forced Marriage"}, {"Forced Marriage", "Labour"}, {UNKNOWN_EXPLOITATION}])
def test_a_type_that_is_not_known_is_in_no_combination(types: set[str]):
    with pytest.raises(ValueError, match="expected types of exploitation: Criminal, Domestic, Labour, Sexual"):
        members.combine_exploitation(types)


def test_a_type_that_is_added_to_the_file_is_combined(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(exploitation, "list_exploitation_types", lambda: ("Criminal", "Forced Marriage", "Labour"))
    assert members.combine_exploitation({"Labour", "Forced Marriage"}) == "Forced Marriage & Labour"
    assert [row["includes_forced_marriage"] for row in members.list_exploitation_members()].count(True) == 4


@pytest.mark.parametrize(
    ("name", "written"), [("code", "106²"), ("share", "82.4²%"), ("share", "82.4% [x]"), ("share", "0.824³")]
)
def test_a_footnote_or_shorthand_is_no_part_of_a_code_or_share(name: str, written: str):
    with pytest.raises(ValueError, match=r"a code|a share"):
        find_parser(name)(written)
