"""What the environment says about the system, checked before anything is started.

A wrong value is refused here, in one line that names the variable, what came and what is allowed:
found later, inside a child process, it would be a traceback in a log file.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from cli.complaint import ComplaintError
from db.artifact_place import artifact_place
from jobs.errors import InvalidSetting
from jobs.limiting import AUTO, FIRST_BELIEF
from jobs.retention import keeps_given
from jobs.upstream_keys import given_keys

# The published gateway gives up near 100 s; a call that is still open after this is in doubt.
DEFAULT_TIMEOUT = 120.0


@dataclass(frozen=True)
class Settings:
    """Everything `segq up` takes from the environment.

    `home` is absolute. `port` 0 means a free one. `rpm` is in calls per minute, or `auto`; `timeout`
    in seconds for one whole upstream call. `api_keys`, by account; none means: run the sandbox. No
    `encryption_key`, `database_url`, `redis_url` or `artifacts`: the home's own. `artifacts` is an
    absolute folder or `s3://…`.
    """

    home: Path
    port: int = 8100
    workers: int = 1
    slots: int = 32
    rpm: int | str = FIRST_BELIEF
    timeout: float = DEFAULT_TIMEOUT
    api_keys: Mapping[str, str] = field(default_factory=dict, repr=False)
    encryption_key: str | None = field(default=None, repr=False)
    base_url: str | None = None
    database_url: str | None = field(default=None, repr=False)
    redis_url: str | None = field(default=None, repr=False)
    artifacts: str | None = None
    flower: bool = True
    """Whether the dashboard is started, too."""


def home_of(environ: Mapping[str, str], cwd: Path) -> Path:
    """The absolute SEGQ_HOME; a relative one is relative to the caller's folder."""
    return (cwd / Path(environ.get("SEGQ_HOME") or ".segq").expanduser()).resolve()


def read_settings(environ: Mapping[str, str], cwd: Path) -> Settings:
    """Read and check every variable; an empty one counts as not set.

    Raises `ComplaintError` naming the first wrong variable.
    """
    api_keys = _api_keys(environ)
    base_url = environ.get("SEGMIND_BASE_URL") or None
    if base_url and not api_keys:
        # Running the sandbox instead would silently ignore what was asked for.
        raise ComplaintError(
            "SEGMIND_BASE_URL is set but SEGMIND_API_KEY is not: set both to use an upstream, "
            "or neither to use the sandbox"
        )
    if base_url:
        _check_origin(base_url)
    _check_kept_times(environ)
    if not (environ.get("SEGMIND_PROXY") or "http://").startswith("http://"):
        raise ComplaintError("SEGMIND_PROXY is of no kind that is known; allowed is http://…")
    return Settings(
        home=home_of(environ, cwd),
        port=_whole(environ, "SEGQ_PORT", 8100, 0, 65535),
        workers=_whole(environ, "SEGQ_WORKERS", 1, 1, 64),
        slots=_whole(environ, "SEGQ_SLOTS", 32, 1, 2000),
        rpm=_rpm(environ),
        timeout=_seconds(environ, "SEGMIND_TIMEOUT", DEFAULT_TIMEOUT, 0.1, 600),
        api_keys=api_keys,
        encryption_key=_encryption_key(environ),
        base_url=base_url,
        database_url=_absolute_database(environ.get("DATABASE_URL"), cwd),
        redis_url=_redis_url(environ.get("REDIS_URL")),
        artifacts=_absolute_artifacts(environ, cwd),
        flower=_switch(environ, "SEGQ_FLOWER"),
    )


def _api_keys(environ: Mapping[str, str]) -> dict[str, str]:
    try:
        return given_keys(environ.get("SEGMIND_API_KEY"), environ.get("SEGMIND_API_KEYS"))
    except InvalidSetting as error:
        raise ComplaintError(str(error)) from error


