"""`segq lock`: compile the pinned, hashed requirements again after an edit of locks/*.in."""

import subprocess
import sys
from argparse import ArgumentParser, Namespace

from cli.checkout import ROOT

# --universal: one lock for every platform. No header and no index: a lock names no host.
_FIXED = (
    "--universal",
    "--generate-hashes",
    "--no-header",
    "--no-annotate",
    "--no-emit-index-url",
    "--quiet",
    *("--python-version", "3.11"),
)


def add_arguments(parser: ArgumentParser) -> None:
    parser.usage = "segq lock [UV_ARGUMENTS]"
    parser.epilog = "Such as --upgrade; without it, pins that still fit stay as they are."


def run(options: Namespace) -> int:
    # dev second, held to run's pins: it is to be a superset, not a second opinion.
    for name, extra in (("run", ()), ("dev", ("--constraint", "locks/run.txt"))):
        source, target = f"locks/{name}.in", f"locks/{name}.txt"
        command = (
            *(sys.executable, "-P", "-m", "uv", "pip", "compile", *_FIXED, *extra),
            *(*options.rest, source, "--output-file", target),
        )
        code = subprocess.run(command, cwd=ROOT, check=False).returncode
        if code != 0:
            return code if code > 0 else 1
        print(f"wrote {target}")
    return 0
