"""Which driver a process loads: what a database does not need costs every start a tenth of a second."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.systems.processes import project_environment

_LOOK = """
import sys
import api_gateway.app, db.migrate, worker.serving, worker.tasks
from db.engine import Database
Database(sys.argv[1])
sys.exit("psycopg" in sys.modules)
"""


@pytest.mark.parametrize(
    ("url", "loaded"), [("sqlite:///segq.db", False), ("postgresql://segq@127.0.0.1:1/x", True)]
)
def test_only_postgresql_needs_its_driver(url: str, loaded: bool, tmp_path: Path) -> None:
    words = [sys.executable, "-P", "-c", _LOOK, url]
    done = subprocess.run(words, cwd=tmp_path, env=project_environment(), check=False)
    assert done.returncode == loaded
