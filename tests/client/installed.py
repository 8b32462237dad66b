"""An environment of its own into which this checkout's distributions were installed, as a user does."""

import os
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.build_context import copy_context

_OWN = ("segq", "__editable__", "_virtualenv", "distutils-precedence")


@dataclass(frozen=True)
class Installed:
    """`python` of that environment."""

    python: Path

    def pytest(
        self, folder: Path, *words: str, more: Mapping[str, str] | None = None
    ) -> tuple[int, str]:
        """A pytest of its own on what lies in the folder: its exit code, and what it wrote."""
        done = subprocess.run(
            [self.python, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", *words],
            cwd=folder,
            env={"PATH": os.environ["PATH"], "HOME": str(folder), **(more or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr


def install(folder: Path, distributions: Sequence[str]) -> Installed:
    """`distributions` are `client` and `.`; packages of others are linked instead of fetched."""
    venv, source = folder / "venv", folder / "src"
    _run(sys.executable, "-m", "venv", "--without-pip", venv)
    (packages,) = venv.glob("lib/python3.*/site-packages")
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not path.name.startswith(_OWN) and path.suffix != ".pth":
            (packages / path.name).symlink_to(path)
    copy_context(source)
    pip = (sys.executable, "-m", "pip", "-q", "--python", venv / "bin" / "python")
    options = ("--no-deps", "--no-build-isolation", "--no-index")
    _run(*pip, "install", *options, *(source / name for name in distributions))
    return Installed(venv / "bin" / "python")


def _run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
