"""What nearly every benchmark starts first."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.servers.postgres import Postgres, running_postgres
from benchmarks.servers.upstream import Upstream, running_upstream
from benchmarks.servers.valkey import Valkey, running_valkey


@dataclass(frozen=True)
class Servers:
    """`folder` is empty but for the servers' files, and is gone at the end."""

    folder: Path
    postgres: Postgres
    valkey: Valkey
    upstream: Upstream

    def new_folder(self) -> Path:
        """An empty folder of its own for one side of one run."""
        return Path(tempfile.mkdtemp(dir=self.folder))


@contextmanager
def running_servers(*, upstream_seconds: float) -> Iterator[Servers]:
    """PostgreSQL, Valkey and the stand-in for Segmind, which answers after so many seconds."""
    with (
        tempfile.TemporaryDirectory(prefix="segq-bench-") as name,
        running_postgres() as postgres,
        running_valkey(Path(name)) as valkey,
        running_upstream(Path(name), seconds=upstream_seconds) as upstream,
    ):
        yield Servers(Path(name), postgres, valkey, upstream)
