"""Debian's redis-server, as somebody runs it for segq: a password, an append-only file, no eviction."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cli.ports import free_port
from tests.servers.ports import wait_for_port

PASSWORD = "a/pass word?"  # needs its %XX in a URL
_QUOTED = "a%2Fpass%20word%3F"


class Certificate(NamedTuple):
    """Files in PEM: an authority, and what it has signed for localhost."""

    authority: Path
    chain: Path
    key: Path


@contextmanager
def running_redis(
    folder: Path, *, tls: Certificate | None = None, policy: str = "noeviction"
) -> Iterator[str]:
    """Its URL, password included; over TLS alone where a certificate is given."""
    program = shutil.which("redis-server")
    assert program, "this test needs Debian's redis-server: apt-get install redis-server"
    port = free_port()
    ports = ["--port", str(port)]
    if tls is not None:
        ports = [
            "--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no",
            "--tls-cert-file", str(tls.chain), "--tls-key-file", str(tls.key),
            "--tls-ca-cert-file", str(tls.authority),
        ]  # fmt: skip
    command = [
        program, *ports, "--bind", "127.0.0.1", "--dir", str(folder), "--requirepass", PASSWORD,
        "--appendonly", "yes", "--save", "", "--maxmemory-policy", policy,
        "--logfile", str(folder / "redis.log"),
    ]  # fmt: skip
    server = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        wait_for_port(port)
        scheme, host = ("redis", "127.0.0.1") if tls is None else ("rediss", "localhost")
        yield f"{scheme}://:{_QUOTED}@{host}:{port}/0"
    finally:
        server.terminate()
        server.wait(10)


def make_certificate(folder: Path) -> Certificate:
    """An authority of its own, and a certificate for localhost that it has signed."""
    made = Certificate(folder / "ca.pem", folder / "server.pem", folder / "server.key")
    ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    request, ca_key = folder / "server.csr", folder / "ca.key"
    names = folder / "names"
    names.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    steps: list[list[str | Path]] = [
        ["req", "-x509", *ec, "-subj", "/CN=test authority", "-keyout", ca_key,
         "-out", made.authority],
        ["req", *ec, "-subj", "/CN=localhost", "-keyout", made.key, "-out", request],
        ["x509", "-req", "-in", request, "-CA", made.authority, "-CAkey", ca_key,
         "-CAcreateserial", "-days", "2", "-extfile", names, "-out", made.chain],
    ]  # fmt: skip
    for words in steps:
        subprocess.run(["openssl", *words], check=True, capture_output=True)
    return made
