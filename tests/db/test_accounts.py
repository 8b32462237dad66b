"""Pauses of accounts and of models: who begins them, who ends them, and what comes too late."""

import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from structlog.testing import capture_logs

from db.account_keys import AccountKeys, NewKey
from db.account_rows import locked
from db.account_values import Account, Change, ModelPause
from db.accounts import AccountStore
from db.engine import Database
from db.jobs import JobStore
from db.pauses import pause_account
from db.rows import Claim
from db.runs import RunStore
from db.sealing import Sealed
from jobs.account_pauses import Pause, PauseReason, after
from jobs.credits import Reading, newer
from jobs.failures import Failure, FailureKind
from jobs.money import Money
from jobs.retry import Decision
from jobs.states import State
from tests.db.conftest import PRICE, Claimer, Submit, claim_one, failed

BACK = Decision(State.QUEUED, spends_attempt=False)
NO_CREDITS = Failure(FailureKind.INSUFFICIENT_CREDITS, "Insufficient credits", 406)
FORBIDDEN = Failure(FailureKind.FORBIDDEN, "not in your plan", 403)


def _refuse(runs: RunStore, claim: Claim, failure: Failure) -> None:
    pause = after(failure, claim.job.model, datetime.now(UTC))
    assert runs.settle(failed(claim, failure, BACK, pause=pause, sent_at=datetime.now(UTC)))


def test_a_pause_says_since_when_and_what_was_said_however_many_refusals_follow(
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    account: Account,
    account_store: AccountStore,
) -> None:
    for _ in range(3):
        submit()
    first, second, third = claim(), claim(), claim()
    with capture_logs() as told:
        _refuse(runs, first, NO_CREDITS)
        paused = account_store.get(account.id)
        assert paused.paused_for is PauseReason.CREDITS
        assert paused.pause_message == "Insufficient credits"
        assert paused.paused_at is not None
        assert abs(datetime.now(UTC) - paused.paused_at) < timedelta(seconds=5)
        for late in (second, third):
            _refuse(runs, late, NO_CREDITS)
    assert account_store.get(account.id) == paused
    assert [(one["event"], one["reason"]) for one in told] == [("account_paused", "credits")]


def test_a_refusal_from_before_the_resume_pauses_nothing_any_more(
    submit: Submit, claim: Claimer, runs: RunStore, account: Account, account_store: AccountStore
) -> None:
    for _ in range(4):
        submit()
    first, slow, slower = claim(), claim(), claim()
    _refuse(runs, first, NO_CREDITS)
    assert account_store.resume(account.id, PauseReason.CREDITS)
    _refuse(runs, slow, NO_CREDITS)
    assert account_store.get(account.id).paused_for is None
    _refuse(runs, claim(), NO_CREDITS)  # one that was claimed since tells of now
    paused = account_store.get(account.id)
    assert paused.paused_for is PauseReason.CREDITS
    _refuse(runs, slower, Failure(FailureKind.UNAUTHORIZED, "no such key", 401))
    assert account_store.get(account.id) == paused


def test_a_forbidden_model_pauses_alone_until_it_is_resumed(
    submit: Submit,
    claim: Claimer,
    runs: RunStore,
    account: Account,
    account_store: AccountStore,
    job_store: JobStore,
) -> None:
    for _ in range(3):
        submit(model="ssd-canny")
    other = submit(model="ssd-1b")
    first, slow = claim(), claim()
    _refuse(runs, first, FORBIDDEN)
    (pause,) = account_store.model_pauses(account.id)
    assert pause == ModelPause("ssd-canny", PauseReason.FORBIDDEN, "not in your plan", pause.since)
    assert account_store.get(account.id).paused_for is None
    kept = job_store.get(first.job.tenant_id, first.job.id)
    assert (kept.state, kept.attempts) == (State.QUEUED, 0)
    assert claim().job.id == other.id
    assert runs.next_price("segmind", account.id) is None
    other_account = account_store.ensure("segmind", "other", call_limit=60, window_seconds=60)
    assert runs.next_price("segmind", other_account.id) == PRICE
    assert claim_one(runs, account.id) is None

    assert not account_store.resume_model(account.id, "ssd-1b")
    assert account_store.resume_model(account.id, "ssd-canny")
    assert not account_store.resume_model(account.id, "ssd-canny")
    _refuse(runs, slow, FORBIDDEN)  # sent before the resume
    assert account_store.model_pauses(account.id) == []
    assert claim().job.id == first.job.id


def test_a_resume_of_a_model_holds_though_the_account_pauses_meanwhile(
    submit: Submit, claim: Claimer, runs: RunStore, account: Account, account_store: AccountStore
) -> None:
    for _ in range(4):
        submit()
    first, second, slow = claim(), claim(), claim()
    _refuse(runs, first, FORBIDDEN)
    _refuse(runs, second, NO_CREDITS)
    assert account_store.resume_model(account.id, "ssd-canny")
    _refuse(runs, slow, FORBIDDEN)
    assert account_store.model_pauses(account.id) == []
    assert account_store.resume(account.id, PauseReason.CREDITS)
    _refuse(runs, claim(), FORBIDDEN)  # this one was claimed since
    assert len(account_store.model_pauses(account.id)) == 1


