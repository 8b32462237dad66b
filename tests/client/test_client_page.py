"""docs/client.md and the client's README: every block runs, every name is there, no other is."""

import inspect
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import segq_client
import segq_client.testing
from segq_client import Client, Result
from tests.client.installed import Installed
from tests.client.page_of_python import blocks_of, fits, run_blocks
from tests.client.test_client_surface import methods
from tests.systems.processes import ROOT, project_environment
from tests.systems.running_system import start_system, stop_system

PAGE = (ROOT / "docs" / "client.md").read_text()
README = (ROOT / "client" / "README.md").read_text()
PHOTO = ROOT / "examples" / "images" / "coffee.jpg"
TESTED = [*segq_client.__all__, *segq_client.testing.__all__]


@pytest.fixture
def connected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The page stands in a folder with a photograph, and the environment names a real segq."""
    home = tmp_path / ".segq"
    started = start_system(tmp_path, home, project_environment(SEGQ_HOME=str(home), SEGQ_PORT="0"))
    started.settings(latency={"median": 0.2, "sigma": 0})
    shutil.copy(PHOTO, tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEGQ_URL", started.gateway)
    monkeypatch.setenv("SEGQ_API_KEY", started.run["api_key"])
    monkeypatch.delenv("SEGQ_API_KEY_FILE", raising=False)
    yield
    stop_system(started)


@pytest.mark.usefixtures("connected")
def test_every_block_runs_and_prints_what_the_page_says() -> None:
    for page, least in ((PAGE, 9), (README, 1)):
        blocks = [block for block in blocks_of(page) if block.file is None]
        assert len(blocks) >= least
        for block, printed in zip(blocks, run_blocks(blocks), strict=True):
            assert fits(block.expected, printed), f"{block.code}\nprinted\n{printed}"


def test_the_tests_that_the_page_shows_pass(installed: Installed, tmp_path: Path) -> None:
    shown = [block for block in blocks_of(PAGE) if block.file is not None]
    assert shown
    for block in shown:
        (tmp_path / str(block.file)).write_text(block.code)
    code, said = installed.pytest(tmp_path, "-W", "error", f"--basetemp={tmp_path / 'tmp'}")
    assert code == 0, said
    assert re.search(r"\b4 passed\b", said), said


@pytest.mark.parametrize(
    ("expected", "printed"), [("a\n", "b\n"), ("a…c\n", "a b\n"), ("", "a\n"), ("a\n", "a\na\n")]
)
def test_a_page_that_says_something_else_is_found_out(expected: str, printed: str) -> None:
    assert not fits(expected, printed)


def test_every_public_name_and_every_method_stands_there() -> None:
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", PAGE))))
    assert set(TESTED) <= words
    assert set(methods(Client)) <= words
    assert set(methods(Result)) <= words


def test_no_class_stands_there_that_there_is_not() -> None:
    named = set(re.findall(r"\b[A-Z]\w+Error\b", PAGE))
    assert named - {"TimeoutError"} <= set(TESTED)
    calls = set(re.findall(r"\bsegq\.(\w+)\(", PAGE))
    assert calls <= set(methods(Client))


def test_every_argument_that_the_page_gives_a_default_for_has_it() -> None:
    defaults = {
        name: parameter.default
        for method in (Client, Client.run, Client.stream)
        for name, parameter in inspect.signature(method).parameters.items()
    }
    for name, text in [("timeout", "1,800"), ("every", "`every` seconds (1, up to 60)")]:
        assert text in PAGE
        assert defaults[name] == {"timeout": 1800, "every": 1}[name]
    assert "`timeout`, in seconds (15)" in PAGE
    assert "repeated is sent (3)" in PAGE
    client = inspect.signature(Client).parameters
    assert (client["timeout"].default, client["tries"].default) == (15, 3)
