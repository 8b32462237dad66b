"""An S3 server over a folder: `rclone serve s3`, from its wheel. It checks signatures."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from cli.ports import free_port
from tests.servers.ports import wait_for_port

_RCLONE = Path(sys.executable).with_name("rclone")


class S3Server(NamedTuple):
    """Where it is, the one key that it knows, and a bucket that is there."""

    url: str
    key_id: str
    secret: str
    bucket: str

    def environment(self, prefix: str = "") -> dict[str, str]:
        """What a process of ours is told to keep its artifacts there."""
        return {
            "SEGQ_ARTIFACTS": f"s3://{self.bucket}{prefix and f'/{prefix}'}",
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ACCESS_KEY_ID": self.key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret,
        }


@contextmanager
def running_s3(
    folder: Path, port: int | None = None, *, bucket: str = "images"
) -> Iterator[S3Server]:
    """A server whose buckets are the folders in `folder`.

    With the same `folder` and `port` it is back again, under the same key.
    """
    port = port or free_port()
    found = S3Server(f"http://127.0.0.1:{port}", "SEGQTESTKEY", "segq-test-secret", bucket)
    (folder / bucket).mkdir(parents=True, exist_ok=True)
    command = [
        str(_RCLONE), "serve", "s3", str(folder), "--addr", f"127.0.0.1:{port}",
        "--auth-key", f"{found.key_id},{found.secret}",
        # Its cache of a folder may miss what is written while it is read: not for minutes here.
        "--dir-cache-time", "1s",
        # Without a file of settings, whoever runs the tests.
        "--config", "", "--log-file", str(folder.with_suffix(".rclone.log")),
    ]  # fmt: skip
    process = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, env={"PATH": os.environ["PATH"], "HOME": str(folder)}
    )
    try:
        wait_for_port(port)
        yield found
    finally:
        process.terminate()
        process.wait(10)
