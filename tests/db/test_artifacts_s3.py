"""What an S3 server can do to an artifact store: be away, hang, refuse, answer in halves."""

import time
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from obstore import exceptions

from cli.ports import free_port
from db.artifact_place import artifact_place
from db.artifact_s3 import Patience, S3Artifacts, S3Place
from db.artifacts import PIECE, ArtifactsAway, ArtifactsRefused, ArtifactStore
from tests.servers.s3 import S3Server, running_s3
from tests.servers.s3_proxy import S3Proxy, s3_behind_proxy

SHORT = Patience(connect=1, request=0.5, tries=0.6, silence=0.5)


def _place(server: S3Server) -> S3Place:
    found = artifact_place(server.environment(f"b/{uuid4()}"))
    assert isinstance(found, S3Place)
    return found


@pytest.fixture
def proxied(s3: S3Server) -> Iterator[tuple[S3Server, S3Proxy]]:
    with s3_behind_proxy(s3) as found:
        yield found


def _every_verb(store: ArtifactStore) -> list[type[BaseException]]:
    came: list[type[BaseException]] = []
    for ask in (
        lambda: store.put("x", b"data"),
        lambda: store.get("x"),
        lambda: store.read("x", 0, 1),
        lambda: store.has("x"),
        lambda: list(store.list("pending")),
        lambda: store.remove("x"),
    ):
        with pytest.raises(OSError, match="s3://") as error:
            ask()
        assert "\n" not in str(error.value)
        came.append(error.type)
    return came


def test_a_part_is_asked_for_and_no_more(proxied: tuple[S3Server, S3Proxy]) -> None:
    server, proxy = proxied
    store = S3Artifacts(_place(server))
    data = bytes(n % 251 for n in range(3 * PIECE))
    store.put("x", data)
    proxy.asked.clear()
    assert b"".join(store.read("x", 7, PIECE)) == data[7 : PIECE + 7]
    ((method, _, asked),) = proxy.asked
    assert (method, asked) == ("GET", f"bytes=7-{PIECE + 6}")


def test_a_server_that_is_away_is_said_at_once_and_found_again(tmp_path: Path) -> None:
    port = free_port()
    with running_s3(tmp_path / "s3", port) as server:
        store = S3Artifacts(_place(server), SHORT)
        store.put("x", b"data")
    began = time.monotonic()
    assert set(_every_verb(store)) == {ArtifactsAway}
    assert time.monotonic() - began < 20
    with running_s3(tmp_path / "s3", port):
        assert store.get("x") == b"data"


def test_a_server_that_hangs_is_an_error_after_two_tries(
    proxied: tuple[S3Server, S3Proxy],
) -> None:
    server, proxy = proxied
    proxy.hang.set()
    store = S3Artifacts(_place(server), SHORT)
    for ask in (lambda: store.put("x", b""), lambda: store.read("x", 0, 1)):
        began = time.monotonic()
        with pytest.raises(ArtifactsAway):
            ask()
        assert 0.4 < time.monotonic() - began < 3
    assert len(proxy.asked) <= 4
    usual = Patience()
    assert 2 * usual.request < 30
    assert usual.request < usual.tries < 2 * usual.request


def test_a_short_fault_is_gone_over(proxied: tuple[S3Server, S3Proxy]) -> None:
    server, proxy = proxied
    store = S3Artifacts(_place(server))
    proxy.failures = 2
    store.put("x", b"data")
    assert store.get("x") == b"data"


def test_an_image_that_breaks_off_is_whole_or_none(proxied: tuple[S3Server, S3Proxy]) -> None:
    server, proxy = proxied
    store = S3Artifacts(_place(server), SHORT)
    data = bytes(n % 251 for n in range(4 * PIECE))
    store.put("x", data)
    proxy.cut = 2 * PIECE  # of each answer: what is asked for next goes on from there
    assert store.get("x") == data
    proxy.cut = 100
    with pytest.raises(ArtifactsAway):
        store.get("x")
    with pytest.raises(ArtifactsAway):
        list(store.read("x", 0, 4 * PIECE))


def test_a_wrong_secret_is_refused_by_every_verb(s3: S3Server) -> None:
    store = S3Artifacts(_place(s3._replace(secret="geheim")))
    assert set(_every_verb(store)) == {ArtifactsRefused}
    with pytest.raises(ArtifactsRefused, match="SignatureDoesNotMatch") as error:
        store.put("x", b"")
    assert "geheim" not in str(error.value)


def test_a_bucket_that_is_not_there_is_said(s3: S3Server) -> None:
    store = S3Artifacts(_place(s3._replace(bucket="nowhere")))
    for ask in (lambda: store.put("x", b""), lambda: store.get("x"), lambda: list(store.list("a"))):
        with pytest.raises(ArtifactsRefused, match=r"s3://nowhere/.*there is no such bucket"):
            ask()


def test_every_error_of_the_library_is_one_of_ours(s3: S3Server) -> None:
    store = S3Artifacts(_place(s3))
    kinds = [
        one
        for name, one in vars(exceptions).items()
        if name.endswith("Error") and issubclass(one, exceptions.BaseError)
    ]
    assert len(kinds) > 5
    for kind in kinds:
        with pytest.raises(ArtifactsAway), store._answers():
            raise kind("something\n\nDebug source: much more")
