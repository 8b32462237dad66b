"""`segq audit`: what it tells the process that does the work, and what it complains about."""

import argparse
import dataclasses
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from cli.audit import add_arguments, environment_of, words_of
from cli.complaint import ComplaintError
from cli.home import Home
from cli.run_file import Running
from cli.services import audit
from tests.cli.test_commands import segq

NOW = datetime(2026, 3, 10, 12, 30, tzinfo=UTC)
HOME = Home(Path("/somewhere/.segq"))
RUNNING = Running(
    gateway="http://127.0.0.1:1",
    api_key="segq_key",
    flower="http://127.0.0.1:2",
    flower_user="segq",
    flower_password="pw",
    sandbox="http://127.0.0.1:3",
    sandbox_key="SG_sandbox",
    redis="redis://127.0.0.1:4/0",
    database="sqlite:////somewhere/segq.db",
    artifacts="/somewhere/artifacts",
    pool="sandbox",
    processes={},
)
OF_SANDBOX = {
    "DATABASE_URL": RUNNING.database,
    "REDIS_URL": RUNNING.redis,
    "SEGQ_ARTIFACTS": RUNNING.artifacts,
    "SEGQ_POOL": "sandbox",
    "SEGMIND_BASE_URL": "http://127.0.0.1:3",
    "SEGMIND_API_KEY": "SG_sandbox",
    "SEGMIND_API_KEYS": "",
    "SEGMIND_PROXY": "",
}


def words(*given: str) -> list[str]:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return words_of(parser.parse_args(given), NOW)


def test_it_looks_at_a_week_unless_told_otherwise() -> None:
    assert words() == ["--from", "2026-03-03T12:30:00Z", "--to", "2026-03-10T12:30:00Z"]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (
            ["--from", "2026-03-01", "--to", "2026-03-02"],
            ["--from", "2026-03-01T00:00:00Z", "--to", "2026-03-03T00:00:00Z"],
        ),
        (
            ["--to", "2026-03-08"],
            ["--from", "2026-03-02T00:00:00Z", "--to", "2026-03-09T00:00:00Z"],
        ),
        (
            ["--from", "2026-03-09T01:00:00+02:00", "--adopt", "--json"],
            ["--from", "2026-03-08T23:00:00Z", "--to", "2026-03-10T12:30:00Z", "--adopt", "--json"],
        ),
    ],
)
def test_days_and_moments_are_told_in_utc(given: list[str], told: list[str]) -> None:
    assert words(*given) == told


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--from", "yesterday"], "--from 'yesterday' is no date; allowed are YYYY-MM-DD"),
        (["--to", "2026-02-30"], "--to '2026-02-30' is no date"),
        (["--from", "2026-03-01T00:00:00"], "--from '2026-03-01T00:00:00' names no time zone"),
        (["--to", "9999-12-31"], "--to '9999-12-31' is no date"),
        (["--from", "2026-03-05", "--to", "2026-03-04"], "which is after --to"),
        (["--from", "2026-03-11"], "which is after --to"),
        (["--from", "2026-03-11", "--to", "2026-03-12"], "which is in the future"),
    ],
)
def test_what_is_no_stretch_of_time_is_a_complaint(given: list[str], said: str) -> None:
    with pytest.raises(ComplaintError) as caught:
        words(*given)
    assert said in str(caught.value)


def test_beside_a_system_it_has_that_ones_parts() -> None:
    assert environment_of({"SEGMIND_PROXY": "http://proxy"}, HOME, RUNNING) == OF_SANDBOX


def test_what_the_environment_sets_goes_first() -> None:
    mine = {"DATABASE_URL": "postgresql://h/db", "SEGMIND_RPM": "7", "SEGQ_POOL": ""}
    assert environment_of(mine, HOME, RUNNING) == {
        **OF_SANDBOX,
        "DATABASE_URL": "postgresql://h/db",
        "SEGMIND_RPM": "7",
    }


def test_beside_a_system_that_calls_segmind_the_key_is_the_users() -> None:
    real = dataclasses.replace(RUNNING, sandbox=None, sandbox_key=None, pool="segmind")
    with pytest.raises(ComplaintError, match=r"does not say all in .*: set SEGMIND_API_KEY, as"):
        environment_of({}, HOME, real)
    found = environment_of({"SEGMIND_API_KEY": "SG_mine"}, HOME, real)
    assert (found["SEGMIND_API_KEY"], found["SEGQ_POOL"]) == ("SG_mine", "segmind")
    assert "SEGMIND_BASE_URL" not in found


def test_the_process_is_told_what_it_needs_and_no_other_secret() -> None:
    service = audit(["--from", "a", "--to", "b"])
    assert service.argv[-6:] == ("worker", "audit", "--from", "a", "--to", "b")
    given: dict[str, Any] = {**OF_SANDBOX, "SEGQ_API_KEY": "x", "FLOWER_BASIC_AUTH": "x"}
    assert service.environment(given) == OF_SANDBOX


def test_where_nothing_runs_and_nothing_is_set_it_says_what_to_set(tmp_path: Path) -> None:
    done = segq("audit", cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == (
        f"segq: nothing runs in {tmp_path / '.segq'}: set DATABASE_URL, REDIS_URL, SEGQ_ARTIFACTS, "
        "SEGMIND_API_KEY, as its workers have them, or start it with `segq up --detach`\n"
    )
    assert segq("audit", "--from", "x", cwd=tmp_path).stderr.startswith("segq: --from 'x' is no")
    assert list(tmp_path.iterdir()) == []
