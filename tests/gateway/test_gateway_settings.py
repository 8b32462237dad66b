import os
import subprocess
import sys
from pathlib import Path

import pytest

from api_gateway.settings import Settings
from jobs.errors import InvalidSetting
from tests.gateway.gateway_process import ROOT

NEEDED = {
    "DATABASE_URL": "sqlite:///x.db",
    "REDIS_URL": "redis://:secret@127.0.0.1:1/0",
    "SEGQ_ARTIFACTS": "artifacts",
}


def test_what_is_not_told_has_a_default() -> None:
    settings = Settings.from_environment(NEEDED)
    assert (settings.host, settings.port) == ("127.0.0.1", 8100)
    assert settings.artifacts == Path("artifacts")
    assert settings.body_timeout == 60
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("DATABASE_URL", "", "DATABASE_URL is ''; it must be sqlite:///… or postgresql://…"),
        ("REDIS_URL", "", "REDIS_URL is ''; it must be redis://… or rediss://…"),
        ("REDIS_URL", "http://:secret@x", "REDIS_URL is 'http:…'; it must be redis://…"),
        ("SEGQ_ARTIFACTS", "", "SEGQ_ARTIFACTS is ''; it must be a folder"),
        ("SEGQ_PORT", "0", "SEGQ_PORT is '0'; it must be a port from 1 to 65535"),
        ("SEGQ_PORT", "65536", "SEGQ_PORT is '65536'; it must be a port from 1 to 65535"),
        ("SEGQ_PORT", "http", "SEGQ_PORT is 'http'"),
        *(
            (
                "SEGQ_BODY_TIMEOUT",
                value,
                f"SEGQ_BODY_TIMEOUT is '{value}'; it must be seconds from 1",
            )
            for value in ("0.99", "3600.1", "nan", "inf", "-1", "1m")
        ),
    ],
)
def test_a_setting_that_cannot_be_used_is_named(name: str, value: str, words: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        Settings.from_environment({**NEEDED, name: value})
    assert str(refused.value).startswith(words)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("value", ["1", "3600", "2.5"])
def test_a_body_timeout_within_its_bounds_is_taken(value: str) -> None:
    settings = Settings.from_environment({**NEEDED, "SEGQ_BODY_TIMEOUT": value})
    assert settings.body_timeout == float(value)


def test_the_process_says_which_setting_and_ends(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "api_gateway"],
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            **NEEDED,
            "SEGQ_ARTIFACTS": str(tmp_path / "artifacts"),
            "DATABASE_URL": "mysql://x/y",
        },
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    assert ended.returncode == 2
    assert ended.stderr.startswith("DATABASE_URL is 'mysql'; it must be sqlite:///a/file or")
