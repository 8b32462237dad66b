"""The client where no gateway is needed: what it refuses to believe, and whom it tells the key."""

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pytest

from cli.ports import free_port
from segq_client import Output, ProblemError, SegqError, Unreachable
from tests.client.both_clients import Open

CONTENT = b"some bytes of an image"
KEY = "segq_secret"


class Storage(BaseHTTPRequestHandler):
    """A file host. It answers with the file, or with what a broken proxy says."""

    seen: ClassVar[list[str | None]] = []
    files: ClassVar[dict[str, bytes]] = {"/file": CONTENT, "/api/v1/models": b'{"models": ["x"]}'}

    def do_GET(self) -> None:
        type(self).seen.append(self.headers["Authorization"])
        body = self.files.get(self.path)
        self.send_response(502 if body is None else 200)
        body = body or b"<h1>Bad gateway</h1>"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Quiet."""


@pytest.fixture
def storage() -> Iterator[tuple[str, list[str | None]]]:
    class Fresh(Storage):
        seen: ClassVar[list[str | None]] = []

    with ThreadingHTTPServer(("127.0.0.1", 0), Fresh) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", Fresh.seen
        server.shutdown()
        thread.join()


def output(url: str, content: bytes = CONTENT) -> Output:
    return Output(url, "image/jpeg", 1, 1, len(content), hashlib.sha256(content).hexdigest())


def test_an_output_is_saved_whole(
    storage: tuple[str, list[str | None]], tmp_path: Path, open_client: Open
) -> None:
    with open_client(storage[0], KEY) as client:
        saved = client.save(output("/file"), tmp_path / "new" / "out.jpg")
    assert saved.read_bytes() == CONTENT
    assert storage[1] == [f"Bearer {KEY}"]


def test_what_has_another_hash_is_not_kept(
    storage: tuple[str, list[str | None]], tmp_path: Path, open_client: Open
) -> None:
    with open_client(storage[0], KEY) as client, pytest.raises(SegqError, match="hash"):
        client.save(output("/file", b"other"), tmp_path / "out.jpg")
    assert list(tmp_path.iterdir()) == []


def test_what_cannot_be_put_in_its_place_leaves_no_draft(
    storage: tuple[str, list[str | None]], tmp_path: Path, open_client: Open
) -> None:
    (tmp_path / "taken").mkdir()
    with open_client(storage[0], KEY) as client, pytest.raises(OSError, match="taken"):
        client.save(output("/file"), tmp_path / "taken")
    assert [one.name for one in tmp_path.iterdir()] == ["taken"]


def test_another_host_does_not_learn_the_key(
    storage: tuple[str, list[str | None]], tmp_path: Path, open_client: Open
) -> None:
    with open_client(f"http://127.0.0.1:{free_port()}", KEY) as client:
        client.save(output(f"{storage[0]}/file"), tmp_path / "out.jpg")
    assert storage[1] == [None]


def test_an_answer_that_is_no_problem_json(
    storage: tuple[str, list[str | None]], open_client: Open
) -> None:
    with open_client(storage[0], KEY) as client, pytest.raises(ProblemError) as error:
        client.get("some-id")
    assert error.value.status == 502
    assert "Bad gateway" in str(error.value)


def test_an_answer_that_is_no_list_of_models(
    storage: tuple[str, list[str | None]], open_client: Open
) -> None:
    with (
        open_client(storage[0], KEY) as client,
        pytest.raises(SegqError, match="not a list of models"),
    ):
        client.models()


def test_nobody_there(open_client: Open) -> None:
    with open_client(f"http://127.0.0.1:{free_port()}", KEY) as client:
        with pytest.raises(Unreachable):
            client.submit("ssd-canny", {})
        with pytest.raises(Unreachable):
            client.wait("some-id", timeout=0.1)
