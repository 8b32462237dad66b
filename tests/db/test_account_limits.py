from db.account_limits import AccountLimits
from db.account_values import Account, Change, Learned
from db.accounts import AccountStore
from db.engine import Database
from jobs.limiting import FIRST_BELIEF
from jobs.window_kind import WindowKind


def test_the_newest_is_kept_whoever_comes_last(
    database: Database, account_store: AccountStore, account: Account
) -> None:
    store = AccountLimits(database)
    assert store.learn(account.id, Learned(40, 60, 2))
    assert not store.learn(account.id, Learned(50, 60, 1)), "an older word that comes late"
    assert account_store.get(account.id).learned == Learned(40, 60, 2)
    assert account_store.get(account.id).believed_limit == 40
    assert store.learn(account.id, Learned(41, 60, 3))
    store.tell_window_kind(account.id, WindowKind.SLIDING)
    assert account_store.get(account.id).window_kind == "sliding"


def test_another_configured_limit_forgets_it_and_the_same_does_not(
    database: Database, account_store: AccountStore, account: Account
) -> None:
    store = AccountLimits(database)
    store.learn(account.id, Learned(40, 60, 2))
    same = account_store.ensure("segmind", account.name, call_limit=60, window_seconds=60)
    assert same.learned == Learned(40, 60, 2)
    other = account_store.ensure("segmind", account.name, call_limit=90, window_seconds=60)
    assert (other.learned, other.believed_limit) == (None, 90)
    searched = account_store.ensure(
        "segmind", account.name, call_limit=60, window_seconds=60, limit_auto=True
    )
    assert searched.limit_auto
    assert searched.id == account.id


def test_what_an_operator_has_set_goes_before_what_is_configured(
    database: Database, account_store: AccountStore, account: Account
) -> None:
    store = AccountLimits(database)

    def started(rpm: int, *, auto: bool = False) -> Account:
        return account_store.ensure(
            "segmind", account.name, call_limit=rpm, window_seconds=30, limit_auto=auto
        )

    store.learn(account.id, Learned(40, 60, 2))
    store.set(account.id, 300, Change("set-limit 300", "somebody", "a better plan"))
    now = started(60, auto=True)
    assert (now.call_limit, now.limit_auto, now.window_seconds) == (300, False, 60)
    assert (now.learned, now.believed_limit) == (None, 300), "it was of another limit"
    assert now.changed == Change("set-limit 300", "somebody", "a better plan")
    store.learn(account.id, Learned(200, 300, 1))
    store.set(account.id, 300, Change("set-limit 300", "somebody"))
    assert started(60).learned == Learned(200, 300, 1), "it is the same limit"
    store.set(account.id, None, Change("set-limit auto", "somebody"))
    now = started(90)
    assert (now.call_limit, now.limit_auto, now.learned) == (FIRST_BELIEF, True, None)
    store.follow_settings(account.id, Change("set-limit default", "somebody"))
    assert account_store.get(account.id).call_limit == FIRST_BELIEF, "until a worker starts"
    now = started(90)
    assert (now.call_limit, now.limit_auto, now.window_seconds) == (90, False, 30)
