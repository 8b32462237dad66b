"""Schemathesis reads /openapi.json and tries what it promises, over real connections."""

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from openapi_spec_validator import validate

from db.job_removals import JobRemovals
from tests.gateway.conftest import Submit
from tests.gateway.gateway_process import Gateway
from tests.gateway.pictures import picture
from tests.gateway.worker_hands import claim, doubt, succeed

# Every check but one: that all data which fits the schema is accepted. A schema cannot say that a
# time is still to come, or that bytes are a photograph.
NOT_APPLICABLE = "positive_data_acceptance"


def explore(gateway: Gateway, client: httpx.Client, folder: Path, *words: str, **path: Any) -> None:
    """Let Schemathesis try the API; `path` gives values for parameters in addresses."""
    config = folder / "schemathesis.toml"
    known = "\n".join(f'"path.{name}" = "{value}"' for name, value in path.items())
    # The shortest: an unsettled job lets each read wait for the whole of it.
    config.write_text(f'[parameters]\n"query.wait" = 1\n{known}\n')
    run = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)]
    done = subprocess.run(
        [
            *(*run, "run", f"{gateway.url}/openapi.json"),
            *("--header", f"Authorization: {client.headers['Authorization']}"),
            *("--checks", "all", "--exclude-checks", NOT_APPLICABLE),
            *("--max-examples", "8", "--generation-database", "none", "--no-color"),
            *words,
        ],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr


def test_the_document_is_openapi(client: httpx.Client) -> None:
    validate(client.get("/openapi.json").json())


def test_every_operation_keeps_its_promises(
    gateway: Gateway, client: httpx.Client, tmp_path: Path
) -> None:
    explore(gateway, client, tmp_path, "--phases", "examples,coverage,fuzzing,stateful")


@pytest.mark.parametrize("state", ["queued", "running", "succeeded", "in_doubt", "removed"])
def test_every_operation_on_a_job_does_in_each_of_its_states(
    gateway: Gateway, client: httpx.Client, tmp_path: Path, submit: Submit, state: str
) -> None:
    job = submit()["id"]
    if state != "queued":
        claimed = claim(gateway, job)
        if state in {"succeeded", "removed"}:
            succeed(gateway, claimed, picture(), picture())
        elif state == "in_doubt":
            doubt(gateway, claimed)
        if state == "removed":
            by = datetime.now(UTC) + timedelta(hours=1)
            removals = JobRemovals(gateway.database)
            assert removals.remove_images(claimed.job.tenant_id, by, 100)
            assert removals.remove_data(claimed.job.tenant_id, by, 100)
    # What can be wrong with a request is the same in each state, and covered above.
    words = ("--phases", "fuzzing", "--include-path-regex", "job_id")
    explore(gateway, client, tmp_path, *words, job_id=job, n=1)
