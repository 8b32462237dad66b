import time
from pathlib import Path

import pytest

from sandbox.outputs import Outputs
from sandbox.sent_images import SHORT, SentImages
from tests.sandbox.sandbox_process import SandboxProcess, until


def test_what_was_charged_can_be_fetched_by_anyone(sandbox: SandboxProcess) -> None:
    image = sandbox.call().content
    (row,) = sandbox.rows()
    assert row["generation_url"].startswith(f"{sandbox.url}/outputs/")
    assert row["generation_url"].endswith(".jpeg")
    answer = sandbox.http.get(row["generation_url"])
    assert (answer.headers["content-type"], answer.content) == ("image/jpeg", image)


def test_an_output_expires(sandbox: SandboxProcess) -> None:
    sandbox.call()
    (row,) = sandbox.rows()
    sandbox.change(output_seconds=0.4)
    until(lambda: sandbox.http.get(row["generation_url"]).status_code == 404)
    assert sandbox.http.get(row["generation_url"]).json() == {"error": "Not found"}


def test_an_output_is_only_read(sandbox: SandboxProcess) -> None:
    sandbox.call()
    url = sandbox.rows()[0]["generation_url"]
    assert sandbox.http.delete(url).status_code == 405
    assert sandbox.http.get("/outputs/..%2f..%2fetc%2fpasswd.jpeg").status_code == 404
    assert sandbox.http.get(f"{url}x").status_code == 404


def test_beyond_the_bound_the_oldest_output_goes(tmp_path: Path) -> None:
    outputs = Outputs(tmp_path / "outputs", most=3)
    names = [outputs.written(bytes([number])) for number in range(5)]
    assert outputs.get(names[0], 60) is None  # not published yet
    for name in names:
        outputs.publish(name)
    assert [outputs.get(name, 60) for name in names] == [None, None, b"\2", b"\3", b"\4"]
    assert len(list((tmp_path / "outputs").iterdir())) == 3
    time.sleep(0.02)
    assert outputs.get(names[4], 0.01) is None


@pytest.mark.parametrize("length", [10, SHORT + 1])
def test_a_sent_image_is_kept_once_and_the_longest_unsent_goes(tmp_path: Path, length: int) -> None:
    images = SentImages(tmp_path / "images", most=2)
    for name in ("a", "b", "a", "c"):
        images.keep(name, name * length)
    assert images.get("b") is None
    assert (images.get("a"), images.get("c")) == ("a" * length, "c" * length)
    files = sorted(file.name for file in (tmp_path / "images").iterdir())
    assert files == ([] if length <= SHORT else ["a", "c"])


def test_long_images_are_bounded_by_their_bytes(tmp_path: Path) -> None:
    images = SentImages(tmp_path / "images", most_bytes=10_000)
    for number in range(5):
        images.keep(str(number), str(number) * 4_000)
    assert [images.get(str(number)) is not None for number in range(5)] == [False] * 3 + [True] * 2
