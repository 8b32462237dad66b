"""`segq account`: what it shows, and an operator's `resume`."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cli.account_lines import account_lines, trouble_line
from db.account_values import Account
from db.accounts import AccountStore
from db.engine import Database
from jobs.account_pauses import Pause, PauseReason
from jobs.catalog import Transport
from jobs.wire import SANDBOX_POOL
from tests.systems.processes import project_environment, wait_until
from tests.systems.running_system import System, run_segq, start_system, stop_system

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
ACCOUNT: dict[str, Any] = {
    "name": "default",
    "pool": "segmind",
    "calls_per_minute": 60.0,
    "credits": "9.97",
    "credits_read_at": "2026-03-01T11:59:55Z",
    "pause": None,
    "paused_models": [],
    "open_calls": 2,
    "committed": "0.012",
}

TROUBLE = "2 in doubt, 1 sent again after a doubt, 3 not fetched and about to expire"
START = "default (pool segmind): 60 calls a minute |"


def lines(account: dict[str, Any], jobs: dict[str, int], *capped: str) -> list[str]:
    answer = {"accounts": [account], "jobs": jobs, "jobs_capped": list(capped)}
    return list(account_lines(answer, NOW))


def test_an_account_that_works_is_a_line() -> None:
    assert lines(ACCOUNT, {"queued": 3, "running": 0, "succeeded": 10_000}, "succeeded") == [
        f"{START} balance $9.97, read 5 s ago | 2 calls open, up to $0.012",
        "jobs: 3 queued, 10,000 or more succeeded",
    ]


@pytest.mark.parametrize(
    ("configured", "believed", "told"),
    [
        (6, 6, "60 calls a minute |"),
        (30, 6, "60 calls a minute (as learned; configured: 300) |"),
        ("auto", 6, "60 calls a minute (as learned) |"),
    ],
)
def test_a_limit_that_was_learned_is_told_beside_what_is_configured(
    configured: int | str, believed: int, told: str
) -> None:
    limit = {"configured": configured, "believed": believed, "window_seconds": 6}
    found = lines({**ACCOUNT, "limit": limit}, {})
    assert found[0].startswith(f"default (pool segmind): {told}")


def test_pauses_are_told_with_what_was_said_and_what_to_do() -> None:
    pause = {"reason": "credits", "since": "2026-03-01T11:40:00Z", "until": None}
    model = {"model": "ssd-1b", "reason": "forbidden", "since": "2026-02-27T12:00:00Z"}
    account = {
        **ACCOUNT,
        "credits": None,
        "pause": {**pause, "said": "Insufficient credits", "what_to_do": "top it up"},
        "paused_models": [{**model, "said": None, "what_to_do": "ask for it"}],
    }
    assert lines(account, {"queued": 0}) == [
        f"{START} balance not read yet | 2 calls open, up to $0.012",
        "  PAUSED for 20 min (credits): top it up",
        "    it paused because: Insufficient credits",
        "  ssd-1b PAUSED for 2 d (forbidden): ask for it",
        "jobs: none",
    ]


def test_a_rate_limit_is_told_with_its_end() -> None:
    until = "2026-03-01T12:00:20Z"
    pause = {"reason": "rate_limit", "since": None, "until": until, "said": None}
    found = lines({**ACCOUNT, "pause": {**pause, "what_to_do": "wait"}}, {})
    assert found[1] == f"  PAUSED, until {until} (rate_limit): wait"


def test_what_is_in_doubt_was_sent_again_or_is_about_to_be_lost_is_told() -> None:
    doubts = {"open": 2, "recovered": 5, "absent": 1, "sent_again": 1}
    account = {**ACCOUNT, "transport": "v2", "doubts": doubts, "expiring_soon": 3}
    found = lines(account, {})
    assert found[1:3] == [
        "  all models are called by v2, whatever the catalog says",
        f"  {TROUBLE}; see `segq doubts`",
    ]
    answer = {"accounts": [account]}
    assert trouble_line(answer) == f"account: {TROUBLE}, see `segq account`"
    doubts |= {"open": 0, "sent_again": 0}
    assert trouble_line({"accounts": [{**account, "expiring_soon": 0}]}) is None


@pytest.mark.parametrize("words", [["account"], ["account", "resume"], ["account", "pause"]])
def test_where_nothing_runs_it_complains(words: list[str], tmp_path: Path) -> None:
    done = run_segq(words, tmp_path, project_environment())
    assert done.returncode == 1
    assert done.stderr.startswith("segq: nothing runs in ")
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "words",
    [
        ["stop"],
        ["resume", "a", "b"],
        ["--all"],
        ["transport"],
        ["transport", "v3"],
        ["pause", "now", "then"],
        ["add"],
        ["set-limit", "default", "0"],
    ],
)
def test_other_words_are_a_usage_error(words: list[str], tmp_path: Path) -> None:
    done = run_segq(["account", *words], tmp_path, project_environment())
    assert done.returncode == 2
    assert "usage: segq" in done.stderr


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    folder = tmp_path_factory.mktemp("system")
    home = folder / ".segq"
    # The tests pause and resume: no probe is to come between.
    settings = {"SEGQ_HOME": str(home), "SEGQ_PORT": "0", "SEGQ_PROBE_SECONDS": "3600"}
    started = start_system(folder, home, project_environment(**settings))
    yield started
    stop_system(started)


@pytest.fixture
def store(system: System) -> Iterator[AccountStore]:
    database = Database(system.run["database"])
    yield AccountStore(database)
    database.close()


@pytest.fixture
def account(system: System, store: AccountStore) -> Iterator[Account]:
    # Made by the first process that works for it.
    wait_until(lambda: bool(store.of_pool(SANDBOX_POOL)), "the account is there")
    found = store.of_pool(SANDBOX_POOL)[0]
    yield found
    for pause in store.model_pauses(found.id):
        store.resume_model(found.id, pause.model)


def test_it_shows_the_account_of_the_running_system(system: System, account: Account) -> None:
    done = system.segq("account")
    assert (done.returncode, done.stderr) == (0, "")
    first, key, last = done.stdout.splitlines()
    assert re.fullmatch(r"  key …[0-9a-f]{4} \(from the environment\)", key)
    assert first.startswith(f"{account.name} (pool sandbox): 60 calls a minute | balance ")
    assert last == "jobs: none"


def test_resume_lets_models_go_on(system: System, store: AccountStore, account: Account) -> None:
    for model in ("ssd-1b", "ssd-canny", "third"):
        store.pause(account.id, Pause(PauseReason.FORBIDDEN, None, model, "Not for you"))
    shown = system.segq("account").stdout
    assert "  ssd-1b PAUSED for " in shown
    assert "`segq account resume ssd-1b`" in shown
    assert "it paused because: Not for you" in shown

    wrong = system.segq("account", "resume", "ssd-2")
    assert wrong.returncode == 1
    assert wrong.stderr == ("segq: ssd-2 is not paused; paused are: ssd-1b, ssd-canny, third\n")
    one = system.segq("account", "resume", "ssd-1b")
    assert one.returncode == 0
    assert one.stdout.startswith(f"ssd-1b goes on (account {account.name})")
    assert [pause.model for pause in store.model_pauses(account.id)] == ["ssd-canny", "third"]
    rest = system.segq("account", "resume")
    assert [line.split()[0] for line in rest.stdout.splitlines()] == ["ssd-canny", "third"]
    assert store.model_pauses(account.id) == []
    again = system.segq("account", "resume", "ssd-1b")
    assert (again.returncode, again.stderr) == (1, "segq: ssd-1b is not paused; no model is\n")


def test_resumed_models_do_not_hide_that_the_account_pauses(
    system: System, store: AccountStore, account: Account
) -> None:
    for model in ("ssd-1b", "ssd-canny"):
        store.pause(account.id, Pause(PauseReason.FORBIDDEN, None, model, "Not for you"))
    store.pause(account.id, Pause(PauseReason.KEY_REFUSED, None, said="no such key"))
    still = f"account {account.name} still pauses: Segmind refuses the account's key"
    ends = "`segq account resume` ends this pause at once"

    one, after_one = system.segq("account", "resume", "ssd-1b").stdout.splitlines()
    assert one == f"ssd-1b goes on (account {account.name}); its jobs run when the account does"
    assert after_one.startswith(still)
    assert "run again after it has resumed the other models" in after_one
    rest, after_rest = system.segq("account", "resume").stdout.splitlines()
    assert rest.startswith("ssd-canny goes on")
    assert after_rest.startswith(still)
    assert after_rest.endswith(ends)
    last = system.segq("account", "resume").stdout
    assert last == f"account {account.name} goes on; it paused for: key_refused\n"


def test_what_is_stopped_by_hand_goes_on_by_hand_also_when_models_pause(
    system: System, store: AccountStore, account: Account
) -> None:
    done = system.segq("account", "pause", "--reason", "a new key is coming")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"account {account.name} pauses: no call leaves until")
    assert store.get(account.id).paused_for is PauseReason.OPERATOR
    job = system.client.submit("ssd-1b", {"prompt": "tea"})
    shown = system.segq("account").stdout
    assert "PAUSED for " in shown
    assert "it paused because: a new key is coming" in shown
    assert system.client.get(job.id).waiting_for == "paused"
    store.pause(account.id, Pause(PauseReason.FORBIDDEN, None, "ssd-canny", "Not for you"))
    one = system.segq("account", "resume", "ssd-canny").stdout
    assert f"account {account.name} still pauses: an operator has stopped it" in one
    store.pause(account.id, Pause(PauseReason.FORBIDDEN, None, "ssd-canny", "Not for you"))
    both = system.segq("account", "resume").stdout.splitlines()
    assert both[0] == f"account {account.name} goes on; it paused for: operator"
    assert both[1].startswith("ssd-canny goes on")
    assert both[1].endswith("run within seconds")
    assert system.client.wait(job.id, timeout=60).state == "succeeded"


def test_how_models_are_called_is_said_for_an_account(
    system: System, store: AccountStore, account: Account
) -> None:
    done = system.segq("account", "transport", "v2")
    assert done.stdout == f"account {account.name} calls all models by v2, from the next call on\n"
    assert store.get(account.id).transport is Transport.V2
    assert "called by v2" in system.segq("account").stdout
    done = system.segq("account", "transport", "default")
    assert "as the catalog says" in done.stdout
    assert store.get(account.id).transport is None


def test_of_a_rate_limit_no_command_is_told(
    system: System, store: AccountStore, account: Account
) -> None:
    store.pause(account.id, Pause(PauseReason.FORBIDDEN, None, "ssd-1b", "Not for you"))
    until = datetime.now(UTC) + timedelta(seconds=60)
    store.pause(account.id, Pause(PauseReason.RATE_LIMIT, until))
    _, still = system.segq("account", "resume").stdout.splitlines()
    assert still.startswith(f"account {account.name} still pauses: Segmind's rate limit")
    assert "segq account resume" not in still
    system.sql("UPDATE accounts SET limited_until = NULL")


def test_resume_ends_the_accounts_own_pause(
    system: System, store: AccountStore, account: Account
) -> None:
    store.pause(account.id, Pause(PauseReason.SPEND_LIMIT, None, said="over"))
    done = system.segq("account", "resume")
    assert done.returncode == 0
    assert done.stdout == f"account {account.name} goes on; it paused for: spend_limit\n"
    assert store.get(account.id).paused_for is None
    again = system.segq("account", "resume")
    assert (again.returncode, again.stdout) == (0, "nothing was paused\n")


def test_a_rate_limit_is_not_ended_from_here(
    system: System, store: AccountStore, account: Account
) -> None:
    until = datetime.now(UTC) + timedelta(seconds=30)
    store.pause(account.id, Pause(PauseReason.RATE_LIMIT, until))
    done = system.segq("account", "resume")
    assert done.returncode == 0
    assert done.stdout.startswith("nothing was paused; the rate limit of account ")
    assert store.get(account.id).pause(datetime.now(UTC)) is not None
    system.sql("UPDATE accounts SET limited_until = NULL")


def told(system: System, process: str, event: str) -> bool:
    return any(one["account"] == "second" for one in system.events(process, event))


def test_accounts_are_added_stopped_limited_and_removed_by_name(
    system: System, store: AccountStore, account: Account, tmp_path: Path
) -> None:
    key = "SG_00000000000000ca"
    file = tmp_path / "key"
    file.write_text(f"{key}\n")

    def segq(*words: str, said: str, code: int = 0) -> None:
        done = system.segq("account", *words)
        shown = done.stdout + done.stderr
        assert done.returncode == code, shown
        assert said in shown
        assert key not in shown

    def second() -> Account:
        return next(one for one in store.of_pool(SANDBOX_POOL) if one.name == "second")

    segq("add", "second", said="that is no key", code=1)
    segq("add", "Second!", "--key-file", str(file), said="is no name of an account", code=1)
    segq("add", "second", "--key-file", str(tmp_path / "gone"), said="cannot be read", code=1)
    segq("add", "second", "--key-file", str(file), "--reason", "more", said="ends with 00ca")
    segq("add", "third", "--key-file", str(file), said="account second has this key", code=1)
    segq("add", "second", "--key-file", str(file), said="--replace", code=1)
    assert (second().changed_at is not None, second().key_fingerprint) == (True, "00ca")
    segq("list", said="second: 60 calls a minute, key …00ca (kept encrypted), works")
    segq("pause", "second", "--reason", "a look", said="account second pauses")
    assert second().paused_for is PauseReason.OPERATOR
    assert store.get(account.id).paused_for is None
    segq(said="(pause) by ")
    segq("resume", "second", said="account second goes on; it paused for: operator")
    segq("set-limit", "second", "300", said="300 calls a minute")
    assert (second().call_limit, second().limit_auto, second().limit_by_hand) == (300, False, True)
    segq("set-limit", "second", "auto", said="is to be learned")
    assert (second().limit_auto, second().limit_by_hand) == (True, True)
    segq("set-limit", "second", "default", said="what SEGMIND_RPM says")
    assert not second().limit_by_hand
    segq("pause", "nobody", said="there is no account nobody; there are: default, second", code=1)
    segq("rotate", said="1 keys are encrypted under the master key")
    # The sandbox knows no such key. Whatever upkeep finds out about it, nothing shows the key.
    wait_until(partial(told, system, "upkeep", "account_at_work"), "it is taken up")
    segq("remove", "second", said="account second is removed")
    segq("remove", "default", said="comes from the environment", code=1)
    wait_until(partial(told, system, "worker-1", "account_left"), "it is dropped")
    logs = [path.read_text() for path in (system.home / "logs").iterdir()]
    assert not any(key in text for text in logs)
    files = [path for path in system.home.glob("segq.db*") if path.is_file()]
    assert not any(key.encode() in path.read_bytes() for path in files)
