"""compose.yaml: its form, and every service's words run against real servers."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import httpx
import psycopg
import pytest

from tests.deploy.compose import DEPLOY, FILES, environment_of, seconds, services
from tests.deploy.containers import Place, up
from tests.deploy.image import Image
from tests.deploy.secrets_made import make_secrets
from tests.sandbox.sandbox_process import KEY, SandboxProcess
from tests.servers.s3 import running_s3

PROGRAMS = Path(sys.executable).parent
ALL = services(FILES, {})
OURS = {name: one for name, one in ALL.items() if one["image"] == "segq"}
INPUT = {"image": "https://example.org/photo.png", "prompt": "a cup"}


def test_both_files_are_what_compose_takes() -> None:
    subprocess.run(
        [
            *(PROGRAMS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec"),
            *(DEPLOY / file for file in FILES),
        ],
        capture_output=True,
        check=True,
    )


@pytest.mark.parametrize("name", ALL)
def test_every_service_is_closed_and_bounded(name: str) -> None:
    service = ALL[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["logging"]["options"].keys() == {"max-size", "max-file"}
    assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}
    assert service["networks"]
    # All else than to the gateway and to Flower goes between containers only.
    ports = service.get("ports", [])
    assert bool(ports) == (name in {"gateway", "flower"})
    assert all(port.startswith("127.0.0.1:") for port in ports)


@pytest.mark.parametrize("name", OURS)
def test_every_secret_comes_as_a_file_and_goes_to_who_needs_it(name: str) -> None:
    service = OURS[name]
    told = {
        value.removeprefix("/run/secrets/")
        for key, value in environment_of(service, {}).items()
        if key.endswith("_FILE") and value.startswith("/run/secrets/")
    }
    assert told == set(service["secrets"])
    text = (DEPLOY / "compose.yaml").read_text()
    for secret in service["secrets"]:
        assert secret in text or secret.startswith("aws_")
    assert "build" in ALL["migrate"]


def test_a_call_that_is_under_way_may_end() -> None:
    deadline = 120  # SEGMIND_TIMEOUT's default, held to the code by tests/repository
    assert seconds(ALL["worker"]["stop_grace_period"]) >= deadline + 15


def test_postgres_knows_the_settings_that_it_is_given(postgres: str) -> None:
    program, *words = ALL["postgres"]["command"]
    assert program == "postgres"
    names = [word.partition("=")[0] for word in words if word != "-c"]
    with psycopg.connect(postgres) as connection:
        known = connection.execute("SELECT name FROM pg_settings").fetchall()
    assert names
    assert set(names) <= {name for (name,) in known}


@pytest.mark.parametrize("files", [FILES[:1], FILES], ids=["folder", "s3"])
def test_all_services_as_they_stand_there_make_a_picture(
    files: tuple[str, ...], image: Image, postgres: str, tmp_path: Path, until: Callable[..., None]
) -> None:
    with ExitStack() as stack:
        sandbox = SandboxProcess()
        stack.callback(sandbox.end)
        place = Place(tmp_path, httpx.URL(postgres).port or 5432)
        make_secrets(place.secrets, postgres, f"127.0.0.1:{place.redis}", KEY)
        env = {"SEGMIND_BASE_URL": sandbox.url, "SEGQ_SLOTS": "4", "SEGQ_PORT": str(place.gateway)}
        if len(files) > 1:
            (tmp_path / "s3").mkdir()
            server = stack.enter_context(running_s3(tmp_path / "s3"))
            env |= {"SEGQ_ARTIFACTS": f"s3://{server.bucket}/segq", "AWS_ENDPOINT_URL": server.url}
            (place.secrets / "aws_access_key_id").write_text(server.key_id)
            (place.secrets / "aws_secret_access_key").write_text(server.secret + "\n")
        containers = up(services(files, env), image, place, env, stack)
        assert {one.name for one in containers.values()} == ALL.keys() - {"postgres"}

        key = (place.secrets / "segq_api_key").read_text()
        client = stack.enter_context(
            httpx.Client(
                base_url=f"http://127.0.0.1:{place.gateway}",
                headers={"Authorization": f"Bearer {key}"},
                timeout=70,
            )
        )
        job = client.post("/api/v1/jobs", json={"model": "ssd-canny", "input": INPUT}).json()
        job = client.get(f"{job['links']['self']}?wait=60").json()
        assert job["state"] == "succeeded", job
        picture = client.get(job["outputs"][0]["url"])
        assert picture.content.startswith(b"\xff\xd8")
        assert any(place.artifacts.rglob("*")) == (len(files) == 1)

        dashboard = f"http://127.0.0.1:{place.flower}/"
        user, _, password = (place.secrets / "flower_basic_auth").read_text().partition(":")
        assert httpx.get(dashboard).status_code == 401
        assert httpx.get(dashboard, auth=(user, password)).status_code == 200

        # A call that has left when the worker is told to end.
        sandbox.change(latency={"median": 1.5, "sigma": 0})
        job = client.post("/api/v1/jobs", json={"model": "ssd-canny", "input": INPUT}).json()
        until(lambda: client.get(job["links"]["self"]).json()["state"] == "running")
        containers["worker"].stop()
        assert client.get(job["links"]["self"]).json()["state"] == "succeeded"
        for name in ("gateway", "flower", "upkeep", "beat", "redis"):
            containers[name].stop()
        assert len(sandbox.ledger()) == 2


def test_a_health_check_sees_what_is_wrong(
    image: Image, postgres: str, tmp_path: Path, until: Callable[..., None]
) -> None:
    place = Place(tmp_path, httpx.URL(postgres).port or 5432)
    make_secrets(place.secrets, postgres, f"127.0.0.1:{place.redis}", KEY)
    folder = services(FILES[:1], {})
    some = {name: folder[name] for name in ("redis", "migrate", "gateway")}
    with ExitStack() as stack:
        containers = up(some, image, place, {}, stack)
        place_of_password = place.secrets / "redis_password"
        password = place_of_password.read_text()
        place_of_password.unlink()
        place_of_password.write_text("another")
        assert not containers["redis"].is_healthy()
        place_of_password.write_text(password)
        assert containers["redis"].is_healthy()
        containers["redis"].process.kill()
        until(lambda: not containers["redis"].is_healthy())
        until(lambda: not containers["gateway"].is_healthy())


@pytest.mark.parametrize("program", ["redis-server", "redis-cli"])
def test_what_the_tests_above_run_is_there(program: str) -> None:
    assert shutil.which(program), f"{program} is missing: apt-get install redis-server"
