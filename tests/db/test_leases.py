"""Leases that heartbeats extend, and that run out for whoever is silent."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import select, update

from db.account_values import Account
from db.engine import Database
from db.requests import Accepted, RequestStore
from db.rows import Claim, Terms
from db.runs import RunStore
from db.tables import accounts, attempts
from jobs.catalog import Transport
from jobs.failures import Failure, FailureKind
from jobs.retry import Decision
from jobs.states import State
from tests.db.conftest import Submit, failed

LEASE, BOUND = timedelta(seconds=60), timedelta(seconds=90)
ME, OTHER = uuid4(), uuid4()


@pytest.fixture
def claimed(runs: RunStore, account: Account, submit: Submit) -> Claim:
    submit()
    found = runs.claim("segmind", account.id, terms=Terms(LEASE, BOUND, ME))
    assert isinstance(found, list)
    return found[0]


def seconds_left(database: Database, claim: Claim) -> float:
    with database.read() as connection:
        row = connection.execute(
            select(attempts.c.lease_until).where(attempts.c.id == claim.attempt_id)
        ).one()
        left: timedelta = row.lease_until - database.time(connection)
        return left.total_seconds()


def pass_time(database: Database, claim: Claim, seconds: float) -> None:
    moments = ("claimed_at", "lease_until", "deadline_at")
    with database.write() as connection:
        row = connection.execute(select(attempts).where(attempts.c.id == claim.attempt_id)).one()
        earlier = {one: getattr(row, one) - timedelta(seconds=seconds) for one in moments}
        connection.execute(
            update(attempts).where(attempts.c.id == claim.attempt_id).values(earlier)
        )


def test_a_fresh_lease_is_left_alone_and_an_older_one_is_extended(
    database: Database, runs: RunStore, claimed: Claim
) -> None:
    assert runs.extend(ME, LEASE) == 0
    pass_time(database, claimed, 25)
    assert runs.extend(ME, LEASE) == 1
    assert 55 < seconds_left(database, claimed) <= 60


def test_no_heartbeat_extends_it_beyond_its_own_bound(
    database: Database, runs: RunStore, claimed: Claim
) -> None:
    pass_time(database, claimed, 50)
    assert runs.extend(ME, LEASE) == 1
    assert 35 < seconds_left(database, claimed) <= 40
    pass_time(database, claimed, 41)
    runs.extend(ME, LEASE)
    assert [one.attempt_id for one in runs.lost(10)] == [claimed.attempt_id]


def test_nobody_elses_heartbeat_does(database: Database, runs: RunStore, claimed: Claim) -> None:
    pass_time(database, claimed, 61)
    assert runs.extend(OTHER, LEASE) == 0
    assert len(runs.lost(10)) == 1


def test_what_is_in_doubt_or_settled_stays_so(
    database: Database, runs: RunStore, claimed: Claim
) -> None:
    doubt = Decision(State.IN_DOUBT, spends_attempt=True)
    runs.settle(failed(claimed, Failure(FailureKind.WORKER_LOST, "lost"), doubt))
    pass_time(database, claimed, 61)
    assert runs.extend(ME, LEASE) == 0


def test_a_request_that_is_polled_needs_no_heartbeat(
    database: Database, runs: RunStore, claimed: Claim
) -> None:
    requests = RequestStore(database)
    with database.read() as connection:
        now = database.time(connection)
    requests.accepted([Accepted(claimed.attempt_id, claimed.job.id, "r1", now, 0.0)])
    assert seconds_left(database, claimed) > 3_500
    assert runs.extend(ME, LEASE) == 0
    assert runs.lost(10) == []


def test_an_id_that_comes_after_the_doubt_is_kept_and_is_looked_for(
    database: Database, runs: RunStore, claimed: Claim
) -> None:
    doubt = Decision(State.IN_DOUBT, spends_attempt=True)
    runs.settle(failed(claimed, Failure(FailureKind.WORKER_LOST, "lost"), doubt))
    requests = RequestStore(database)
    with database.read() as connection:
        now = database.time(connection)
    requests.accepted([Accepted(claimed.attempt_id, claimed.job.id, "r1", now, 0.0)])
    with database.read() as connection:
        row = connection.execute(select(attempts)).one()
    assert (row.request_id, row.next_poll_at) == ("r1", None)
    assert row.next_look_at is not None


def test_an_id_that_another_attempt_has_keeps_no_other_from_being_written(
    database: Database, runs: RunStore, account: Account, submit: Submit
) -> None:
    for _ in range(3):
        submit()
    claims = runs.claim("segmind", account.id, terms=Terms(LEASE), count=3)
    assert isinstance(claims, list)
    with database.read() as connection:
        now = database.time(connection)
    ids = ["r1", "r1", "r2"]
    RequestStore(database).accepted(
        [
            Accepted(claim.attempt_id, claim.job.id, request, now, 0.0)
            for claim, request in zip(claims, ids, strict=True)
        ]
    )
    with database.read() as connection:
        known = connection.execute(select(attempts.c.request_id)).scalars().all()
    assert sorted(map(str, known)) == ["None", "r1", "r2"]


@pytest.mark.parametrize(
    ("of_account", "of_system", "how"),
    [
        (None, None, Transport.V1),
        (None, Transport.V2, Transport.V2),
        (Transport.V1, Transport.V2, Transport.V1),
        (Transport.V2, None, Transport.V2),
    ],
)
def test_how_a_call_is_made_is_the_accounts_word_then_the_systems_then_the_catalogs(
    database: Database,
    runs: RunStore,
    account: Account,
    submit: Submit,
    of_account: Transport | None,
    of_system: Transport | None,
    how: Transport,
) -> None:
    with database.write() as connection:
        connection.execute(update(accounts).values(transport=of_account))
    submit()
    found = runs.claim("segmind", account.id, terms=Terms(LEASE, transport=of_system))
    assert isinstance(found, list)
    assert found[0].transport is how
    with database.read() as connection:
        assert connection.execute(select(attempts.c.transport)).scalar_one() == how
