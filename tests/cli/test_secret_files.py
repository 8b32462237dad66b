"""Secrets that come as files."""

from pathlib import Path

import pytest

from cli.complaint import ComplaintError
from cli.secret_files import with_secrets
from cli.services import SECRETS, SERVICES, audit, flower, paused_start


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    return tmp_path / "secret"


@pytest.mark.parametrize(
    ("content", "value"),
    [("one", "one"), ("one\n", "one"), (" one \n", " one "), ("ä", "ä")],
)
def test_the_content_without_its_last_newline_is_the_value(
    secret: Path, content: str, value: str
) -> None:
    secret.write_text(content)
    environ = {"REDIS_URL_FILE": str(secret), "PATH": "/bin"}
    assert with_secrets(environ, SECRETS) == {"REDIS_URL": value, "PATH": "/bin"}


def test_an_empty_variable_is_not_set(secret: Path) -> None:
    secret.write_text("one")
    both = {"REDIS_URL": "", "REDIS_URL_FILE": str(secret)}
    assert with_secrets(both, SECRETS) == {"REDIS_URL": "one"}
    assert with_secrets({"REDIS_URL": "one", "REDIS_URL_FILE": ""}, SECRETS) == {"REDIS_URL": "one"}


def test_both_are_refused(secret: Path) -> None:
    secret.write_text("one")
    with pytest.raises(ComplaintError, match="REDIS_URL and REDIS_URL_FILE are both set"):
        with_secrets({"REDIS_URL": "other", "REDIS_URL_FILE": str(secret)}, SECRETS)


@pytest.mark.parametrize(
    "content",
    [b"", b"\n", b"canary\n\n", b"canary\nmore", b"canary\r\n", b"canary\0", b"canary\xff"],
)
def test_what_is_no_secret_is_refused_and_not_shown(secret: Path, content: bytes) -> None:
    secret.write_bytes(content)
    with pytest.raises(ComplaintError, match="SEGMIND_API_KEY_FILE") as caught:
        with_secrets({"SEGMIND_API_KEY_FILE": str(secret)}, SECRETS)
    assert "canary" not in str(caught.value)
    assert str(secret) in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    for place in (tmp_path / "gone", tmp_path):
        with pytest.raises(ComplaintError, match=str(place)):
            with_secrets({"DATABASE_URL_FILE": str(place)}, SECRETS)


def test_a_process_is_told_only_the_secrets_that_it_uses() -> None:
    environ = {**dict.fromkeys(SECRETS, "x"), "PATH": "/bin"}
    told = {name: set(one.environment(environ)) for name, one in SERVICES.items()}
    told["flower"] = set(flower("127.0.0.1", 1).environment(environ))
    told["pause"] = set(paused_start(["default"]).environment(environ))
    told["audit"] = set(audit([]).environment(environ))
    stores = {"DATABASE_URL", "REDIS_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "PATH"}
    accounts = {"SEGMIND_API_KEY", "SEGMIND_API_KEYS", "SEGQ_ENCRYPTION_KEY"}
    assert told == {
        "gateway": stores,
        "worker": stores | accounts,
        "upkeep": stores | accounts,
        "beat": {"REDIS_URL", "PATH"},
        "pause": {"DATABASE_URL", "PATH"},
        "audit": stores | accounts,
        "migrate": {"DATABASE_URL", "SEGQ_API_KEY", "PATH"},
        "flower": {"REDIS_URL", "FLOWER_BASIC_AUTH", "PATH"},
    }
