"""The gateway's baseline keeps and reads jobs as it is said to."""

from pathlib import Path

import httpx
import psycopg

from benchmarks.gateway import running_orm_gateway
from tests.servers.databases import new_database


def test_it_keeps_a_job_and_reads_it(postgres: str, tmp_path: Path) -> None:
    url = new_database(postgres)
    job = {"model": "ssd-canny", "input": {"prompt": "a fox"}}
    with running_orm_gateway(tmp_path, url) as gateway:
        made = httpx.post(f"{gateway}/api/v1/jobs", json=job)
        assert made.status_code == 202
        with psycopg.connect(url) as connection:
            assert connection.execute("SELECT count(*) FROM orm_jobs").fetchone() == (1,)
        read = httpx.get(f"{gateway}/api/v1/jobs/{made.json()['id']}")
        assert read.status_code == 200
        assert read.json() == made.json() == {**made.json(), **job, "state": "queued"}
        missing = httpx.get(f"{gateway}/api/v1/jobs/0199c0de-0000-7000-8000-000000000000")
        assert missing.status_code == 404
