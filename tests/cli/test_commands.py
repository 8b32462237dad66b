"""The commands as a person types them, where no system runs."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.home import Home, HomeLock
from cli.main import COMMANDS
from cli.ports import free_port
from tests.systems.processes import project_environment


def segq(*words: str, cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "cli", *words],
        cwd=cwd,
        env=project_environment(**environment),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_without_arguments_it_says_what_it_can_do(tmp_path: Path) -> None:
    done = segq(cwd=tmp_path)
    assert done.returncode == 0
    assert all(re.search(rf"\n    {name}\s", done.stdout) for name in COMMANDS)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_each_command_explains_itself(name: str, tmp_path: Path) -> None:
    done = segq(name, "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert name in done.stdout


@pytest.mark.parametrize("words", [["dance"], ["up", "--foo"], ["down", "extra"], ["run"]])
def test_what_it_does_not_know_is_a_usage_error(words: list[str], tmp_path: Path) -> None:
    done = segq(*words, cwd=tmp_path)
    assert done.returncode == 2
    assert "usage: segq" in done.stderr


def test_where_nothing_runs(tmp_path: Path) -> None:
    assert segq("down", cwd=tmp_path).returncode == 0
    status = segq("status", cwd=tmp_path)
    assert (status.returncode, status.stdout) == (3, f"nothing runs in {tmp_path / '.segq'}\n")
    logs = segq("logs", "gateway", cwd=tmp_path)
    assert logs.returncode == 1
    assert "no log of 'gateway'" in logs.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["up"], ["up", "--detach"], ["demo"], ["run", "ssd-canny"]])
def test_a_wrong_number_is_one_line(words: list[str], tmp_path: Path) -> None:
    done = segq(*words, cwd=tmp_path, SEGQ_SLOTS="many")
    assert done.returncode == 1
    assert done.stderr == ("segq: SEGQ_SLOTS is 'many'; allowed is a whole number from 1 to 2000\n")


@pytest.mark.parametrize("words", [["up"], ["up", "--detach"]])
def test_a_taken_port_names_the_variable(words: list[str], tmp_path: Path) -> None:
    import socket

    port = free_port()
    with socket.create_server(("127.0.0.1", port)):
        done = segq(*words, cwd=tmp_path, SEGQ_PORT=str(port))
    assert done.returncode == 1
    assert f"port {port}" in done.stderr
    assert "SEGQ_PORT" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / ".segq" / "run.json").exists()


def test_a_demo_does_not_spend_unasked(tmp_path: Path) -> None:
    done = segq("demo", "--exit", cwd=tmp_path, SEGMIND_API_KEY="SG_0123456789abcdef")
    assert done.returncode == 1
    assert "--yes" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--out", "gone/x.jpg"], "there is no folder gone"),
        (["--out", "."], "is a folder"),
        (["--out", "x" * 300 + "/y.jpg"], "too long"),
        (["--wait", "nan"], "--wait"),
        (["--wait", "inf"], "--wait"),
        (["--wait", "0.5"], "--wait"),
        (["--wait", "soon"], "--wait"),
    ],
)
def test_a_run_that_cannot_go_well_is_not_begun(
    words: list[str], said: str, tmp_path: Path
) -> None:
    done = segq("run", "ssd-canny", *words, cwd=tmp_path)
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_a_demo_whose_images_have_no_place_is_not_begun(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    done = segq("demo", "--exit", cwd=tmp_path)
    assert done.returncode == 1
    assert f"{tmp_path / 'out'} is a file" in done.stderr
    assert done.stderr.count("\n") == 1
    assert list((tmp_path / ".segq" / "logs").iterdir()) == []


def test_a_demo_beside_a_system_says_only_that(tmp_path: Path) -> None:
    home = Home(tmp_path / ".segq")
    home.make()
    lock = HomeLock(home)
    assert lock.take()
    done = segq("demo", cwd=tmp_path)
    lock.release()
    assert done.returncode == 1
    assert done.stderr.startswith("segq: a system already runs")
    assert done.stderr.count("\n") == 1


def test_ctrl_c_while_modules_load_is_quiet(tmp_path: Path) -> None:
    # It stands in for the standard library's, and is interrupted while it is imported.
    (tmp_path / "argparse.py").write_text("raise KeyboardInterrupt\n")
    path = f"{tmp_path}{os.pathsep}{project_environment()['PYTHONPATH']}"
    done = segq("up", cwd=tmp_path, PYTHONPATH=path)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_logs_of_all_say_whose_they_are(tmp_path: Path) -> None:
    logs = tmp_path / ".segq" / "logs"
    logs.mkdir(parents=True)
    (logs / "beat.log").write_text("tick\n")
    (logs / "gateway.log").write_text("one\ntwo\n")
    assert segq("logs", cwd=tmp_path).stdout == "beat    | tick\ngateway | one\ngateway | two\n"
    assert segq("logs", "gateway", cwd=tmp_path).stdout == "one\ntwo\n"
