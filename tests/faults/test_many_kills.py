"""Workers are killed again and again under load: at the end each job is final, or held with a reason.

In the suite with fewer jobs; `--full` is the size that reliability.md tells of.
"""

import json
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from threading import Event, Thread

import pytest
from PIL import Image
from redis import Redis

from jobs.budgets import Period
from jobs.doubts import DoubtEnd
from tests.faults.checker import Report, assert_promises_kept
from tests.faults.conftest import Behind
from tests.faults.fleet import Fleet
from tests.sandbox.sandbox_process import PHOTOGRAPH
from tests.systems.jobs_at_work import submit, submit_batch, wait_for_states
from tests.systems.processes import wait_until
from tests.systems.running_system import System
from tests.systems.targets import ON_ITS_OWN_PARTS

Start = Callable[..., System]

QUICK = {
    "SEGMIND_TIMEOUT": "6",
    "SEGQ_LEASE_GRACE": "2",
    "SEGMIND_RPM": "100000",
    "SEGQ_SLOTS": "16",
    "SEGQ_PROBE_SECONDS": "0.5",
    "SEGQ_ABSENT_AFTER": "1",
    "SEGQ_PASS_GAP": "0.5",
    "SEGQ_LOOK_SECONDS": "0.5",
    # Nobody decides before the history has: what it does not tell stays in doubt.
    "SEGQ_DOUBT_PATIENCE": "600",
}
SETTLED = "SELECT count(*) AS n FROM attempts WHERE in_doubt_at IS NOT NULL AND doubt_ended IS NULL"


@dataclass(frozen=True)
class Size:
    jobs: int
    kills: int
    every: float
    outage: float


@pytest.fixture
def size(request: pytest.FixtureRequest) -> Size:
    if request.config.getoption("--full"):
        return Size(jobs=1_000, kills=50, every=1.5, outage=30)
    return Size(jobs=200, kills=6, every=1.5, outage=4)


@contextmanager
def fleet(system: System, count: int = 3) -> Iterator[Fleet]:
    found = Fleet(system, count, seed=7)
    try:
        yield found
    finally:
        found.end()


def doubts_end(system: System, timeout: float = 90) -> None:
    """Until no doubt ends any more, but for those whose calls were never made."""

    def rests() -> bool:
        open_ones = system.sql(
            "SELECT a.looked FROM attempts a JOIN jobs j ON j.id = a.job_id "
            "AND j.number = a.number WHERE j.state = 'in_doubt'"
        )
        return all("nor a call that was sent later" in str(row["looked"]) for row in open_ones)

    wait_until(rests, "doubts that the history can end", timeout=timeout, every=0.2)


def assert_explained(system: System, ids: list[str], *, kinds: set[str]) -> Report:
    """The checker's word, the audit's, and a reason for each job that is held."""
    doubts_end(system)
    # A job that counted as absent was never sent: sending it again charges nobody twice.
    report = assert_promises_kept(system, ids, timeout=120, estimated=None)
    assert set(report.states) <= {"succeeded", "in_doubt"}
    assert set(report.doubts) <= kinds
    audit = system.segq("audit", "--json")
    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert json.loads(audit.stdout)["differences"] == []
    ended = {
        row["doubt_ended"]: row["n"]
        for row in system.sql(
            "SELECT doubt_ended, count(*) AS n FROM attempts WHERE in_doubt_at IS NOT NULL "
            "GROUP BY doubt_ended"
        )
    }
    assert set(ended) <= {DoubtEnd.RECOVERED, DoubtEnd.RECEIPT, DoubtEnd.ABSENT, None}
    if system.environment.get("SEGQ_TRANSPORT") != "v2":
        assert ended[DoubtEnd.RECOVERED], "no kill met a call that had left"
    sys.stdout.write(f"{dict(report.states)}, doubts: {ended}, {report.calls} calls\n")
    return report


