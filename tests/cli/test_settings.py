"""What the environment may say, and the one line for what it may not."""

from pathlib import Path

import pytest

from cli.addresses import Addresses, choose_addresses
from cli.complaint import ComplaintError
from cli.credentials import Credentials
from cli.environment_of_children import build_environment
from cli.home import Home
from cli.process_table import build_table
from cli.settings import Settings, read_settings
from cli.stores import choose_stores

CWD = Path("/somewhere/with space")
PORTS = Addresses(gateway=8100, redis=1, flower=2, sandbox=3)
SECRETS = Credentials("segq_key", "redis-pw", "flower-pw", "SG_key", "A" * 43 + "=")


def test_nothing_set_means_the_sandbox_in_the_callers_folder() -> None:
    assert read_settings({}, CWD) == Settings(
        home=CWD / ".segq", port=8100, workers=1, slots=32, rpm=60, timeout=120.0
    )


def test_empty_counts_as_not_set() -> None:
    empty = dict.fromkeys(["SEGQ_PORT", "SEGMIND_API_KEY", "SEGMIND_BASE_URL", "SEGQ_HOME"], "")
    assert read_settings(empty, CWD) == read_settings({}, CWD)


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("SEGQ_PORT", ["0", "65535"], ["-1", "65536", "http", "8100.0"]),
        ("SEGQ_WORKERS", ["1", "64"], ["0", "65", "two"]),
        ("SEGQ_SLOTS", ["1", "2000"], ["0", "2001", """ """]),
        ("SEGMIND_RPM", ["1", "100000", "auto"], ["0", "100001", "60/min", "automatic"]),
        ("SEGMIND_TIMEOUT", ["0.1", "0.5e2", "600"], ["0.09", "601", "nan", "inf", "1m"]),
    ],
)
def test_numbers_have_bounds_and_a_wrong_one_is_named(
    name: str, good: list[str], bad: list[str]
) -> None:
    for text in good:
        read_settings({name: text}, CWD)
    for text in bad:
        with pytest.raises(ComplaintError) as error:
            read_settings({name: text}, CWD)
        assert name in str(error.value)
        assert repr(text) in str(error.value)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "url", ["https://api.segmind.com", "https://api.segmind.com/v1", "http://127.0.0.1:9/v1/"]
)
def test_an_origin_may_carry_v1(url: str) -> None:
    settings = read_settings({"SEGMIND_API_KEY": "SG_1", "SEGMIND_BASE_URL": url}, CWD)
    assert settings.base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "api.segmind.com",
        "ftp://api.segmind.com",
        "https://",
        "https://host/v2",
        "https://user:secret@host",
        "https://host?key=secret",
        "https://host:port",
    ],
)
def test_what_is_no_origin_is_refused_without_its_secrets(url: str) -> None:
    with pytest.raises(ComplaintError, match="SEGMIND_BASE_URL") as error:
        read_settings({"SEGMIND_API_KEY": "SG_1", "SEGMIND_BASE_URL": url}, CWD)
    assert "secret" not in str(error.value)


def test_another_upstream_without_a_key_is_not_silently_the_sandbox() -> None:
    with pytest.raises(ComplaintError, match="SEGMIND_API_KEY"):
        read_settings({"SEGMIND_BASE_URL": "https://api.segmind.com"}, CWD)


def test_a_relative_database_is_the_callers() -> None:
    url = read_settings({"DATABASE_URL": "sqlite:///x.db"}, CWD).database_url
    assert url == f"sqlite:///{CWD}/x.db"
    for kept in ("sqlite:////abs/x.db", "postgresql://h/db"):
        assert read_settings({"DATABASE_URL": kept}, CWD).database_url == kept


def test_the_dashboard_is_left_out_where_it_is_told_so() -> None:
    def started(**environ: str) -> bool:
        settings = read_settings({"SEGQ_PORT": "0", **environ}, CWD)
        addresses = choose_addresses(settings)
        stores = choose_stores(settings, Home(settings.home), addresses, SECRETS)
        environment = build_environment(
            environ, settings, Home(settings.home), addresses, SECRETS, stores
        )
        table = build_table(settings, Home(settings.home), addresses, SECRETS, environment, ("x",))
        return "flower" in {process.name for process in table}

    assert started()
    assert not started(SEGQ_FLOWER="off")
    with pytest.raises(ComplaintError, match="SEGQ_FLOWER"):
        started(SEGQ_FLOWER="no")


