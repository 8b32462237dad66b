import asyncio
import threading
import time
from collections.abc import Sequence

import pytest

from api_gateway.together import Together
from jobs.errors import Unavailable

LONG = 10


class Sums:
    """Adds one to each number; 13 cannot be answered. Its first group is held up until `go`."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.began = threading.Event()
        self.go = threading.Event()

    def work(self, asked: Sequence[int]) -> list[int]:
        self.groups.append(list(asked))
        self.began.set()
        assert self.go.wait(LONG)
        if 13 in asked:
            raise ValueError("13")
        return [one + 1 for one in asked]

    async def until_it_has_begun(self) -> None:
        assert await asyncio.to_thread(self.began.wait, LONG)


async def ask_behind_the_first(
    sums: Sums, together: Together[int, int], numbers: Sequence[int]
) -> list[int | BaseException]:
    """0 is under way while the numbers come; gives the answers of all."""
    first = asyncio.create_task(together.ask(0))
    await sums.until_it_has_begun()
    rest = [asyncio.create_task(together.ask(one)) for one in numbers]
    await asyncio.sleep(0)
    sums.go.set()
    return await asyncio.gather(first, *rest, return_exceptions=True)


def test_who_comes_meanwhile_goes_together_next() -> None:
    sums = Sums()

    async def main() -> None:
        together = Together(sums.work, most=4)
        answers = await ask_behind_the_first(sums, together, range(1, 7))
        assert answers == list(range(1, 8))

    asyncio.run(main())
    assert sums.groups == [[0], [1, 2, 3, 4], [5, 6]]


def test_who_comes_at_once_goes_together() -> None:
    sums = Sums()
    sums.go.set()

    async def main() -> None:
        together = Together(sums.work)
        assert await asyncio.gather(*map(together.ask, range(5))) == [1, 2, 3, 4, 5]
        assert await together.ask(7) == 8

    asyncio.run(main())
    assert sums.groups == [[0, 1, 2, 3, 4], [7]]


def test_one_that_fails_spoils_nothing_for_others() -> None:
    sums = Sums()

    async def main() -> list[int | BaseException]:
        return await ask_behind_the_first(sums, Together(sums.work), [1, 13, 2])

    first, one, bad, two = asyncio.run(main())
    assert (first, one, two) == (1, 2, 3)
    assert isinstance(bad, ValueError)
    assert sums.groups == [[0], [1, 13, 2], [1], [13], [2]]


def test_what_may_have_been_done_is_not_done_again() -> None:
    groups: list[int] = []

    def work(asked: Sequence[int]) -> list[int]:
        groups.append(len(asked))
        raise Unavailable("gone")

    async def main() -> None:
        together = Together(work)
        answers = await asyncio.gather(*map(together.ask, range(3)), return_exceptions=True)
        assert [str(one) for one in answers] == ["gone"] * 3

    asyncio.run(main())
    assert groups == [3]


def test_nobody_waits_for_ever_and_who_has_gone_is_left_out() -> None:
    sums = Sums()

    async def main() -> None:
        together = Together(sums.work, patience=0.05)
        first = asyncio.create_task(together.ask(0))
        await sums.until_it_has_begun()
        began = time.monotonic()
        answers = await asyncio.gather(first, together.ask(1), return_exceptions=True)
        assert [type(one) for one in answers] == [Unavailable, Unavailable]
        assert time.monotonic() - began < LONG / 2
        canceled = asyncio.create_task(together.ask(2))
        await asyncio.sleep(0)
        canceled.cancel()
        last = asyncio.create_task(together.ask(3))
        await asyncio.sleep(0)
        sums.go.set()
        assert await last == 4

    asyncio.run(main())
    assert sums.groups == [[0], [3]]


def test_a_client_that_goes_away_takes_its_answer_from_nobody() -> None:
    sums = Sums()

    async def main() -> None:
        together = Together(sums.work)
        both = [asyncio.create_task(together.ask(one)) for one in (0, 1)]
        await sums.until_it_has_begun()
        both[0].cancel()
        sums.go.set()
        assert await both[1] == 2
        assert await together.ask(5) == 6

    asyncio.run(main())
    assert sums.groups == [[0, 1], [5]]


def test_a_group_that_hangs_holds_up_one_lane_alone() -> None:
    sums = Sums()

    def work(asked: Sequence[int]) -> list[int]:
        return sums.work(asked) if 0 in asked else [one + 1 for one in asked]

    async def main() -> None:
        together = Together(work, lanes=2)
        hanging = asyncio.create_task(together.ask(0))
        await sums.until_it_has_begun()
        assert await together.ask(1) == 2
        assert await together.ask(2) == 3
        sums.go.set()
        assert await hanging == 1

    asyncio.run(main())


def twice(asked: Sequence[int]) -> list[int]:
    return [2 * one for one in asked]


@pytest.mark.parametrize("lanes", [1, 2])
def test_each_gets_its_own_answer(lanes: int) -> None:
    async def main() -> None:
        together = Together(twice, lanes=lanes, most=8)
        answers = await asyncio.gather(*map(together.ask, range(500)))
        assert answers == [2 * one for one in range(500)]

    asyncio.run(main())