def test_a_claim_that_waited_for_the_account_sees_what_was_paused_meanwhile(
    submit: Submit, claim: Claimer, runs: RunStore, account: Account, database: Database
) -> None:
    for _ in range(6):
        submit()
    refused = claim()
    pause = after(FORBIDDEN, refused.job.model, datetime.now(UTC))
    assert pause is not None
    with ThreadPoolExecutor(4) as pool:
        with database.write() as connection:
            locked(connection, account.id)
            waiting = [pool.submit(claim_one, runs, account.id) for _ in range(4)]
            time.sleep(0.3)  # they wait for the account's row, or for SQLite's one writer
            pause_account(connection, account.id, pause, database)
        assert [one.result() for one in waiting] == [None] * 4


def test_a_model_that_pauses_on_one_account_runs_on_another(
    submit: Submit, claim: Claimer, runs: RunStore, account_store: AccountStore
) -> None:
    other = account_store.ensure("segmind", "other", call_limit=60, window_seconds=60)
    submit()
    _refuse(runs, claim(), FORBIDDEN)
    assert isinstance(claim_one(runs, other.id), Claim)


def test_an_account_that_joins_stops_the_models_that_are_stopped_on_all_others(
    account: Account, account_store: AccountStore, database: Database
) -> None:
    second = account_store.ensure("segmind", "second", call_limit=60, window_seconds=60)
    stopped = Pause(PauseReason.OPERATOR, None, "ssd-canny", "it draws badly")
    for one in (account, second):
        account_store.pause(one.id, stopped)
        account_store.pause(one.id, Pause(PauseReason.FORBIDDEN, None, "sdxl-img2img", "not you"))
    account_store.pause(second.id, Pause(PauseReason.OPERATOR, None, "ssd-1b"))

    third = account_store.ensure("segmind", "third", call_limit=60, window_seconds=60)
    key, by = NewKey(Sealed("sealed", "a key"), "abcd"), Change("add", "somebody")
    fourth = AccountKeys(database).add("segmind", "fourth", key, by, call_limit=60)
    for one in (third, fourth):
        (pause,) = account_store.model_pauses(one.id)
        told = (pause.model, pause.reason, pause.message)
        assert told == ("ssd-canny", PauseReason.OPERATOR, "it draws badly")
        assert account_store.resume_model(one.id, "ssd-canny")
    # Whoever is there has joined: a worker that starts stops nothing anew.
    account_store.ensure("segmind", "third", call_limit=60, window_seconds=60, given="1234")
    AccountKeys(database).add("segmind", "fourth", key, by, call_limit=60, replaces=True)
    assert [account_store.model_pauses(one.id) for one in (third, fourth)] == [[], []]


def test_an_account_that_comes_back_joins_as_a_new_one_does(
    account: Account, account_store: AccountStore, database: Database
) -> None:
    keys, by = AccountKeys(database), Change("add", "somebody")
    key = NewKey(Sealed("sealed", "a key"), "abcd")
    of_keys = keys.add("segmind", "second", key, by, call_limit=60)
    ensure = partial(account_store.ensure, call_limit=60, window_seconds=60, given="1234")
    of_environment = ensure("segmind", "third")
    for one in (of_keys, of_environment):
        assert keys.remove(one.id, by)
    account_store.pause(account.id, Pause(PauseReason.OPERATOR, None, "ssd-canny"))
    assert keys.add("segmind", "second", key, by, call_limit=60).id == of_keys.id
    assert ensure("segmind", "third").id == of_environment.id
    for one in (of_keys, of_environment):
        assert [pause.model for pause in account_store.model_pauses(one.id)] == ["ssd-canny"]
    assert account_store.model_pauses(ensure("another pool", "first").id) == []


def test_the_words_of_a_pause_say_when_its_probe_fails(
    account: Account, account_store: AccountStore
) -> None:
    assert not account_store.tell_probe_trouble(account.id, "Bad Gateway")
    account_store.pause(account.id, Pause(PauseReason.CREDITS, None, said="no credits"))
    assert account_store.tell_probe_trouble(account.id, "Bad Gateway")
    assert not account_store.tell_probe_trouble(account.id, "Bad Gateway")
    words = account_store.get(account.id).pause_message
    assert words == "no credits; the balance cannot be read now: Bad Gateway"
    assert account_store.tell_probe_trouble(account.id, None)
    assert account_store.get(account.id).pause_message == "no credits"


def test_a_settle_writes_down_when_and_how_the_answer_came(
    submit: Submit, claim: Claimer, runs: RunStore, database: Database
) -> None:
    from sqlalchemy import select

    from db.tables import attempts
    from tests.db.conftest import succeeded

    submit()
    at = datetime(2026, 1, 1, 12, tzinfo=UTC)
    runs.settle(succeeded(claim(), answered_at=at, answer_form="multipart"))
    with database.read() as connection:
        row = connection.execute(select(attempts)).one()
    assert (row.answered_at, row.answer_form) == (at, "multipart")


@pytest.mark.parametrize("first", [(5, 10, 20), (5, 10, 12)])
@pytest.mark.parametrize("second", [(3, 15, 25), (9, 15, 25), (9, 21, 25), (5, 20, 25), (3, 1, 2)])
def test_sql_believes_the_reading_that_the_rule_believes(
    account: Account,
    account_store: AccountStore,
    first: tuple[int, int, int],
    second: tuple[int, int, int],
) -> None:
    """The balance, and the seconds at which its call was sent and its answer came."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    readings = [
        Reading(Money(value), start + timedelta(seconds=sent), start + timedelta(seconds=came))
        for value, sent, came in (first, second)
    ]
    for reading in readings:
        account_store.read_credits(account.id, reading)
    assert account_store.get(account.id).credits == newer(*readings)
