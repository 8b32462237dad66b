"""Which account is asked next, without anybody to ask."""

from collections import Counter
from uuid import uuid4

from redis import Redis

from db.rows import Account
from upstream import Endpoints, Segmind
from worker.account_choice import AccountChoice
from worker.limiter import Limiter
from worker.upstream_accounts import UpstreamAccount

NOWHERE = Endpoints.from_base_url("http://127.0.0.1:1")


def account(name: str, call_limit: int) -> UpstreamAccount:
    row = Account(uuid4(), "segmind", name, call_limit, 60, None, None, None)
    limiter = Limiter(Redis(port=1), row)  # which nobody asks here
    return UpstreamAccount(row, Segmind("a-key", NOWHERE, connections=1, deadline=1), limiter)


def served(choice: AccountChoice, accounts: list[UpstreamAccount], calls: int) -> Counter[str]:
    found = Counter[str]()
    for _ in range(calls):
        one = choice.next(accounts)
        assert one is not None
        choice.served(one, 1)
        found[one.name] += 1
    return found


def test_they_are_asked_by_what_they_may_do() -> None:
    one, two, four = accounts = [account("one", 60), account("two", 120), account("four", 240)]
    choice = AccountChoice(1.0)
    assert served(choice, accounts, 700) == {"one": 100, "two": 200, "four": 400}
    # Who was away for long takes no more than its share after that.
    choice.rests(one, 60)
    served(choice, [two, four], 600)
    choice.able(one)
    assert served(choice, accounts, 700)["one"] in range(99, 103)


def test_who_has_said_when_is_left_alone_until_then_and_a_nap_at_the_most() -> None:
    first, second = accounts = [account("first", 60), account("second", 60)]
    choice = AccountChoice(1.0)
    assert choice.nap(accounts) == 0.0
    choice.rests(first, 0.5)
    assert served(choice, accounts, 9) == {"second": 9}
    choice.rests(second, 3_600)
    assert choice.next(accounts) is None
    assert choice.soonest(accounts) is first
    assert 0 < choice.nap(accounts) <= 0.5
    assert 0.5 < choice.nap([second]) <= 1.0
    choice.able(second)
    assert choice.next(accounts) is second


def test_without_accounts_there_is_nobody_to_ask() -> None:
    choice = AccountChoice(1.0)
    assert choice.next([]) is None
    assert choice.soonest([]) is None
    assert 0 < choice.nap([]) <= 1.0


def test_tickets_that_are_held_are_told_to_the_limiters_together() -> None:
    first, second = account("first", 60), account("second", 60)
    choice = AccountChoice(1.0)
    assert (choice.holds(first, 5), choice.holds(second, 5)) == (5, 0)
    assert (choice.holds(second, 7), choice.holds(first, 6)) == (2, 4)
