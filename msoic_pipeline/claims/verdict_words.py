"""The words of verdicts: by published figures, by sample data, by none; and how many claims have each, in words.

What rests on published figures comes first. Synthetic figures were made to agree with what is known of the real ones:
that they bear a claim out says nothing of it, so that such verdicts are counted apart wherever verdicts are counted.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from msoic_pipeline.model.evidence import SAMPLE_VERDICTS, report_claim
from msoic_pipeline.model.traits import traits_of_column


@dataclass(frozen=True)
class VerdictGroup:
    """Verdicts that rest on the same: what that is called, and the verdicts."""

    title: str
    verdicts: tuple[str, ...]


PUBLISHED = VerdictGroup("by published figures or lists, or by the report itself", tuple(SAMPLE_VERDICTS))
SAMPLE = VerdictGroup("by sample data, which confirm nothing", tuple(SAMPLE_VERDICTS.values()))
UNDECIDED = VerdictGroup("undecided", ("not computable", "not a figure"))
VERDICT_GROUPS = (PUBLISHED, SAMPLE, UNDECIDED)

VERDICTS: tuple[str, ...] = traits_of_column(report_claim.c.verdict).members
# Of a claim that is not borne out, by whatever figures.
REFUTED = ("differs", "contradicted", SAMPLE_VERDICTS["differs"], SAMPLE_VERDICTS["contradicted"])


def name_verdict(verdict: str, *, is_synthetic: bool) -> str:
    """Return what a verdict is called where synthetic figures are behind it or are not.

    For example *reproduced* becomes *reproduced by sample data*; *not computable* stays as it is.
    """
    return SAMPLE_VERDICTS.get(verdict, verdict) if is_synthetic else verdict


def tell_counts(counts: Mapping[str, int]) -> str:
    """Return how many claims have each verdict, in a line, every verdict told.

    For example ``reproduced 4, differs 0, contradicted 0; reproduced by sample data 133, …; not computable 13, …``.
    """
    return "; ".join(_tell_counts_of_groups(counts))


def _tell_counts_of_groups(counts: Mapping[str, int]) -> Iterator[str]:
    for group in VERDICT_GROUPS:
        yield ", ".join(f"{verdict} {counts.get(verdict, 0)}" for verdict in group.verdicts)
