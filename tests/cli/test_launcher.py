"""The `segq` script, up to the point where it would install something."""

import os
import shlex
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli import environment
from tests.systems.processes import ROOT, is_gone, wait_until

TOOLS = ("sh", "dirname", "readlink", "cat", "cmp")


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what the launcher needs, at a path with a space."""
    made = tmp_path / "a clone"
    (made / "locks").mkdir(parents=True)
    shutil.copy(ROOT / "segq", made)
    shutil.copytree(ROOT / "cli", made / "cli", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("run", "dev"):
        (made / "locks" / f"{name}.txt").write_text(f"{name}\n")
    return made


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A PATH with the few programs that the launcher uses, and no Python."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in TOOLS:
        (folder / name).symlink_to(shutil.which(name) or pytest.fail(f"no {name}"))
    return folder


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def installed(clone: Path, lock: str) -> None:
    """As after an install, with an interpreter that shows what it was asked."""
    script(clone / ".venv" / "bin" / "python", 'for word; do echo "[$word]"; done')
    (clone / ".venv" / "segq-root").write_text(f"{clone}\n")
    shutil.copy(clone / "locks" / f"{lock}.txt", clone / ".venv" / f"segq-{lock}.txt")


def launch(command: Path, *words: str, path: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [command, *words],
        env={"PATH": str(path)},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_no_python_is_one_line(clone: Path, tools: Path) -> None:
    done = launch(clone / "segq", "up", path=tools, cwd=clone)
    assert done.returncode == 1
    assert done.stderr.startswith("segq: needs Python 3.11 or newer")
    assert done.stderr.count("\n") == 1


def test_an_old_python_is_passed_over(clone: Path, tools: Path) -> None:
    script(tools / "python3", "exit 1")
    (tools / "python3.12").symlink_to(sys.executable)
    done = launch(clone / "segq", path=tools, cwd=clone)
    assert done.returncode == 0
    assert "usage: segq" in done.stdout
    assert not (clone / ".venv").exists()  # help needs no install


def test_no_venv_is_the_line_that_fixes_it(clone: Path, tools: Path) -> None:
    # An interpreter whose standard library lacks ensurepip, as Debian's does without python3-venv.
    script(
        tools / "python3",
        f'case "$*" in *environment.py*) ;; *) exit 0 ;; esac\n'
        f"shift; exec {shlex.quote(sys.executable)} -I -c 'import importlib.util, runpy, sys\n"
        f"find = importlib.util.find_spec\n"
        f'importlib.util.find_spec = lambda name: None if name == "ensurepip" else find(name)\n'
        f'sys.argv = sys.argv[1:]; runpy.run_path(sys.argv[0], run_name="__main__")\' "$@"',
    )
    done = launch(clone / "segq", "up", path=tools, cwd=clone)
    assert done.returncode == 1
    assert "apt install python3-venv" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (clone / ".venv").exists()


def test_what_is_installed_is_run_from_anywhere(clone: Path, tools: Path, tmp_path: Path) -> None:
    installed(clone, "run")
    link = tmp_path / "linked"
    link.symlink_to(clone / "segq")
    for command in (clone / "segq", link, Path("../a clone/segq")):
        done = launch(command, "run", "a b", path=tools, cwd=tools)
        assert done.stdout == "[-P]\n[-m]\n[cli]\n[run]\n[a b]\n"


def test_ctrl_c_during_the_install_is_one_line(clone: Path, tools: Path) -> None:
    installed(clone, "run")
    (clone / "locks" / "run.txt").write_text("changed\n")
    pid_file = clone / "pid"
    script(
        clone / ".venv" / "bin" / "python",
        f'case "$*" in *install*) echo $$ >{shlex.quote(str(pid_file))}; exec sleep 60 ;; esac',
    )
    for name, program in (("python3", sys.executable), ("sleep", shutil.which("sleep"))):
        (tools / name).symlink_to(program or pytest.fail(f"no {name}"))
    with subprocess.Popen(
        [clone / "segq", "up"],
        env={"PATH": str(tools)},
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as started:
        wait_until(lambda: pid_file.exists() and pid_file.read_text() != "", "the install")
        os.killpg(started.pid, signal.SIGINT)  # as a terminal does: to the launcher too
        _, said = started.communicate(timeout=20)
    # A shell that dies of the same Ctrl-C has done what it should, too.
    assert started.returncode in {130, -signal.SIGINT}
    assert said.splitlines()[1:] == [
        "segq: interrupted; the next start makes .venv anew where it is half made"
    ]
    wait_until(lambda: is_gone(int(pid_file.read_text())), "the install ended")
    assert (clone / ".venv" / "segq-building").exists()


def test_ctrl_c_amid_the_start_of_the_install_ends_it_too(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Struck(subprocess.Popen[bytes]):
        def __init__(self, *args: Any, **more: Any) -> None:
            super().__init__(*args, **more)
            started.append(self)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("cli.environment.subprocess.Popen", Struck)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            environment.call("sleep", "60")
    finally:
        signal.signal(signal.SIGINT, before)
        for one in started:
            one.kill()  # where it was not ended, it would outlive the test
            one.wait()
    assert [one.returncode for one in started] == [-signal.SIGKILL]


@pytest.mark.parametrize(
    ("word", "spoil"),
    [
        ("up", lambda clone: (clone / "locks" / "run.txt").write_text("changed\n")),
        ("up", lambda clone: (clone / ".venv" / "segq-building").touch()),
        ("up", lambda clone: (clone / ".venv" / "segq-root").write_text("/elsewhere\n")),
        ("test", lambda clone: None),  # only the run lock is installed
    ],
    ids=["lock changed", "half made", "clone moved", "tests need more"],
)
def test_what_does_not_fit_is_installed_again(
    clone: Path, tools: Path, word: str, spoil: "object"
) -> None:
    installed(clone, "run")
    assert callable(spoil)
    spoil(clone)
    script(tools / "python3", 'case "$*" in *environment.py*) echo "$3"; exit 9 ;; esac')
    done = launch(clone / "segq", word, path=tools, cwd=clone)
    assert (done.returncode, done.stdout) == (9, "dev\n" if word == "test" else "run\n")


def test_a_linked_venv_is_not_installed_through(clone: Path, tools: Path) -> None:
    installed(clone, "run")
    other = clone.with_name("another checkout")
    (clone / ".venv").rename(other)
    (clone / ".venv").symlink_to(other)
    (other / "segq-root").write_text("/elsewhere\n")
    (tools / "python3").symlink_to(sys.executable)
    before = {path: path.stat().st_mtime_ns for path in other.rglob("*")}
    done = launch(clone / "segq", "up", path=tools, cwd=clone)
    assert done.returncode == 1
    assert "is a symbolic link" in done.stderr
    assert done.stderr.count("\n") == 1
    assert {path: path.stat().st_mtime_ns for path in other.rglob("*")} == before
