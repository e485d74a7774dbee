"""What a claim is: a statement of quantity in a report, as this folder's YAML files list them, one file a report."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal, TypeVar

import sqlalchemy as sa
import yaml
from pydantic import BaseModel, BeforeValidator, Field, ValidationError, model_validator

from msoic_pipeline.declarations import Declaration, wrong_places
from msoic_pipeline.kpis.definitions import Condition, Term, load_definitions
from msoic_pipeline.model import metadata
from msoic_pipeline.periods import financial_quarter_label, parse_period, period_end, period_label, periods
from msoic_pipeline.workbooks.layout import load_source

# What a word allows: from where to where a figure may lie, in steps from the value claimed. A step is the place to
# which the value is evidently rounded (Claim.step).
COMPARATORS: dict[str, tuple[float, float]] = {
    "exactly": (-0.5, 0.5),
    "about": (-1, 1),
    "over": (0, 1),
    "just over": (0, 0.5),
    "almost": (-1, 0),
    "just under": (-0.5, 0),
    "at least": (0, math.inf),
    "at most": (-math.inf, 0),
}
# A round number is never rounded to more than this share of itself: "over 100" is not 190.
LARGEST_STEP = 0.2

Comparator = Literal["exactly", "about", "over", "just over", "almost", "just under", "at least", "at most"]
Model = TypeVar("Model", bound=BaseModel)


@dataclass(frozen=True)
class Period:
    """A period, or several of a kind that follow each other: ``first`` and ``last`` are their first days."""

    kind: str
    first: dt.date
    last: dt.date

    @property
    def starts(self) -> list[dt.date]:
        """The first days of the periods."""
        return list(periods(self.kind, self.first, self.last))

    @property
    def end(self) -> dt.date:
        """The last day of all."""
        return period_end(self.kind, self.last)

    @property
    def is_year(self) -> bool:
        """Whether it is one year."""
        return self.kind.endswith("_year") and self.first == self.last

    @property
    def label(self) -> str:
        """``2021/22``, ``2022-Q1``, ``2021-04 to 2022-01``."""
        labels = dict.fromkeys(period_label(self.kind, start) for start in (self.first, self.last))
        return " to ".join(labels)

    @property
    def words(self) -> str:
        """The label; a quarter also as that of its financial year."""
        if self.kind != "quarter" or self.first != self.last:
            return self.label
        return f"{self.label} ({financial_quarter_label(self.first)})"


def parse_periods(written: Any) -> Period:
    """Return the period written as for ``periods.parse_period``, or two with ``to`` between them.

    Raises ValueError where it is neither, or the two are of different kinds.
    """
    if isinstance(written, Period):
        return written
    parts = [parse_period(part) for part in str(written).split(" to ")]
    (kind, first), (other_kind, last) = parts[0], parts[-1]
    if len(parts) > 2 or kind != other_kind or last < first:
        raise ValueError(f"expected a period, or two of a kind such as 2021-04 to 2022-01; found {written!r}")
    return Period(kind, first, last)


def _listed(written: Any) -> Any:
    return (written,) if isinstance(written, str | int | float) else written


Written = Annotated[Period, BeforeValidator(parse_periods)]
Names = Annotated[tuple[str, ...], BeforeValidator(_listed)]
Numbers = Annotated[tuple[float, ...], BeforeValidator(_listed)]


class Measure(Declaration):
    """What is counted: one of ``kpi``, ``term`` or ``members``.

    ``kpi``: a KPI, or several that are added; ``term``: a sum of facts, in the words in which KPIs are defined, which
    over time is added up or, for a stock, ``last``; ``members``: a dimension, of which those members count that meet
    ``where``. ``name`` is what to call it, where its definition does not read well.
    """

    name: str = ""
    kpi: Names = ()
    term: Term | None = None
    over_time: Literal["sum", "last"] = "sum"
    members: str = ""
    where: dict[str, Condition] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _known(self) -> Measure:
        if sum(map(bool, (self.kpi, self.term, self.members))) != 1:
            raise ValueError("give one of kpi, term and members")
        known = {kpi.kpi_id for kpi in load_definitions()}
        if unknown := set(self.kpi) - known:
            raise ValueError(f"no such KPI: {', '.join(sorted(unknown))}")
        if self.over_time == "last" and not self.term:
            raise ValueError("over_time is of a term: a KPI has its own")
        if bool(self.where) != bool(self.members):
            raise ValueError("members and where go together")
        if self.members and not self.members.startswith("dim_"):
            raise ValueError(f"members of a dimension are counted; found {self.members!r}")
        if self.members and (unknown := set(self.where) - set(self.dimension.columns.keys())):
            raise ValueError(f"{self.members} has no column {', '.join(sorted(unknown))}")
        return self

    @property
    def dimension(self) -> sa.Table:
        """The dimension whose members count."""
        if self.members not in metadata.tables:
            raise ValueError(f"no such dimension: {self.members}")
        return metadata.tables[self.members]

    @property
    def terms(self) -> tuple[tuple[Term, str], ...]:
        """The terms that it rests on, each with ``sum`` or ``last``."""
        if self.term:
            return ((self.term, self.over_time),)
        kpis = [kpi for kpi in load_definitions() if kpi.kpi_id in self.kpi]
        sides = [(side, kpi.over_time) for kpi in kpis for side in (kpi.numerator, kpi.denominator)]
        return tuple((side, over_time) for side, over_time in sides if isinstance(side, Term))

    @property
    def is_sum(self) -> bool:
        """Whether a longer period's figure is the sum of its months' or quarters'."""
        if self.term:
            return self.over_time == "sum"
        kpis = [kpi for kpi in load_definitions() if kpi.kpi_id in self.kpi]
        return bool(kpis) and all(kpi.over_time == "sum" and not kpi.denominator for kpi in kpis)

    @property
    def is_sensitive(self) -> bool:
        """Whether it rests on a source whose parts are to be kept out of messages."""
        return any(load_source(term.table.info["source"]).sensitive for term, _ in self.terms)

    def definition(self) -> str:
        """Return the measure as it is defined."""
        if self.term:
            return self.term.words()
        if self.members:
            return f"members of {self.members} where {_conditions(self.where, named=True)}"
        return " + ".join(self.kpi)

    def words(self) -> str:
        """Return the measure as it is read."""
        if self.name or self.members:
            return self.name or self.definition()
        if self.term:
            return _conditions(self.term.where, named=False)
        titles = {kpi.kpi_id: kpi.title for kpi in load_definitions()}
        return " and ".join(titles[kpi_id] for kpi_id in self.kpi)


