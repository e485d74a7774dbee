"""What a claim is: a statement of quantity in a report, as this folder's YAML files list them, one file a report."""

from __future__ import annotations

import datetime as dt
import hashlib
import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib.resources import files
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from msoic_pipeline.claims.measures import Measure
from msoic_pipeline.claims.period import PeriodAsWritten
from msoic_pipeline.declarations import (
    Declaration,
    DeclarationError,
    declared_in,
    list_written,
    read_yaml,
    wrong_places,
)
from msoic_pipeline.model.geography import NATIONAL
from msoic_pipeline.model.values import ClaimKind

# What a word allows: from where to where a figure may lie, in roundings from the value claimed. A rounding is the
# place to which the value is evidently rounded (Claim.rounding).
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
COARSEST_ROUNDING = 0.2
# Figures are sums of floating point numbers: an end that is missed by less than this is met.
ROUNDING_ERROR = 1e-9
# How words for several end, and for one: the first that fits.
SINGULAR_ENDINGS = {
    "people": "person",
    "ies": "y",
    "sses": "ss",
    "shes": "sh",
    "ches": "ch",
    "xes": "x",
    "s": "",
}

OneOrMoreNumbers = Annotated[tuple[float, ...], BeforeValidator(list_written)]
Comparator = Literal["exactly", "about", "over", "just over", "almost", "just under", "at least", "at most"]


