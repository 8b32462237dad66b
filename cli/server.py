"""The gateway that a command talks to: the one of this SEGQ_HOME, or the one that SEGQ_URL names."""

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cli.complaint import ComplaintError
from cli.credentials import kept_encryption_key
from cli.home import Home
from cli.run_file import Running, must_run
from cli.secret_files import with_secrets
from cli.settings import home_of
from jobs.wire import DEFAULT_POOL, pool_name


@dataclass(frozen=True)
class Server:
    """`key_command` is shell text that prints the API key, for a line that somebody may copy.

    `database` None: nobody has said where it is. `encryption_key` None: nobody has said it. `sandbox`:
    it is known to run one.
    """

    gateway: str
    api_key: str = field(repr=False)
    key_command: str
    database: str | None = field(repr=False)
    pool: str = DEFAULT_POOL
    encryption_key: str | None = field(default=None, repr=False)
    sandbox: bool = False


def server_elsewhere(environ: Mapping[str, str]) -> Server | None:
    """What SEGQ_URL, SEGQ_API_KEY and DATABASE_URL name; None without SEGQ_URL."""
    url = environ.get("SEGQ_URL")
    if not url:
        return None
    found = with_secrets(environ, ("SEGQ_API_KEY", "DATABASE_URL", "SEGQ_ENCRYPTION_KEY"))
    if not re.fullmatch(r"https?://[^/?#@\s]+(/[^?#@\s]*)?", url):
        raise ComplaintError(
            "SEGQ_URL must be where a gateway is, such as https://segq.example.org"
        )
    key = found.get("SEGQ_API_KEY")
    if not key:
        raise ComplaintError("SEGQ_URL is set but SEGQ_API_KEY is not: set the key that opens it")
    as_file = environ.get("SEGQ_API_KEY_FILE")
    return Server(
        gateway=url.rstrip("/"),
        api_key=key,
        key_command='cat "$SEGQ_API_KEY_FILE"' if as_file else 'echo "$SEGQ_API_KEY"',
        database=found.get("DATABASE_URL") or None,
        pool=pool_name(found.get("SEGQ_POOL")),
        encryption_key=found.get("SEGQ_ENCRYPTION_KEY") or None,
    )


def server_here(home: Home, running: Running, environ: Mapping[str, str]) -> Server:
    """The system that runs in this home, which was started with an environment like this."""
    given = with_secrets(environ, ("SEGQ_ENCRYPTION_KEY",)).get("SEGQ_ENCRYPTION_KEY")
    return Server(
        gateway=running.gateway,
        api_key=running.api_key,
        key_command=f"""sed -n 's/.*"api_key": "\\(.*\\)".*/\\1/p' {shlex.quote(str(home.run_file))}""",
        database=running.database,
        pool=running.pool,
        encryption_key=given or kept_encryption_key(home),
        sandbox=running.sandbox is not None,
    )


def must_be_reached(environ: Mapping[str, str], cwd: Path) -> Server:
    """Raises `ComplaintError` where nothing runs here and nothing else is named."""
    home = Home(home_of(environ, cwd))
    return server_elsewhere(environ) or server_here(home, must_run(home), environ)
