"""Dagster's home: the folder of its own records of runs. Nothing in it is a figure, and it may be moved aside."""

from __future__ import annotations

import errno
import hashlib
import importlib.resources
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from msoic_pipeline.disks import replace_file
from msoic_pipeline.running.error_words import first_line
from msoic_pipeline.running.locks import lock_opening

if TYPE_CHECKING:
    import dagster as dg

SETTINGS = "dagster.yaml"
# Beside the settings stands the digest of what was last copied there: what still has it nobody has changed by hand.
SETTINGS_DIGEST = "dagster.yaml.sha256"
# The digests of what was copied before one was written beside it; there are no more to come.
FORMER_SETTINGS = frozenset(
    {
        "5a6985bace6b6ee02b6a0570ab7764361472aa4da9931aa74d0ffd792c8b85d3",
        "c2c20d893de66ebf31f8d45ee337c065068f95c780c80ea273302468fd794979",
        "a6a622d2e39e6904fd2e3428f32d328f1fd8213021ac782de4927353317b8e4c",
        "d9a0862dc0e09acb127c3bc8049222338e427d9b68de4b836930067dad5b03e9",
        "6caa1fc6a786ae4c7b378405cdf8cc6cfb74039465f33a650e3db222ec3991da",
    }
)
_FULL = ("disk is full", "No space left on device", "Disk quota exceeded")


class HomeError(Exception):
    """Dagster's home cannot be used."""

    def __init__(self, home: Path, cause: BaseException | str) -> None:
        words = first_line(cause)
        if _is_full(cause):
            super().__init__(
                f"the disk of Dagster's records in {home} is full ({words}): free some space there and run again. "
                "The figures in the warehouse are not touched by this."
            )
        else:
            super().__init__(
                f"Dagster's own records in {home} cannot be used ({words}): mend that, or move the folder aside and "
                "run again. Past runs are then forgotten; the figures in the warehouse are not touched."
            )


def _is_full(cause: BaseException | str) -> bool:
    inner = getattr(cause, "orig", None) or cause
    return getattr(inner, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or any(w in str(inner) for w in _FULL)


def locate_home() -> Path:
    """Return the folder of Dagster's own records: DAGSTER_HOME, else .dagster_home here."""
    return Path(os.environ.setdefault("DAGSTER_HOME", str(Path(".dagster_home").resolve())))


def ready_home() -> tuple[Path, list[str]]:
    """Make the home where there is none and bring its settings up to date; return it, and how its settings differ.

    Raises HomeError.
    """
    home = locate_home()
    try:
        home.mkdir(parents=True, exist_ok=True)
        with lock_opening(home):
            return home, _bring_settings_up_to_date(home)
    except (OSError, yaml.YAMLError) as error:
        raise HomeError(home, error) from error


@contextmanager
def open_home() -> Iterator[dg.DagsterInstance]:
    """Give Dagster's instance, opened by one process at a time. Raises HomeError where it cannot be opened.

    Two processes that make the tables of one cold home at once can leave it broken for good.
    """
    import dagster as dg

    home, _ = ready_home()
    try:
        with lock_opening(home):
            instance = dg.DagsterInstance.get()
    except Exception as error:
        raise HomeError(home, error) from error
    with instance:
        yield instance


def _bring_settings_up_to_date(home: Path) -> list[str]:
    """Copy our settings to the home where nobody has changed those there; else return how they differ, in a line."""
    ours = importlib.resources.files(__package__).joinpath(SETTINGS).read_text(encoding="utf-8")
    path = home / SETTINGS
    theirs = path.read_text(encoding="utf-8") if path.is_file() else ""
    if not theirs or _digest(theirs) in _list_digests_of_copies(home):
        replace_file(home / SETTINGS_DIGEST, _digest(ours))
        replace_file(path, ours)
        return []
    differences = list(_setting_differences(yaml.safe_load(ours), yaml.safe_load(theirs) or {}))
    if not differences:
        return []
    return [f"{path} was changed by hand and differs from the one of this version in {', '.join(differences)}."]


def _list_digests_of_copies(home: Path) -> set[str]:
    """Return the digests that settings have which were copied to a home and not changed since."""
    beside = home / SETTINGS_DIGEST
    return {*FORMER_SETTINGS, *([beside.read_text(encoding="utf-8")] if beside.is_file() else [])}


def _digest(settings: str) -> str:
    return hashlib.sha256(settings.encode()).hexdigest()


def _setting_differences(ours: Mapping[str, Any], theirs: Mapping[str, Any], above: str = "") -> Iterator[str]:
    """Yield the settings of ours that stand otherwise in theirs; what theirs says besides is its own affair."""
    for name, value in ours.items():
        found = theirs.get(name)
        if isinstance(value, Mapping) and isinstance(found, Mapping):
            yield from _setting_differences(value, found, f"{above}{name}.")
        elif found != value:
            yield f"{above}{name} (here: {'not set' if found is None else found})"
