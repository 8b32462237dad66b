import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event, Lock

import pytest

from worker.together import Failed, Together


def test_alone_it_goes_at_once() -> None:
    groups: list[list[int]] = []

    def work(items: Sequence[int]) -> list[int]:
        groups.append(list(items))
        return [2 * item for item in items]

    together = Together(work, 10)
    assert [together.do(item) for item in (1, 2, 3)] == [2, 4, 6]
    assert groups == [[1], [2], [3]]


def test_who_comes_meanwhile_goes_together_next_and_no_more_than_allowed() -> None:
    first, go = Event(), Event()
    groups: list[int] = []

    def work(items: Sequence[int]) -> list[int]:
        groups.append(len(items))
        first.set()
        assert go.wait(20)
        return [2 * item for item in items]

    together = Together(work, 10)
    with ThreadPoolExecutor(25) as threads:
        leader = threads.submit(together.do, 0)
        assert first.wait(20)
        others = [threads.submit(together.do, item) for item in range(1, 25)]
        while len(together._waiting) < 24:
            time.sleep(0.001)
        go.set()
        assert leader.result(20) == 0
        assert [one.result(20) for one in others] == [2 * item for item in range(1, 25)]
    assert groups == [1, 10, 10, 4]


def test_what_comes_of_each_is_its_own_and_an_error_of_the_work_is_everybodys() -> None:
    def work(items: Sequence[int]) -> list[int | Failed]:
        if 13 in items:
            raise ValueError("no thirteens")
        return [Failed(KeyError(item)) if item % 2 else item for item in items]

    together = Together(work, 10)
    assert together.do(2) == 2
    with pytest.raises(KeyError):
        together.do(3)
    with pytest.raises(ValueError, match="thirteens"):
        together.do(13)
    assert together.do(4) == 4


def test_nobody_is_forgotten_and_nothing_is_done_twice_under_load() -> None:
    done: list[int] = []
    lock, at_once, start = Lock(), [0], Barrier(16)

    def work(items: Sequence[int]) -> list[int]:
        with lock:
            at_once[0] += 1
            assert at_once[0] == 1
        done.extend(items)
        at_once[0] -= 1
        return [-item for item in items]

    together = Together(work, 7)

    def many(thread: int) -> None:
        start.wait(20)
        for n in range(300):
            item = 1_000 * thread + n
            assert together.do(item) == -item

    with ThreadPoolExecutor(16) as threads:
        for one in [threads.submit(many, thread) for thread in range(16)]:
            one.result(60)
    assert sorted(done) == sorted(1_000 * thread + n for thread in range(16) for n in range(300))
