"""SEGQ_HOME: private files, one owner, marks of a crash that do no harm."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from cli.complaint import ComplaintError
from cli.credentials import kept_encryption_key, load_credentials
from cli.home import Home, HomeLock, owner_of, write_private
from cli.run_file import read_running


@pytest.fixture
def home(tmp_path: Path) -> Home:
    made = Home(tmp_path / "a home")
    made.make()
    return made


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_folder_and_its_secrets_are_the_owners_alone(home: Home) -> None:
    load_credentials(home)
    assert mode(home.path) == 0o700
    assert mode(home.secrets_file) == 0o600


def test_secrets_are_made_once(home: Home) -> None:
    first = load_credentials(home)
    assert load_credentials(home) == first
    assert first.api_key.startswith("segq_")
    assert len(first.api_key) == len("segq_") + 43
    assert first.sandbox_key.startswith("SG_")
    assert len(first.sandbox_key) == len("SG_") + 16
    assert set(first.sandbox_key[3:]) <= set("0123456789abcdef")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"api_key": "x"}'])
def test_spoilt_secrets_are_named_not_replaced(home: Home, text: str) -> None:
    home.secrets_file.write_text(text)
    with pytest.raises(ComplaintError, match=r"secrets\.json"):
        load_credentials(home)
    assert home.secrets_file.read_text() == text


def test_a_private_file_is_replaced_in_one_step(home: Home) -> None:
    path = home.path / "x.json"
    path.write_text("old, for everybody")
    path.chmod(0o644)
    write_private(path, {"a": 1})
    assert json.loads(path.read_text()) == {"a": 1}
    assert mode(path) == 0o600
    assert list(home.path.glob(".x.json*")) == []


def test_one_owner_at_a_time(home: Home) -> None:
    first, second = HomeLock(home), HomeLock(home)
    assert owner_of(home) is None
    assert first.take()
    assert not second.take()
    assert owner_of(home) is not None
    first.release()
    assert owner_of(home) is None
    assert second.take()
    second.release()


def test_a_run_file_without_an_owner_is_not_believed(home: Home) -> None:
    home.run_file.write_text('{"gateway": "http://127.0.0.1:1", "processes": {"supervisor": 1}}')
    assert read_running(home) is None


def test_a_home_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ComplaintError, match="SEGQ_HOME"):
        Home(tmp_path / "file" / "home").make()


def test_secrets_of_an_earlier_version_get_a_master_key(home: Home) -> None:
    first = load_credentials(home)
    kept = json.loads(home.secrets_file.read_text())
    del kept["encryption_key"]
    home.secrets_file.write_text(json.dumps(kept))
    later = load_credentials(home)
    assert replace(later, encryption_key=first.encryption_key) == first
    assert later.encryption_key != first.encryption_key
    assert load_credentials(home) == later
    assert kept_encryption_key(home) == later.encryption_key
    assert mode(home.secrets_file) == 0o600