def test_secrets_are_not_in_reprs() -> None:
    settings = read_settings({"SEGMIND_API_KEY": "SG_secret"}, CWD)
    assert "SG_secret" not in repr(settings)
    assert "pw" not in repr(SECRETS)


def test_children_get_what_is_listed_and_nothing_else() -> None:
    caller = {
        "PATH": "/bin",
        "TZ": "UTC",
        "AWS_SECRET_ACCESS_KEY": "x",
        "HTTPS_PROXY": "x",
        "SEGQ_API_KEY": "x",
        "SEGQ_SOMETHING": "kept",
        "SEGMIND_TIMEOUT": "7",
    }
    settings = read_settings(caller, CWD)
    home = Home(settings.home)
    stores = choose_stores(settings, home, PORTS, SECRETS)
    assert build_environment(caller, settings, home, PORTS, SECRETS, stores) == {
        "PATH": "/bin",
        "TZ": "UTC",
        "SEGQ_SOMETHING": "kept",
        "SEGMIND_PROXY": "",
        "DATABASE_URL": f"sqlite:///{CWD}/.segq/segq.db",
        "REDIS_URL": "redis://:redis-pw@127.0.0.1:1/0",
        "SEGQ_ARTIFACTS": f"{CWD}/.segq/artifacts",
        "SEGQ_HOME": f"{CWD}/.segq",
        "SEGQ_HOST": "127.0.0.1",
        "SEGQ_POOL": "sandbox",
        "SEGQ_PORT": "8100",
        "SEGQ_SLOTS": "32",
        "SEGMIND_API_KEY": "SG_key",
        "SEGMIND_BASE_URL": "http://127.0.0.1:3",
        "SEGQ_ENCRYPTION_KEY": SECRETS.encryption_key,
        "SEGMIND_RPM": "60",
        "SEGMIND_TIMEOUT": "7",
        "PYTHONUNBUFFERED": "1",
    }


def test_with_a_key_the_upstream_is_the_users() -> None:
    caller = {"SEGMIND_API_KEY": "SG_mine", "DATABASE_URL": "postgresql://h/db"}
    settings = read_settings(caller, CWD)
    ports = Addresses(gateway=8100, redis=1, flower=2, sandbox=None)
    home = Home(settings.home)
    stores = choose_stores(settings, home, ports, SECRETS)
    made = build_environment(caller, settings, home, ports, SECRETS, stores)
    assert made["SEGMIND_API_KEY"] == "SG_mine"
    assert "SEGMIND_BASE_URL" not in made
    assert made["DATABASE_URL"] == stores.database == "postgresql://h/db"


@pytest.mark.parametrize("key", ["bad key", "SG_\u00e9", "SG_a\nb"])
def test_a_key_that_no_header_can_carry_is_refused_and_not_shown(key: str) -> None:
    with pytest.raises(ComplaintError, match="SEGMIND_API_KEY") as caught:
        read_settings({"SEGMIND_API_KEY": key}, CWD)
    assert key not in str(caught.value)


def test_stores_that_the_user_names_replace_the_homes_own() -> None:
    caller = {
        "REDIS_URL": "rediss://:pw@h:1/2?ssl_ca_certs=/ca.pem",
        "SEGQ_ARTIFACTS": "s3://bucket/prefix",
        "AWS_ACCESS_KEY_ID": "id",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "eu-west-1",
    }
    settings = read_settings(caller, CWD)
    ports = Addresses(gateway=8100, redis=None, flower=2, sandbox=3)
    home = Home(settings.home)
    stores = choose_stores(settings, home, ports, SECRETS)
    made = build_environment(caller, settings, home, ports, SECRETS, stores)
    assert {name: made[name] for name in caller} == caller
    assert "pw" not in repr(stores) + repr(settings)


def test_a_relative_artifact_folder_is_the_callers() -> None:
    assert read_settings({"SEGQ_ARTIFACTS": "x"}, CWD).artifacts == f"{CWD}/x"
    assert read_settings({"SEGQ_ARTIFACTS": "/abs"}, CWD).artifacts == "/abs"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("REDIS_URL", "http://secret@h"),
        ("REDIS_URL", "redis://h?db=3"),
        ("REDIS_URL", "redis://:secret@h/0?ssl_cert_reqs=none&socket_timeout=1"),
        ("SEGQ_ARTIFACTS", "gs://bucket"),
        ("SEGQ_ARTIFACTS", "s3://"),
    ],
)
def test_stores_of_no_known_kind_are_refused(name: str, text: str) -> None:
    with pytest.raises(ComplaintError, match=name) as caught:
        read_settings({name: text}, CWD)
    assert "secret" not in str(caught.value)
