import random
import time
from itertools import count

import pytest

from sandbox.entries import Entry
from sandbox.history import History
from sandbox.history_pages import Page, page_of
from sandbox.history_query import query_of
from sandbox.ledger import Row
from sandbox.listing import Listing
from sandbox.settings import Settings
from sandbox.teammates import MOST_AT_ONCE, Teammates
from tests.sandbox.sandbox_process import KEY

NOW = time.time()


def entry(serial: int, created: float = NOW, outputs: int = 1) -> Entry:
    names = tuple(str(place) for place in range(outputs))
    row = Row(str(serial), created, KEY, "ssd-canny")
    return Entry(row.id, row, serial, created, appears=0, submitted=0, outputs=names)


def listing_of(*entries: Entry, most: int = 1_000) -> Listing:
    listing = Listing(most)
    for one in entries:
        listing.add(one)
    return listing


def lines(found: Listing | Page) -> list[tuple[int, int]]:
    return [(one.serial, place) for one, place in found.lines]


def page(listing: Listing, **sent: str) -> Page:
    return page_of(listing, query_of(list(sent.items()), NOW))


def test_late_lines_go_where_they_belong() -> None:
    shuffled = list(range(200))
    random.Random(1).shuffle(shuffled)
    listing = listing_of(*(entry(one, NOW + one, outputs=1 + one % 3) for one in shuffled))
    expected = [(one, place) for one in range(200) for place in range(1 + one % 3)]
    assert lines(listing) == expected
    assert listing.dated


def test_a_line_becomes_several_at_its_place() -> None:
    listing = listing_of(entry(1), entry(2), entry(3))
    more = listing.lines[1][0]
    more.complete(("a", "b", "c"))
    listing.widen(more)
    assert lines(listing) == [(1, 0), (2, 0), (2, 1), (2, 2), (3, 0)]
    listing.widen(entry(9, outputs=2))  # not there
    assert len(listing.lines) == 5


def test_the_oldest_lines_go() -> None:
    listing = listing_of(*(entry(one) for one in range(3_000)), most=500)
    assert 500 <= len(listing.lines) <= 1_500
    assert lines(listing)[-1] == (2_999, 0)


@pytest.mark.parametrize("order", ["asc", "desc"])
def test_a_cut_page_is_the_one_that_a_walk_would_find(order: str) -> None:
    days = [entry(one, NOW - 86_400 * (40 - one), outputs=1 + one % 3) for one in range(41)]
    dated, undated = listing_of(*days), listing_of(*days)
    undated.dated = False
    for number in range(1, 12):
        sent = {"page": str(number), "per_page": "4", "sort_order": order}
        cut, walked = page(dated, **sent), page(undated, **sent)
        assert cut == walked
        assert cut.total == sum(one.places for one in days[33:])
    assert page(dated, page="99").lines == []


def test_a_clock_that_was_set_back_hides_nothing() -> None:
    listing = listing_of(entry(1), entry(2, NOW + 86_400), entry(3), entry(4, NOW + 1))
    assert not listing.dated
    found = page(listing, sort_order="asc")
    assert [serial for serial, _ in lines(found)] == [1, 3, 4]


def test_a_page_of_many_is_not_sorted() -> None:
    looks = count()

    class Stubborn(Entry):
        """Fails whoever walks over many of them."""

        __slots__ = ()

        def __getattribute__(self, name: str) -> object:
            assert next(looks) < 500, "every line was looked at"
            return super().__getattribute__(name)

    listing = listing_of(*(entry(one) for one in range(100_000)), most=200_000)
    for one, _ in listing.lines:
        one.__class__ = Stubborn
    found = page(listing, page="700", per_page="100")
    assert (len(found.lines), found.total) == (100, 100_000)


def test_the_newest_entries_alone_are_found_by_id(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.history.MOST_ENTRIES", 10)
    history = History([KEY], Settings(), random.Random(1))
    for number in range(30):
        history.begin(Row(str(number), NOW, KEY, "ssd-canny"), Settings())
    assert [history.find(KEY, str(number)) is not None for number in (19, 20, 29)] == [
        *(False, True, True)
    ]


def test_after_a_long_silence_teammates_fill_no_memory() -> None:
    team = Teammates(10_000, KEY, random.Random(1))
    team._calls._next -= 10 * 3_600
    made = list(team.due(0, count()))
    assert MOST_AT_ONCE * 0.9 < len(made) <= MOST_AT_ONCE + 2
    assert made[-1].created == pytest.approx(time.time(), abs=2)
    assert [one.created for one in made] == sorted(one.created for one in made)
