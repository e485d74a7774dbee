"""Nobody can work out what the public edition suppresses, neither the public nor who has the internal edition too."""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Collection

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from msoic_pipeline.periods import periods
from msoic_pipeline.publication.public_edition.cells import Cell, CellKey
from msoic_pipeline.publication.public_edition.policy import Policy, load_policy
from msoic_pipeline.publication.public_edition.protection import find_suppressed
from msoic_pipeline_tests.publication.public_edition.attack import NATION, World, find_what_is_told

POLICY = load_policy()
QUARTERS = list(periods("quarter", dt.date(2020, 1, 1), dt.date(2021, 3, 31)))
# Force by region: London's two, a region of three, one of four, one of five.
REGIONS = {"London": 2, "North East": 3, "South East": 4, "South West": 5}


def make_world(
    counts: list[int],
    *,
    regions: dict[str, int] = REGIONS,
    quarters: list[dt.date] = QUARTERS,
    of_share: bool = False,
    is_stock: bool = False,
    without: Collection[tuple[str, str]] = (),
) -> World:
    """Return a world in which the forces returned these counts, in turn; of a share the whole is up to twenty more."""
    forces = [(region, f"{region} {number}") for region, size in regions.items() for number in range(size)]
    places = [(*force, quarter) for quarter in quarters for force in forces if force not in without]
    returns = {place: float(counts[number % len(counts)]) for number, place in enumerate(places)}
    wholes = {place: count + number % 20 for number, (place, count) in enumerate(returns.items())} if of_share else None
    return World("a", returns, wholes, is_stock)


def assert_nothing_is_told(world: World, policy: Policy = POLICY) -> None:
    """Attack every suppressed cell, with the public edition alone and with the internal one beside it."""
    cells = world.list_cells()
    suppressed = find_suppressed(cells, policy)
    hidden = {cell.key: cell for cell in cells if cell.key in suppressed}

    def is_public(cell: Cell) -> bool:
        return cell.key not in suppressed

    def is_inside(cell: Cell) -> bool:
        return cell.key.geography == NATION and not _is_of_few(world, cell)

    def is_nowhere(cell: Cell) -> bool:
        return False

    _assert_no_nearer(world, cells, hidden, is_public, is_nowhere, policy)
    _assert_no_nearer(world, cells, hidden, is_public, is_inside, policy)


def _is_of_few(world: World, cell: Cell) -> bool:
    return len({force for _, force, _ in world.list_counted(cell.key)}) < 3


def _assert_no_nearer(
    world: World,
    cells: list[Cell],
    hidden: dict[CellKey, Cell],
    is_public: Callable[[Cell], bool],
    is_elsewhere: Callable[[Cell], bool],
    policy: Policy,
) -> None:
    """Assert that what the edition shows tells no hidden count nearly, beyond what is known elsewhere."""
    targets = [key for key, cell in hidden.items() if not is_elsewhere(cell)]
    told = find_what_is_told(world, cells, is_public, is_elsewhere, targets)
    for key in targets:
        day = _find_cut_off(key, policy)

        def was_public(cell: Cell, day: dt.date = day) -> bool:
            return is_public(cell) and _find_cut_off(cell.key, policy) < day

        low, high = told[key]
        low_before, high_before = find_what_is_told(world, cells, was_public, is_elsewhere, [key])[key]
        least = max(policy.smallest_count, policy.least_uncertainty * hidden[key].count)
        assert high - low >= min(least, high_before - low_before) - 1e-3, (
            f"{key} is known to lie between {low} and {high}: {hidden[key]}"
        )


def _find_cut_off(key: CellKey, policy: Policy) -> dt.date:
    return policy.find_cut_off(key.period_kind, key.period_start)


@pytest.mark.parametrize("is_stock", [True, False])
@pytest.mark.parametrize("of_share", [True, False])
@pytest.mark.parametrize(
    "counts",
    [[100, 40, 7, 3], [0], [1], [0, 1], [0, 0, 0, 900], [5, 5, 5], [4, 300]],
    ids=str,
)
def test_the_worst_cases(counts: list[int], of_share: bool, is_stock: bool):
    assert_nothing_is_told(make_world(counts, of_share=of_share, is_stock=is_stock))


@pytest.mark.parametrize("of_share", [True, False])
def test_a_force_of_a_region_is_missing(of_share: bool):
    assert_nothing_is_told(make_world([30, 7, 52], of_share=of_share, without=[("North East", "North East 0")]))


@pytest.mark.parametrize("of_share", [True, False])
def test_two_forces_in_every_region(of_share: bool):
    regions = {"London": 2, "North East": 2, "South West": 2}
    assert_nothing_is_told(make_world([30, 7, 52, 11], regions=regions, of_share=of_share))


@pytest.mark.slow
@settings(max_examples=20)
@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=40),
    st.lists(st.integers(1, 5), min_size=2, max_size=4),
    st.booleans(),
    st.booleans(),
)
def test_generated_cases(counts: list[int], sizes: list[int], of_share: bool, is_stock: bool):
    regions = {f"Region {number}": size for number, size in enumerate(sizes)}
    assert_nothing_is_told(make_world(counts, regions=regions, of_share=of_share, is_stock=is_stock))


@pytest.mark.parametrize("is_stock", [True, False])
def test_what_an_edition_has_shown_all_later_ones_show_and_what_it_has_not_none_does(is_stock: bool):
    counts = [random.Random(7).randrange(40) for _ in range(60)]
    cells = make_world(counts, is_stock=is_stock).list_cells()
    suppressed_at_last = find_suppressed(cells, POLICY)
    assert suppressed_at_last
    for quarter in QUARTERS:
        day = POLICY.find_cut_off("quarter", quarter)
        by_then = [c for c in cells if POLICY.find_cut_off(c.key.period_kind, c.key.period_start) <= day]
        assert find_suppressed(by_then, POLICY) == suppressed_at_last & {cell.key for cell in by_then}


def test_no_more_is_suppressed_than_it_takes():
    """Two forces of London, and the smallest of the other regions with them: the nation and two regions are shown."""
    cells = make_world([100], quarters=QUARTERS[:1]).list_cells()
    assert {key.geography.code for key in find_suppressed(cells, POLICY)} == {"London", "North East"}
    assert len(cells) == 5


def test_without_the_second_suppression_the_attack_succeeds():
    """What is attacked would be told, so that the attack is one."""
    world = make_world([100], quarters=QUARTERS[:1])
    cells = world.list_cells()
    london = next(cell.key for cell in cells if cell.key.geography.code == "London")
    low, high = find_what_is_told(world, cells, lambda cell: cell.key != london, lambda cell: False, [london])[london]
    assert low == pytest.approx(200, abs=0.01) and high == pytest.approx(200, abs=0.01)
