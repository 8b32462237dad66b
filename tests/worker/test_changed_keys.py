"""An account that comes to the key of another Segmind account: that one's history lacks its calls."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import update

from cli.account_keys import add
from cli.server import Server
from db.account_values import Change
from db.rows import Terms
from db.tables import accounts
from tests.sandbox.sandbox_process import OTHER_KEY, SandboxProcess
from tests.worker.conftest import Submit
from tests.worker.lost_calls import AT_ONCE, lose_answer, lose_worker, succeed_later
from tests.worker.one_account import only
from tests.worker.upkeep_turns import attempt, long_ago, look_now
from worker.parts import Parts, build
from worker.settings import Settings
from worker.sweeper import sweep


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, doubts=AT_ONCE)


@contextmanager
def with_key(settings: Settings, key: str) -> Iterator[Parts]:
    """A worker that starts with this key for the same account."""
    found = build(replace(settings, segmind_keys={"default": key}))
    try:
        yield found
    finally:
        found.askers.shutdown()
        found.upstream.close()
        found.redis.close()
        found.database.close()


def changed_ago(parts: Parts, age: timedelta) -> None:
    """As if the account had come to its key that long ago."""
    with parts.database.write() as connection:
        at = parts.database.time(connection) - age
        connection.execute(update(accounts).values(key_changed_at=at))


def test_a_call_that_another_key_paid_for_is_never_absent(
    parts: Parts, submit: Submit, settings: Settings, sandbox: SandboxProcess
) -> None:
    job = submit()
    lose_answer(parts, sandbox)
    long_ago(parts, job, timedelta(minutes=20))
    with with_key(settings, OTHER_KEY) as other:
        for _ in range(2):
            succeed_later(other, submit)
        for _ in range(3):
            assert look_now(other) == {"goes on": 1}
    assert "key has changed since" in attempt(parts, job)["looked"]
    assert len(sandbox.ledger()) == 3
    # The key that paid for it finds it, if it comes back.
    with with_key(settings, next(iter(settings.segmind_keys.values()))) as again:
        assert look_now(again) == {"ended": 1}


def test_what_was_claimed_before_every_process_had_the_new_key_is_never_absent(
    parts: Parts, submit: Submit
) -> None:
    job = submit()
    lose_worker(parts)
    succeed_later(parts, submit)
    long_ago(parts, job, timedelta(minutes=20))
    changed_ago(parts, timedelta(minutes=20, seconds=30))
    for _ in range(3):
        assert look_now(parts) == {"goes on": 1}
    changed_ago(parts, timedelta(minutes=20, seconds=90))
    assert look_now(parts) == {"goes on": 1}
    assert look_now(parts) == {"absent": 1}


def test_a_start_with_the_same_key_changes_nothing(parts: Parts, settings: Settings) -> None:
    (key,) = settings.segmind_keys.values()
    assert parts.accounts.get(only(parts).id).key_changed_at is None
    with with_key(settings, key) as again:
        assert again.accounts.get(only(again).id).key_changed_at is None
    with with_key(settings, OTHER_KEY) as other:
        changed_at = other.accounts.get(only(other).id).key_changed_at
        assert changed_at is not None
    with with_key(settings, OTHER_KEY) as other:
        assert other.accounts.get(only(other).id).key_changed_at == changed_at


def test_who_puts_in_another_key_is_told_of_open_doubts(
    parts: Parts, submit: Submit, database_url: str
) -> None:
    master = base64.urlsafe_b64encode(bytes(32)).decode()
    server = Server("", "", "", database_url, parts.pool, encryption_key=master)

    def put_in(key: str, *, replaces: bool = False) -> list[str]:
        change = Change("add", "somebody")
        return add(server, parts.database, "second", key, change, replaces=replaces)

    assert len(put_in(OTHER_KEY)) == 1
    (second,) = (one for one in parts.accounts.of_pool(parts.pool) if one.name == "second")
    submit()
    parts.runs.claim(parts.pool, second.id, terms=Terms(timedelta()))
    sweep(parts)
    _, told = put_in("SG_00000000000000ff", replaces=True)
    assert told.startswith("1 doubt of it is open: ")
    assert parts.accounts.get(second.id).key_changed_at is not None


def test_while_a_process_has_the_old_key_calls_may_be_of_either(
    parts: Parts, settings: Settings
) -> None:
    with with_key(settings, OTHER_KEY):
        changed_ago(parts, timedelta(minutes=20))
        before = parts.accounts.get(only(parts).id).key_changed_at
        parts.watch.look()
        after = parts.accounts.get(only(parts).id).key_changed_at
        assert before is not None
        assert after is not None
        assert after - before > timedelta(minutes=19)
