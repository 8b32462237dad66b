"""Which account is asked next, without anybody to ask."""

from collections import Counter
from collections.abc import Mapping

from jobs.account_choice import AccountChoice
from jobs.pace import SECOND


def served(choice: AccountChoice, accounts: Mapping[str, int], calls: int) -> Counter[str]:
    """Whom so many calls went to, all at one moment; `accounts` with what their limits are."""
    found = Counter[str]()
    for _ in range(calls):
        one = choice.next(accounts, 0)
        assert one is not None
        choice.served(one, 1, accounts[one])
        found[one] += 1
    return found


def test_they_are_asked_by_what_they_may_do() -> None:
    accounts = {"one": 60, "two": 120, "four": 240}
    choice = AccountChoice(SECOND)
    assert served(choice, accounts, 700) == {"one": 100, "two": 200, "four": 400}
    # Who was away for long takes no more than its share after that.
    choice.rests("one", 0, 60 * SECOND)
    served(choice, {"two": 120, "four": 240}, 600)
    choice.able("one")
    assert served(choice, accounts, 700)["one"] in range(99, 103)


def test_who_has_said_when_is_left_alone_until_then_and_a_nap_at_the_most() -> None:
    accounts = {"first": 60, "second": 60}
    choice = AccountChoice(SECOND)
    assert choice.nap(accounts, 0) == 0
    choice.answered("first", 0, wait=SECOND // 2, opens=())
    assert served(choice, accounts, 9) == {"second": 9}
    choice.answered("second", 0, wait=3_600 * SECOND, opens=())
    assert choice.next(accounts, 0) is None
    assert choice.soonest(accounts) == "first"
    assert choice.nap(accounts, 0) == SECOND // 2
    assert choice.nap(["second"], 0) == SECOND
    assert choice.next(accounts, SECOND // 2) == "first"
    choice.able("second")
    assert choice.next(["second"], 0) == "second"


def test_who_has_given_permits_ahead_of_their_time_goes_after_who_has_some_at_once() -> None:
    accounts = {"first": 60, "second": 60}
    choice = AccountChoice(SECOND)
    choice.answered("first", 0, wait=0, opens=(0, SECOND // 10))
    assert served(choice, accounts, 9) == {"second": 9}
    # It is asked all the same where there is nobody else: its calls are claimed ahead of time.
    choice.answered("second", 0, wait=SECOND, opens=())
    assert choice.next(accounts, 0) == "first"


def test_without_accounts_there_is_nobody_to_ask() -> None:
    choice = AccountChoice(SECOND)
    assert choice.next([], 0) is None
    assert choice.soonest([]) is None
    assert choice.nap([], 0) == SECOND