def _conditions(where: dict[str, Condition], *, named: bool) -> str:
    values = [f"{'not ' if each.negated else ''}{' or '.join(map(str, each.values))}" for each in where.values()]
    if not named:
        return ", ".join(values)
    return " and ".join(f"{name} is {value}" for name, value in zip(where, values, strict=True))


class Claim(Declaration):
    """A statement of a report.

    ``words`` are the report's; ``written`` is how the figure stands in them where it is neither in digits nor a
    number's word. ``value`` is what is claimed in ``unit``, or several values that make it together; a fall is
    negative.

    ``kind``: *level*, the figure of ``period``, which may be several that follow each other; a share is a level in
    percent. *change*, from ``base`` to ``period`` relative to ``base``, in percent: doubled is 100. *difference*, from
    ``base`` to ``period``, of shares in percentage points. *placeholder*: the report left the figure out.

    ``measure`` says what is counted, ``of`` what it is a share of; ``or_measure`` what else may be meant. ``missing``
    says what would be needed where no source holds it. Where the report does not say of which periods (or of which
    measure) it speaks, ``stated`` is false: ``period`` and ``base`` are then a reading, and others hold as well.

    Claims that share one of ``topics``, kind, unit, geography and periods speak of the same thing.
    """

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    section: int
    place: str = ""
    words: str
    written: str = ""
    kind: Literal["level", "change", "difference", "placeholder"] = "level"
    comparator: Comparator = "exactly"
    value: Numbers = ()
    rounded_to: float | None = Field(default=None, gt=0)
    unit: str
    measure: Measure | None = None
    or_measure: tuple[Measure, ...] = ()
    of: Measure | None = None
    missing: str = ""
    period: Written | None = None
    base: Written | None = None
    stated: bool = True
    geography: str = "national"
    topics: tuple[str, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _consistent(self) -> Claim:
        is_change = self.kind in ("change", "difference")
        faults = {
            "give a value, save for a placeholder": bool(self.value) == (self.kind == "placeholder"),
            "give either a measure or what is missing": bool(self.measure) == bool(self.missing),
            "a measure is of a period": bool(self.measure and not self.measure.members) and self.period is None,
            "a change has a base": is_change and not self.missing and self.base is None,
            "a level has no base": self.kind == "level" and self.base is not None,
            "a change is in percent": self.kind == "change" and self.unit != "percent",
            "a share of something is in percent": self.of is not None and self.unit != "percent",
        }
        if wrong := [words for words, is_wrong in faults.items() if is_wrong]:
            raise ValueError("; ".join(wrong))
        return self

    @property
    def claimed(self) -> float | None:
        """The value claimed."""
        return sum(self.value) if self.value else None

    @property
    def step(self) -> float:
        """The place to which the value is rounded.

        It is ``rounded_to`` where that is given. A value that is claimed exactly is rounded to its last digit, any
        other to the place of its last digit that is not zero, but to no more than a fifth of itself.
        """
        if self.rounded_to:
            return self.rounded_to
        size = abs(self.claimed or 0)
        digits = f"{size:.10g}".partition(".")
        if digits[2]:
            return 10.0 ** -len(digits[2])
        if self.comparator == "exactly" or not size:
            return 1.0
        zeros = len(digits[0]) - len(digits[0].rstrip("0"))
        return min(10.0**zeros, LARGEST_STEP * size)

    @property
    def bounds(self) -> tuple[float, float]:
        """From where to where a figure may lie, both included."""
        claimed = self.claimed or 0.0
        direction = -1 if claimed < 0 else 1
        ends = sorted(claimed + direction * end * self.step for end in COMPARATORS[self.comparator])
        return ends[0], ends[1]

    def allows(self, figure: float) -> bool:
        """Return whether a figure bears the claim out."""
        low, high = self.bounds
        return low - 1e-9 <= figure <= high + 1e-9

    def says(self) -> str:
        """Return what is claimed, in short."""
        if self.claimed is None:
            return self.written
        word = "" if self.comparator == "exactly" else f"{self.comparator} "
        return word + figure_words(self.claimed, self.unit, signed=self.kind != "level")


def figure_words(value: float, unit: str, *, signed: bool = False) -> str:
    """Return a figure as it is read: £975,988, +69.9%, 115 operations."""
    sign = "+" if signed and value > 0 else ""
    if unit in ("percent", "percentage points"):
        text = f"{value:,.1f}".removesuffix(".0")
        return f"{sign}{text}%" if unit == "percent" else f"{sign}{text} percentage points"
    text = f"{value:,.2f}".rstrip("0").rstrip(".")
    if unit == "GBP":
        return f"{sign}£{text}"
    if abs(value) == 1:
        unit = "person" if unit == "people" else unit.removesuffix("s")
    return f"{sign}{text} {unit}"


class Report(Declaration):
    """A report: its claims, and the day as at which they are judged besides today.

    ``text`` names the file of the report's text, where there is one to compare with.
    """

    report: str
    title: str
    text: str = ""
    published_on: dt.date
    published_on_because: str
    sections: dict[int, str]
    claims: tuple[Claim, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Report:
        twice = [claim_id for claim_id, times in Counter(claim.id for claim in self.claims).items() if times > 1]
        if twice:
            raise ValueError(f"declared more than once: {', '.join(twice)}")
        if unknown := {claim.section for claim in self.claims} - set(self.sections):
            raise ValueError(f"sections that are not listed: {', '.join(map(str, sorted(unknown)))}")
        return self


def parse_report(text: str, name: str) -> Report:
    """Return the report that a YAML text declares. Raises ValueError which says what is wrong in file ``name``."""
    written = yaml.safe_load(text)
    try:
        report = Report.model_validate(written)
    except ValidationError as error:
        raise ValueError("\n".join([f"{name} is to be mended:", *_faults(error, written)])) from error
    return report


def _faults(error: ValidationError, written: Any) -> Iterator[str]:
    for place, words in wrong_places(error):
        if place[:1] == ["claims"] and len(place) > 1:
            claim = written["claims"][place[1]]
            place[:2] = [claim.get("id", place[1]) if isinstance(claim, dict) else place[1]]
        yield f"{'.'.join(map(str, place)) or 'report'}: {words}"


@cache
def load_reports() -> tuple[Report, ...]:
    """Return the reports of this folder's YAML files, by name. Raises ValueError where one is not well formed."""
    reports = []
    for file in sorted(files(__package__).iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yaml"):
            report = parse_report(file.read_text(encoding="utf-8"), f"msoic_pipeline/claims/{file.name}")
            if file.name != f"{report.report}.yaml":
                raise ValueError(
                    f"msoic_pipeline/claims/{file.name} declares report {report.report!r}: name them alike"
                )
            reports.append(report)
    return tuple(reports)
