"""What the image holds, made here by the Dockerfile's own steps where no registry is needed."""

import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.deploy.build_context import copy_context
from tests.deploy.dockerfile import runs

_PLACE = "/opt/segq"
_OWN = ("segq", "__editable__", "_virtualenv", "distutils-precedence")


@dataclass(frozen=True)
class Image:
    """`place` is what /opt/segq is in the image, `source` what was copied to build it."""

    place: Path
    source: Path

    @property
    def programs(self) -> Path:
        return self.place / "bin"

    @property
    def packages(self) -> Path:
        (found,) = self.place.glob("lib/python3.*/site-packages")
        return found

    def environment(self, writable: list[Path]) -> dict[str, str]:
        """A container's: its programs first, and a root that can be written to nowhere else."""
        return {
            "PATH": f"{self.programs}:{os.environ['PATH']}:/usr/sbin",
            "PYTHONDONTWRITEBYTECODE": "1",
            "HOME": "/nonexistent",
            "LANG": "C.UTF-8",
            "WRITABLE_HERE": os.pathsep.join(map(str, writable)),
        }


def build_image(folder: Path) -> Image:
    """Runs the build stage's steps; the packages of the lock are linked instead of fetched."""
    image = Image(folder / "opt-segq", folder / "src")
    copy_context(image.source)
    make_venv, _, install_ours, _ = runs()
    _run(make_venv, image)
    _link_packages(image.packages)
    _run(install_ours, image)
    shutil.copy(Path(__file__).with_name("read_only_root.py"), image.packages / "sitecustomize.py")
    return image


def _run(step: str, image: Image) -> None:
    words = step.replace(_PLACE, str(image.place)).split()
    # The image's own `python` and `pip` are this interpreter's here.
    ours = {"python": [sys.executable], "pip": [sys.executable, "-m", "pip", "-q"]}
    done = subprocess.run(
        [*ours[words[0]], *words[1:]],
        cwd=image.source,
        env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"{step}\n{done.stdout}{done.stderr}"


def _link_packages(target: Path) -> None:
    """Everything installed beside this interpreter but the checkout itself."""
    for path in Path(sysconfig.get_paths()["purelib"]).iterdir():
        if not path.name.startswith(_OWN) and path.suffix != ".pth":
            (target / path.name).symlink_to(path)


def run_in(
    image: Image, *words: str, cwd: Path, more: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """A program of the image, to its end."""
    return subprocess.run(
        [image.programs / words[0], *words[1:]],
        cwd=cwd,
        env={**image.environment([]), **(more or {})},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
