"""``python -m sandbox --key SG_0123456789abcdef``: run the stand-in in the foreground."""

import argparse
import sys

from sandbox.keys import is_well_formed
from sandbox.refusals import RefusedError
from sandbox.server import run
from sandbox.service import Service
from sandbox.settings import Settings
from sandbox.strict_json import object_of


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns 0 after a clean stop, 1 if the port is not free."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description="A stand-in for Segmind")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8200, help="0 takes a free one")
    parser.add_argument(
        "--key",
        action="append",
        required=True,
        metavar="SG_…",
        help="a key to accept, SG_ and 16 hex digits; repeat it for more accounts",
    )
    parser.add_argument("--settings", default="{}", help="JSON, as POST /_sandbox/settings takes")
    asked = parser.parse_args(argv)
    if not 0 <= asked.port <= 65535:
        parser.error("--port must be 0 to 65535")
    for key in asked.key:
        if not is_well_formed(key):
            parser.error("--key must be SG_ followed by 16 hex digits")
    try:
        settings = Settings().merged(object_of(asked.settings.encode()))
    except RefusedError as refusal:
        parser.error(f"--settings: {refusal.message}")
    return run(Service(asked.key, settings), asked.host, asked.port)


if __name__ == "__main__":
    sys.exit(main())
