"""nginx with deploy/nginx/segq.conf: its own process, on free ports, only ports and paths replaced."""

import os
import re
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from cli.ports import free_port
from tests.deploy.compose import DEPLOY
from tests.servers.ports import wait_for_port
from tests.upstream.certificates import write_self_signed

CONFIGURATION = DEPLOY / "nginx" / "segq.conf"
NAME = "segq.example.org"
FLOWER = f"flower.{NAME}"

_MAIN = """
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/segq.conf;
}}
"""


@dataclass(frozen=True)
class Nginx:
    """Where it listens; `certificate` is the one that it shows."""

    http: int
    https: int
    certificate: Path = field(repr=False)

    def client(self, name: str = NAME) -> httpx.Client:
        """Speaks to the server of this name, as a browser on the internet would."""
        return httpx.Client(
            base_url=f"https://127.0.0.1:{self.https}",
            headers={"Host": name},
            verify=ssl.create_default_context(cafile=self.certificate),
            timeout=60,
        )


def program() -> str:
    found = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    assert found, "nginx is missing: apt-get install nginx-light"
    return found


@contextmanager
def running_nginx(folder: Path, gateway: int, flower: int) -> Iterator[Nginx]:
    """In front of a gateway and a Flower on these ports of loopback."""
    folder.mkdir()
    found = Nginx(free_port(), free_port(), write_self_signed(folder))
    text = CONFIGURATION.read_text()
    for pattern, here in (
        (r"listen \[::\]:\S+( ssl http2)?;", ""),  # a machine may have no IPv6
        (r"listen 80;", f"listen 127.0.0.1:{found.http};"),
        (r"listen 443 ", f"listen 127.0.0.1:{found.https} "),
        (r"127\.0\.0\.1:8100;", f"127.0.0.1:{gateway};"),
        (r"127\.0\.0\.1:5555;", f"127.0.0.1:{flower};"),
        (r"/etc/ssl/segq/\w+\.pem", str(found.certificate)),
    ):
        text, count = re.subn(pattern, here, text)
        assert count, f"{CONFIGURATION.name} has no {pattern}"
    (folder / "segq.conf").write_text(text)
    # As root it would give its work to a user who may not enter the temporary folder.
    user = "user root;" if os.geteuid() == 0 else ""
    main = folder / "nginx.conf"
    main.write_text(_MAIN.format(folder=folder, user=user))
    words = [program(), "-c", str(main), "-p", str(folder)]
    checked = subprocess.run([*words, "-t"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stderr
    assert "[warn]" not in checked.stderr, checked.stderr
    process = subprocess.Popen([*words, "-g", "daemon off;"], stdin=subprocess.DEVNULL)
    try:
        wait_for_port(found.https)
        yield found
    finally:
        process.terminate()
        process.wait(10)
