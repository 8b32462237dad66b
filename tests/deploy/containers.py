"""`docker compose up` without Docker: each service's own words, as processes of this machine.

Only addresses and paths are others: what `Place` says.
"""

import os
import re
import subprocess
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cli.ports import free_port
from tests.deploy.compose import environment_of, seconds
from tests.deploy.dockerfile import entrypoint
from tests.deploy.image import Image

_OURS = "segq"


@dataclass(frozen=True)
class Place:
    """Where this system lies instead of where it lies in containers."""

    folder: Path
    postgres_port: int
    redis: int = field(default_factory=free_port)
    gateway: int = field(default_factory=free_port)
    flower: int = field(default_factory=free_port)

    @property
    def secrets(self) -> Path:
        return self.folder / "secrets"

    @property
    def artifacts(self) -> Path:
        return self.folder / "artifacts"

    @property
    def hosts(self) -> str:
        """PostgreSQL's and Redis' addresses, as make-secrets takes them."""
        return f"127.0.0.1:{self.postgres_port} 127.0.0.1:{self.redis}"

    def instead(self, text: str, container: str) -> str:
        """A container's words with the addresses and paths of here."""
        others = {
            "/run/secrets/": f"{self.secrets}/",
            "/var/lib/segq/artifacts": str(self.artifacts),
            "/tmp/": f"{self.tmp(container)}/",  # noqa: S108  # the container's own
            "0.0.0.0": "127.0.0.1",
            "8100": str(self.gateway),
            "5555": str(self.flower),
            "--dir /data": f"--dir {self.folder} --bind 127.0.0.1 --port {self.redis}",
            "redis-cli ": f"redis-cli -p {self.redis} ",
        }
        # All at once: what is put in may look like what is to be replaced.
        return re.sub("|".join(map(re.escape, others)), lambda found: others[found[0]], text)

    def tmp(self, container: str) -> Path:
        found = self.folder / "tmp" / container
        found.mkdir(parents=True, exist_ok=True)
        return found


class Container:
    """One service, running."""

    def __init__(
        self, name: str, service: Mapping[str, Any], image: Image, place: Place, env: dict[str, str]
    ) -> None:
        self.name = name
        self.service = service
        self._place = place
        own = service["image"] == _OURS
        words = [*entrypoint(), *service["command"]] if own else service["command"]
        self.environment = {
            **image.environment([place.tmp(name), place.artifacts]),
            "TMPDIR": str(place.tmp(name)),
            **{
                key: place.instead(value, name)
                for key, value in environment_of(service, env).items()
            },
        }
        self.log = place.folder / f"{name}.log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [place.instead(word, name) for word in words],
                cwd=place.tmp(name),
                env=self.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                # The `segq` of the image, not of this environment.
                executable=image.programs / words[0] if own else None,
            )

    def is_healthy(self) -> bool:
        """Runs its health check as it stands; one without any is never waited for."""
        kind, *words = self.service["healthcheck"]["test"]
        words = [self._place.instead(word, self.name) for word in words]
        assert kind in {"CMD", "CMD-SHELL"}
        command = ["/bin/sh", "-c", *words] if kind == "CMD-SHELL" else words
        path = self.environment["PATH"]
        done = subprocess.run(
            command,
            executable=_which(command[0], path),
            env=self.environment,
            capture_output=True,
            timeout=30,
            check=False,
        )
        return done.returncode == 0

    def wait_healthy(self) -> None:
        deadline = time.monotonic() + seconds(self.service["healthcheck"]["start_period"])
        while not self.is_healthy():
            assert self.process.poll() is None, f"{self.name} ended: {self.log.read_text()}"
            assert time.monotonic() < deadline, f"{self.name}: {self.log.read_text()}"
            time.sleep(0.1)

    def wait_ended(self) -> None:
        assert self.process.wait(60) == 0, f"{self.name}: {self.log.read_text()}"

    def stop(self) -> float:
        """SIGTERM; how many seconds the end took. Fails when it is not in time, or not clean."""
        began = time.monotonic()
        self.process.terminate()
        code = self.process.wait(seconds(self.service["stop_grace_period"]))
        assert code == 0, f"{self.name} ended with {code}: {self.log.read_text()}"
        return time.monotonic() - began


def up(
    services: Mapping[str, Mapping[str, Any]],
    image: Image,
    place: Place,
    env: dict[str, str],
    stack: ExitStack,
) -> dict[str, Container]:
    """Starts all but PostgreSQL, each once what it depends on is as it wants it."""
    place.artifacts.mkdir()
    found: dict[str, Container] = {}
    waiting = {name: one for name, one in services.items() if name != "postgres"}
    while waiting:
        ready = [
            name
            for name, service in waiting.items()
            if service.get("depends_on", {}).keys() - {"postgres"} <= found.keys()
        ]
        assert ready, f"these wait for each other: {list(waiting)}"
        for name in ready:
            service = waiting.pop(name)
            for other, wanted in service.get("depends_on", {}).items():
                if other != "postgres":
                    _wait(found[other], wanted["condition"])
            found[name] = Container(name, service, image, place, env)
            stack.callback(_end, found[name])
    for container in found.values():
        if "healthcheck" in container.service:
            container.wait_healthy()
    return found


def _wait(container: Container, condition: str) -> None:
    if condition == "service_completed_successfully":
        container.wait_ended()
    else:
        assert condition == "service_healthy"
        container.wait_healthy()


def _end(container: Container) -> None:
    if container.process.poll() is None:
        container.process.kill()
        container.process.wait(10)


def _which(program: str, path: str) -> str:
    for folder in path.split(os.pathsep):
        if os.access(Path(folder) / program, os.X_OK):
            return str(Path(folder) / program)
    return program
