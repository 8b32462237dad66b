"""The look at a Redis that the user has named."""

import time
from pathlib import Path

import pytest

from cli.complaint import ComplaintError
from cli.ports import free_port
from cli.redis_check import check_redis
from tests.cli.test_commands import segq
from tests.servers.redis_server import PASSWORD, make_certificate, running_redis

QUOTED = "a%2Fpass%20word%3F"


def test_a_server_that_can_be_used_is_passed_in_silence(tmp_path: Path) -> None:
    said: list[str] = []
    with running_redis(tmp_path) as url:
        assert QUOTED in url
        check_redis(url, said.append)
    assert said == []


def test_a_server_that_evicts_is_warned_of(tmp_path: Path) -> None:
    said: list[str] = []
    with running_redis(tmp_path, policy="allkeys-lru") as url:
        check_redis(url, said.append)
    (line,) = said
    assert line.startswith("WARNING: ")
    assert "allkeys-lru" in line
    assert QUOTED not in line


def test_a_wrong_password_and_a_missing_one_are_named(tmp_path: Path) -> None:
    with running_redis(tmp_path) as url:
        for wrong in (url.replace(QUOTED, "canary"), url.replace(f":{QUOTED}@", "")):
            with pytest.raises(ComplaintError, match="refuses the user or password") as caught:
                check_redis(wrong, print)
            assert "canary" not in str(caught.value)


def test_a_certificate_is_trusted_only_through_its_authority(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    certificate = make_certificate(tmp_path)
    with running_redis(tmp_path, tls=certificate) as url:
        with pytest.raises(ComplaintError, match=r"not trusted.*SSL_CERT_FILE.*ssl_ca_certs"):
            check_redis(url, print)
        check_redis(f"{url}?ssl_ca_certs={certificate.authority}", print)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
        check_redis(url, print)


@pytest.mark.parametrize(
    "url",
    [
        "redis://:pass/canary@127.0.0.1:1/0",
        "redis://:canary@127.0.0.1:port/0",
        "redis://:canary@[::1/0",
        "redis://:canary@127.0.0.1:1/0",
        "redis://:canary@name.invalid:1/0",
    ],
)
def test_what_cannot_be_reached_is_one_line_without_the_password(url: str) -> None:
    with pytest.raises(ComplaintError) as caught:
        check_redis(url, print)
    assert "REDIS_URL" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert PASSWORD not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("words", [["up"], ["up", "--detach"]])
@pytest.mark.parametrize(("name", "kind"), [("REDIS_URL", "redis"), ("DATABASE_URL", "postgresql")])
def test_up_without_a_store_that_was_named_ends_within_seconds(
    words: list[str], name: str, kind: str, tmp_path: Path
) -> None:
    url = f"{kind}://someone:canary@127.0.0.1:{free_port()}/0"
    began = time.monotonic()
    done = segq(*words, cwd=tmp_path, SEGQ_PORT="0", **{name: url})
    assert done.returncode == 1
    assert "onnection refused" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "canary" not in done.stderr
    assert time.monotonic() - began < 20
    assert not (tmp_path / ".segq" / "run.json").exists()
