"""`segq budget` and `segq tenants limits --budget`: set, shown, checked and taken away."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import update

from cli.budget import alerts_of, amount_of
from cli.budget_lines import budget_lines, drift_lines
from cli.complaint import ComplaintError
from cli.main import main
from db.budgets import BudgetStore, Drift
from db.engine import Database
from db.jobs import JobStore
from db.migrate import upgrade
from db.rows import NewJob
from db.tables import budget_periods
from db.tenants import TenantStore
from jobs.budgets import BEGINNING, Budget, Period, Share, start_of
from jobs.money import Money, parse


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'segq.db'}")
    upgrade(database)
    yield database
    database.close()


@pytest.fixture
def tenant(line: Database) -> UUID:
    return TenantStore(line).ensure("acme")


LIMITS = ("tenants", "limits", "acme", "--budget")
Segq = Callable[..., tuple[int, str, str]]


@pytest.fixture
def segq(
    line: Database, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Segq:
    """`segq …` beside a database that DATABASE_URL names."""
    monkeypatch.setenv("DATABASE_URL", str(line.engine.url))

    def command(*words: str) -> tuple[int, str, str]:
        capsys.readouterr()  # what came before is not its own
        code = main([*words])
        said = capsys.readouterr()
        return code, said.out, said.err

    return command


def test_it_is_set_listed_checked_and_taken_away(line: Database, tenant: UUID, segq: Segq) -> None:
    code, out, _ = segq(*LIMITS, "0.05", "--period", "total", "--alert", "80,10")
    assert (code, out) == (
        0,
        "tenant acme: of the total budget of 0.05 USD 0 are spent and 0 reserved, 0.05 are left\n",
    )
    JobStore(line).add(NewJob(tenant, "segmind", "ssd-canny", {}, parse("0.006")))
    code, out, _ = segq("budget", "list", "--json")
    (shown,) = json.loads(out)["tenants"]
    assert shown["name"] == "acme"
    (budget,) = shown["budgets"]
    assert (budget["reserved"], budget["left"]) == ("0.006", "0.044")
    assert (budget["alerts"], budget["alerts_crossed"]) == ([10, 80], [10])
    assert segq("budget", "check")[:2] == (0, "every sum is what its jobs and calls say\n")
    with line.write() as connection:
        connection.execute(update(budget_periods).values(reserved=0))
    code, out, _ = segq("budget", "check")
    assert code == 1
    assert "tenant acme, total from 1970-01-01 on: $0 reserved and $0 spent stand there" in out
    assert segq("budget", "check", "--fix")[0] == 0
    assert segq("budget", "check", "--json")[:2] == (0, '{\n  "drift": []\n}\n')
    assert segq(*LIMITS, "0.06", "--period", "total")[0] == 0
    assert BudgetStore(line).of_tenant(tenant)[0].alerts == (10, 80), "what is not named stays"
    code, out, _ = segq(*LIMITS, "none", "--period", "total")
    assert (code, out) == (0, "tenant acme has no total budget any more\n")
    assert BudgetStore(line).all() == {}


@pytest.mark.usefixtures("tenant")
def test_what_is_wrong_is_said(segq: Segq, line: Database) -> None:
    day = ("--period", "day")
    for words, complaint in (
        (("tenants", "limits", "acmee", "--budget", "1", *day), "there is no tenant acmee"),
        ((*LIMITS, "none", *day, "--alert", "50"), "--alert is for a budget"),
        ((*LIMITS, "1"), "--budget needs --period"),
        (("tenants", "limits", "acme", *day), "name it with --budget"),
        ((*LIMITS, "x", *day, "--weight", "3"), "give USD such as 25"),
    ):
        code, _, said = segq(*words)
        assert (code, complaint in said) == (1, True), said
    # Nothing was changed by words of which some were wrong.
    assert TenantStore(line).named("acme").weight == 1


@pytest.mark.usefixtures("tenant")
def test_a_budget_and_a_cap_are_set_together(segq: Segq) -> None:
    code, out, _ = segq(*LIMITS, "2", "--period", "day", "--max-running", "3")
    assert code == 0
    assert out.splitlines()[-1].startswith("tenant acme: of the day budget of 2 USD 0 are spent")
    assert "3" in out.splitlines()[1].split()


@pytest.mark.parametrize("text", ["-1", "x", "", "nan", "1e30"])
def test_no_amount(text: str) -> None:
    with pytest.raises(ComplaintError):
        amount_of(text)


@pytest.mark.parametrize("text", ["0", "50%", "1000", "5,,6", "-5", "1,2,3,4,5,6,7,8,9,10,11"])
def test_no_alerts(text: str) -> None:
    with pytest.raises(ComplaintError, match="--alert"):
        alerts_of(text)
    assert alerts_of("80, 50,80") == (50, 80)
    assert alerts_of("") == ()


def test_a_table_says_what_is_left_and_what_is_exceeded() -> None:
    day = start_of(Period.DAY, datetime(2026, 3, 1, 12, tzinfo=UTC))
    found = {
        "acme": [
            Budget(Period.TOTAL, BEGINNING, Money(10**10), Share(0, 2 * 10**10), (50, 100), 100),
            Budget(Period.DAY, day, Money(10**10)),
        ]
    }
    assert list(budget_lines(found)) == [
        "TENANT  PERIOD  LIMIT  SPENT  RESERVED  LEFT  RESETS      ALERTS",
        "acme    total   $1     $2     $0        $-1   never       50% crossed, 100% crossed",
        "acme    day     $1     $0     $0        $1    2026-03-02  -",
        "acme: the total budget is exceeded by $1: nothing new is admitted",
    ]
    assert list(budget_lines({})) == [
        "no tenant has a budget: each may spend what the accounts have"
    ]
    drift = Drift("acme", Period.DAY, "2026-03-01", Share(1, 0), Share(0, 1))
    assert list(drift_lines([drift], fixed=True))[-1] == "1 put right"
