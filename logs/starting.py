"""What each process says when it has started."""

from dataclasses import fields, is_dataclass
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import structlog

log = structlog.get_logger()


def tell_start(settings: object) -> None:
    """Log `started` with the fields of a settings class, but for those that its repr leaves out.

    Secrets are among those. None for a process that has no settings of ours.
    """
    log.info("started", version=_version(), settings=_shown(settings))


def _shown(settings: object) -> dict[str, Any]:
    if not is_dataclass(settings) or isinstance(settings, type):
        return {}
    found = {one.name: getattr(settings, one.name) for one in fields(settings) if one.repr}
    return {
        name: _shown(value) if is_dataclass(value) and not isinstance(value, type) else value
        for name, value in found.items()
    }


def _version() -> str:
    try:
        return version("segq")
    except PackageNotFoundError:  # run from a checkout that is not installed
        return "unknown"
