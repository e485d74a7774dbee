"""The expectations of a fact table as a suite of Great Expectations, which says which rows fail them.

Nothing else calls Great Expectations, save what writes its pages (``docs``). It takes seconds to import, and is not
imported before a suite is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import sqlalchemy as sa

from msoic_pipeline.model.traits import traits_of_table
from msoic_pipeline.quality.expectations import Expectation, FailingRows, list_expectations_of
from msoic_pipeline.workbooks.source import Source

# Of the values that fail so many are shown by Data Docs, and of a sensitive source none.
_VALUES_IN_DOCS = 20


class ExpectationError(Exception):
    """An expectation could not be evaluated: neither held nor failed."""


def open_context(source: Source) -> Any:
    """Return Great Expectations' context for a source: what holds its suites, and what Data Docs show of them."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    context.data_sources.add_pandas(source.source)
    return context


def register_suite(context: Any, source: Source, fact: sa.Table) -> Suite:
    """Make the suite of a fact table and register it in Great Expectations' context; return it.

    What Data Docs show of the rows that fail is settled with it: some of their values, and of a sensitive source none.
    """
    import great_expectations as gx

    expectations = list_expectations_of(fact)
    suite = context.suites.add(gx.ExpectationSuite(name=fact.name, expectations=_in_gx_terms(fact, expectations)))
    rows_source = context.data_sources.get(source.source)
    batches = rows_source.add_dataframe_asset(fact.name).add_batch_definition_whole_dataframe("staged")
    definition = gx.ValidationDefinition(name=fact.name, data=batches, suite=suite)
    shown_in_docs = {
        "result_format": "SUMMARY",
        "partial_unexpected_count": 0 if source.sensitive else _VALUES_IN_DOCS,
    }
    checkpoint = gx.Checkpoint(
        name=fact.name,
        validation_definitions=[context.validation_definitions.add(definition)],
        result_format=shown_in_docs,
    )
    return Suite(fact, expectations, batches, context.checkpoints.add(checkpoint))


class Suite:
    """The expectations of a fact table in Great Expectations, and what validates rows by them; see register_suite.

    ``batches`` makes rows into what Great Expectations validates, ``checkpoint`` validates them by all expectations.
    """

    def __init__(self, fact: sa.Table, expectations: Sequence[Expectation], batches: Any, checkpoint: Any) -> None:
        self.fact = fact
        self.expectations = expectations
        self._batches = batches
        self._checkpoint = checkpoint

    def find_failing_rows(self, rows: pd.DataFrame) -> list[FailingRows]:
        """Return the expectations that fail, each with the rows in which it does.

        All of them are asked whether they hold, and only those that fail in which rows: that answer never reaches the
        documentation.
        """
        import great_expectations as gx

        parameters = {"dataframe": rows}
        (validated,) = self._checkpoint.run(batch_parameters=parameters).run_results.values()
        evaluations = self._read_evaluations(validated, self.expectations)
        failed = [self.expectations[evaluation.number] for evaluation in evaluations if not evaluation.is_met]
        if not failed:
            return []
        suite = gx.ExpectationSuite(name=f"{self.fact.name} failed", expectations=_in_gx_terms(self.fact, failed))
        detailed = self._batches.get_batch(batch_parameters=parameters).validate(suite, result_format="COMPLETE")
        found = []
        for evaluation in self._read_evaluations(detailed, failed):
            # An expectation of a whole column, its type, names no rows: all of them fail it.
            those = rows if evaluation.failing_labels is None else rows.loc[evaluation.failing_labels]
            found.append(FailingRows(failed[evaluation.number], those))
        return found

    def _read_evaluations(self, validated: Any, expectations: Sequence[Expectation]) -> list[_Evaluation]:
        """Return what came of each of the expectations that were validated.

        An internal error of Great Expectations is neither success nor failure: raises ExpectationError.
        """
        evaluations = []
        for result in validated.results:
            number = result.expectation_config.meta["number"]
            error = _internal_error(result.exception_info)
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


def _internal_error(exception_info: Any) -> str:
    """Return the first error that Great Expectations met within, from either of the two shapes in which it tells."""
    info = exception_info or {}
    errors = [info] if "raised_exception" in info else list(info.values())
    return next((str(error["exception_message"]) for error in errors if error["raised_exception"]), "")


def _in_gx_terms(fact: sa.Table, expectations: Iterable[Expectation]) -> list[Any]:
    """Return expectations as Great Expectations' own objects, each for one suite alone; ``meta`` has its number."""
    import great_expectations.expectations as gxe

    made = []
    for number, expectation in enumerate(expectations):
        kind = getattr(gxe, expectation.kind)
        severity = "critical" if expectation.severity == "block" else "warning"
        notes = _notes_on_expectation(fact, expectation)
        made.append(kind(**expectation.arguments, severity=severity, notes=notes, meta={"number": number}))
    return made


def _notes_on_expectation(fact: sa.Table, expectation: Expectation) -> str:
    if len(expectation.columns) == 1:
        return f"{fact.columns[expectation.columns[0]].comment}"
    return f"Grain: {traits_of_table(fact).grain}." if expectation.columns else f"{fact.comment}"
