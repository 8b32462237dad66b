"""Accounts that come and go while a worker runs, and their keys, which are kept encrypted."""

import base64
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select, update

from db.account_keys import AccountKeys, AccountThere, NewKey
from db.account_values import Account, Change, KeySource
from db.engine import Database
from db.sealing import MasterKeys, Sealed
from db.tables import account_keys, accounts
from jobs.account_pauses import Pause, PauseReason
from jobs.errors import CannotDecrypt, InvalidSetting
from jobs.limiting import FIRST_BELIEF
from jobs.upstream_keys import TAKEN_UP_WITHIN, fingerprint
from tests.sandbox.sandbox_process import KEY, OTHER_KEY, SandboxProcess
from tests.worker.conftest import Submit
from tests.worker.lost_calls import LOST
from tests.worker.upkeep_turns import look_now
from worker.parts import Parts, build, warm_up
from worker.run import run_ticket
from worker.settings import Settings

BY = Change("add", "somebody", "a second plan")


def new_master() -> str:
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


MASTER = new_master()
Add = Callable[..., Account]


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, master_keys=MasterKeys(MASTER))


@pytest.fixture
def add(parts: Parts) -> Add:
    """Add an account, as an operator does."""

    def one(
        name: str = "second", key: str = OTHER_KEY, master: str = MASTER, **more: bool
    ) -> Account:
        sealed = NewKey(MasterKeys(master).seal(key), fingerprint(key))
        found = AccountKeys(parts.database)
        return found.add(parts.pool, name, sealed, BY, call_limit=60, **more)

    return one


@contextmanager
def built(settings: Settings) -> Iterator[Parts]:
    found = build(settings)
    try:
        yield found
    finally:
        found.askers.shutdown()
        found.upstream.close()
        found.redis.close()
        found.database.close()


def at_work(parts: Parts) -> list[str]:
    return [one.name for one in parts.upstream.at_work()]


def test_an_account_is_taken_up_replaced_and_dropped_while_a_worker_runs(
    parts: Parts, add: Add, submit: Submit, sandbox: SandboxProcess
) -> None:
    assert at_work(parts) == ["default"]
    account = add()
    (new,) = parts.watch.look()
    assert (new.name, new.account.key_fingerprint) == ("second", OTHER_KEY[-4:])
    # As every account at a worker's start: its limit is what is configured.
    assert new.account.call_limit == 6_000
    new.limiter.rebuild([], 0, first=True)
    parts.accounts.pause(parts.upstream.at_work()[0].id, Pause(PauseReason.OPERATOR, None))
    submit()
    while not sandbox.ledger():
        run_ticket(parts)
    assert [row["key"] for row in sandbox.ledger()] == [OTHER_KEY]
    with pytest.raises(AccountThere, match="--replace"):
        add()
    add(key="SG_00000000000000ff", replaces=True)
    assert parts.watch.look() == []
    assert parts.upstream.of(account.id) is not new
    assert parts.watch.keys.remove(account.id, replace(BY, what="remove"))
    parts.watch.look()
    assert at_work(parts) == ["default"]
    found = parts.accounts.get(account.id)
    assert found.changed == Change("remove", "somebody", "a second plan")
    assert add().removed_at is None
    assert [one.name for one in parts.watch.look()] == ["second"]


def test_what_a_removed_account_left_open_is_settled_before_its_key_is_erased(
    parts: Parts, add: Add, submit: Submit, sandbox: SandboxProcess, settings: Settings
) -> None:
    account = add()
    (new,) = parts.watch.look()
    new.limiter.rebuild([], 0, first=True)
    parts.accounts.pause(parts.upstream.at_work()[0].id, Pause(PauseReason.OPERATOR, None))
    sandbox.faults({**LOST, "count": 1})
    job = submit()
    while not sandbox.ledger():
        run_ticket(parts)
    keys = parts.watch.keys
    assert keys.remove(account.id, BY)
    removed_ago(parts, account, TAKEN_UP_WITHIN)
    assert keys.erase_unused(parts.pool) == 0
    # A process that has never called with it knows it for this.
    with built(settings) as later:
        assert at_work(later) == ["default"]
        look_now(later)
        assert later.jobs.get(job.tenant_id, job.id).state == "succeeded"
        assert keys.erase_unused(parts.pool) == 1
        assert keys.of_pool(parts.pool) == {}
        later.watch.look()
        assert later.watch.look() == []


