"""Numbers of a body are taken as they are written or refused, never rounded; so are odd texts."""

import json
from typing import Any

import httpx
import pytest

from api_gateway.json_places import LONGEST_PLACE, below
from tests.gateway.conftest import SMALL_INPUT, Refuse, is_problem

PLAIN = json.dumps({"model": "ssd-canny", "input": SMALL_INPUT})
LARGE = "is too large"
DIGITS = "has more digits than a double can hold"
NONE = "is no JSON number"
TWICE = "stands twice in one object"
DEEP = "it may be nested at most 32 deep"


def post(client: httpx.Client, body: str) -> httpx.Response:
    headers = {"Content-Type": "application/json"}
    return client.post("/api/v1/jobs", content=body.encode(), headers=headers)


def with_metadata(text: str) -> str:
    return f'{PLAIN[:-1]}, "metadata": {text}}}'


def with_input(text: str) -> str:
    return f"{PLAIN[:-2]}, {text}}}}}"


@pytest.mark.parametrize(
    "text",
    [
        # Whole numbers: digit for digit, what no double holds too.
        *("0", "-1", "9007199254740991", "9007199254740993", "-12345678901234567890"),
        f"1{'0' * 307}1",
        # Others: as a double prints them, with 15 to 17 digits.
        *("0.1", "7.5", "1e3", "-0.25", "0.30000000000000004", "0.1000000000000000056"[:19]),
        *("1.7976931348623157e308", "5e-324", "9007199254740992.0", "0.0"),
        "0.1000000000000000055511151231257827021181583404541015625",
    ],
)
def test_a_number_of_metadata_is_kept_as_it_came(client: httpx.Client, text: str) -> None:
    accepted = post(client, with_metadata(f'{{"a": [{text}]}}'))
    assert accepted.status_code == 202, accepted.text
    kept = client.get(accepted.headers["location"]).json()["metadata"]["a"][0]
    assert kept == json.loads(text)
    assert type(kept) is type(json.loads(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        *(("NaN", NONE), ("Infinity", NONE), ("-Infinity", NONE)),
        *(("1e999", LARGE), ("-1e999", LARGE), ("9" * 400, LARGE), (f"1{'0' * 309}", LARGE)),
        *(("9007199254740993.0", DIGITS), ("9007199254740993e0", DIGITS), ("1e-400", DIGITS)),
        *(("7.50000000000000000001", DIGITS), ("0.12345678901234567890", DIGITS)),
        *(("1e-99999999999999999999", DIGITS), (f"0.{'1' * 400}", DIGITS)),
    ],
)
def test_a_number_that_would_be_rounded_is_refused_with_its_place(
    client: httpx.Client, text: str, message: str
) -> None:
    for body, field in (
        (with_metadata(f'{{"a": {{"b": [1, {text}]}}}}'), "metadata.a.b[1]"),
        (with_input(f'"guidance_scale": {text}'), "input.guidance_scale"),
        (with_input(f'"seed": {text}'), "input.seed"),
        (f'{PLAIN[:-1]}, "max_attempts": {text}}}', "max_attempts"),
        (text, "body"),
    ):
        (error,) = is_problem(post(client, body), 400, "malformed-request")["errors"]
        assert error["field"] == field
        assert error["message"].endswith(message)


