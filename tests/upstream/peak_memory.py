"""A process of its own that does one thing and prints how many bytes it grew by at its height."""

import base64
import json
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from tests.upstream.conftest import generate
from tests.upstream.loopback import KEY
from tests.upstream.pictures import blank_png, jpeg, picture
from upstream import results
from upstream.endpoints import Endpoints
from upstream.images import look_at
from upstream.key import Key
from upstream.replies import Image
from upstream.segmind import Segmind


def decode() -> int:
    data = blank_png(8_000)
    return _grown_by_eight(lambda: isinstance(look_at(data), Image))


def unpack() -> int:
    body = json.dumps({"image": base64.b64encode(jpeg() + bytes(40_000_000)).decode()}).encode()
    return _grown_by_eight(
        lambda: isinstance(results.read("application/json", body, Key(KEY))[0], tuple)
    )


def _grown_by_eight(work: Callable[[], bool]) -> int:
    """Eight threads do the same at once, and all of them must come to True."""
    look_at(picture("PNG"))
    look_at(jpeg())
    before = _from_here()
    done: list[bool] = []
    threads = [threading.Thread(target=lambda: done.append(work())) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert done == [True] * 8
    return _peak() - before


def call(url: str) -> int:
    look_at(jpeg())
    client = Segmind(KEY, Endpoints.from_base_url(url), connections=1, deadline=60)
    before = _from_here()
    reply = generate(client)
    grown = _peak() - before
    client.close()
    assert reply.status == 200, reply
    return grown


def _from_here() -> int:
    """Bytes held now, where the measured height begins anew."""
    Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    """Bytes. Not from getrusage, whose maximum begins with the parent's."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024


if __name__ == "__main__":
    tasks: dict[str, Callable[..., int]] = {"decode": decode, "unpack": unpack, "call": call}
    print(tasks[sys.argv[1]](*sys.argv[2:]))  # noqa: T201
