"""From a command line to a model's input."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cli.complaint import ComplaintError
from cli.model_input import place_images, read_exact, read_parameters
from cli.ports import free_port
from segq_client import Client, Unreachable

SCHEMA = {
    "properties": {
        "negative_prompt": {"type": "string"},
        "seed": {"type": "integer"},
        "base64": {"type": "boolean"},
    }
}


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {}),
        (["--seed", "7"], {"seed": 7}),
        (["--seed=-1"], {"seed": -1}),
        (["--seed", "-1"], {"seed": -1}),
        (["--base64", "true"], {"base64": True}),
        (["--negative-prompt", "12"], {"negative_prompt": "12"}),
        (["--negative_prompt=a=b"], {"negative_prompt": "a=b"}),
        (["--scheduler", "UniPC"], {"scheduler": "UniPC"}),
        (["--guidance-scale", "7.5", "--seed", "1"], {"guidance_scale": 7.5, "seed": 1}),
    ],
)
def test_parameters(words: list[str], expected: dict[str, Any]) -> None:
    assert read_parameters(words, SCHEMA) == expected


@pytest.mark.parametrize("words", [["seed", "7"], ["--seed"], ["--"], ["--=7"]])
def test_what_is_no_parameter(words: list[str]) -> None:
    with pytest.raises(ComplaintError):
        read_parameters(words, SCHEMA)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "[NaN]"])
def test_numbers_that_json_cannot_send_are_named(number: str) -> None:
    with pytest.raises(ComplaintError, match=r"guidance_scale .*finite"):
        read_parameters(["--guidance-scale", number], SCHEMA)
    with pytest.raises(ComplaintError, match=r"samples .*finite"):
        read_exact([f"samples={number}"])
    assert read_parameters(["--negative-prompt", number], SCHEMA) == {"negative_prompt": number}


IMAGES = {
    "properties": {
        "face": {"type": "string", "format": "uri"},
        "prompt": {"type": "string"},
        "strength": {"type": "number"},
    }
}


@pytest.fixture
def nobody() -> Iterator[Client]:
    """A client that can upload nothing: no gateway is there."""
    with Client(f"http://127.0.0.1:{free_port()}", "key") as client:
        yield client


@pytest.mark.parametrize("url", ["ftp://host/a.jpg", "file:///a.jpg", "S3://bucket/a.jpg"])
def test_a_url_of_another_kind_is_not_taken_for_a_file(nobody: Client, url: str) -> None:
    with pytest.raises(ComplaintError, match=r"^--face: .* http://, https:// or data:"):
        place_images(nobody, {"face": url}, IMAGES)


def test_a_file_that_is_not_there_is_named_with_its_option(nobody: Client) -> None:
    with pytest.raises(ComplaintError, match=r"^--face gone\.jpg: No such file"):
        place_images(nobody, {"face": "gone.jpg"}, IMAGES)


def test_only_an_image_that_is_a_file_is_uploaded(nobody: Client, tmp_path: Path) -> None:
    kept = {"prompt": "a.jpg", "strength": 1, "unknown": "b.jpg"}
    assert place_images(nobody, kept, IMAGES) == kept
    for image in ("https://h/a.jpg", "HTTP://h/a.jpg", "data:image/png;base64,AA", "segq:0a"):
        assert place_images(nobody, {"face": image}, IMAGES) == {"face": image}
    (tmp_path / "a.jpg").write_bytes(b"\xff\xd8\xff")
    with pytest.raises(Unreachable):
        place_images(nobody, {"face": str(tmp_path / "a.jpg")}, IMAGES)


def test_exact_values_are_json() -> None:
    assert read_exact(["samples=2", 'prompt="a=b"']) == {"samples": 2, "prompt": "a=b"}
    for wrong in ("samples", "=2", "prompt=bare"):
        with pytest.raises(ComplaintError, match="name=json"):
            read_exact([wrong])