def _check_kept_times(environ: Mapping[str, str]) -> None:
    """The children read them; a wrong one would only be told in their logs."""
    try:
        keeps_given(environ.get("SEGQ_KEEP_OUTPUTS"), environ.get("SEGQ_KEEP_JOBS"))
    except InvalidSetting as error:
        raise ComplaintError(str(error)) from error


def _encryption_key(environ: Mapping[str, str]) -> str | None:
    """Looked at by its form alone: the library that uses it is not for everybody who starts."""
    text = environ.get("SEGQ_ENCRYPTION_KEY") or None
    if text and not all(
        re.fullmatch(r"[\w-]{43}=", one.strip(), re.ASCII) for one in text.split(",")
    ):
        raise ComplaintError(
            "SEGQ_ENCRYPTION_KEY is no key; allowed is 32 random bytes in URL-safe base64, such as "
            "`openssl rand -base64 32 | tr +/ -_` makes, and several with commas between"
        )
    return text


def _rpm(environ: Mapping[str, str]) -> int | str:
    if environ.get("SEGMIND_RPM") == AUTO:
        return AUTO
    return _whole(environ, "SEGMIND_RPM", FIRST_BELIEF, 1, 100_000, also=f"{AUTO} or ")


def _whole(
    environ: Mapping[str, str], name: str, default: int, low: int, high: int, *, also: str = ""
) -> int:
    text = environ.get(name)
    if not text:
        return default
    try:
        number = int(text)
    except ValueError:
        number = low - 1
    if not low <= number <= high:
        raise ComplaintError(
            f"{name} is {text!r}; allowed is {also}a whole number from {low} to {high}"
        )
    return number


def _switch(environ: Mapping[str, str], name: str) -> bool:
    """On, unless it is told otherwise."""
    text = environ.get(name) or "on"
    if text not in {"on", "off"}:
        raise ComplaintError(f"{name} is {text!r}; allowed are on and off")
    return text == "on"


def _seconds(
    environ: Mapping[str, str], name: str, default: float, low: float, high: float
) -> float:
    text = environ.get(name)
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = float("nan")
    if not low <= number <= high:  # not-a-number fails this comparison too
        raise ComplaintError(f"{name} is {text!r}; allowed are {low:g} to {high:g} seconds")
    return number


def _check_origin(url: str) -> None:
    # A user name or password in the URL would end in logs, so it is refused without being shown.
    wrong = "SEGMIND_BASE_URL must be an http(s) origin like https://api.segmind.com"
    try:
        parts = urlsplit(url)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        usable = None
    if not usable:
        raise ComplaintError(f"{wrong}; it is {url!r}")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ComplaintError(f"{wrong}, without user, query or fragment")
    if parts.path.rstrip("/") not in {"", "/v1"}:
        raise ComplaintError(f"{wrong}, with or without /v1; it is {url!r}")


def _absolute_database(url: str | None, cwd: Path) -> str | None:
    """The children run in another folder, where a relative SQLite path would be another file."""
    if not url:
        return None
    head, mark, path = url.partition(":///")
    if head.startswith("sqlite") and mark and path and not path.startswith(("/", ":memory:")):
        return f"{head}:///{cwd / path}"
    return url


def _redis_url(url: str | None) -> str | None:
    if not url:
        return None
    if not url.startswith(("redis://", "rediss://")):
        raise ComplaintError("REDIS_URL is of no kind that is known; allowed is redis(s)://…")
    # Other options are known to one of the two libraries that read this URL, and break the other.
    options = [one.partition("=")[0] for one in url.partition("?")[2].split("&") if one]
    wrong = [name for name in options if not name.startswith("ssl_")]
    if wrong:
        raise ComplaintError(f"REDIS_URL has the option {wrong[0]}; allowed are those named ssl_…")
    return url


def _absolute_artifacts(environ: Mapping[str, str], cwd: Path) -> str | None:
    place = environ.get("SEGQ_ARTIFACTS")
    if not place:
        return None
    if "://" in place:
        try:
            artifact_place(environ)
        except InvalidSetting as error:
            raise ComplaintError(str(error)) from error
        return place
    return str((cwd / Path(place).expanduser()).resolve())