def removed_ago(parts: Parts, account: Account, age: timedelta) -> None:
    """As if the account had been removed that long ago."""
    with parts.database.write() as connection:
        at = parts.database.time(connection) - age
        mine = accounts.c.id == account.id
        connection.execute(update(accounts).where(mine).values(removed_at=at))


def test_a_key_outlives_its_removal_by_the_time_in_which_others_may_still_claim(
    parts: Parts, add: Add
) -> None:
    account = add()
    keys = AccountKeys(parts.database)
    assert keys.remove(account.id, BY)
    assert keys.erase_unused(parts.pool) == 0
    removed_ago(parts, account, TAKEN_UP_WITHIN - timedelta(seconds=30))
    assert keys.erase_unused(parts.pool) == 0
    removed_ago(parts, account, TAKEN_UP_WITHIN)
    assert keys.erase_unused(parts.pool) == 1


def test_no_byte_of_a_key_is_in_the_database(
    parts: Parts, add: Add, database: Database, database_url: str
) -> None:
    add()
    with database.read() as connection:
        (row,) = connection.execute(select(account_keys)).all()
    assert OTHER_KEY not in str(row)
    assert row.master_key == MasterKeys(MASTER).newest
    if database_url.startswith("sqlite"):
        place = Path(database_url.removeprefix("sqlite:///"))
        files = list(place.parent.glob(f"{place.name}*"))
        assert place in files
        for file in files:
            data = file.read_bytes()
            # Either in the file or in its log, so the search would find the key.
            assert OTHER_KEY.encode() not in data
            assert MASTER.encode() not in data
            assert OTHER_KEY[3:-4].encode() not in data
        assert any(row.ciphertext.encode() in file.read_bytes() for file in files)


def test_a_key_that_cannot_be_decrypted_keeps_no_other(
    parts: Parts, add: Add, settings: Settings, submit: Submit, sandbox: SandboxProcess
) -> None:
    account = add()
    other = replace(settings, master_keys=MasterKeys(new_master()))
    with built(other) as wrong, built(replace(settings, master_keys=None)) as without:
        assert at_work(wrong) == at_work(without) == ["default"]
        without.watch.tell_troubles()
        told = parts.accounts.get(account.id).key_trouble
        assert told is not None
        assert "SEGQ_ENCRYPTION_KEY is not set" in told
        wrong.watch.tell_troubles()
        found = parts.accounts.get(account.id)
        assert found.key_trouble is not None
        assert MasterKeys(MASTER).newest in found.key_trouble
        submit()
        assert run_ticket(wrong).outcome == "succeeded"
    assert [row["key"] for row in sandbox.ledger()] == [KEY]
    parts.watch.look()
    parts.watch.tell_troubles()
    assert at_work(parts) == ["default", "second"]
    assert parts.accounts.get(account.id).key_trouble is None


def test_a_damaged_row_is_told_from_a_master_key_that_is_lacking() -> None:
    master = MasterKeys(MASTER)
    sealed = master.seal(KEY)
    spoilt = f"{sealed.ciphertext[:-9]}AAAA{sealed.ciphertext[-5:]}"
    with pytest.raises(CannotDecrypt, match="damaged"):
        master.open(Sealed(spoilt, sealed.master_key))
    with pytest.raises(CannotDecrypt, match=f"master key {sealed.master_key}, and"):
        MasterKeys(new_master()).open(sealed)
    assert KEY not in repr(sealed) + repr(master)
    assert sealed.ciphertext not in repr(sealed)


@pytest.mark.parametrize(
    "text", ["", "short", f"{MASTER},", "canary" * 10], ids=["empty", "short", "half", "long"]
)
def test_what_is_no_master_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(InvalidSetting, match="SEGQ_ENCRYPTION_KEY") as caught:
        MasterKeys(text)
    assert "canary" not in str(caught.value)
    assert MASTER not in str(caught.value)


