"""The pytest plugin, as somebody has it who installed both distributions: a pytest in a pytest."""

import json
import re
import shutil
from pathlib import Path

import segq_client.testing
from tests.client.installed import Installed, install
from tests.systems.processes import is_gone

HERE = Path(__file__).parent
NEVER_RUN = "def test_it(segq):\n    raise SystemExit\n"
CONFTEST = """
import pytest


@pytest.fixture(scope="session")
def segq_settings():
    return {"SEGMIND_RPM": "50000"}
"""
# What must not reach the server: a key that would be spent, and an app's own packages.
FOREIGN = {
    "SEGMIND_API_KEY": "SG_0123456789abcdef",
    "SEGQ_PORT": "1",
    "DATABASE_URL": "sqlite:///x",
}


def test_an_app_is_tested_against_a_real_segq(installed: Installed, tmp_path: Path) -> None:
    shutil.copy(HERE.parents[1] / "examples" / "images" / "coffee.jpg", tmp_path / "photo.jpg")
    shutil.copy(HERE / "an_apps_tests.py", tmp_path / "test_app.py")
    (tmp_path / "conftest.py").write_text(CONFTEST)
    for name in ("cli", "jobs"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('not this one')\n")
    more = {**FOREIGN, "PYTHONPATH": str(tmp_path)}
    tmp = tmp_path / "tmp"
    code, said = installed.pytest(tmp_path, "-W", "error", f"--basetemp={tmp}", more=more)
    assert code == 0, said
    assert re.search(r"\b10 passed\b", said), said
    pids = json.loads((tmp_path / "pids").read_text())
    assert {"supervisor", "gateway", "worker-1", "sandbox"} <= pids.keys()
    assert [name for name, pid in pids.items() if not is_gone(pid)] == []
    home = Path((tmp_path / "home").read_text())
    assert home.is_relative_to(tmp)
    assert not (home / "run.json").exists()


def test_the_fixtures_are_listed_with_what_they_are(installed: Installed, tmp_path: Path) -> None:
    code, said = installed.pytest(tmp_path, "--fixtures", "-q")
    assert code == 0, said
    for name in ("segq_settings", "segq_server", "segq_sandbox", "segq"):
        assert re.search(rf"^{name}\b.* -- .*plugin\.py:\d+\n    \S", said, re.MULTILINE), said


def test_without_the_server_it_says_so_in_one_line(tmp_path: Path) -> None:
    alone = install(tmp_path / "alone", ["client"])
    (tmp_path / "test_app.py").write_text(NEVER_RUN)
    code, said = alone.pytest(tmp_path, "-q", "--no-header", "test_app.py")
    assert code == 1, said
    assert "segq itself is not installed beside segq-client: pip install segq\n" in said
    assert "Traceback" not in said
    assert "plugin.py" not in said


def test_a_server_that_does_not_start_says_why(installed: Installed, tmp_path: Path) -> None:
    (tmp_path / "test_app.py").write_text(NEVER_RUN)
    (tmp_path / "conftest.py").write_text(CONFTEST.replace('"50000"', '"many"'))
    code, said = installed.pytest(tmp_path, "-q", "--no-header")
    assert code == 1, said
    assert "segq up --detach: segq: SEGMIND_RPM is 'many'; allowed is" in said
    assert "Traceback" not in said


def test_its_public_names_say_what_they_are() -> None:
    for name in segq_client.testing.__all__:
        assert (getattr(segq_client.testing, name).__doc__ or "").strip(), name
