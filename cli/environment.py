"""Makes `.venv` from a hash-pinned lock. Run by the `segq` launcher with any Python >= 3.11.

Standard library only, and nothing of ours: at this point nothing is installed.

    python3 -I cli/environment.py run|dev

A copy of the lock (`.venv/segq-run.txt`) and the checkout's path (`.venv/segq-root`) say what is
installed; the launcher compares them and comes here only when something differs.
"""

import contextlib
import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
# There while packages are being installed; found at a start, it means that one was cut off.
BUILDING = VENV / "segq-building"
ROOT_MARK = VENV / "segq-root"
# The dev lock is a superset of the run lock.
INCLUDES = {"run": ("run",), "dev": ("dev", "run")}
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Exit code 0 when `.venv` fits the lock; 1 after one line that says why it does not."""
    wanted = sys.argv[1]
    # The folder itself is locked: of two first starts one builds, the other waits and finds it.
    locks = os.open(ROOT / "locks", os.O_RDONLY)
    fcntl.flock(locks, fcntl.LOCK_EX)
    try:
        if is_current(wanted):
            return 0
        if VENV.is_symlink():
            # It may be another checkout's: pip would put this one's packages and paths into it.
            say(f"{VENV} is a symbolic link, and is not installed through; remove the link")
            return 1
        build(wanted)
    except subprocess.CalledProcessError as error:
        say(f"could not make .venv ({Path(error.cmd[0]).name} ended with {error.returncode})")
        return 1
    except OSError as error:
        say(f"could not make .venv: {error}")
        return 1
    finally:
        os.close(locks)
    return 0


def is_current(wanted: str) -> bool:
    """Whether what is installed is what the lock says, for this checkout at this path."""
    return (
        not BUILDING.exists()
        and text_of(ROOT_MARK) == f"{ROOT}\n"
        and text_of(stamp(wanted)) == text_of(lock(wanted))
    )


def build(wanted: str) -> None:
    """Install into `.venv`, made anew when it is missing, half made, moved or of a gone Python."""
    if is_broken():
        shutil.rmtree(VENV, ignore_errors=True)
    python = VENV / "bin" / "python"
    if not python.exists():
        if (
            importlib.util.find_spec("ensurepip") is None
            or importlib.util.find_spec("venv") is None
        ):
            # Debian ships Python without them.
            say("this Python cannot make virtual environments; run: apt install python3-venv")
            raise SystemExit(1)
        say(f"installing into {VENV} from locks/{wanted}.txt (once, about 20 s) ...")
        VENV.mkdir(exist_ok=True)
        BUILDING.touch()
        call(sys.executable, "-I", "-m", "venv", str(VENV))
    else:
        say(f"bringing {VENV} in line with locks/{wanted}.txt ...")
        BUILDING.touch()
    for name in INCLUDES[wanted]:
        stamp(name).unlink(missing_ok=True)
    pip = (str(python), "-I", "-m", "pip", "install", "-qq", "--disable-pip-version-check")
    before = {name: text_of(lock(name)) for name in INCLUDES[wanted]}
    call(*pip, "--no-input", "--require-hashes", "--requirement", str(lock(wanted)))
    # compat: a plain path entry, so that a new module is there at once. Setuptools is in the lock,
    # so nothing is fetched.
    ours = (*("--editable", str(ROOT)), *("--editable", str(ROOT / "client")))
    call(
        *pip,
        *("--no-input", "--no-deps", "--no-build-isolation"),
        *("--config-settings", "editable_mode=compat", *ours),
    )
    for name, text in before.items():
        stamp(name).write_text(text or "")
    ROOT_MARK.write_text(f"{ROOT}\n")
    BUILDING.unlink()


def is_broken() -> bool:
    """Half made, or its interpreter does not run, or its programs point to another path."""
    if not VENV.exists():
        return False
    moved = text_of(ROOT_MARK) not in (None, f"{ROOT}\n")
    python = VENV / "bin" / "python"
    if BUILDING.exists() or moved or not python.exists():
        return True
    question = "import sys, pip; sys.exit(sys.version_info < (3, 11))"
    asked = subprocess.run([python, "-I", "-c", question], check=False, start_new_session=True)
    return asked.returncode != 0


def stamp(name: str) -> Path:
    return VENV / f"segq-{name}.txt"


def lock(name: str) -> Path:
    return ROOT / "locks" / f"{name}.txt"


def text_of(path: Path) -> str | None:
    return path.read_text() if path.exists() else None


def call(*command: str) -> None:
    # pip writes its errors itself; what it prints besides is of no use to a newcomer. A session of
    # its own: pip and venv would answer a terminal's Ctrl-C with tracebacks.
    started = None
    try:
        with held_back():
            started = subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True)
        code = started.wait()
    except KeyboardInterrupt:
        if started is not None:
            # All of it: what venv has started would go on writing into the next start's .venv.
            with contextlib.suppress(ProcessLookupError):  # it ended in this very moment
                os.killpg(started.pid, signal.SIGKILL)
            started.wait()
        raise
    if code != 0:
        raise subprocess.CalledProcessError(code, command)


@contextlib.contextmanager
def held_back() -> Iterator[None]:
    """Ctrl-C comes at the end of this: amid a start, nobody would know what has been started."""
    came: list[int] = []
    caught = [one for one in ENDINGS if signal.getsignal(one) is signal.default_int_handler]
    for one in caught:
        signal.signal(one, lambda number, _: came.append(number))
    try:
        yield
    finally:
        for one in caught:
            signal.signal(one, signal.default_int_handler)
    if came:
        raise KeyboardInterrupt


def say(line: str) -> None:
    print(f"segq: {line}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    # All end the install as Ctrl-C does, with what it has started; `nohup` stays in force.
    for ending in ENDINGS:
        if signal.getsignal(ending) is signal.SIG_DFL:
            signal.signal(ending, signal.default_int_handler)
    try:
        code = main()
    except KeyboardInterrupt:
        say("interrupted; the next start makes .venv anew where it is half made")
        code = 130
    sys.exit(code)