def test_keys_are_sealed_anew_and_the_old_master_key_is_needed_no_more(
    parts: Parts, add: Add, settings: Settings
) -> None:
    add()
    add("third", "SG_00000000000000ff", master=new_master())
    newest = new_master()
    keys = AccountKeys(parts.database)
    assert keys.seal_anew(parts.pool, MasterKeys(f"{newest},{MASTER}")) == (["second"], ["third"])
    with built(replace(settings, master_keys=MasterKeys(newest))) as after:
        assert at_work(after) == ["default", "second"]
    with built(settings) as before:
        assert at_work(before) == ["default"]


def test_a_key_that_two_accounts_have_is_used_by_one(parts: Parts, add: Add) -> None:
    account = add(key=KEY)
    assert parts.watch.look() == []
    assert at_work(parts) == ["default"]
    parts.watch.tell_troubles()
    assert parts.accounts.get(account.id).key_trouble == "it is the key of account default too"


def test_a_key_under_a_new_name_has_the_window_that_it_had(
    parts: Parts, settings: Settings, add: Add, submit: Submit
) -> None:
    account = add()
    (new,) = parts.watch.look()
    new.limiter.rebuild([], 0, first=True)
    parts.accounts.pause(parts.upstream.at_work()[0].id, Pause(PauseReason.OPERATOR, None))
    for _ in range(3):
        submit()
        assert run_ticket(parts).outcome == "succeeded"
    assert parts.watch.keys.remove(account.id, BY)
    renamed = add("renamed")
    assert [one.id for one in parts.watch.look()] == [renamed.id]
    again = parts.upstream.of(renamed.id)
    assert again is not None
    warm_up(parts, again)
    assert again.limiter.ask(["a"], holds=0).rebuild is False
    assert parts.redis.zcard(again.limiter._keys[1]) == 3 + 1
    # Another key's window is its own.
    assert parts.accounts.of_the_same_key(parts.upstream.at_work()[0].id) == [
        parts.upstream.at_work()[0].id
    ]


def test_what_the_environment_has_no_more_leaves_the_pool(
    parts: Parts, settings: Settings, tenant: UUID
) -> None:
    both = {"default": KEY, "second": OTHER_KEY}
    with built(replace(settings, segmind_keys=both)) as more:
        assert at_work(more) == ["default", "second"]
        assert more.accounts.drop_missing(more.pool, both) == []
        assert parts.accounts.drop_missing(parts.pool, settings.segmind_keys) == ["second"]
        more.watch.look()
        assert at_work(more) == ["default"]
    with built(replace(settings, segmind_keys=both)) as again:
        assert at_work(again) == ["default", "second"]
        sources = {one.key_source for one in again.accounts.of_pool(again.pool)}
        assert sources == {KeySource.ENVIRONMENT}


def test_a_limit_that_was_set_by_hand_outlives_a_start(
    parts: Parts, settings: Settings, add: Add
) -> None:
    account = parts.upstream.at_work()[0]
    parts.limits.set(account.id, 7, Change("set-limit 7", "somebody"))
    parts.watch.look()
    now = parts.upstream.at_work()[0]
    assert now.account.call_limit == 7
    assert now.segmind is account.segmind
    with built(settings) as again:
        assert limit_of(again) == (7, False)
        parts.limits.set(account.id, None, Change("set-limit auto", "somebody"))
    with built(settings) as again:
        assert limit_of(again) == (FIRST_BELIEF, True)
        parts.limits.set(account.id, 8, Change("set-limit 8", "somebody"))
    with built(replace(settings, limit_auto=True)) as again:
        assert limit_of(again) == (8, False)


def limit_of(parts: Parts) -> tuple[int, bool]:
    found = parts.upstream.at_work()[0].account
    return found.call_limit, found.limit_auto


@pytest.mark.parametrize("spoilt", ["nothing of ours", "gAAAAÄ"], ids=["ascii", "not ascii"])
def test_a_row_that_is_spoilt_is_told_and_left(parts: Parts, add: Add, spoilt: str) -> None:
    account = add()
    with parts.database.write() as connection:
        connection.execute(update(account_keys).values(ciphertext=spoilt))
    parts.watch.look()
    parts.watch.tell_troubles()
    assert at_work(parts) == ["default"]
    assert "damaged" in str(parts.accounts.get(account.id).key_trouble)
