"""The expectations of a fact table as a suite of Great Expectations, which says which rows fail them.

Nothing else calls Great Expectations. It takes seconds to import, and is not imported before a suite is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from msoic_pipeline.model.traits import traits_of_table
from msoic_pipeline.quality.expectations import Expectation, FailingRows, list_expectations_of


class ExpectationError(Exception):
    """An expectation could not be evaluated: neither held nor failed."""


class Suite:
    """The expectations of a fact table in Great Expectations, and what validates rows by them."""

    def __init__(self, fact: sa.Table) -> None:
        self.fact = fact
        self.expectations = list_expectations_of(fact)
        asset = _open_context().data_sources.add_pandas("staged").add_dataframe_asset(fact.name)
        self._batches = asset.add_batch_definition_whole_dataframe("all rows")

    def find_failing_rows(self, rows: pd.DataFrame) -> list[FailingRows]:
        """Return the expectations that fail, each with the rows in which it does.

        All of them are asked whether they hold, and only those that fail in which rows, which takes much longer.
        """
        batch = self._batches.get_batch(batch_parameters={"dataframe": rows})
        evaluations = self._evaluate(batch, self.expectations, "BOOLEAN_ONLY")
        failed = [self.expectations[evaluation.number] for evaluation in evaluations if not evaluation.is_met]
        if not failed:
            return []
        found = []
        for evaluation in self._evaluate(batch, failed, "COMPLETE"):
            # An expectation of a whole column, its type, names no rows: all of them fail it.
            those = rows if evaluation.failing_labels is None else rows.loc[evaluation.failing_labels]
            found.append(FailingRows(failed[evaluation.number], those))
        return found

    def _evaluate(self, batch: Any, expectations: Sequence[Expectation], result_format: str) -> list[_Evaluation]:
        """Validate rows by expectations, and say of each as much as ``result_format`` asks for."""
        import great_expectations as gx

        suite = gx.ExpectationSuite(name=self.fact.name, expectations=_make_gx_expectations(self.fact, expectations))
        return self._read_evaluations(batch.validate(suite, result_format=result_format), expectations)

    def _read_evaluations(self, validated: Any, expectations: Sequence[Expectation]) -> list[_Evaluation]:
        """Return what came of each of the expectations that were validated.

        An internal error of Great Expectations is neither success nor failure: raises ExpectationError.
        """
        evaluations = []
        for result in validated.results:
            number = result.expectation_config.meta["number"]
            error = _find_internal_error(result.exception_info)
            if error:
                expectation = expectations[number]
                about = ", ".join(expectation.columns) or "the table"
                raise ExpectationError(
                    f"{self.fact.name}: {expectation.kind} of {about} ({expectation.expected}) could not be evaluated: "
                    f"{error}"
                )
            labels = result.result.get("unexpected_index_list")
            evaluations.append(_Evaluation(number, bool(result.success), labels))
        return evaluations


@dataclass(frozen=True)
class _Evaluation:
    """What came of an expectation: its number in its suite, and the labels of the rows that fail it."""

    number: int
    is_met: bool
    failing_labels: Any


def _find_internal_error(exception_info: Any) -> str:
    """Return the first error that Great Expectations met within, from either of the two shapes in which it tells."""
    info = exception_info or {}
    errors = [info] if "raised_exception" in info else list(info.values())
    return next((str(error["exception_message"]) for error in errors if error["raised_exception"]), "")


def _make_gx_expectations(fact: sa.Table, expectations: Iterable[Expectation]) -> list[Any]:
    """Return expectations as Great Expectations' own objects, each for one suite alone; ``meta`` has its number."""
    import great_expectations.expectations as gxe

    made = []
    for number, expectation in enumerate(expectations):
        kind = getattr(gxe, expectation.kind)
        severity = "critical" if expectation.severity == "block" else "warning"
        notes = _write_notes(fact, expectation)
        made.append(kind(**expectation.arguments, severity=severity, notes=notes, meta={"number": number}))
    return made


def _write_notes(fact: sa.Table, expectation: Expectation) -> str:
    if len(expectation.columns) == 1:
        return f"{fact.columns[expectation.columns[0]].comment}"
    return f"Grain: {traits_of_table(fact).grain}." if expectation.columns else f"{fact.comment}"


def _open_context() -> Any:
    """Return a context of Great Expectations that keeps nothing and draws no progress bars."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    return context
