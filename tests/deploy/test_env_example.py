""".env.example against docs/configuration.md: what an operator may set, and its default."""

import re

import pytest

from tests.deploy.compose import DEPLOY, FILES, environment_of, services
from tests.repository.test_configuration import ROWS

LINES = re.findall(r"^#?([A-Z_]+)=(.*)$", (DEPLOY / ".env.example").read_text(), re.MULTILINE)
GIVEN = dict(LINES)
PAGE = {row.name: row for row in ROWS}
SERVERS = {"all", "gateway", "worker", "upkeep", "beat", "flower", "migrate"}
SET_BY_THE_DEPLOYMENT = {
    key.removesuffix("_FILE")
    for service in services(FILES, {}).values()
    for key in environment_of(service, {})
} - {"SEGQ_ARTIFACTS", "SEGQ_PORT", "FLOWER_PORT"}
SECRETS_OF_SEVERAL_ACCOUNTS = {"SEGMIND_API_KEYS", "SEGQ_ENCRYPTION_KEY"}
"""Optional, and as files alone: docs/accounts.md."""
OF_TESTS = {"SEGQ_CRASH_AT", "SEGQ_CRASH_TOKENS"}


def test_each_stands_there_once_and_is_a_variable_of_the_page() -> None:
    assert len(LINES) == len(GIVEN)
    assert GIVEN.keys() <= PAGE.keys()


def test_every_variable_that_a_server_reads_stands_there_or_is_set_by_the_deployment() -> None:
    read = {row.name.removesuffix("_FILE") for row in ROWS if SERVERS & set(row.readers)}
    elsewhere = SET_BY_THE_DEPLOYMENT | SECRETS_OF_SEVERAL_ACCOUNTS | OF_TESTS
    assert read - elsewhere <= GIVEN.keys()
    # Compose's own use of a variable of `segq up`.
    assert GIVEN.keys() - read == {"SEGQ_WORKERS"}


@pytest.mark.parametrize("name", GIVEN)
def test_what_is_shown_is_the_default(name: str) -> None:
    default = PAGE[name].default
    if re.fullmatch(r"[\w.:/-]+", default) and default != "none":
        assert GIVEN[name] == default
    else:
        # The page says it in words; then an example may stand here.
        assert GIVEN[name] in {"", "s3://bucket/prefix"}


def test_nothing_is_set_and_no_secret_stands_there() -> None:
    text = (DEPLOY / ".env.example").read_text()
    assert not re.search(r"^[A-Z_]+=", text, re.MULTILINE)
    assert not re.search("KEY|SECRET|PASSWORD|AUTH", text)
