"""Systems whose Redis, database and images are somebody else's."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from celery import Celery
from kombu.exceptions import OperationalError

from cli.ports import free_port
from tests.servers.redis_server import make_certificate, running_redis
from tests.servers.s3 import S3Server
from tests.systems.jobs_at_work import submit
from tests.systems.processes import project_environment, wait_until
from tests.systems.running_system import System, run_segq
from tests.systems.targets import ON_ITS_OWN_PARTS
from worker.celery_settings import celery_settings

Start = Callable[..., System]
ON_SERVERS = pytest.mark.parametrize("stores", ["external"], indirect=True)
SECRETS = ("a%2Fpass", "a/pass", "segq-test-secret")


@ON_SERVERS
def test_status_says_where_the_stores_are_and_whether_they_answer(system: Start) -> None:
    one = system()
    assert one.run["redis"] == one.environment["REDIS_URL"]
    assert "redis" not in one.run["processes"]
    assert not list((one.home / "artifacts").iterdir())
    done = one.segq("status")
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    for name in ("database", "redis", "artifacts"):
        assert " answers  " in lines[name], lines[name]
    assert one.environment["SEGQ_ARTIFACTS"] in lines["artifacts"]
    away = {"SEGQ_HOME": str(one.home), "AWS_ACCESS_KEY_ID": "unknown"}
    told = run_segq(["status"], one.folder, {**one.environment, **away})
    lines = {line.split()[0]: line for line in told.stdout.splitlines()}
    assert " TROUBLE  " in lines["artifacts"]
    assert not [one for one in SECRETS if one in done.stdout + told.stdout]


@pytest.mark.parametrize("wrong", ["bucket", "secret", "server"])
def test_a_bucket_that_cannot_be_used_ends_the_start_within_seconds(
    wrong: str, s3: S3Server, tmp_path: Path
) -> None:
    environ = s3.environment("somewhere")
    changed = {
        "bucket": {"SEGQ_ARTIFACTS": "s3://no-such-bucket/x"},
        "secret": {"AWS_SECRET_ACCESS_KEY": "canary-secret"},
        "server": {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{free_port()}"},
    }[wrong]
    environment = project_environment(SEGQ_PORT="0", **{**environ, **changed})
    began = time.monotonic()
    done = run_segq(["up"], tmp_path, environment)
    assert time.monotonic() - began < 25
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert "SEGQ_ARTIFACTS s3://" in done.stderr
    assert "canary" not in done.stderr


@ON_ITS_OWN_PARTS
@pytest.mark.parametrize("by", ["SSL_CERT_FILE", "ssl_ca_certs"])
def test_redis_over_tls_serves_every_process(by: str, system: Start, tmp_path: Path) -> None:
    certificate = make_certificate(tmp_path)
    with running_redis(tmp_path, tls=certificate) as url:
        if by == "SSL_CERT_FILE":
            one = system(REDIS_URL=url, SSL_CERT_FILE=str(certificate.authority), SEGQ_FLOWER="on")
        else:
            one = system(REDIS_URL=f"{url}?ssl_ca_certs={certificate.authority}", SEGQ_FLOWER="on")
        one.settings(latency={"median": 0.2, "sigma": 0})
        # The ticket that the gateway puts is to be the one that the worker takes: upkeep, which is
        # not asked any more once its turn is over, puts none. Upkeep itself may hold a lock.
        os.kill(one.pid("beat"), signal.SIGSTOP)
        time.sleep(1)
        try:
            (job,) = submit(one, 1)
            assert one.client.wait(job, timeout=30).state == "succeeded"
        finally:
            os.kill(one.pid("beat"), signal.SIGCONT)
        run = one.run
        auth = (run["flower_user"], run["flower_password"])

        def broker_page() -> bool:
            return httpx.get(f"{run['flower']}/broker", auth=auth, trust_env=False).is_success

        wait_until(broker_page, "Flower shows the broker")
        assert one.segq("down").returncode == 0


def test_a_certificate_that_nobody_vouches_for_is_refused(tmp_path: Path) -> None:
    with running_redis(tmp_path, tls=make_certificate(tmp_path)) as url:
        environment = project_environment(SEGQ_PORT="0", REDIS_URL=url)
        done = run_segq(["up"], tmp_path, environment)
        assert (done.returncode, done.stderr.count("\n")) == (1, 1)
        assert "certificate that is not trusted" in done.stderr
        app = Celery(set_as_current=False)
        app.conf.update(celery_settings(url, "sandbox"))
        with (
            app.connection_for_write() as connection,
            pytest.raises(OperationalError, match="CERTIFICATE_VERIFY_FAILED"),
        ):
            connection.ensure_connection(max_retries=1, interval_start=0)


def test_a_redis_that_evicts_is_told_of_when_up_detaches(tmp_path: Path) -> None:
    with running_redis(tmp_path, policy="allkeys-lru") as url:
        environment = project_environment(SEGQ_PORT="0", REDIS_URL=url)
        done = run_segq(["up", "--detach"], tmp_path, environment)
        assert run_segq(["down"], tmp_path, environment).returncode == 0
    assert done.returncode == 0
    (warning,) = done.stderr.splitlines()
    assert warning.startswith("segq: WARNING: ")
    assert "allkeys-lru" in warning
