"""Which account is asked next, without anybody to ask."""

from collections import Counter
from dataclasses import replace
from uuid import uuid4

from redis import Redis

from db.account_limits import AccountLimits
from db.engine import Database
from db.rows import Account, Learned
from upstream import Endpoints, Segmind
from worker.account_choice import AccountChoice
from worker.limiter import Answer, Limiter
from worker.telling import Telling
from worker.upstream_accounts import UpstreamAccount

NOWHERE = Endpoints.from_base_url("http://127.0.0.1:1")


def account(name: str, call_limit: int) -> UpstreamAccount:
    row = Account(uuid4(), "segmind", name, call_limit, 60, None, None, None)
    limiter = Limiter(Redis(port=1), row)  # which nobody asks here
    telling = Telling(limiter, AccountLimits(Database("sqlite:///which-nobody-opens.db")))
    segmind = Segmind("a-key", NOWHERE, connections=1, deadline=1)
    return UpstreamAccount(segmind, limiter, telling)


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


def test_what_is_believed_of_a_limit_is_its_weight() -> None:
    told, learned = accounts = [account("told", 60), account("learned", 600)]
    row = learned.account
    learned.limiter.remember(replace(row, learned=Learned(120, 600, 1)))
    assert served(AccountChoice(1.0), accounts, 300) == {"told": 100, "learned": 200}
    assert told.account.believed_limit == 60


def test_who_has_given_permits_ahead_of_their_time_goes_after_who_has_some_at_once() -> None:
    first, second = accounts = [account("first", 60), account("second", 60)]
    choice = AccountChoice(1.0)
    choice.answered(first, Answer(2, opens=(0.0, 5.0)))
    assert served(choice, accounts, 9) == {"second": 9}
    # It is asked all the same where there is nobody else: its calls are claimed ahead of time.
    choice.answered(second, Answer(0, wait=0.5))
    assert choice.next(accounts) is first


def test_an_account_whose_circuit_breaker_is_open_is_left_alone() -> None:
    broken, _ = accounts = [account("broken", 600), account("works", 6)]
    choice = AccountChoice(1.0)
    choice.answered(broken, Answer(0, wait=30.0))
    assert served(choice, accounts, 20) == {"works": 20}
