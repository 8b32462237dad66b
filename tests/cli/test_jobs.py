"""`segq jobs` in front of a scripted gateway."""

import json
from pathlib import Path
from typing import Any

from tests.cli.test_commands import segq
from tests.client.scripted_gateway import Answer, scripted

JOB: dict[str, Any] = {
    "id": "j1",
    "model": "ssd-1b",
    "state": "failed",
    "custom_id": "red",
    "cost": "0.004",
    "created_at": "2026-01-01T00:00:00Z",
    "error": {"kind": "blocked", "message": "no", "advice": "say it otherwise"},
}
PAGE = {"items": [JOB], "next_cursor": None}


def test_jobs_are_listed_by_what_is_asked_for(tmp_path: Path) -> None:
    with scripted(Answer(200, PAGE)) as (url, asked):
        where = {"SEGQ_URL": url, "SEGQ_API_KEY": "segq_x"}
        done = segq("jobs", "--state", "failed,expired", "--limit", "5", cwd=tmp_path, **where)
        batch = "0197a000-0000-7000-8000-000000000000"
        told = segq("jobs", "--batch", batch, "--json", cwd=tmp_path, **where)
        both = segq("jobs", "--batch", batch, "--group", "g", cwd=tmp_path, **where)
    assert done.stdout.splitlines()[1].split()[:4] == ["j1", "red", "ssd-1b", "failed"]
    assert "state=failed&state=expired&limit=5" in asked[0].line
    assert json.loads(told.stdout) == [JOB]
    assert f"group=batch%3A{batch}" in asked[1].line
    assert (both.returncode, len(asked)) == (1, 2)


def test_one_job_is_shown_and_run_again(tmp_path: Path) -> None:
    with scripted(Answer(200, JOB)) as (url, asked):
        where = {"SEGQ_URL": url, "SEGQ_API_KEY": "segq_x"}
        done = segq("jobs", "show", "j1", cwd=tmp_path, **where)
        told = segq("jobs", "retry", "j1", "--json", cwd=tmp_path, **where)
    assert done.stdout.splitlines()[:2] == [
        "job j1 of ssd-1b failed: no (blocked)",
        "say it otherwise",
    ]
    assert json.loads(told.stdout) == JOB
    assert [one.line.split()[0] for one in asked] == ["GET", "POST"]
