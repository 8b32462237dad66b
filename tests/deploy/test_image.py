"""The image: its Dockerfile's steps, and what its `segq` is without the checkout."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.deploy.dockerfile import DOCKERFILE, entrypoint, instructions, runs
from tests.deploy.image import Image, run_in

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
PACKAGES: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"][
    "packages"
]
SERVICES = ("gateway", "worker", "upkeep", "beat", "flower", "migrate")


def test_the_linter_of_dockerfiles_has_nothing_to_say() -> None:
    done = subprocess.run(
        [PROGRAMS / "hadolint", "--no-fail", DOCKERFILE], capture_output=True, text=True, check=True
    )
    assert done.stdout + done.stderr == ""


def test_packages_come_by_hash_and_the_process_is_not_root() -> None:
    _, install_lock, install_ours, _ = runs()
    assert "--require-hashes" in install_lock
    assert install_lock.endswith("--requirement locks/run.txt")
    # All that could be fetched without a hash.
    assert {"--no-deps", "--no-build-isolation", "--no-index"} <= set(install_ours.split())
    last = {one.name: one.words for one in instructions()}
    user = int(last["USER"].partition(":")[0])
    assert user > 0
    assert f"--uid {user}" in runs()[-1]
    assert entrypoint() == ["segq"]


def test_the_image_holds_every_package_with_its_data_and_nothing_of_the_checkout(
    image: Image,
) -> None:
    folders = [*(name.replace(".", "/") for name in PACKAGES), "client/segq_client"]
    for folder in folders:
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and "__pycache__" not in file.parts:
                name = file.relative_to(ROOT).as_posix().removeprefix("client/")
                assert (image.packages / name).read_bytes() == file.read_bytes(), name
    assert not (image.source / "tests").exists()
    assert not (image.source / "deploy").exists()
    asked = run_in(
        image, "python", "-c", "import sys; print(*sys.path, sep='\\n')", cwd=image.source.parent
    )
    assert str(ROOT) not in asked.stdout.splitlines()


@pytest.mark.parametrize("name", SERVICES)
def test_each_service_starts_from_an_empty_folder_and_says_what_it_lacks(
    name: str, image: Image, tmp_path: Path
) -> None:
    done = run_in(image, *entrypoint(), name, cwd=tmp_path)
    assert done.returncode in {1, 2}, done.stdout + done.stderr
    (line,) = done.stderr.splitlines()
    needed = {"flower": "FLOWER_BASIC_AUTH"}.get(name, "DATABASE_URL|REDIS_URL")
    assert any(one in line for one in needed.split("|")), line
    assert list(tmp_path.iterdir()) == []


def test_the_guard_of_the_root_lets_nothing_be_written(image: Image, tmp_path: Path) -> None:
    program = f"open({str(tmp_path / 'x')!r}, 'w')"
    refused = run_in(image, "python", "-c", program, cwd=tmp_path)
    assert "Read-only file system" in refused.stderr
    allowed = run_in(
        image, "python", "-c", program, cwd=tmp_path, more={"WRITABLE_HERE": str(tmp_path)}
    )
    assert allowed.returncode == 0, allowed.stderr
