"""deploy/compose.yaml as Compose reads it: merged with other files, `.env` put in."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

DEPLOY = Path(__file__).parents[2] / "deploy"
FILES = ("compose.yaml", "compose.s3.yaml")

_VARIABLE = re.compile(r"\$(?:\$|\{(\w+)(?::-([^}]*))?\})")


def services(files: tuple[str, ...], env: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Every service by its name."""
    merged: dict[str, Any] = {}
    for file in files:
        read = YAML(typ="safe").load((DEPLOY / file).read_text())
        merged = _merged(merged, read)
    found: dict[str, dict[str, Any]] = _filled(merged["services"], env)
    return found


def read_env(text: str) -> dict[str, str]:
    """An `.env`: what is commented out is not set."""
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


def environment_of(service: Mapping[str, Any], env: Mapping[str, str]) -> dict[str, str]:
    """What the container gets: `env_file`, and over it `environment`."""
    from_file = env if service.get("env_file") else {}
    return {**from_file, **service.get("environment", {})}


def seconds(duration: str) -> float:
    assert duration.endswith("s"), duration
    return float(duration.removesuffix("s"))


def _merged(one: Any, other: Any) -> Any:
    if isinstance(one, dict) and isinstance(other, dict):
        both = {name: _merged(one[name], other[name]) for name in one.keys() & other.keys()}
        return {**one, **other, **both}
    return one + other if isinstance(one, list) and isinstance(other, list) else other


def _filled(value: Any, env: Mapping[str, str]) -> Any:
    match value:
        case dict():
            return {name: _filled(one, env) for name, one in value.items()}
        case list():
            return [_filled(one, env) for one in value]
        case str():

            def fill(found: re.Match[str]) -> str:
                if found[1] is None:
                    return "$"
                # `:-`: the default stands for an empty value, too.
                return env.get(found[1]) or found[2] or ""

            return _VARIABLE.sub(fill, value)
    return value
