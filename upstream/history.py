"""One pass over the request history, page by page, oldest first (segmind-api §4).

What a pass does not show counts as absent, and an absent call is sent again. So a pass ends well
only where the history shows that it has ended; whatever else happens makes it unread.
"""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from datetime import date

from jobs.failures import Failure, FailureKind
from upstream import error_text, exact_json, facts, history_page, transport, unsuccessful
from upstream.history_page import Page
from upstream.key import Key
from upstream.replies import HistoryRow
from upstream.transport import Answer, Exchange

LONGEST_WINDOW = 31
"""Days, the first and the last among them; the history refuses more."""
SIZES = (100, 50, 25, 5, 1)
"""Rows of a page. Each divides the one before, so that a smaller page begins where the last ended."""
MOST_PAGES = 100_000
"""Ten million rows in a month; a history that never ends must not be read for ever."""
_ROOM = 4
"""A page that fills less than this part of a body leaves room for the next larger one."""

Ask = Callable[[Mapping[str, str]], Exchange]


class HistoryUnread(Exception):  # noqa: N818  # says what it is
    """The pass came to no end: `failure` says why, and nothing may be taken for absent."""

    def __init__(self, failure: Failure) -> None:
        """`failure`: of the page that could not be read."""
        super().__init__(failure.message)
        self.failure = failure


class HistoryPass(Iterator[HistoryRow]):
    """The rows as they stand, one per output. A row may come twice where rows were added meanwhile.

    Asks for a page when it is needed. Raises `HistoryUnread`.
    """

    def __init__(self, ask: Ask, key: Key, model: str | None, first: date, last: date) -> None:
        """`model`: its rows alone, by its exact name. `first` and `last`: days of UTC, both counted.

        Raises `ValueError` for more than `LONGEST_WINDOW` days, or fewer than one.
        """
        days = (last - first).days + 1
        if not 1 <= days <= LONGEST_WINDOW:
            raise ValueError(f"{days} days; a pass has from 1 to {LONGEST_WINDOW}")
        self.skipped = 0
        """Rows so far that had no request id, or no model's name where one was asked for."""
        self._ask = ask
        self._key = key
        self._model = model
        self._filter = {
            "from_date": first.isoformat(),
            "to_date": last.isoformat(),
            **({"model_name": model} if model is not None else {}),
            "sort_by": "model_created",
            "sort_order": "asc",
        }
        self._rows = self._read()

    def __next__(self) -> HistoryRow:
        return next(self._rows)

    def _read(self) -> Generator[HistoryRow, None, None]:
        place, seen = _Place(), set[bytes]()
        for _ in range(MOST_PAGES):
            page, length = self._page(place)
            if page is None:
                place.shrink()
                continue
            if place.gave_up and page.found != place.rows:
                # With fewer, the larger page would have been this one, and not too large. So the
                # size of a page is not what was asked for, and its number means another place.
                raise HistoryUnread(_unusable("its pages are not as large as is asked for"))
            if not page.found:
                return
            if page.fingerprint in seen:
                raise HistoryUnread(_unusable("the same rows come again for another page"))
            seen.add(page.fingerprint)
            last = place.is_last(page)
            yield from self._wanted(page)
            if last:
                return
            place.advance(page.found, roomy=length * _ROOM <= transport.LARGEST_BODY)
        raise HistoryUnread(_unusable(f"it has more than {MOST_PAGES:,} pages"))

    def _page(self, place: "_Place") -> tuple[Page | None, int]:
        """The page and its body's length; no page where it is too large for the memory."""
        query = {"page": str(place.number), "per_page": str(place.rows), **self._filter}
        exchange = self._ask(query)
        answer = exchange.answer
        if answer is not None and answer.status // 100 == 2 and answer.too_large:
            return None, len(answer.body)
        answered = _answer(exchange, self._key)
        if isinstance(answered, Failure):
            raise HistoryUnread(answered)
        try:
            return history_page.read(answered.body, self._key), len(answered.body)
        except exact_json.TooManyValues:
            return None, len(answered.body)
        except ValueError as error:
            failure = _unreadable(f"a page has {error}", answered, self._key)
        raise HistoryUnread(failure)

    def _wanted(self, page: Page) -> Iterator[HistoryRow]:
        self.skipped += page.found - len(page.rows)
        for row in page.rows:
            if self._model is None or row.model == self._model:
                yield row
            elif not row.model:
                self.skipped += 1


class _Place:
    """Which page comes next: its number and its size, and how many rows are surely passed."""

    def __init__(self) -> None:
        self.number = 1
        self.gave_up = False
        """Whether the last page was too large."""
        self._size = 0
        self._passed = 0

    @property
    def rows(self) -> int:
        return SIZES[self._size]

    def shrink(self) -> None:
        """Goes on at the same row with fewer of them. Raises `HistoryUnread` at the smallest size."""
        if self._size + 1 == len(SIZES):
            raise HistoryUnread(_unusable("a single row is too large"))
        self.gave_up = True
        self._resize(self._size + 1)

    def is_last(self, page: Page) -> bool:
        """Whether the envelope says so, and is right: a full page may be followed by another."""
        told = self.number == page.pages
        counted = page.total is None or page.total == self._passed + page.found
        return told and counted and page.found < self.rows

    def advance(self, found: int, *, roomy: bool) -> None:
        """Passes this page; `roomy`: it was so small that a larger one may fit."""
        # Of a server that gives fewer than were asked for, only those are behind us; one that gives
        # more counts something else than rows.
        self._passed += min(found, self.rows)
        self.number += 1
        self.gave_up = False
        if roomy and self._size and self._passed % SIZES[self._size - 1] == 0:
            self._resize(self._size - 1)

    def _resize(self, size: int) -> None:
        self._size = size
        self.number = self._passed // self.rows + 1
        self._passed = (self.number - 1) * self.rows


def one(exchange: Exchange, key: Key, request_id: str) -> HistoryRow | Failure | None:
    """What a question for one request brought; None where the history does not know it."""
    if exchange.answer is not None and exchange.answer.status == 404:
        return None
    answer = _answer(exchange, key)
    if isinstance(answer, Failure):
        return answer
    try:
        row = history_page.only_row(answer.body, key)
    except ValueError as error:
        return _unreadable(f"the answer has {error}", answer, key)
    if row.request_id != request_id:
        return _unusable("the answer is about another request")
    return row


def _answer(exchange: Exchange, key: Key) -> Answer | Failure:
    answer = exchange.answer
    if answer is None or exchange.sent_at is None:
        return unsuccessful.unanswered(exchange, key)
    if answer.status // 100 != 2:
        return unsuccessful.refused(answer, facts.read(answer.headers, key), exchange, key)
    return unsuccessful.cut_short(answer, key) if answer.trouble else answer


def _unreadable(reason: str, answer: Answer, key: Key) -> Failure:
    text = error_text.short(f"{reason}: {error_text.of(answer.body, key)}", key)
    return replace(_unusable(text), status=answer.status)


def _unusable(reason: str) -> Failure:
    return Failure(FailureKind.GATEWAY_ERROR, f"the request history cannot be read; {reason}")
