"""The territorial police forces, of each of which there is a profile."""

from __future__ import annotations

from dataclasses import dataclass

from msoic_pipeline.model import members
from msoic_pipeline.model.geography import TERRITORIAL_FORCE


@dataclass(frozen=True)
class Force:
    """A territorial police force, and its region."""

    code: str
    name: str
    region: str

    @property
    def file_name(self) -> str:
        """Its name as a part of a file's name: ``avon-and-somerset``."""
        return self.name.lower().replace(" ", "-")


def list_forces() -> tuple[Force, ...]:
    """Return the territorial forces, in the order of their names."""
    forces = [
        Force(row["force_code"], row["name"], row["rocu_region"])
        for row in members.read_rows("forces.csv")
        if row["kind"] == TERRITORIAL_FORCE
    ]
    return tuple(sorted(forces, key=lambda force: force.name))


def find_force(text: str) -> Force:
    """Return the force of that name or code, in any of its known spellings. Raises LookupError where there is none."""
    try:
        code = members.resolve("force", text)
    except ValueError as error:
        raise LookupError(f"no force {text!r}: expected {error}") from None
    found = [force for force in list_forces() if force.code == code]
    if not found:
        raise LookupError(f"{members.find_name('force', code)} is no territorial force, and makes no returns")
    return found[0]
