"""The units: what systemd itself says of them, and that they start what compose.yaml starts."""

import configparser
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from cli.main import COMMANDS
from tests.deploy.compose import DEPLOY, FILES, environment_of, seconds, services

UNITS = DEPLOY / "systemd"
COMPOSE = {
    name: one for name, one in services(FILES, {}).items() if name not in {"postgres", "redis"}
}
S3_USERS = {"gateway", "worker", "upkeep"}
WORST_EXPOSURE = 1.5
"""Of 10; 9.6 is a service without any bound."""


def unit_file(name: str) -> str:
    return f"segq-{name}@.service" if name == "worker" else f"segq-{name}.service"


def _instance(name: str) -> str:
    return unit_file(name).replace("@", "@1")


def _lines(file: str, key: str) -> list[str]:
    text = (UNITS / file).read_text()
    return re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)


@pytest.fixture
def units(tmp_path: Path) -> Path:
    """The units where systemd finds them, with a program that is there."""
    shutil.copytree(UNITS, tmp_path / "units")
    for unit in (tmp_path / "units").glob("*.service"):
        unit.write_text(unit.read_text().replace("/opt/segq/bin/segq", "/bin/true"))
    for name in S3_USERS:
        folder = tmp_path / "units" / f"{unit_file(name)}.d"
        folder.mkdir()
        shutil.copy(UNITS / "s3.conf", folder)
    return tmp_path / "units"


def _analyze(units: Path, *words: str) -> subprocess.CompletedProcess[str]:
    program = shutil.which("systemd-analyze")
    assert program, "systemd-analyze is missing: apt-get install systemd"
    return subprocess.run(
        [program, *words],
        # With the empty one at its end: systemd's own units, which these name.
        env={"SYSTEMD_UNIT_PATH": f"{units}:", "PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("name", COMPOSE)
def test_systemd_finds_nothing_wrong(name: str, units: Path) -> None:
    done = _analyze(units, "verify", "--man=no", _instance(name))
    ours = [line for line in done.stderr.splitlines() if "segq" in line]
    assert ours == []
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", COMPOSE)
def test_what_holds_for_all_units_holds_for_this_one_too(name: str, units: Path) -> None:
    done = _analyze(
        units, "security", "--offline=yes", f"--threshold={WORST_EXPOSURE * 10:g}", _instance(name)
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("name", COMPOSE)
def test_each_starts_what_compose_starts_with_the_same_secrets(name: str) -> None:
    service = COMPOSE[name]
    (start,) = _lines(unit_file(name), "ExecStart")
    program, *words = start.split()
    assert program == "/opt/segq/bin/segq"
    assert words == service["command"]
    assert words[0] in COMMANDS
    files = [unit_file(name), *(["s3.conf"] if name in S3_USERS else [])]
    given = {line.partition(":")[0] for file in files for line in _lines(file, "LoadCredential")}
    assert given == set(service["secrets"])
    told = dict(line.split("=") for file in files for line in _lines(file, "Environment"))
    assert told == {
        key: value.replace("/run/secrets", "%d")
        for key, value in environment_of(service, {}).items()
        if key.endswith("_FILE") and value.startswith("/run/secrets/")
    }


@pytest.mark.parametrize("name", [name for name in COMPOSE if name != "migrate"])
def test_each_ends_as_gently_and_starts_again_but_for_a_wrong_setting(name: str) -> None:
    assert _lines(unit_file(name), "TimeoutStopSec") == [
        f"{seconds(COMPOSE[name]['stop_grace_period']):g}"
    ]
    assert _lines(unit_file(name), "Restart") == ["always"]
    assert _lines(unit_file(name), "RestartPreventExitStatus") == ["2"]
    assert _lines(unit_file(name), "Requires") == ["segq-migrate.service"]
    assert _lines(unit_file(name), "After") == ["segq-migrate.service"]
    assert _lines(unit_file(name), "WantedBy") == ["segq.target"]


def test_no_drop_in_undoes_what_a_unit_says_of_itself() -> None:
    """A drop-in comes after the unit: a key in both would be the drop-in's."""
    shared = _keys(UNITS / "segq-.service.d" / "10-segq.conf")
    both = {"Environment", "After"}  # these add up
    for unit in UNITS.glob("segq-*.service"):
        assert shared & _keys(unit) <= both, unit.name


def _keys(file: Path) -> set[str]:
    reader = configparser.RawConfigParser(strict=False, allow_no_value=False)
    reader.optionxform = str  # type: ignore[assignment,method-assign]
    reader.read_string(file.read_text())
    return {key for section in reader.sections() for key in reader[section]}
