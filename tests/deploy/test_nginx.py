"""A real nginx with the example's configuration, before a real gateway and a real Flower."""

import http.client
import io
import os
import re
import secrets
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from api_gateway.job_routes import LONGEST_WAIT
from cli.ports import free_port
from db.engine import Database
from db.migrate import upgrade
from tests.deploy.nginx_process import CONFIGURATION, FLOWER, NAME, Nginx, running_nginx
from tests.deploy.plain_upstream import PROBLEM, PlainUpstream, running_upstream
from tests.gateway.gateway_process import running_gateway
from tests.servers.ports import wait_for_port
from tests.servers.valkey import running_valkey

ROOT = Path(__file__).parents[2]
JOB = {"model": "ssd-canny", "input": {"image": "https://example.org/a.png", "prompt": "a"}}
NO_PORT = 9  # discard: nothing listens there


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A client of the whole: nginx, behind it a gateway; it has the API key."""
    folder = tmp_path_factory.mktemp("behind-nginx")
    database = Database(f"sqlite:///{folder / 'segq.db'}")
    upgrade(database)
    with (
        running_valkey(folder) as redis,
        running_gateway(folder, database, redis) as gateway,
        running_nginx(folder / "nginx", httpx.URL(gateway.url).port or 0, NO_PORT) as nginx,
        nginx.client() as client,
    ):
        client.headers["Authorization"] = f"Bearer {gateway.key('default')}"
        yield client
    database.close()


@pytest.fixture(scope="module")
def upstream() -> Iterator[PlainUpstream]:
    with running_upstream() as found:
        yield found


@pytest.fixture(scope="module")
def before_upstream(
    upstream: PlainUpstream, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[httpx.Client]:
    place = tmp_path_factory.mktemp("before-upstream") / "nginx"
    with running_nginx(place, upstream.port, NO_PORT) as nginx, nginx.client() as client:
        yield client


def test_links_begin_with_the_public_address_and_can_be_followed(public: httpx.Client) -> None:
    answer = public.post("/api/v1/jobs", json=JOB)
    assert answer.status_code == 202, answer.text
    link = answer.json()["links"]["self"]
    assert link.startswith(f"https://{NAME}/api/v1/jobs/")
    assert answer.headers["location"] == link
    assert public.get(httpx.URL(link).path).json()["id"] == answer.json()["id"]


def test_a_long_poll_is_held_for_as_long_as_it_asks(public: httpx.Client) -> None:
    job = public.post("/api/v1/jobs", json=JOB).json()["id"]
    began = time.monotonic()
    answer = public.get(f"/api/v1/jobs/{job}?wait=2")
    assert answer.status_code == 200, answer.text
    assert time.monotonic() - began >= 2
    found = re.search(r"proxy_read_timeout (\d+)s;", CONFIGURATION.read_text())
    assert found
    assert int(found[1]) > LONGEST_WAIT


def test_the_largest_picture_comes_through(public: httpx.Client) -> None:
    file = io.BytesIO()
    picture = Image.frombytes("RGB", (2580, 2580), secrets.token_bytes(2580 * 2580 * 3))
    picture.save(file, "PNG", compress_level=0)
    assert 19_900_000 < len(file.getvalue()) <= 20_000_000
    answer = public.post(
        "/api/v1/inputs", content=file.getvalue(), headers={"Content-Type": "image/png"}
    )
    assert answer.status_code == 201, answer.text


def test_a_body_that_is_too_large_is_refused_in_the_gateways_words(
    public: httpx.Client,
) -> None:
    headers = {"Content-Type": "application/json"}
    answer = public.post("/api/v1/jobs", content=b" " * 31_000_000, headers=headers)
    assert answer.status_code == 413
    assert answer.json()["type"] == "/problems/too-large"


def test_a_body_far_too_large_is_refused_by_its_head_alone(tmp_path: Path) -> None:
    with running_nginx(tmp_path / "nginx", NO_PORT, NO_PORT) as nginx:
        tls = ssl.create_default_context(cafile=nginx.certificate)
        line = http.client.HTTPSConnection("127.0.0.1", nginx.https, timeout=10, context=tls)
        line.putrequest("POST", "/api/v1/jobs", skip_host=True)
        line.putheader("Host", NAME)
        line.putheader("Content-Length", str(40_000_000))
        line.endheaders()
        assert line.getresponse().status == 413
        line.close()


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "//readyz", "/docs/../readyz"])
def test_what_is_for_the_machines_own_watchers_is_not_public(
    path: str, public: httpx.Client
) -> None:
    url = httpx.URL(public.base_url, raw_path=path.encode())
    answer = public.get(url)
    assert answer.status_code == 404
    assert "nginx" in answer.text


def test_plain_http_is_sent_to_https_with_its_method(tmp_path: Path) -> None:
    with running_nginx(tmp_path / "nginx", NO_PORT, NO_PORT) as nginx:
        answer = httpx.post(
            f"http://127.0.0.1:{nginx.http}/api/v1/jobs?x=1", headers={"Host": NAME}
        )
        assert answer.status_code == 308
        assert answer.headers["location"] == f"https://{NAME}/api/v1/jobs?x=1"
        with nginx.client() as client:  # no gateway is there
            assert client.get("/api/v1/jobs").status_code == 502


def test_events_go_out_as_they_come(upstream: PlainUpstream, before_upstream: httpx.Client) -> None:
    with before_upstream.stream("GET", "/events") as answer:
        events = answer.iter_bytes()
        assert next(events) == b"data: 1\n\n"
        upstream.go_on.set()
        assert b"".join(events) == b"data: 2\n\n"
    assert not upstream.gave_up, "the first event came only with the second"


def test_the_gateway_is_told_who_asks_and_connections_to_it_are_used_again(
    upstream: PlainUpstream, before_upstream: httpx.Client
) -> None:
    lie = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "gopher"}
    told = before_upstream.get("/headers", headers=lie).json()
    assert told["Host"] == NAME
    assert told["X-Forwarded-Proto"] == "https"
    assert told["X-Forwarded-For"] == "127.0.0.1"
    before = upstream.connections
    for _ in range(5):
        assert before_upstream.get("/headers").is_success
    assert upstream.connections == before


def test_a_503_of_the_gateway_comes_through_as_it_is(before_upstream: httpx.Client) -> None:
    answer = before_upstream.get("/away")
    assert (answer.status_code, answer.content) == (503, PROBLEM)


@pytest.fixture
def dashboard(valkey: str, tmp_path: Path) -> Iterator[tuple[int, Nginx]]:
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "cli", "flower"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'client'}",
            "REDIS_URL": valkey,
            "FLOWER_BASIC_AUTH": "segq:password",
            "FLOWER_PORT": str(port),
        },
        stdin=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_for_port(port)
        with running_nginx(tmp_path / "nginx", NO_PORT, port) as nginx:
            yield port, nginx
    finally:
        process.terminate()
        process.wait(15)


def test_the_dashboard_has_a_name_of_its_own_and_hides_what_asks_for_no_password(
    dashboard: tuple[int, Nginx],
) -> None:
    port, nginx = dashboard
    with nginx.client(FLOWER) as client:
        assert client.get("/").status_code == 401
        assert client.get("/", auth=("segq", "password")).status_code == 200
        for path in ("/metrics", "/healthcheck", "//metrics", "/%6detrics"):
            assert client.get(httpx.URL(client.base_url, raw_path=path.encode())).status_code == 404
    # Flower alone would show it to everybody.
    assert httpx.get(f"http://127.0.0.1:{port}/metrics").status_code == 200
