"""From a command line to a model's input."""

from typing import Any

import pytest

from cli.complaint import ComplaintError
from cli.model_input import place_image, read_exact, read_parameters
from segq_client import Client

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


@pytest.mark.parametrize("url", ["ftp://host/a.jpg", "file:///a.jpg", "S3://bucket/a.jpg"])
def test_a_url_of_another_kind_is_not_taken_for_a_file(url: str) -> None:
    with (
        Client("http://127.0.0.1:1", "key") as client,
        pytest.raises(ComplaintError, match="http://, https:// or data:"),
    ):
        place_image(client, url)


def test_exact_values_are_json() -> None:
    assert read_exact(["samples=2", 'prompt="a=b"']) == {"samples": 2, "prompt": "a=b"}
    for wrong in ("samples", "=2", "prompt=bare"):
        with pytest.raises(ComplaintError, match="name=json"):
            read_exact([wrong])