@dataclass(frozen=True)
class Bounds:
    """From where to where a figure may lie, both included; an end may be infinite."""

    low: float
    high: float

    @property
    def are_finite(self) -> bool:
        """Whether neither end is open."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    def overlap(self, other: Bounds) -> bool:
        """Return whether two ranges have more than an end in common: 50 to 60 and 60 to 70 have not."""
        return max(self.low, other.low) < min(self.high, other.high) - ROUNDING_ERROR


class Claim(Declaration):
    """A statement of a report.

    ``part_of_section`` says where in its section it stands, where that is no running text: ``highlights``, ``box``.
    ``words`` are the report's; ``written`` is how the figure stands in them where it is neither in digits nor a
    number's word. ``value`` is what is claimed in ``unit``, or several values that make it together; a fall is
    negative.

    ``kind``: *level*, the figure of ``period``, which may be several that follow each other; a share is a level in
    percent. *change*, from ``base`` to ``period`` relative to ``base``, in percent: doubled is 100. *difference*, from
    ``base`` to ``period``, of shares in percentage points. *placeholder*: the report left the figure out.

    ``measure`` says what is counted, ``of`` what it is a share of; ``or_measure`` what else may be meant. ``missing``
    says what would be needed where no source holds it. Where the report does not say of which periods (or of which
    measure) it speaks, ``stated`` is false: ``period`` and ``base`` are then one interpretation of several.

    The figure of a KPI is looked up in ``geography``: one of the KPI's by its name, with its kind where another of the
    KPI's has that name too (``rocu_region:West Midlands``). Any other measure picks its figures by conditions of its
    own: ``locality`` is what the place that they are of is called, where it is not the nation.

    Claims that share one of ``topics``, kind, unit, place and periods speak of the same thing. ``said_of`` is what the
    report says there that the figure is of, where other places say something else of the same figure.
    """

    id: str = Field(pattern=r"^[a-z0-9_]+$")
    section: int
    part_of_section: str = ""
    words: str
    written: str = ""
    kind: ClaimKind = "level"
    comparator: Comparator = "exactly"
    value: OneOrMoreNumbers = ()
    rounded_to: float | None = Field(default=None, gt=0)
    unit: str
    measure: Measure | None = None
    or_measure: tuple[Measure, ...] = ()
    of: Measure | None = None
    missing: str = ""
    period: PeriodAsWritten | None = None
    base: PeriodAsWritten | None = None
    stated: bool = True
    geography: str = NATIONAL
    locality: str = ""
    topics: tuple[str, ...] = ()
    said_of: str = ""
    note: str = ""

    @model_validator(mode="after")
    def _check_fields_agree(self) -> Claim:
        wrong = [*self._list_wrong_in_figures(), *self._list_wrong_in_places()]
        if wrong:
            raise ValueError("; ".join(wrong))
        return self

    def _list_wrong_in_figures(self) -> Iterator[str]:
        """Yield what is wrong with the value, the measure and the periods."""
        if bool(self.value) == (self.kind == "placeholder"):
            yield "give a value, save for a placeholder"
        if bool(self.measure) == bool(self.missing):
            yield "give either a measure or what is missing"
        if self.measure and not self.measure.members and self.period is None:
            yield "a measure is of a period"
        if self.kind in ("change", "difference") and not self.missing and self.base is None:
            yield "a change has a base"
        if self.kind == "level" and self.base is not None:
            yield "a level has no base"
        if self.kind == "change" and self.unit != "percent":
            yield "a change is in percent"
        if self.of is not None and self.unit != "percent":
            yield "a share of something is in percent"

    def _list_wrong_in_places(self) -> Iterator[str]:
        """Yield what is wrong with the geography and the locality."""
        measures = (*self.measures, *self.or_measure)
        is_of_kpis = bool(measures) and all(measure.kpi for measure in measures)
        if self.geography != NATIONAL and not is_of_kpis:
            yield "geography is of KPIs: of other measures name the locality"
        if self.locality and is_of_kpis:
            yield "locality is of measures that are no KPIs: of KPIs give the geography"

    @model_validator(mode="after")
    def _check_geography_is_one(self) -> Claim:
        """Refuse a geography that no KPI of the claim has, or that is several: the force or the region of a name."""
        kpis = [kpi for measure in (*self.measures, *self.or_measure) for kpi in measure.kpis]
        try:
            found = {kpi.find_geography(self.geography) for kpi in kpis}
        except LookupError as error:
            raise ValueError(str(error)) from error
        if self.geography != NATIONAL and len(found) > 1:
            written = ", ".join(geography.written for geography in sorted(found))
            raise ValueError(f"{self.geography!r} is another geography to each of the KPIs: name one of {written}")
        return self

    @property
    def measures(self) -> tuple[Measure, ...]:
        """What is counted, and what it is a share of, as far as there is either."""
        return tuple(measure for measure in (self.measure, self.of) if measure)

    @property
    def geography_name(self) -> str:
        """What the place that the claim speaks of is called: ``national``, a geography, or a locality."""
        return self.locality or self.geography

    @property
    def stands_in(self) -> str:
        """Where in the report it stands: ``section 3, highlights``."""
        return ", ".join(filter(None, (f"section {self.section}", self.part_of_section)))

    @property
    def claimed(self) -> float | None:
        """The value claimed."""
        return sum(self.value) if self.value else None

    @property
    def rounding(self) -> float:
        """The place to which the value is rounded, as far as the digits in which it is written tell.

        It is ``rounded_to`` where that is given. A value with decimals is rounded to the last of them; a whole one that
        is claimed exactly, to its last digit; any other, to the place of its last digit that is not zero, but to no
        more than a fifth of itself.

        ====================  ========  ====================================
        claim                 rounding  because
        ====================  ========  ====================================
        115 operations        1         exactly: the last digit
        33.3%                 0.1       the last decimal
        over 7,000            1,000     the 7 stands for thousands
        over 17,500           100       the 5 stands for hundreds
        over 100              20        the 1 stands for hundreds: a fifth of 100
        £2.5M                 100,000   ``rounded_to``; by 2500000 it were 1
        ====================  ========  ====================================
        """
        if self.rounded_to:
            return self.rounded_to
        size = abs(self.claimed or 0)
        whole, _, decimals = f"{find_decimal(size):f}".partition(".")
        if decimals:
            return 10.0 ** -len(decimals)
        if self.comparator == "exactly" or not size:
            return 1.0
        zeros = len(whole) - len(whole.rstrip("0"))
        return min(10.0**zeros, COARSEST_ROUNDING * size)

    @property
    def bounds(self) -> Bounds:
        """From where to where a figure may lie, both included: the comparator's roundings from the value claimed.

        With those above: 115 operations are 114.5 to 115.5; over 7,000 is 7,000 to 8,000, almost 7,000 is 6,000 to
        7,000; over 100 is 100 to 120. A fall is over by falling further: over -50% is -60 to -50.
        """
        claimed = self.claimed or 0.0
        direction = -1 if claimed < 0 else 1
        ends = [claimed + direction * roundings * self.rounding for roundings in COMPARATORS[self.comparator]]
        return Bounds(min(ends), max(ends))

    def allows(self, figure: float) -> bool:
        """Return whether a figure bears the claim out."""
        return self.bounds.low - ROUNDING_ERROR <= figure <= self.bounds.high + ROUNDING_ERROR

    def in_short(self) -> str:
        """Return what is claimed, in short: ``over 7,000 people``, ``+70%``."""
        if self.claimed is None:
            return self.written
        comparator = "" if self.comparator == "exactly" else f"{self.comparator} "
        return comparator + tell_with_unit(self.claimed, self.unit, signed=self.kind != "level")


def find_decimal(value: float) -> Decimal:
    """Return a number with the digits that a person would write: 0.3 of 0.1 + 0.2, as a float holds 15 in truth."""
    return Decimal(f"{value:.15g}")


def tell_with_unit(value: float, unit: str, *, signed: bool = False) -> str:
    """Return a figure as it is read: £975,988, -£5, +69.9%, 115 operations, 1 person."""
    size = abs(value)
    sign = "-" if value < 0 else "+" if signed and value > 0 else ""
    if unit in ("percent", "percentage points"):
        text = f"{size:,.1f}".removesuffix(".0")
        return f"{sign}{text}%" if unit == "percent" else f"{sign}{text} percentage points"
    text = f"{size:,.2f}".rstrip("0").rstrip(".")
    if unit == "GBP":
        return f"{sign}£{text}"
    return f"{sign}{text} {_make_singular(unit) if size == 1 else unit}"


def _make_singular(unit: str) -> str:
    """Return what one of a unit is called: ``person`` of ``people``, ``body`` of ``bodies``."""
    for ending, singular in SINGULAR_ENDINGS.items():
        if unit.endswith(ending):
            return unit.removesuffix(ending) + singular
    return unit


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
    def _check_ids_and_sections(self) -> Report:
        times_declared = Counter(claim.id for claim in self.claims)
        twice = [claim_id for claim_id, times in times_declared.items() if times > 1]
        if twice:
            raise ValueError(f"declared more than once: {', '.join(twice)}")
        unknown = {claim.section for claim in self.claims} - set(self.sections)
        if unknown:
            raise ValueError(f"sections that are not listed: {', '.join(map(str, sorted(unknown)))}")
        return self


def parse_report(text: str, name: str) -> Report:
    """Return the report that a YAML text declares. Raises DeclarationError: what is wrong in file ``name``."""
    with declared_in(name):
        written = read_yaml(text)
    try:
        return Report.model_validate(written)
    except ValidationError as error:
        raise DeclarationError("\n".join([f"{name} is to be mended:", *_what_is_wrong(error, written)])) from error


def _what_is_wrong(error: ValidationError, written: Any) -> Iterator[str]:
    """Yield what is wrong and where: a claim by its id, such as ``s1_operations.period: expected a period``."""
    for place, reason in wrong_places(error):
        if place[:1] == ["claims"] and len(place) > 1:
            position = place[1]
            claim = written["claims"][position]
            place[:2] = [claim.get("id", position) if isinstance(claim, dict) else position]
        yield f"{'.'.join(map(str, place)) or 'report'}: {reason}"


@cache
def load_reports() -> tuple[Report, ...]:
    """Return the reports of this folder's YAML files, by name. Raises DeclarationError where one is not well formed."""
    reports = []
    for name, text in _read_declarations().items():
        path = f"msoic_pipeline/claims/{name}"
        report = parse_report(text, path)
        if name != f"{report.report}.yaml":
            raise DeclarationError(f"{path} declares report {report.report!r}: name them alike")
        reports.append(report)
    return tuple(reports)


def digest_reports() -> str:
    """Return a digest of what is declared of reports and their claims."""
    texts = [f"{name}\n{text}" for name, text in _read_declarations().items()]
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _read_declarations() -> dict[str, str]:
    """Return the texts of this folder's YAML files, by their names."""
    declared = sorted(file.name for file in files(__package__).iterdir() if file.name.endswith(".yaml"))
    return {name: files(__package__).joinpath(name).read_text(encoding="utf-8") for name in declared}
