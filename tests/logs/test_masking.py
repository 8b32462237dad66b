import base64

import pytest

from logs.masking import MASKED, Mask

CANARY = "cAnaRy-7381"
ODD = 'it\'s "odd"/ü%'


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("SEGMIND_API_KEY", CANARY),
        ("SEGMIND_API_KEY", f" {CANARY}\n"),
        ("SEGMIND_API_KEYS", f"second=SG_{CANARY},third={CANARY}"),
        ("SEGMIND_API_KEYS", f"# a plan\nsecond={CANARY}\n"),
        ("SEGQ_ENCRYPTION_KEY", f"another-one,{CANARY}"),
        ("SEGQ_API_KEY", CANARY),
        ("AWS_SECRET_ACCESS_KEY", CANARY),
        ("AWS_SESSION_TOKEN", CANARY),
        ("PGPASSWORD", CANARY),
        ("FLOWER_BASIC_AUTH", f"segq:{CANARY}"),
        ("FLOWER_BASIC_AUTH", f"segq:another-one,second:{CANARY}"),
        ("DATABASE_URL", f"postgresql://segq:{CANARY}@db/segq"),
        ("DATABASE_URL", f"postgresql://db/segq?user=segq&password={CANARY}&sslmode=require"),
        ("REDIS_URL", f"redis://:{CANARY}@redis:6379/0"),
        ("SEGMIND_PROXY", f"http://us%40er:{CANARY}@proxy:3128"),
        ("ANOTHER_ENDPOINT", f"https://someone:{CANARY}@host"),
    ],
)
def test_a_variables_secret_is_masked_wherever_it_stands(name: str, value: str) -> None:
    mask = Mask({name: value})
    for text in (CANARY, f"a{CANARY}b", f"key={CANARY!r}", f"{CANARY}{CANARY}"):
        assert CANARY not in mask(text)
        assert MASKED in mask(text)


def test_a_masked_url_still_says_where() -> None:
    mask = Mask({"DATABASE_URL": f"postgresql://segq:{CANARY}@db:5432/segq"})
    shown = mask(f"no answer from postgresql://segq:{CANARY}@db:5432/segq")
    assert shown == f"no answer from postgresql://segq:{MASKED}@db:5432/segq"


@pytest.mark.parametrize("written", [ODD, repr(ODD)[1:-1], "it%27s%20%22odd%22%2F%C3%BC%25"])
def test_other_ways_to_write_it_are_known(written: str) -> None:
    mask = Mask({"REDIS_URL": "redis://:it%27s%20%22odd%22%2F%C3%BC%25@redis"})
    assert mask(f"<{written}>") == f"<{MASKED}>"


def test_the_header_that_carries_it_is_known() -> None:
    sent = base64.b64encode(f"us@er:{CANARY}".encode()).decode()
    mask = Mask({"SEGMIND_PROXY": f"http://us%40er:{CANARY}@proxy:3128"})
    assert mask(f"Proxy-Authorization: Basic {sent}") == f"Proxy-Authorization: Basic {MASKED}"


def test_pieces_of_a_password_that_breaks_its_url_are_known() -> None:
    mask = Mask({"REDIS_URL": "redis://:first-half/other-half@redis:6379/0"})
    assert mask("no port: 'first-half'") == f"no port: '{MASKED}'"
    assert mask("path: other-half@redis") == f"path: {MASKED}@redis"


def test_of_two_secrets_the_longer_goes_first() -> None:
    mask = Mask({"A_KEY": "canary", "B_KEY": "canary-and-more"})
    assert mask("canary-and-more") == MASKED


@pytest.mark.parametrize(
    "text",
    [
        f"Authorization: Bearer segq_{'k' * 43}",
        "x-api-key: SG_0123456789abcdef",
        f"tried http://someone:{CANARY}@elsewhere:80/ twice",
        f"tried http://someone:p@{CANARY}@elsewhere twice",
    ],
)
def test_what_is_in_no_environment_is_known_by_its_form(text: str) -> None:
    shown = Mask({})(text)
    assert MASKED in shown
    assert CANARY not in shown
    assert "k" * 10 not in shown
    assert "0123456789" not in shown


@pytest.mark.parametrize(
    "text",
    [
        "Connected to redis://redis:6379/0",
        "segq_wanted_slots is 3",
        "http://127.0.0.1:8100/api/v1/jobs",
        "account_paused",
    ],
)
def test_what_is_no_secret_is_left(text: str) -> None:
    environ = {"PATH": "/usr/bin", "SEGQ_PORT": "8100", "REDIS_URL": "redis://redis:6379/0"}
    assert Mask({**environ, "A_KEY": "x", "B_KEY": ""})(text) == text


def test_what_becomes_known_later_is_masked_from_then_on() -> None:
    mask = Mask({"PGPASSWORD": "a-password"})
    mask.learn(CANARY, "short")
    mask.learn(CANARY)
    assert mask(f"short {CANARY} a-password") == f"short {MASKED} {MASKED}"