def test_v1_under_kills(system: Start, size: Size) -> None:
    one = system(**QUICK)
    one.settings(latency={"median": 2.0, "sigma": 0.2})
    _count_money(one)
    with fleet(one) as workers:
        # Half of them as a batch.
        ids = submit(one, size.jobs // 2)
        ids += submit_batch(one, size.jobs - len(ids))
        wait_for_states(one, running=16)
        workers.kill(size.kills, size.every)
        wait_until(lambda: _waiting(one) == 0, "all taken", timeout=300, every=0.5)
    report = assert_explained(one, ids, kinds={"worker_lost"})
    assert report.states["succeeded"] >= size.jobs * 0.95
    _the_dead_hold_nothing(one)


@ON_ITS_OWN_PARTS
def test_v2_under_kills(system: Start, size: Size) -> None:
    """No doubt but for kills between the POST and the receipt of the request's id."""
    one = system(**QUICK, SEGQ_TRANSPORT="v2")
    one.settings(latency={"median": 2.0, "sigma": 0.2})
    _count_money(one)
    with fleet(one) as workers:
        ids = submit(one, size.jobs)
        workers.kill(size.kills, size.every)
        wait_until(lambda: _waiting(one) == 0, "all taken", timeout=300, every=0.5)
    assert_explained(one, ids, kinds={"worker_lost"})
    with_id = "SELECT count(*) AS n FROM attempts WHERE in_doubt_at IS NOT NULL AND sent_at IS NOT NULL AND doubt_ended IS NULL"
    assert one.sql(with_id) == [{"n": 0}]


@ON_ITS_OWN_PARTS
@pytest.mark.parametrize("transport", ["v1", "v2"])
def test_kills_with_sql_away_and_redis_flushed(
    behind: Callable[..., Behind], size: Size, transport: str
) -> None:
    found = behind(**QUICK, SEGQ_TRANSPORT=transport)
    one = found.system
    one.settings(latency={"median": 2.0, "sigma": 0.2})

    stopped = Event()

    def disturb() -> None:
        stopped.wait(size.kills * size.every / 3)
        _flush(one)
        found.sql.refuses()
        stopped.wait(size.outage)
        found.sql.passes()
        _flush(one)

    with fleet(one) as workers:
        ids = submit(one, size.jobs)
        wait_for_states(one, running=16)
        disturbing = Thread(target=disturb)
        disturbing.start()
        workers.kill(size.kills, size.every)
        disturbing.join()
        wait_until(lambda: _waiting(one) == 0, "all taken", timeout=300, every=0.5)
    assert_explained(one, ids, kinds={"worker_lost"})


@ON_ITS_OWN_PARTS
@pytest.mark.parametrize("shows", ["whole", "left_out"])
def test_no_job_ends_with_anothers_picture(system: Start, size: Size, shows: str) -> None:
    """One prompt, one explicit seed, ten images: what the history shows must tell them apart."""
    count = 300 if size.jobs > 500 else 100
    one = system(**QUICK)
    one.settings(latency={"median": 1.0, "sigma": 0.3}, history_image=shows)
    references = [one.client.upload(data) for data in _ten_images()]

    def submitted(n: int) -> str:
        values = {"image": references[n % 10], "prompt": "one and the same", "seed": 7}
        return one.client.submit("ssd-canny", values).id

    with fleet(one) as workers, ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(submitted, range(count)))
        workers.kill(size.kills // 2, size.every)
        wait_until(lambda: _waiting(one) == 0, "all taken", timeout=300, every=0.5)
    _settle_down(one)
    by_input: dict[str, set[str]] = defaultdict(set)
    for job in (one.client.get(job_id) for job_id in ids):
        assert job.state in {"succeeded", "in_doubt"}, job.raw
        for output in job.raw["outputs"]:
            by_input[job.raw["input"]["image"]].add(output["sha256"])
    pictures = [picture for found in by_input.values() for picture in found]
    assert len(by_input) == 10
    assert len(pictures) == len(set(pictures)) == 10, by_input
    calls = [row for row in one.ledger() if row["status"] == 200]
    (paid,) = one.sql("SELECT count(*) AS n FROM attempts WHERE cost > 0")
    assert paid["n"] <= len(calls) <= count


def _count_money(system: System) -> None:
    """Budgets that cover everything: the checker counts what is kept of them anew."""
    for period in Period:
        done = system.segq(
            "tenants", "limits", "default", "--budget", "1000000", "--period", period
        )
        assert done.returncode == 0, done.stderr


def _the_dead_hold_nothing(system: System) -> None:
    """What they had of the limiter lapses by itself, and the next call finds nothing of it there."""
    with Redis.from_url(system.run["redis"]) as redis:
        (state,) = redis.keys("segq:limiter:*:state")
        flights = state.replace(b":state", b":flights")  # which is no key while it is empty

        def lapsed() -> bool:
            seconds, micros = redis.time()
            return int(redis.zcount(flights, seconds * 1_000_000 + micros, "+inf")) == 0

        wait_until(lapsed, "calls in flight of the dead are forgotten", timeout=30, every=0.2)
        (last,) = submit(system, 1)
        assert system.client.wait(last, timeout=30).state == "succeeded"
        wait_until(lambda: redis.zcard(flights) == 0, "nothing is left of them", timeout=10)


def _settle_down(system: System) -> None:
    """Until two looks in a row find nothing to end."""
    last: list[int] = []

    def rests() -> bool:
        (row,) = system.sql(SETTLED)
        last.append(row["n"])
        return len(last) > 20 and len(set(last[-20:])) == 1 and _running(system) == 0

    wait_until(rests, "doubts at rest", timeout=120, every=0.3)


def _waiting(system: System) -> int:
    (row,) = system.sql(
        "SELECT count(*) AS n FROM jobs WHERE state IN ('queued', 'scheduled', 'running')"
    )
    return int(row["n"])


def _running(system: System) -> int:
    (row,) = system.sql("SELECT count(*) AS n FROM jobs WHERE state = 'running'")
    return int(row["n"])


def _flush(system: System) -> None:
    with Redis.from_url(system.run["redis"]) as redis:
        redis.flushall()


def _ten_images() -> list[bytes]:
    found = []
    with Image.open(BytesIO(PHOTOGRAPH)) as picture:
        for n in range(10):
            file = BytesIO()
            picture.rotate(36 * n).resize((200 + n, 200)).save(file, "JPEG")
            found.append(file.getvalue())
    return found
