"""`segq tenants`, `keys`, `pause` and `resume`: an operator at work on the database alone."""

import re
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from db.accounts import AccountStore
from db.api_keys import KeyStore
from db.engine import Database
from db.migrate import upgrade
from db.tenants import TenantStore
from jobs.account_pauses import Pause, PauseReason
from jobs.scopes import Scope
from tests.cli.test_commands import segq

Run = Callable[..., str]


@pytest.fixture
def url(tmp_path: Path) -> str:
    """The database of a SEGQ_HOME in which nothing runs."""
    home = tmp_path / ".segq"
    home.mkdir()
    found = f"sqlite:///{home / 'segq.db'}"
    database = Database(found)
    upgrade(database)
    database.close()
    return found


@pytest.fixture
def run(tmp_path: Path, url: str) -> Run:
    def one(*words: str, code: int = 0, **environment: str) -> str:
        done = segq(*words, cwd=tmp_path, **environment)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout if code == 0 else done.stderr

    return one


def test_a_tenant_its_limits_and_its_groups(run: Run, url: str) -> None:
    assert run("tenants", "list") == "there is no tenant yet\n"
    assert "tenant shop was made" in run("tenants", "create", "shop")
    assert "shop is the name of another tenant" in run("tenants", "create", "shop", code=1)
    assert "must be up to 100 of letters" in run("tenants", "create", "a b", code=1)
    words = ("--weight", "4", "--max-queued", "100000", "--max-running", "20")
    said = run("tenants", "limits", "shop", *words)
    assert re.search(r"shop +4 +100,000 +20 +default +default\n", said)
    run("tenants", "limits", "shop", "--max-queued", "none")
    run("tenants", "group", "shop", "nightly", "--max-running", "3")
    listed = run("tenants", "list").splitlines()
    assert re.fullmatch(r"shop +4 +none +20 +default +default", listed[1])
    assert re.fullmatch(r"  group 'nightly' +3", listed[2])
    for named in (
        ("tenants", "group", "shop", "x" * 201, "--max-running", "3"),
        ("pause", "group", "shop", "x" * 201),
    ):
        assert "must have at most 200 characters" in run(*named, code=1)
    assert run("tenants", "limits", "shop", "--weight", "0", code=1) == (
        "segq: weight 0 must be a whole number from 1 to 1,000\n"
    )
    assert "there is no tenant shoe" in run("tenants", "limits", "shoe", "--weight", "1", code=1)
    assert "name what is to change" in run("tenants", "limits", "shop", code=1)
    assert "is no whole number" in run("tenants", "limits", "shop", "--weight", "x", code=2)
    database = Database(url)
    tenant = TenantStore(database).named("shop")
    assert (tenant.weight, tenant.max_queued, tenant.max_running) == (4, None, 20)
    database.close()


def test_how_long_a_tenant_keeps_what(run: Run, url: str) -> None:
    run("tenants", "create", "shop")
    said = run("tenants", "limits", "shop", "--keep-outputs", "30d", "--keep-jobs", "forever")
    assert re.search(r"shop +1 +none +none +30d +forever\n", said)
    said = run("tenants", "limits", "shop", "--keep-outputs", "36h", "--keep-jobs", "90d")
    assert re.search(r"shop +1 +none +none +36h +90d\n", said)
    run("tenants", "limits", "shop", "--keep-outputs", "default", "--weight", "2")
    assert re.fullmatch(
        r"shop +2 +none +none +default +90d", run("tenants", "list").splitlines()[1]
    )
    for words, least in (
        (("--keep-outputs", "0h"), "1h"),
        (("--keep-outputs", "30"), "1h"),
        (("--keep-jobs", "47h"), "2d"),
        (("--keep-jobs", "never"), "2d"),
    ):
        wrong = run("tenants", "limits", "shop", *words, code=2)
        assert f"from {least} to 3650d, or default" in " ".join(wrong.split())
    database = Database(url)
    tenant = TenantStore(database).named("shop")
    assert (tenant.keep_outputs, tenant.keep_jobs) == (None, 90 * 86_400)
    database.close()


