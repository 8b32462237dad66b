"""The secrets of one system: made once, kept in SEGQ_HOME/secrets.json (0600)."""

import base64
import secrets
from dataclasses import asdict, dataclass, field, fields

from cli.complaint import ComplaintError
from cli.home import Home, read_json, write_private


@dataclass(frozen=True)
class Credentials:
    """Kept over restarts, so that a client's key and a browser's password stay good."""

    api_key: str = field(repr=False)
    redis_password: str = field(repr=False)
    flower_password: str = field(repr=False)
    sandbox_key: str = field(repr=False)
    encryption_key: str = field(repr=False)
    """Under which keys of Segmind accounts are kept in the database."""


def load_credentials(home: Home) -> Credentials:
    """Read the kept secrets, or make them. Call it with the home's lock held."""
    kept = read_json(home.secrets_file)
    if kept is None:
        made = Credentials(
            api_key=f"segq_{secrets.token_urlsafe(32)}",
            redis_password=secrets.token_urlsafe(24),
            flower_password=secrets.token_urlsafe(16),
            sandbox_key=f"SG_{secrets.token_hex(8)}",
            encryption_key=_new_encryption_key(),
        )
        write_private(home.secrets_file, asdict(made))
        return made
    # Those of an earlier version have no key of this kind; the rest makes it a file of ours.
    lacks_new = "encryption_key" not in kept
    found = {"encryption_key": _new_encryption_key(), **kept}
    names = [one.name for one in fields(Credentials)]
    if not all(isinstance(found.get(name), str) and found[name] for name in names):
        raise ComplaintError(f"{home.secrets_file} lacks one of {', '.join(names)}")
    if lacks_new:
        write_private(home.secrets_file, found)
    return Credentials(**{name: found[name] for name in names})


def kept_encryption_key(home: Home) -> str | None:
    """The home's own; None where it has none yet."""
    kept = (read_json(home.secrets_file) or {}).get("encryption_key")
    return kept if isinstance(kept, str) else None


def _new_encryption_key() -> str:
    return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
