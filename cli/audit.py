"""`segq audit`: our calls beside Segmind's own history; the work is done by `python -m worker audit`.

Beside a running system it works with that one's parts; what the environment sets goes first, but a
sandbox is asked with its own key alone.
"""

import argparse
import os
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cli.complaint import ComplaintError
from cli.credentials import kept_encryption_key
from cli.home import Home
from cli.run_file import Running, read_running
from cli.secret_files import with_secrets
from cli.service import become
from cli.services import audit
from cli.settings import home_of

_USUALLY = timedelta(days=7)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NEEDED = ("DATABASE_URL", "REDIS_URL", "SEGQ_ARTIFACTS", "SEGMIND_API_KEY")
_OTHER_KEYS = ("SEGMIND_API_KEYS", "SEGQ_ENCRYPTION_KEY")
"""Either stands for the last of those: further accounts, or what opens those of the database."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--from",
        dest="first",
        metavar="DATE",
        help="YYYY-MM-DD (UTC) or RFC 3339; default: 7 days ago",
    )
    parser.add_argument(
        "--to", dest="last", metavar="DATE", help="the same; a day counts as a whole; default: now"
    )
    parser.add_argument(
        "--adopt",
        action="store_true",
        help="take over what Segmind has: after a database was restored, so that nothing is paid twice",
    )
    parser.add_argument("--json", action="store_true", help="the result as JSON")


def run(options: argparse.Namespace) -> int:
    words = words_of(options, datetime.now(UTC))
    service = audit(words)
    home = Home(home_of(os.environ, Path.cwd()))
    environ = environment_of(with_secrets(os.environ, service.secrets), home, read_running(home))
    become(service, environ)


def words_of(options: argparse.Namespace, now: datetime) -> list[str]:
    """What `python -m worker audit` is told: both moments in UTC, the second one after the first.

    Raises `ComplaintError` for a date that is none.
    """
    last = _moment("--to", options.last, timedelta(days=1)) if options.last else now
    first = _moment("--from", options.first, timedelta(0)) if options.first else last - _USUALLY
    if first >= min(last, now):
        when = "after --to" if first >= last else "in the future"
        raise ComplaintError(f"--from is {_text(first)}, which is {when}")
    flags = [f"--{name}" for name in ("adopt", "json") if getattr(options, name)]
    return ["--from", _text(first), "--to", _text(last), *flags]


def environment_of(
    environ: Mapping[str, str], home: Home, running: Running | None
) -> dict[str, str]:
    """What it works with. Raises `ComplaintError` that names what is missing."""
    found = {**(_parts_of(running) if running else {}), **_set(environ)}
    if running and running.sandbox:
        found |= _sandbox_of(running)
    given = {name for name in _NEEDED if found.get(name)}
    if any(found.get(name) for name in _OTHER_KEYS):
        given.add("SEGMIND_API_KEY")
    missing = [name for name in _NEEDED if name not in given]
    if missing:
        where = "nothing runs" if running is None else "the system that runs does not say all"
        raise ComplaintError(
            f"{where} in {home.path}: set {', '.join(missing)}, as its workers have them"
            + (", or start it with `segq up --detach`" if running is None else "")
        )
    own = kept_encryption_key(home)
    return (
        found
        if found.get("SEGQ_ENCRYPTION_KEY") or not own
        else {**found, "SEGQ_ENCRYPTION_KEY": own}
    )


def _set(environ: Mapping[str, str]) -> dict[str, str]:
    """An empty variable counts as not set."""
    return {name: value for name, value in environ.items() if value}


def _parts_of(running: Running) -> dict[str, str]:
    return {
        "DATABASE_URL": running.database,
        "REDIS_URL": running.redis,
        "SEGQ_ARTIFACTS": running.artifacts,
        "SEGQ_POOL": running.pool,
    }


def _sandbox_of(running: Running) -> dict[str, str]:
    """Whatever the environment says: a real account's key is not for the sandbox, nor its proxy."""
    return {
        "SEGMIND_BASE_URL": running.sandbox or "",
        "SEGMIND_API_KEY": running.sandbox_key or "",
        "SEGMIND_API_KEYS": "",
        "SEGMIND_PROXY": "",
    }


def _moment(option: str, text: str, more: timedelta) -> datetime:
    """A day counts from its beginning, or with `more` up to its end."""
    try:
        if _DAY.fullmatch(text):
            return datetime.fromisoformat(text).replace(tzinfo=UTC) + more
        moment = datetime.fromisoformat(text.upper())
        if moment.tzinfo is not None:
            return moment.astimezone(UTC)
        why = "names no time zone"
    except (ValueError, OverflowError):
        why = "is no date"
    raise ComplaintError(
        f"{option} {text!r} {why}; allowed are YYYY-MM-DD and RFC 3339 with a zone, such as "
        "2026-01-31T12:00:00Z"
    )


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
