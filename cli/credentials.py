"""The secrets of one system: made once, kept in SEGQ_HOME/secrets.json (0600)."""

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


def load_credentials(home: Home) -> Credentials:
    """Read the kept secrets, or make them. Call it with the home's lock held."""
    kept = read_json(home.secrets_file)
    if kept is None:
        made = Credentials(
            api_key=f"segq_{secrets.token_urlsafe(32)}",
            redis_password=secrets.token_urlsafe(24),
            flower_password=secrets.token_urlsafe(16),
            sandbox_key=f"SG_{secrets.token_hex(8)}",
        )
        write_private(home.secrets_file, asdict(made))
        return made
    names = [one.name for one in fields(Credentials)]
    if not all(isinstance(kept.get(name), str) and kept[name] for name in names):
        raise ComplaintError(f"{home.secrets_file} lacks one of {', '.join(names)}")
    return Credentials(**{name: kept[name] for name in names})