@pytest.mark.parametrize("text", ["9007199254740993", "1000000000000000", "-2", f"1{'0' * 300}"])
def test_a_seed_beyond_its_bound_is_refused_and_not_rounded(
    client: httpx.Client, text: str
) -> None:
    answer = post(client, with_input(f'"seed": {text}'))
    (error,) = is_problem(answer, 422, "invalid-fields")["errors"]
    assert error["field"] == "input.seed"
    assert error["message"] == "must be from -1 to 999999999999999"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (f'{PLAIN[:-1]}, "model": "ssd-canny"}}', "model"),
        (with_input('"prompt": "again"'), "input.prompt"),
        (with_metadata('{"a": [0, {"b": 1, "b": 1}]}'), "metadata.a[1].b"),
        (with_metadata('{"a": 1, "\\u0061": 2}'), "metadata.a"),
        (with_metadata('{"": 1, "": 2}'), "metadata"),
    ],
)
def test_a_name_that_stands_twice_is_refused_with_its_place(
    client: httpx.Client, body: str, field: str
) -> None:
    (error,) = is_problem(post(client, body), 400, "malformed-request")["errors"]
    assert error["field"] == field
    assert error["message"].endswith(TWICE)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        (f'{{"a": {"[" * 31}1{"]" * 31}}}', "metadata.a[0][0][0]"),
        (f'{{"b": {{"a": {"[" * 40}{"]" * 40}}}}}', "metadata.b.a[0][0][0]"),
        (f'{{"a": {"[" * 50_000}{"]" * 50_000}}}', "body"),
    ],
)
def test_a_value_that_is_nested_too_deep_is_refused_with_its_place(
    client: httpx.Client, text: str, field: str
) -> None:
    (error,) = is_problem(post(client, with_metadata(text)), 400, "malformed-request")["errors"]
    assert error["field"].startswith(field)
    assert error["message"] == DEEP


def test_the_place_of_a_value_is_shown_shortened(client: httpx.Client) -> None:
    names = "".join(f'{{"{"x" * 1_000_000}":' for _ in range(20))
    body = with_metadata(f"{names}[{'1,' * 50_000}NaN]{'}' * 20}")
    (error,) = is_problem(post(client, body), 400, "malformed-request")["errors"]
    assert len(error["field"]) <= 200
    assert error["field"].startswith("metadata.xxx")
    # Each of a document's values has a place while one is looked for.
    for value in ({"y" * 1_000_000: 1}, [1]):
        ((place, _),) = below("x" * 1_000_000, value)
        assert len(place) <= 2 * LONGEST_PLACE + 1


@pytest.mark.parametrize("name", ["prompt", "negative_prompt"])
def test_a_megabyte_of_prompt_is_refused_with_the_bound(refuse: Refuse, name: str) -> None:
    named = refuse({**SMALL_INPUT, name: "x" * 1_000_000})
    assert named == {f"input.{name}": "must have at most 10000 characters, not 1000000"}


@pytest.mark.parametrize("text", [r"\u0000", r"\ud800", r"a\udfffb"])
@pytest.mark.parametrize(
    ("body", "field"),
    [
        (PLAIN.replace("a boat", "ODD"), "input.prompt"),
        (with_input('"negative_prompt": "ODD"'), "input.negative_prompt"),
        (PLAIN.replace("https://example.com/a.png", "https://example.com/ODD"), "input.image"),
        (with_input('"scheduler": "ODD"'), "input.scheduler"),
        (PLAIN.replace("ssd-canny", "ODD"), "model"),
        (f'{PLAIN[:-1]}, "group": "ODD"}}', "group"),
        (f'{PLAIN[:-1]}, "tags": ["a", "ODD"]}}', "tags"),
        (f'{PLAIN[:-1]}, "priority": "ODD"}}', "priority"),
        (f'{PLAIN[:-1]}, "run_at": "ODD"}}', "run_at"),
        (with_metadata('{"a": ["ODD"]}'), "metadata"),
        (with_metadata('{"a": {"ODD": 1}}'), "metadata"),
        (with_input('"ODD": 1'), "input.ODD"),
        (f'{PLAIN[:-1]}, "ODD": 1}}', "ODD"),
    ],
)
def test_text_that_no_database_keeps_is_refused_wherever_it_stands(
    client: httpx.Client, body: str, field: str, text: str
) -> None:
    answer = post(client, body.replace("ODD", text))
    (error,) = is_problem(answer, 422, "invalid-fields")["errors"]
    odd: Any = json.loads(f'"{text}"')
    assert error["field"] == field.replace("ODD", odd)
    assert error["message"]
