"""From the words of a command line to a model's input."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cli.complaint import ComplaintError
from cli.model_form import is_image
from cli.tilde import expanded
from segq_client import Client

NO_FILE = ("http://", "https://", "data:", "segq:")
"""How an image begins that is an address."""
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*)://", re.IGNORECASE)


def read_parameters(words: Sequence[str], schema: Mapping[str, Any]) -> dict[str, Any]:
    """`--seed 7 --negative-prompt ugly` as {"seed": 7, "negative_prompt": "ugly"}.

    What the model's JSON Schema calls a string is taken as it stands; anything else is read as
    JSON where it is JSON. Values are not checked: the gateway does that, for every client alike.
    """
    properties = schema.get("properties", {})
    found: dict[str, Any] = {}
    left = list(words)
    while left:
        word = left.pop(0)
        name, given, value = word.removeprefix("--").partition("=")
        if not word.startswith("--") or not name:
            raise ComplaintError(
                f"{word!r} is not an option; a model's parameters are --name value"
            )
        if not given:
            if not left:
                raise ComplaintError(f"--{name} needs a value")
            value = left.pop(0)
        name = name.replace("-", "_")
        is_text = properties.get(name, {}).get("type") == "string"
        found[name] = value if is_text else _finite(name, _json_or_text(value), value)
    return found


def read_exact(assignments: Sequence[str]) -> dict[str, Any]:
    """`--param name=json`, for a value whose type must not be guessed."""
    found: dict[str, Any] = {}
    for text in assignments:
        name, given, value = text.partition("=")
        try:
            found[name] = json.loads(value)
        except ValueError:
            given = ""
        if not given or not name:
            raise ComplaintError(f"--param {text!r}: expected name=json, such as samples=2")
        _finite(name, found[name], value)
    return found


def place_images(
    client: Client, values: Mapping[str, Any], schema: Mapping[str, Any]
) -> dict[str, Any]:
    """The values, with a reference in the place of every image that is a local file.

    Which parameters are images, the model's JSON Schema says; each file is uploaded.
    """
    properties = schema.get("properties", {})
    return {
        name: _place(client, name, value)
        if isinstance(value, str) and is_image(properties.get(name, {}))
        else value
        for name, value in values.items()
    }


def without_files(values: Mapping[str, Any], model: Mapping[str, Any]) -> dict[str, Any]:
    """The values, with the model's own example in the place of every image that is a local file.

    For a question that no image changes: nothing is uploaded.
    """
    properties = model["input_schema"].get("properties", {})
    return {
        name: model["example"][name]
        if is_image(properties.get(name, {})) and not str(value).lower().startswith(NO_FILE)
        else value
        for name, value in values.items()
    }


def _place(client: Client, name: str, image: str) -> str:
    if image.lower().startswith(NO_FILE):
        return image
    foreign = _SCHEME.match(image)
    if foreign:
        raise ComplaintError(
            f"--{name}: {foreign[1]}:// is not read; give a local file, "
            "or a URL that begins with http://, https:// or data:"
        )
    path = expanded(image)
    try:
        return client.upload(path)
    except OSError as error:
        raise ComplaintError(f"--{name} {image}: {error.strerror or error}") from error


def _finite(name: str, value: Any, text: str) -> Any:
    """Python reads NaN, Infinity and 1e999 as JSON; JSON has no such numbers to send."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError as error:
        raise ComplaintError(f"{name} is {text}; numbers must be finite") from error
    return value


def _json_or_text(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
