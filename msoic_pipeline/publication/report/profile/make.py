"""The profile of a force: its figures beside its region and the nation, its returns, and what of them is in quarantine.

A profile is internal: it shows what the force returned. There is a file for each force, not one for all, so that who
works with a force gets its file and no other force's returns with it. For the same reason, of returns:

- other forces are not drawn in the funnel; its limits are of all of them, and tell none;
- where a figure comes from names the force's own returns, and counts those of others: which of them returned nothing
  is theirs to tell;
- the region's figure is shown only where it is whole and of three forces or more besides the force itself, which could
  otherwise work out another's return by subtracting its own.

Nothing ranks forces, and no profile names another force beside it.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.engine import Connection

from msoic_pipeline.disks import replace_file
from msoic_pipeline.publication.cover import Cover
from msoic_pipeline.publication.report.charts.funnels import FunnelReader
from msoic_pipeline.publication.report.page import Page, fill_page
from msoic_pipeline.publication.report.profile.force_sections import ForceSections
from msoic_pipeline.publication.report.profile.forces import Force
from msoic_pipeline.publication.report.profile.returns import ReturnsOfForce, read_returns
from msoic_pipeline.publication.report.provenance import KnownRelease, OriginBook, read_releases
from msoic_pipeline.publication.report.shown import FigureReader

# The folder of internal pages, within that of reports: its files are for their owner alone.
INTERNAL_FOLDER = "internal"
INTERNAL_MARK = "INTERNAL: FORCE RETURNS"


@dataclass(frozen=True)
class Profile:
    """What the page of a force shows besides its sections: its returns, and the KPIs of which it has no figure."""

    force: Force
    returns: tuple[ReturnsOfForce, ...]
    without_figures: tuple[str, ...]


@dataclass(frozen=True)
class ProfilePage(Page):
    """The page of a force; ``internal_mark`` stands on each of its sheets."""

    template = "profile.html.j2"

    profile: Profile
    internal_mark: str


class ProfileMaker:
    """Makes the profiles of forces from the figures known on a day; what all of them need is read once."""

    def __init__(self, connection: Connection, as_at: dt.date | None, today: dt.date, cover: Cover) -> None:
        self._connection = connection
        self._as_at = as_at
        self._known_on = as_at or today
        self._cover = cover
        self._reader = FigureReader(connection, as_at, today, shows_returns=True)
        self._funnels = FunnelReader(self._reader)
        self._releases: dict[str, KnownRelease] = read_releases(connection, as_at)

    def make_profile(self, force: Force) -> str:
        """Return the profile of a force as HTML."""
        book = OriginBook(self._connection, self._releases, self._as_at, named_reporters=frozenset({force.code}))
        of_force = ForceSections(self._reader, self._funnels, book, force).make_sections()
        profile = Profile(force, read_returns(self._connection, force.code, self._known_on), of_force.without_figures)
        page = ProfilePage(
            as_at=self._known_on,
            sections=of_force.sections,
            origins=book.origins,
            warnings=self._cover.warnings,
            # It is never written by itself, so that nobody asks whether it is up to date.
            digest="",
            profile=profile,
            internal_mark=INTERNAL_MARK,
        )
        return fill_page(page)


def save_internal(html: str, path: Path) -> None:
    """Write an internal page that its owner alone can read, in a folder that its owner alone can enter.

    It appears whole or not at all. Raises OSError where the folder cannot be written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # The folder may stand there from before, with what the umask of that time left of its mode.
    path.parent.chmod(0o700)
    replace_file(path, html, 0o600)


def write_profiles(maker: ProfileMaker, forces: Sequence[Force], folder: Path, known_on: dt.date) -> list[Path]:
    """Write the profiles of forces below the folder of reports, and return their paths, in the order of the forces."""
    paths = []
    for force in forces:
        path = folder / INTERNAL_FOLDER / f"{force.file_name}-{known_on}.html"
        save_internal(maker.make_profile(force), path)
        paths.append(path)
    return paths
