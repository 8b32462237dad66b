"""The commands of docs/deploy.md that no test machine can run, and what is checked of each instead."""

import re
import shlex
from collections.abc import Callable

from tests.deploy.compose import DEPLOY, FILES, services
from tests.deploy.dockerfile import runs

_COMPOSE = {"up", "ps", "logs", "build", "run", "exec"}
_OF_DEBIAN = {"postgresql", "redis-server", "python3-venv", "nginx"}
_DEBIANS_UNITS = {"redis-server.service", "nginx.service"}


def _compose(words: list[str]) -> None:
    """Its files and its service are there."""
    found = [words[n + 1] for n, word in enumerate(words) if word == "--project-directory"]
    assert found == ["deploy"]
    files = [words[n + 1] for n, word in enumerate(words) if word == "--file"]
    assert all((DEPLOY.parent / file).is_file() for file in files)
    (command,) = [word for word in words if word in _COMPOSE][:1]
    after = [word for word in words[words.index(command) + 1 :] if not word.startswith("-")]
    if command in {"logs", "run", "exec"}:
        assert after[0] in services(FILES, {})
    else:
        assert after == []


def _systemctl(words: list[str]) -> None:
    """Every unit is one of ours, or of the packages that the page installs."""
    for word in words[2:]:
        if word.endswith((".service", ".target")):
            file = re.sub(r"@\d+", "@", word)
            assert (DEPLOY / "systemd" / file).is_file() or word in _DEBIANS_UNITS, word


def _apt(words: list[str]) -> None:
    assert words[2:4] == ["install", "--yes"]
    assert set(words[4:]) <= _OF_DEBIAN


def _useradd(words: list[str]) -> None:
    """It is whom the units name."""
    shared = (DEPLOY / "systemd" / "segq-.service.d" / "10-segq.conf").read_text()
    assert f"User={words[-1]}\n" in shared
    assert words[words.index("--home-dir") + 1] == "/var/lib/segq"


def _install(words: list[str]) -> None:
    """The same words as in the image, where tests/deploy/test_image.py runs them."""
    after = shlex.join(words[words.index("install") :])
    assert any(run.endswith(after) for run in runs()), after


def _nothing(_: list[str]) -> None:
    """Nothing of ours stands in it that a test could hold."""


NOT_RUN: dict[str, Callable[[list[str]], None]] = {
    "docker compose ": _compose,
    "sudo systemctl ": _systemctl,
    "sudo apt-get ": _apt,
    "sudo useradd ": _useradd,
    "sudo /opt/segq-0.1.0/bin/pip ": _install,
    "sudo python3 -m venv /opt/segq-0.1.0": _nothing,
    "sudo journalctl --unit 'segq-*'": _nothing,
    # tests/deploy/test_nginx.py runs nginx with this file.
    "sudo nginx -t": _nothing,
}