def test_keys_are_shown_once_listed_and_revoked(run: Run, url: str) -> None:
    run("tenants", "create", "shop")
    words = ("--tenant", "shop", "--scopes", "read,submit", "--label", "the web shop")
    said, key = run("keys", "create", *words).splitlines()
    assert "may submit,read:" in said
    database = Database(url)
    opened = KeyStore(database).opened_by(key)
    assert opened is not None
    assert opened.scopes == frozenset({Scope.SUBMIT, Scope.READ})
    assert opened.label == "the web shop"
    listed = run("keys", "list")
    assert key not in listed
    assert f"…{key[-4:]}" in listed
    assert "submit,read" in listed
    key_id = listed.splitlines()[1].split()[0]
    assert "opens nothing any more" in run("keys", "revoke", key_id)
    assert KeyStore(database).opened_by(key) is None
    database.close()
    assert "is no id of a key" in run("keys", "revoke", "x", code=1)
    assert "there is no tenant nobody" in run("keys", "create", "--tenant", "nobody", code=1)
    wrong = run("keys", "create", "--tenant", "shop", "--scopes", "read,write", code=2)
    assert "scopes are submit, read, cancel, admin" in wrong


def test_pauses_say_why_since_when_and_by_whom(run: Run, url: str) -> None:
    run("tenants", "create", "shop")
    assert run("pause") == "nothing is paused\n"
    said = run("pause", "tenant", "shop", "--reason", "not paid")
    assert re.fullmatch(r"tenant shop: paused for \d+ s, by operator: not paid\n", said)
    run("pause", "group", "shop", "nightly")
    assert "there is no account yet" in run("pause", "model", "ssd-1b", code=1)
    database = Database(url)
    store = AccountStore(database)
    account = store.ensure("sandbox", "default", call_limit=60, window_seconds=60)
    store.pause(account.id, Pause(PauseReason.OPERATOR, None, said="tea"))
    refused = run("pause", "model", "ssd-cany", code=1)
    assert refused.startswith("segq: there is no model ssd-cany; there are: ")
    assert "ssd-canny" in refused
    run("pause", "model", "ssd-1b", "--reason", "it draws badly")
    changed = store.get(account.id).changed
    assert changed is not None
    assert (changed.what, changed.why) == ("pause ssd-1b", "it draws badly")
    assert [re.sub(r"\d+ s", "N", line) for line in run("pause").splitlines()] == [
        "tenant shop: paused for N, by operator: not paid",
        "tenant shop, group 'nightly': paused for N, by operator",
        "account default: paused (operator): tea",
        "model ssd-1b of account default: paused for N (operator): it draws badly",
    ]
    assert run("resume", "tenant", "shop") == "tenant shop goes on\n"
    assert run("resume", "tenant", "shop") == "tenant shop was not paused\n"
    assert run("resume", "group", "shop", "nightly") == "group 'nightly' of tenant shop goes on\n"
    assert "ssd-1b goes on" in run("resume", "model", "ssd-1b")
    store.resume(account.id, PauseReason.OPERATOR)
    database.close()
    assert run("pause") == "nothing is paused\n"


def test_without_a_database_and_with_an_old_one(tmp_path: Path) -> None:
    nowhere = segq("tenants", "list", cwd=tmp_path)
    assert nowhere.returncode == 1
    assert "there is no database in" in nowhere.stderr
    assert list(tmp_path.iterdir()) == []
    file = tmp_path / "old.db"
    database = Database(f"sqlite:///{file}")
    upgrade(database, "0011")
    database.close()
    old = segq("keys", "list", cwd=tmp_path, DATABASE_URL=f"sqlite:///{file}")
    assert old.returncode == 1
    assert "run `segq migrate`" in old.stderr


def test_keys_from_before_scopes_keep_what_they_could_do(tmp_path: Path) -> None:
    """All but `admin`; the first key of a system is its operator's."""
    file = tmp_path / "old.db"
    database = Database(f"sqlite:///{file}")
    upgrade(database, "0011")
    with sqlite3.connect(file) as line:
        line.execute("INSERT INTO tenants VALUES ('ab', 'default', 1, '2026-01-01')")
        for label in ("SEGQ_API_KEY", "another"):
            row = ("INSERT INTO api_keys VALUES (?, 'ab', ?, ?, '2026-01-01', NULL)",)
            line.execute(*row, (label, label, label))
    line.close()
    upgrade(database)
    with sqlite3.connect(file) as line:
        found = dict(line.execute("SELECT label, scopes FROM api_keys").fetchall())
    line.close()
    database.close()
    assert found == {
        "SEGQ_API_KEY": "submit,read,cancel,admin",
        "another": "submit,read,cancel",
    }
