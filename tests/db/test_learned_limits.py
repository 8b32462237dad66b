from db.accounts import AccountStore
from db.engine import Database
from db.learned_limits import LearnedLimits
from db.rows import Account, Learned
from jobs.window_kind import WindowKind


def test_the_newest_is_kept_whoever_comes_last(
    database: Database, account_store: AccountStore, account: Account
) -> None:
    store = LearnedLimits(database)
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
    store = LearnedLimits(database)
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
