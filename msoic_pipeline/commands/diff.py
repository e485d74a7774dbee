"""``msoic diff FILE``: what a file would change, told before it is loaded."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msoic_pipeline.commands.app import FileArgument, open_warehouse
from msoic_pipeline.periods import find_today

if TYPE_CHECKING:  # commands import what they need when they run, so that the terminal answers at once
    from msoic_pipeline.publication.change_words import ChangeRow
    from msoic_pipeline.trials.examined_file import ExaminedFile
    from msoic_pipeline.trials.trial_load import TrialLoad

# So many values and breaks are listed in the terminal; with --json all.
MOST_LISTED = 30


def diff(
    file: FileArgument,
    as_json: Annotated[bool, typer.Option("--json", help="Print all that would change as JSON.")] = False,
) -> None:
    """Say what a file would change, without loading it: figures new and revised, rules broken, checks that reject it.

    Exit code 0 where it would be loaded, 1 where it would not.
    """
    foretold = foretell_file(file, find_today())
    typer.echo(foretold.as_json() if as_json else "\n".join(foretold.lines()))
    raise typer.Exit(0 if foretold.would_load else 1)


@dataclass(frozen=True)
class ForetoldFile:
    """Whether a file would be loaded, what its checks say, and what would change.

    ``trial`` is None where the file is rejected. ``rows`` are the changes in words, without the figures of force
    returns.
    """

    would_load: bool
    verdict: tuple[str, ...]
    trial: TrialLoad | None
    rows: tuple[ChangeRow, ...]

    def as_json(self) -> str:
        """Return all of it as JSON."""
        told: dict[str, object] = {"would_load": self.would_load, "verdict": self.verdict}
        if self.trial is not None:
            told |= {
                "release_id": self.trial.release.release_id,
                "published_on": self.trial.release.published_on.isoformat(),
                "known_already_as": self.trial.status_in_warehouse,
                "changes": [asdict(row) for row in self.rows],
                "changed_on_other_days": self.trial.other_days,
                "rules_broken": [asdict(each) for each in self.trial.broken],
                "rules_mended": self.trial.mended,
            }
        return json.dumps(told, ensure_ascii=False, indent=2, default=str)

    def lines(self) -> Iterator[str]:
        """Yield all of it in words, a line each."""
        yield from self.verdict
        if self.trial is not None:
            yield from _list_trial_lines(self.trial, self.rows)


def foretell_file(path: Path, today: dt.date) -> ForetoldFile:
    """Return what loading a file would change, as the warehouse of the settings stands.

    Raises LookupError where no source knows the file, NoWarehouseError where there is no warehouse yet.
    """
    from msoic_pipeline.commands.check import list_verdict_lines
    from msoic_pipeline.publication.change_words import tell_change
    from msoic_pipeline.trials.examined_file import examine_file
    from msoic_pipeline.trials.trial_load import try_load

    with open_warehouse() as engine, examine_file(path) as examined:
        verdict = tuple(list_verdict_lines(examined))
        if not examined.verdict.accepted:
            return ForetoldFile(False, (*verdict, _tell_what_stays(examined)), None, ())
        trial = try_load(engine, examined, today)
    return ForetoldFile(trial.would_load, verdict, trial, tuple(map(tell_change, trial.changes)))


def _tell_what_stays(examined: ExaminedFile) -> str:
    """Return what follows from a rejection."""
    return f"  note       nothing of it would be loaded; the figures of {examined.source.source} stay as they are"


def _list_trial_lines(trial: TrialLoad, rows: tuple[ChangeRow, ...]) -> Iterator[str]:
    from msoic_pipeline.publication.change_words import tell_moved
    from msoic_pipeline.reconciliation.summary import tell_break

    if trial.status_in_warehouse == "withdrawn":
        name = trial.release.release_id
        yield f"  WRONG      a person took its figures away: msoic withdraw {name} --undo gives them back"
    elif trial.status_in_warehouse:
        yield f"  note       the warehouse knows it already: {trial.status_in_warehouse}"
    yield f"  figures    loading it would move {tell_moved(trial.changes)}"
    if trial.other_days:
        yield f"  history    {trial.other_days:,} national figures would be others as known on other days than its own"
    for row in rows[:MOST_LISTED]:
        yield f"             {tell_row(row)}"
    if len(rows) > MOST_LISTED:
        yield f"             and {len(rows) - MOST_LISTED:,} more: msoic diff --json lists all"
    yield f"  rules      {len(trial.broken):,} would break that hold now, {trial.mended:,} that break now would hold"
    if any(each.severity == "block" for each in trial.broken):
        yield "             BLOCKS: it would be loaded, and the run would be red and its exports unchecked"
    for each in trial.broken[:MOST_LISTED]:
        yield f"             {tell_break(each)}"
    if len(trial.broken) > MOST_LISTED:
        yield f"             and {len(trial.broken) - MOST_LISTED:,} more: msoic diff --json lists all"


def tell_row(row: ChangeRow) -> str:
    """Return a change in a line: ``revised  NRM referrals, 2021: 12,727 → 12,706, 21 less (-0.2%)``."""
    told = f"{row.change:<17}{row.kpi}, {row.period}: {row.before} → {row.after}"
    return ", ".join(filter(None, (told, row.difference, row.usual)))
