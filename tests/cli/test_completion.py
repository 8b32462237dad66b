"""Completion, in the shells that are here."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.cli.test_commands import segq


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("completion")
    done = segq("completion", "bash", cwd=folder)
    assert done.returncode == 0, done.stderr
    (folder / "segq.bash").write_text(done.stdout)
    return folder / "segq.bash"


@pytest.mark.parametrize(
    ("typed", "among"),
    [
        (["ba"], {"batch"}),
        (["batch", "re"], {"resume", "retry", "results"}),
        (["batch", "run", "--ma"], {"--matrix"}),
        (["jobs", "--st"], {"--state"}),
        (["completion", "z"], {"zsh"}),
        (["batch", "run", "--images", "--sk"], {"--skip-bad"}),
    ],
)
def test_bash_completes_words(script: Path, typed: list[str], among: set[str]) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    words = " ".join(["segq", *typed])
    asked = f'. {script}; COMP_WORDS=({words}); COMP_CWORD={len(typed)}; _segq; echo "${{COMPREPLY[@]}}"'
    done = subprocess.run(
        [bash, "--norc", "-c", asked],
        cwd=script.parent,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    assert (set(done.stdout.split()), done.stderr) == (among, "")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_have_the_same_words(shell: str, tmp_path: Path) -> None:
    done = segq("completion", shell, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert all(word in done.stdout for word in ("batch", "skip-bad", "retry", "flower"))
    program = shutil.which(shell)
    if program is not None:
        (tmp_path / "script").write_text(done.stdout)
        subprocess.run([program, "-n", "script"], cwd=tmp_path, timeout=20, check=True)
