"""The quality statement of each source, as its ``statement.yaml`` declares it.

The form is that of the Office for Statistics Regulation's Administrative Data Quality Assurance Toolkit (2015, updated
December 2022): how likely it is that the data have faults, how much the public cares, the assurance that is needed by
the toolkit's risk/profile matrix, and in each of its four practice areas the assurance that there is. A1 is basic, A2
enhanced, A3 comprehensive; A0 is none, which the toolkit never finds enough.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import Field, model_validator

from msoic_pipeline.declarations import Declaration, DeclarationError, declared_in, read_yaml

Grade = Literal["low", "medium", "high"]
Assurance = Literal["A0", "A1", "A2", "A3"]
StatisticsKind = Literal["official statistics", "management information", "operational record"]

ASSURANCE_NAMES: dict[Assurance, str] = {"A0": "none", "A1": "basic", "A2": "enhanced", "A3": "comprehensive"}
# The toolkit's risk/profile matrix: by quality concern and public interest each assurance that may be the one needed.
MATRIX: dict[tuple[Grade, Grade], tuple[Assurance, ...]] = {
    ("low", "low"): ("A1",),
    ("low", "medium"): ("A1", "A2"),
    ("low", "high"): ("A1", "A2"),
    ("medium", "low"): ("A1", "A2"),
    ("medium", "medium"): ("A2",),
    ("medium", "high"): ("A2", "A3"),
    ("high", "low"): ("A1", "A2", "A3"),
    ("high", "medium"): ("A3",),
    ("high", "high"): ("A3",),
}


class Grading(Declaration):
    """How large a concern or an interest is, and why."""

    grade: Grade
    because: str = Field(min_length=1)


class PracticeArea(Declaration):
    """The assurance that there is in a practice area, and what it consists of."""

    assurance: Assurance
    says: str = Field(min_length=1)


class Agreement(Declaration):
    """Who agreed a statement, and on which day."""

    by: str = Field(min_length=1)
    day: dt.date


class QualityStatement(Declaration):
    """What is to be known of a source's quality beyond what checks can find.

    ``assurance_needed`` must be one that the matrix gives. The practice areas stand in the toolkit's order, with its
    titles. Without ``agreed`` the statement is a draft.
    """

    kind: StatisticsKind
    quality_concern: Grading
    public_interest: Grading
    assurance_needed: Assurance
    operational_context: PracticeArea = Field(title="Operational context and administrative data collection")
    supply_partners: PracticeArea = Field(title="Communication with data supply partners")
    suppliers_checks: PracticeArea = Field(title="QA principles, standards and checks applied by data suppliers")
    own_checks: PracticeArea = Field(title="Producer’s QA investigations and documentation")
    agreed: Agreement | None = None

    @property
    def areas(self) -> dict[str, PracticeArea]:
        """The practice areas by their titles, in the toolkit's order."""
        return {title: getattr(self, name) for name, title in AREAS.items()}

    def has_enough(self, area: PracticeArea) -> bool:
        """Return whether there is as much assurance in an area as is needed."""
        return area.assurance >= self.assurance_needed

    @property
    def areas_below_need(self) -> list[str]:
        """The titles of the areas in which there is less assurance than is needed."""
        return [title for title, area in self.areas.items() if not self.has_enough(area)]

    @model_validator(mode="after")
    def _follows_by_the_matrix(self) -> QualityStatement:
        concern, interest = self.quality_concern.grade, self.public_interest.grade
        possible = MATRIX[concern, interest]
        if self.assurance_needed not in possible:
            follows = f"{' or '.join(possible)}, not {self.assurance_needed}"
            raise ValueError(f"of {concern} concern and {interest} interest follows {follows}")
        return self


# The titles of the practice areas, by the field that holds each.
AREAS = {
    name: str(field.title) for name, field in QualityStatement.model_fields.items() if field.annotation is PracticeArea
}


def parse_statement(text: str, path: str) -> QualityStatement:
    """Return the statement that a text declares. Raises DeclarationError, which names the file ``path``."""
    with declared_in(path):
        return QualityStatement.model_validate(read_yaml(text))


@cache
def load_statement(source: str) -> QualityStatement:
    """Return the statement of a source. Raises DeclarationError where it has none, or it is not well formed."""
    return parse_statement(_statement_text(source), f"msoic_pipeline/sources/{source}/statement.yaml")


def digest_statements(sources: Iterable[str]) -> str:
    """Return a digest of what the statements of sources say."""
    return hashlib.sha256("\n".join(_statement_text(source) for source in sources).encode()).hexdigest()


def _statement_text(source: str) -> str:
    path = files("msoic_pipeline.sources").joinpath(source, "statement.yaml")
    if not path.is_file():
        raise DeclarationError.of(f"msoic_pipeline/sources/{source}/statement.yaml", "there is no such file")
    return path.read_text(encoding="utf-8")
